/* A byte behind the copied ones changes in the source. */
#include "asmdefs.h"
ENTRY(planted)
	movq	bytes, %rcx
	pushq	bytes
	pushq	src
.L_copy:
	rep movsb
	popq	src
	popq	bytes
	testq	bytes, bytes
	jz	1f
.L_poke:
	notb	(src,bytes)
1:	xorl	%eax, %eax
	ret
.E_copy:
	popq	src
	popq	bytes
	movq	%rcx, %rax
	ret
	EXTABLE(.L_copy, .E_copy)
	EXTABLE(.L_poke, 1b)
END(planted)
