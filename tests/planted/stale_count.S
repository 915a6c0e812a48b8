/* After a partial `rep movsq` the tail is copied with the count of words left. */
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
.E_words:				/* rcx still counts words here */
.L_probe:
	rep movsb
	movq	%rdx, %rax
	ret
.E_probe:
	leaq	(%rcx,%rdx), %rax
	ret
.E_bytes:
	movq	%rcx, %rax
	ret
	EXTABLE(.L_words, .E_words)
	EXTABLE(.L_probe, .E_probe)
	EXTABLE(.L_bytes, .E_bytes)
END(planted)
