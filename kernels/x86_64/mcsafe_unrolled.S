/*
 * mcsafe_unrolled: a cache line an iteration, eight aligned 8-byte loads; the
 * shape of the first machine-check-safe copy (4.6), here with exact residues.
 *
 * Contract:     uncopied; exact on both sides.
 * Assumptions:  poison begins on an 8-byte boundary. A source byte is never
 *               touched again after it faulted: the words of the half line
 *               that were already loaded are stored from their registers.
 * Registers:    rcx = lines, words or bytes left in the running loop
 *               rdx = bytes left after that loop
 *               r8..r11 = the half line on its way
 *               rax, r11 = in fixups: bytes left, good words in registers
 * Size classes: 0..7 bytes: byte loop alone
 *               8..63: leading bytes, word loop, byte loop
 *               64..: the same with the line loop before the words
 */
#include "asmdefs.h"

ENTRY(mcsafe_unrolled)
	cmpq	$8, bytes
	jb	.Lbytes_0_7
	movl	%esi, %ecx		/* rcx = bytes up to an aligned source */
	negl	%ecx
	andl	$7, %ecx
	jz	.Llines
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
.Llines:
	movq	bytes, %rcx
	andl	$63, %edx		/* rdx = bytes after the lines */
	shrq	$6, %rcx		/* rcx = lines */
	jz	.Lwords_0_7
.Lline:					/* 64 bytes: two halves of four words */
.L_read_a0:				/* may fault: load, aligned */
	movq	(src), %r8
.L_read_a1:				/* may fault: load, aligned */
	movq	8(src), %r9
.L_read_a2:				/* may fault: load, aligned */
	movq	16(src), %r10
.L_read_a3:				/* may fault: load, aligned */
	movq	24(src), %r11
.L_write_a0:				/* may fault: store */
	movq	%r8, (dst)
.L_write_a1:				/* may fault: store */
	movq	%r9, 8(dst)
.L_write_a2:				/* may fault: store */
	movq	%r10, 16(dst)
.L_write_a3:				/* may fault: store */
	movq	%r11, 24(dst)
.L_read_b0:				/* may fault: load, aligned */
	movq	32(src), %r8
.L_read_b1:				/* may fault: load, aligned */
	movq	40(src), %r9
.L_read_b2:				/* may fault: load, aligned */
	movq	48(src), %r10
.L_read_b3:				/* may fault: load, aligned */
	movq	56(src), %r11
.L_write_b0:				/* may fault: store */
	movq	%r8, 32(dst)
.L_write_b1:				/* may fault: store */
	movq	%r9, 40(dst)
.L_write_b2:				/* may fault: store */
	movq	%r10, 48(dst)
.L_write_b3:				/* may fault: store */
	movq	%r11, 56(dst)
	addq	$64, src
	addq	$64, dst
	decq	%rcx
	jnz	.Lline
.Lwords_0_7:
	movl	%edx, %ecx
	andl	$7, %edx		/* rdx = bytes after the words */
	shrl	$3, %ecx		/* rcx = words */
	jz	.Lbytes_0_7
.Lword:
.L_read_word:				/* may fault: load, aligned */
	movq	(src), %r8
.L_write_word:				/* may fault: store */
	movq	%r8, (dst)
	addq	$8, src
	addq	$8, dst
	decl	%ecx
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
.E_tail:				/* uncopied = tail bytes left */
	movq	%rcx, %rax
	ret
.E_read_word:				/* uncopied = 8 * words left + tail */
	leaq	(%rdx,%rcx,8), %rax
	ret
.E_write_word:				/* rax = bytes from this word on */
	leaq	(%rdx,%rcx,8), %rax
	jmp	.Lprobe

/* A load of a half line faulted: store what its registers already hold. */
.E_read_a0:				/* 0 good words in registers */
	movl	$0, %r11d
	jmp	.Lflush_a
.E_read_a1:				/* 1 good words in registers */
	movl	$1, %r11d
	jmp	.Lflush_a
.E_read_a2:				/* 2 good words in registers */
	movl	$2, %r11d
	jmp	.Lflush_a
.E_read_a3:				/* 3 good words in registers */
	movl	$3, %r11d
	jmp	.Lflush_a
.E_read_b0:				/* 0 good words in registers */
	movl	$0, %r11d
	jmp	.Lflush_b
.E_read_b1:				/* 1 good words in registers */
	movl	$1, %r11d
	jmp	.Lflush_b
.E_read_b2:				/* 2 good words in registers */
	movl	$2, %r11d
	jmp	.Lflush_b
.E_read_b3:				/* 3 good words in registers */
	movl	$3, %r11d
	jmp	.Lflush_b
.Lflush_b:				/* 32 bytes of this line are done */
	addq	$32, src
	addq	$32, dst
	subq	$32, %rdx
.Lflush_a:				/* rax = 64 * lines left + rest */
	shlq	$6, %rcx
	leaq	(%rdx,%rcx), %rax
.Lflush_word:
	testl	%r11d, %r11d
	jz	.E_probe
.L_write_flush:				/* may fault: both sides are bad */
	movq	%r8, (dst)
	addq	$8, src
	addq	$8, dst
	movq	%r9, %r8
	movq	%r10, %r9
	subq	$8, %rax		/* uncopied = rax - 8 * words stored */
	decl	%r11d
	jmp	.Lflush_word

/* A store of a half line faulted: go bytewise to the first bad byte. */
.E_write_b:				/* 32 bytes of this line are done */
	addq	$32, src
	addq	$32, dst
	subq	$32, %rdx
.E_write_a:				/* rax = 64 * lines left + rest */
	shlq	$6, %rcx
	leaq	(%rdx,%rcx), %rax
.Lprobe:				/* re-reads words that were good */
	movb	(src), %r8b
.L_write_probe:				/* faults within the half line */
	movb	%r8b, (dst)
	incq	src
	incq	dst
	decq	%rax
	jnz	.Lprobe
.E_probe:				/* uncopied = rax */
	ret
	EXTABLE(.L_read_lead, .E_lead)
	EXTABLE(.L_write_lead, .E_lead)
	EXTABLE(.L_read_a0, .E_read_a0)
	EXTABLE(.L_read_a1, .E_read_a1)
	EXTABLE(.L_read_a2, .E_read_a2)
	EXTABLE(.L_read_a3, .E_read_a3)
	EXTABLE(.L_write_a0, .E_write_a)
	EXTABLE(.L_write_a1, .E_write_a)
	EXTABLE(.L_write_a2, .E_write_a)
	EXTABLE(.L_write_a3, .E_write_a)
	EXTABLE(.L_read_b0, .E_read_b0)
	EXTABLE(.L_read_b1, .E_read_b1)
	EXTABLE(.L_read_b2, .E_read_b2)
	EXTABLE(.L_read_b3, .E_read_b3)
	EXTABLE(.L_write_b0, .E_write_b)
	EXTABLE(.L_write_b1, .E_write_b)
	EXTABLE(.L_write_b2, .E_write_b)
	EXTABLE(.L_write_b3, .E_write_b)
	EXTABLE(.L_read_word, .E_read_word)
	EXTABLE(.L_write_word, .E_write_word)
	EXTABLE(.L_read_tail, .E_tail)
	EXTABLE(.L_write_tail, .E_tail)
	EXTABLE(.L_write_flush, .Lprobe)
	EXTABLE(.L_write_probe, .E_probe)
END(mcsafe_unrolled)
