/*
 * store_*: store loops without loads: what large copies come near to, and small ones may beat.
 *
 * Contract:     plain; fill dst, ignore src.
 * Assumptions:  store_ymm: AVX; store_zmm: AVX-512F; the others none.
 * Registers:    rcx = lines left; vector 0 = the datum
 * Size classes: whole vectors, then one overlapping vector at the end;
 *               sizes below one vector: bytes by `rep stosb`
 */
#include "asmdefs.h"

/* STORE_LOOP(name, width, move, register): fills by aligned-agnostic stores */
#define STORE_LOOP(name, width, move, datum, leave)	\
ENTRY(name);						\
	cmpq	$(4 * width), bytes;			\
	jb	SYMBOL(store_string);			\
	leaq	-(4 * width)(dst,bytes), %rcx;		\
1:	move	datum, (dst);				\
	move	datum, width(dst);			\
	move	datum, (2 * width)(dst);		\
	move	datum, (3 * width)(dst);		\
	addq	$(4 * width), dst;			\
	cmpq	%rcx, dst;				\
	jb	1b;					\
	move	datum, (%rcx);				\
	move	datum, width(%rcx);			\
	move	datum, (2 * width)(%rcx);		\
	move	datum, (3 * width)(%rcx);		\
	leave;						\
	xorl	%eax, %eax;				\
	ret;						\
END(name)

ENTRY(store_string)
	movq	bytes, %rcx
	movl	$0x5a, %eax
	rep stosb
	xorl	%eax, %eax
	ret
END(store_string)

STORE_LOOP(store_xmm, 16, movups, %xmm0, nop)
STORE_LOOP(store_ymm, 32, vmovups, %ymm0, vzeroupper)
STORE_LOOP(store_zmm, 64, vmovups, %zmm0, vzeroupper)
