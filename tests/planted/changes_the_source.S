/* Moves instead of copying. */
#include "asmdefs.h"

ENTRY(planted)
	movq	bytes, %rcx
	jrcxz	.Ldone
.L_read:
	movb	(src), %al
.L_write:
	movb	%al, (dst)
	xorb	$0x55, (src)
	xorb	$0x54, (src)
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
	EXTABLE(.L_write, .E_byte)
END(planted)
