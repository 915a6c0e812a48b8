/* The destination is aligned downwards, over bytes that are not its own. */
#include "asmdefs.h"

ENTRY(planted)
	movq	bytes, %rcx
	jrcxz	.Ldone
	testl	$7, %edi
	jz	.L_copy
	movb	$1, -1(dst)
.L_copy:
	rep movsb
.Ldone:
	xorl	%eax, %eax
	ret
.E_copy:
	movq	%rcx, %rax
	ret
	EXTABLE(.L_copy, .E_copy)
END(planted)
