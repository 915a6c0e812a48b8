/*
 * movsq: `rep movsq` for the words, `rep movsb` for the rest: the kernel's
 * memcpy on CPUs with fast strings but without ERMS.
 *
 * Contract:     uncopied; exact, but a fault in the words is probed bytewise,
 *               so bad source bytes are touched twice: good for page faults,
 *               not safe for machine checks.
 * Assumptions:  none.
 * Registers:    rcx = words, then bytes left
 *               rdx = bytes after the words
 * Size classes: none in software; a tail of 0 bytes is still a `rep movsb`.
 */
#include "asmdefs.h"

ENTRY(movsq)
	movq	bytes, %rcx
	andl	$7, %edx
	shrq	$3, %rcx
.L_words:				/* may fault: load or store */
	rep movsq
	movl	%edx, %ecx
.L_bytes:				/* may fault: load or store */
	rep movsb
	xorl	%eax, %eax
	ret

.E_words:				/* left = 8 * words left + tail */
	leaq	(%rdx,%rcx,8), %rcx
	jmp	.L_bytes		/* the word may be good in part */
.E_bytes:				/* uncopied = bytes left */
	movq	%rcx, %rax
	ret
	EXTABLE(.L_words, .E_words)
	EXTABLE(.L_bytes, .E_bytes)
END(movsq)
