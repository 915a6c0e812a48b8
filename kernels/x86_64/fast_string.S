/*
 * fast_string: one `rep movsb`; today's default of copy_mc_to_kernel().
 *
 * Contract:     uncopied; exact, since the CPU keeps rcx up to date.
 * Assumptions:  none to be correct; ERMS to be fast.
 * Registers:    rcx = bytes left, counted down by the instruction.
 * Size classes: none in software; the CPU has its own (fast short
 *               `rep movsb` ends at 128 bytes where FSRM is present).
 */
#include "asmdefs.h"

ENTRY(fast_string)
	movq	bytes, %rcx
.L_copy:				/* may fault: load or store */
	rep movsb
	xorl	%eax, %eax		/* all bytes arrived */
	ret
.E_copy:				/* uncopied = rcx */
	movq	%rcx, %rax
	ret
	EXTABLE(.L_copy, .E_copy)
END(fast_string)
