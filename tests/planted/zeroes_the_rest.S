/* The rest of the destination is zeroed, as copy_from_user() once did. */
#include "asmdefs.h"
ENTRY(planted)
	movq	bytes, %rcx
.L_copy:
	rep movsb
	xorl	%eax, %eax
	ret
.E_copy:
	movq	%rcx, %rdx
	xorl	%eax, %eax
.L_zero:
	rep stosb
.E_zero:
	movq	%rdx, %rax
	ret
	EXTABLE(.L_copy, .E_copy)
	EXTABLE(.L_zero, .E_zero)
END(planted)
