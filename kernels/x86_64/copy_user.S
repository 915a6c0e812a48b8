/*
 * copy_user: the threshold scheme of copy_user_generic() since 6.4 on CPUs
 * with ERMS: plain loops below 64 bytes, `rep movsb` from there on.
 *
 * Contract:     uncopied; exact, but a fault in the word loop is probed
 *               bytewise, so bad source bytes are touched twice: good for
 *               page faults, not safe for machine checks.
 * Assumptions:  ERMS (without it Linux runs another body from 64 bytes on).
 * Registers:    rcx = bytes left
 *               rax = the datum on its way
 * Size classes: 0..7: byte loop; 8..63: word loop, then bytes;
 *               64..: `rep movsb`
 */
#include "asmdefs.h"

ENTRY(copy_user)
	movq	bytes, %rcx
	cmpq	$64, %rcx
	jae	.Lstring_64_up
	cmpl	$8, %ecx
	jae	.Lword_8_63
	testl	%ecx, %ecx
	jz	.Ldone
.Lbyte_1_7:
.L_read_byte:				/* may fault: load */
	movb	(src), %al
.L_write_byte:				/* may fault: store */
	movb	%al, (dst)
	incq	dst
	incq	src
	decq	%rcx
	jnz	.Lbyte_1_7
.Ldone:
	xorl	%eax, %eax
	ret
.Lword_8_63:
.L_read_word:				/* may fault: load, may straddle */
	movq	(src), %rax
.L_write_word:				/* may fault: store, may straddle */
	movq	%rax, (dst)
	addq	$8, src
	addq	$8, dst
	subl	$8, %ecx
	jz	.Ldone
	cmpl	$8, %ecx
	jae	.Lword_8_63
	jmp	.Lbyte_1_7
.Lstring_64_up:
.L_string:				/* may fault: load or store */
	rep movsb
	xorl	%eax, %eax
	ret
.E_left:				/* uncopied = rcx */
	movq	%rcx, %rax
	ret
	EXTABLE(.L_read_byte, .E_left)
	EXTABLE(.L_write_byte, .E_left)
	EXTABLE(.L_read_word, .Lbyte_1_7)	/* rcx counts this word */
	EXTABLE(.L_write_word, .Lbyte_1_7)	/* rcx counts this word */
	EXTABLE(.L_string, .E_left)
END(copy_user)
