/*
 * Four words an iteration; the third load's entry repeats the fourth's label, so
 * that one load is covered twice and another never, as once happened in Linux.
 */
#include "asmdefs.h"

ENTRY(planted)
	movq	bytes, %rcx
	andl	$31, %edx
	shrq	$5, %rcx
	jz	.Ltail
.L_w0:
	movq	(src), %r8
.L_w1:
	movq	8(src), %r9
.L_w2:
	movq	16(src), %r10
.L_w3:
	movq	24(src), %r11
	movq	%r8, (dst)
	movq	%r9, 8(dst)
	movq	%r10, 16(dst)
	movq	%r11, 24(dst)
	addq	$32, src
	addq	$32, dst
	decq	%rcx
	jnz	.L_w0
.Ltail:
	movq	%rdx, %rcx
	jmp	.L_copy
.E_line:				/* bytewise to the first bad byte */
	shlq	$5, %rcx
	addq	%rdx, %rcx
.L_copy:
	rep movsb
	xorl	%eax, %eax
	ret
.E_copy:
	movq	%rcx, %rax
	ret
	EXTABLE(.L_w0, .E_line)
	EXTABLE(.L_w1, .E_line)
	EXTABLE(.L_w3, .E_line)
	EXTABLE(.L_w3, .E_line)
	EXTABLE(.L_copy, .E_copy)
END(planted)
