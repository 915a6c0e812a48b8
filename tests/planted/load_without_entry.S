/* The load of the tail has no table entry. */
#include "asmdefs.h"

ENTRY(planted)
	movq	bytes, %rcx
	testq	%rcx, %rcx
	jz	.Ldone
.Lbyte:
	movb	(src), %al
.L_write:
	movb	%al, (dst)
	incq	src
	incq	dst
	decq	%rcx
	jnz	.Lbyte
.Ldone:
	xorl	%eax, %eax
	ret
.E_byte:
	movq	%rcx, %rax
	ret
	EXTABLE(.L_write, .E_byte)
END(planted)
