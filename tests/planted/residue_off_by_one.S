/* The fixup forgets the byte that faulted: one byte too few is reported. */
#include "asmdefs.h"

ENTRY(planted)
	movq	bytes, %rcx
.L_copy:
	rep movsb
	xorl	%eax, %eax
	ret
.E_copy:
	leaq	-1(%rcx), %rax
	ret
	EXTABLE(.L_copy, .E_copy)
END(planted)
