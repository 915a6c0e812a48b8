/* The tail is loaded as a word, past the end of the source. */
#include "asmdefs.h"

ENTRY(planted)
	movq	bytes, %rcx
	andl	$7, %edx
	shrq	$3, %rcx
.L_words:
	rep movsq
	movl	%edx, %ecx
	jrcxz	.Ldone
.L_ahead:
	movq	(src), %rax
.Lbyte:
.L_write:
	movb	%al, (dst)
	shrq	$8, %rax
	incq	dst
	decq	%rcx
	jnz	.Lbyte
.Ldone:
	xorl	%eax, %eax
	ret
.E_words:
	leaq	(%rdx,%rcx,8), %rcx
.E_ahead:
.L_bytes:
	rep movsb
.E_bytes:
	movq	%rcx, %rax
	ret
	EXTABLE(.L_words, .E_words)
	EXTABLE(.L_ahead, .E_ahead)
	EXTABLE(.L_write, .E_bytes)
	EXTABLE(.L_bytes, .E_bytes)
END(planted)
