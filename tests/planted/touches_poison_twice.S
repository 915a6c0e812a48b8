/* The fixup tries the rest again before it gives up. */
#include "asmdefs.h"

ENTRY(planted)
	movq	bytes, %rcx
.L_copy:
	rep movsb
	xorl	%eax, %eax
	ret
.E_copy:
.L_again:
	rep movsb
.E_again:
	movq	%rcx, %rax
	ret
	EXTABLE(.L_copy, .E_copy)
	EXTABLE(.L_again, .E_again)
END(planted)
