/* The good bytes of the word that faulted are counted as missing. */
#include "asmdefs.h"

ENTRY(planted)
	movq	bytes, %rcx
	andl	$7, %edx
	shrq	$3, %rcx
.L_words:
	rep movsq
	movl	%edx, %ecx
.L_bytes:
	rep movsb
	xorl	%eax, %eax
	ret
.E_words:
	leaq	(%rdx,%rcx,8), %rax
	ret
.E_bytes:
	movq	%rcx, %rax
	ret
	EXTABLE(.L_words, .E_words)
	EXTABLE(.L_bytes, .E_bytes)
END(planted)
