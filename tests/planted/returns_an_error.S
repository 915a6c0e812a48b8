/* Returns -EFAULT, the contract of an earlier age, instead of a count. */
#include "asmdefs.h"

ENTRY(planted)
	movq	bytes, %rcx
.L_copy:
	rep movsb
	xorl	%eax, %eax
	ret
.E_copy:
	movq	$-14, %rax
	ret
	EXTABLE(.L_copy, .E_copy)
END(planted)
