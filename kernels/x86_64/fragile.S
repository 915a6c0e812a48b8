/*
 * fragile: a careful loop of aligned 8-byte loads; the quirk's routine.
 *
 * Contract:     uncopied; exact on both sides.
 * Assumptions:  poison begins on an 8-byte boundary, so that an aligned
 *               load is either wholly good or wholly bad. A source byte is
 *               never touched again after it faulted.
 * Registers:    rcx = words or bytes left in the running loop
 *               rdx = bytes left after that loop
 *               r8  = the datum on its way
 * Size classes: 0..7 bytes: byte loop alone
 *               8..   bytes: bytes up to an aligned source, words, bytes
 */
#include "asmdefs.h"

ENTRY(fragile)
	cmpq	$8, bytes
	jb	.Lbytes_0_7
	movl	%esi, %ecx		/* rcx = bytes up to an aligned source */
	negl	%ecx
	andl	$7, %ecx
	jz	.Lwords
	subq	%rcx, bytes		/* rdx = bytes after the leading ones */
.Llead_1_7:
.L_read_lead:				/* may fault: load */
	movb	(src), %r8b
.L_write_lead:				/* may fault: store */
	movb	%r8b, (dst)
	incq	src
	incq	dst
	decl	%ecx
	jnz	.Llead_1_7
.Lwords:
	movq	bytes, %rcx
	andl	$7, %edx		/* rdx = bytes after the words */
	shrq	$3, %rcx		/* rcx = words */
	jz	.Lbytes_0_7
.Lword:
.L_read_word:				/* may fault: load, 8-byte aligned */
	movq	(src), %r8
.L_write_word:				/* may fault: store, may straddle */
	movq	%r8, (dst)
	addq	$8, src
	addq	$8, dst
	decq	%rcx
	jnz	.Lword
.Lbytes_0_7:
	testl	%edx, %edx
	jz	.Ldone
	movl	%edx, %ecx		/* rcx = bytes left, nothing after */
.Lbyte:
.L_read_tail:				/* may fault: load */
	movb	(src), %r8b
.L_write_tail:				/* may fault: store */
	movb	%r8b, (dst)
	incq	src
	incq	dst
	decl	%ecx
	jnz	.Lbyte
.Ldone:
	xorl	%eax, %eax
	ret

.E_lead:				/* uncopied = leading left + the rest */
	leaq	(%rcx,%rdx), %rax
	ret
.E_read_word:				/* uncopied = 8 * words left + tail */
	leaq	(%rdx,%rcx,8), %rax
	ret
.E_tail:				/* uncopied = tail bytes left */
	movq	%rcx, %rax
	ret
.E_write_word:				/* go bytewise to the first bad byte */
	leaq	(%rdx,%rcx,8), %rax	/* rax = bytes from this word on */
.Lprobe:				/* re-reads a word that was good */
	movb	(src), %r8b
.L_write_probe:				/* faults within 8 bytes */
	movb	%r8b, (dst)
	incq	src
	incq	dst
	decq	%rax
	jnz	.Lprobe
.E_probe:				/* uncopied = rax */
	ret
	EXTABLE(.L_read_lead, .E_lead)
	EXTABLE(.L_write_lead, .E_lead)
	EXTABLE(.L_read_word, .E_read_word)
	EXTABLE(.L_write_word, .E_write_word)
	EXTABLE(.L_read_tail, .E_tail)
	EXTABLE(.L_write_tail, .E_tail)
	EXTABLE(.L_write_probe, .E_probe)
END(fragile)
