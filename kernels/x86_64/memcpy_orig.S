/*
 * memcpy_orig: the unrolled general-purpose loop that the kernel's memcpy()
 * runs on CPUs without FSRM; 32 bytes an iteration, in the direction that
 * keeps loads clear of the stores just issued.
 *
 * Contract:     plain; no entry in the exception table, a fault is fatal.
 * Assumptions:  the areas do not overlap.
 * Registers:    r8..r11 = the 32 bytes on their way
 *               rdx = bytes left
 * Size classes: 0..31: overlapping pairs of 16, 8, 4, 2, single byte
 *               32..: the loop, forward or backward by the low address
 *               bytes, then 0..31
 */
#include "asmdefs.h"

ENTRY(memcpy_orig)
	cmpq	$32, bytes
	jb	.Lsize_0_31
	cmpb	%dil, %sil		/* source low byte below dst's: go back */
	jl	.Lbackward
	subq	$32, bytes
.Lforward_32:
	subq	$32, bytes
	movq	(src), %r8
	movq	8(src), %r9
	movq	16(src), %r10
	movq	24(src), %r11
	leaq	32(src), src
	movq	%r8, (dst)
	movq	%r9, 8(dst)
	movq	%r10, 16(dst)
	movq	%r11, 24(dst)
	leaq	32(dst), dst
	jae	.Lforward_32		/* flags are those of the subq */
	addl	$32, %edx
	jmp	.Lsize_0_31
.Lbackward:
	addq	bytes, src		/* walk down from the end */
	addq	bytes, dst
	subq	$32, bytes
	.p2align 4
.Lbackward_32:
	subq	$32, bytes
	movq	-8(src), %r8
	movq	-16(src), %r9
	movq	-24(src), %r10
	movq	-32(src), %r11
	leaq	-32(src), src
	movq	%r8, -8(dst)
	movq	%r9, -16(dst)
	movq	%r10, -24(dst)
	movq	%r11, -32(dst)
	leaq	-32(dst), dst
	jae	.Lbackward_32
	addl	$32, %edx
	subq	bytes, src		/* the 0..31 bytes at the start */
	subq	bytes, dst
.Lsize_0_31:
	cmpl	$16, %edx
	jb	.Lsize_0_15
	movq	(src), %r8		/* 16..31: two pairs that overlap */
	movq	8(src), %r9
	movq	-16(src,bytes), %r10
	movq	-8(src,bytes), %r11
	movq	%r8, (dst)
	movq	%r9, 8(dst)
	movq	%r10, -16(dst,bytes)
	movq	%r11, -8(dst,bytes)
	xorl	%eax, %eax
	ret
.Lsize_0_15:
	cmpl	$8, %edx
	jb	.Lsize_0_7
	movq	(src), %r8		/* 8..15 */
	movq	-8(src,bytes), %r9
	movq	%r8, (dst)
	movq	%r9, -8(dst,bytes)
	xorl	%eax, %eax
	ret
.Lsize_0_7:
	cmpl	$4, %edx
	jb	.Lsize_0_3
	movl	(src), %ecx		/* 4..7 */
	movl	-4(src,bytes), %r8d
	movl	%ecx, (dst)
	movl	%r8d, -4(dst,bytes)
	xorl	%eax, %eax
	ret
.Lsize_0_3:
	subl	$1, %edx
	jb	.Ldone			/* nothing to copy */
	movzbl	(src), %ecx		/* 1..3: first, second and last byte */
	jz	.Lsize_1
	movzbl	1(src), %r8d
	movzbl	(src,bytes), %r9d
	movb	%r8b, 1(dst)
	movb	%r9b, (dst,bytes)
.Lsize_1:
	movb	%cl, (dst)
.Ldone:
	xorl	%eax, %eax
	ret
END(memcpy_orig)
