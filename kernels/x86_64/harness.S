/*
 * Loops and calls of the harness itself, assembled once (phase 0).
 *
 * empty_calls:  edi direct calls of an empty function; the canary that tells
 *               whether the core ran undisturbed around a value.
 * add_chain:    16 * rdi dependent additions, one core cycle each on every
 *               x86-64 core; the core clock is their number over their time.
 *               Register operands, because some cores fold additions of
 *               constants away at rename.
 * kept_call:    calls rdi(rsi, rdx, rcx) with marks in every register that a
 *               callee must keep, and adds to (r8) what it did not keep: 1 for
 *               a register, 2 for a direction flag that is left set.
 */
#include "asmdefs.h"

ENTRY(empty_calls)
	movl	%edi, %ecx
	.p2align 5
1:	call	2f
	decl	%ecx
	jnz	1b
	ret
	.p2align 5
2:	ret
END(empty_calls)

ENTRY(add_chain)
	movl	$1, %edx
	.p2align 5
1:
	.rept	16
	addq	%rdx, %rax
	.endr
	decq	%rdi
	jnz	1b
	ret
END(add_chain)

#define MARK(n) $(0x5a5a5a00 + n)

ENTRY(kept_call)
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	pushq	%r8			/* the seventh: rsp is a multiple of 16 again */
	movq	%rdi, %rax
	movq	%rsi, %rdi
	movq	%rdx, %rsi
	movq	%rcx, %rdx
	movq	MARK(1), %rbx
	movq	MARK(2), %rbp
	movq	MARK(3), %r12
	movq	MARK(4), %r13
	movq	MARK(5), %r14
	movq	MARK(6), %r15
	call	*%rax
	pushfq
	popq	%rdx
	cld
	xorq	MARK(1), %rbx		/* zero where the mark is kept */
	xorq	MARK(2), %rbp
	xorq	MARK(3), %r12
	xorq	MARK(4), %r13
	xorq	MARK(5), %r14
	xorq	MARK(6), %r15
	orq	%rbp, %rbx
	orq	%r12, %rbx
	orq	%r13, %rbx
	orq	%r14, %rbx
	orq	%r15, %rbx
	xorl	%ecx, %ecx
	testq	%rbx, %rbx
	setnz	%cl			/* 1: a register */
	shrl	$9, %edx
	andl	$2, %edx		/* bit 10 of the flags, the direction, to bit 1 */
	orl	%edx, %ecx
	popq	%r8
	movl	%ecx, (%r8)
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret
END(kept_call)
