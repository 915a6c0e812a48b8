/*
 * Two loops of the harness itself, assembled once (phase 0).
 *
 * empty_calls:  edi direct calls of an empty function; the canary that tells
 *               whether the core ran undisturbed around a value.
 * add_chain:    16 * rdi dependent additions, one core cycle each on every
 *               x86-64 core; the core clock is their number over their time.
 *               Register operands, because some cores fold additions of
 *               constants away at rename.
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
