/* Loads are covered, stores are not: a read-only destination kills. */
#include "asmdefs.h"

ENTRY(planted)
	movq	bytes, %rcx
	testq	%rcx, %rcx
	jz	.Ldone
.L_read:
	movb	(src), %al
	movb	%al, (dst)
	incq	src
	incq	dst
	decq	%rcx
	jnz	.L_read
.Ldone:
	xorl	%eax, %eax
	ret
.E_byte:
	movq	%rcx, %rax
	ret
	EXTABLE(.L_read, .E_byte)
END(planted)
