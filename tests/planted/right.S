/* Nothing is wrong here: the checker must find nothing. */
#include "asmdefs.h"

ENTRY(planted)
	movq	bytes, %rcx
.L_copy:
	rep movsb
	xorl	%eax, %eax
	ret
.E_copy:
	movq	%rcx, %rax
	ret
	EXTABLE(.L_copy, .E_copy)
END(planted)
