/*
 * movsq: `rep movsq` for the words, bytes for the rest.
 *
 * Contract:     uncopied; exact, but a fault in the words is probed bytewise,
 *               so bad source bytes are touched twice: good for page faults,
 *               not safe for machine checks.
 * Assumptions:  none.
 * Registers:    rcx = words, then bytes left
 *               rdx = bytes after the words
 * Size classes: 0..7 bytes: byte loop alone
 *               8..: words, then 0..7 bytes
 */
#include "asmdefs.h"

ENTRY(movsq)
	movq	bytes, %rcx
	andl	$7, %edx
	shrq	$3, %rcx
.L_words:				/* may fault: load or store */
	rep movsq
	movl	%edx, %ecx
	testl	%ecx, %ecx
	jz	.Ldone
.Lbyte:					/* 0..7 bytes */
.L_read_byte:				/* may fault: load */
	movb	(src), %al
.L_write_byte:				/* may fault: store */
	movb	%al, (dst)
	incq	src
	incq	dst
	decq	%rcx
	jnz	.Lbyte
.Ldone:
	xorl	%eax, %eax
	ret

.E_words:				/* left = 8 * words left + tail */
	leaq	(%rdx,%rcx,8), %rcx
	jmp	.Lbyte			/* the word may be good in part */
.E_byte:				/* uncopied = bytes left */
	movq	%rcx, %rax
	ret
	EXTABLE(.L_words, .E_words)
	EXTABLE(.L_read_byte, .E_byte)
	EXTABLE(.L_write_byte, .E_byte)
END(movsq)
