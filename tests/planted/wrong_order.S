/* Copies from the end: what is there after a fault is no prefix. */
#include "asmdefs.h"

ENTRY(planted)
	movq	bytes, %rcx
	testq	%rcx, %rcx
	jz	.Ldone
.L_read:
	movb	-1(src,%rcx), %al
.L_write:
	movb	%al, -1(dst,%rcx)
	decq	%rcx
	jnz	.L_read
.Ldone:
	xorl	%eax, %eax
	ret
.E_byte:
	movq	%rcx, %rax
	ret
	EXTABLE(.L_read, .E_byte)
	EXTABLE(.L_write, .E_byte)
END(planted)
