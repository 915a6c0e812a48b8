/* A fault in the words continues at the fixup of the bytes. */
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
.E_bytes:
	movq	%rcx, %rax
	ret
	EXTABLE(.L_words, .E_bytes)
	EXTABLE(.L_bytes, .E_bytes)
END(planted)
