/*
 * dispatch: the composed copy_mc_to_kernel(), so that the wrapper is timed.
 *
 * Linux decides with a static key (fragile) and an alternative (ERMS), both
 * of which are patched into the code at boot: a decision that is not taken
 * costs a no-op, one that is taken a jump. The three entries below are the
 * three patched images; the catalogue binds the one that Linux runs here.
 *
 * Contract:     that of the routine it reaches.
 * Assumptions:  none.
 * Registers:    untouched on the way.
 * Size classes: those of the routine it reaches.
 */
#include "asmdefs.h"

ENTRY(dispatch_fragile)
	jmp	1f			/* static key on */
	nopl	0(%rax,%rax)		/* ERMS decision, not reached */
1:	jmp	SYMBOL(fragile)
END(dispatch_fragile)

ENTRY(dispatch_fast_string)
	nopl	0(%rax,%rax)		/* static key off: 5 bytes of no-op */
	nopl	0(%rax,%rax)		/* ERMS present: alternative removed */
	jmp	SYMBOL(fast_string)
END(dispatch_fast_string)

ENTRY(dispatch_memcpy)
	nopl	0(%rax,%rax)		/* static key off */
	jmp	1f			/* ERMS absent */
	nop
1:	subq	$8, %rsp		/* keep the stack 16-byte aligned */
	.cfi_adjust_cfa_offset 8
	call	*memcpy@GOTPCREL(%rip)
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	xorl	%eax, %eax		/* memcpy() cannot fail */
	ret
END(dispatch_memcpy)
