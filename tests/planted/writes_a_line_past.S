/* A store lands more than a cache line behind the last byte. */
#include "asmdefs.h"
ENTRY(planted)
	movq	bytes, %rcx
	cmpq	$16, bytes
	jb	.L_copy
	movb	$0x55, 70(dst,bytes)
.L_copy:
	rep movsb
	xorl	%eax, %eax
	ret
.E_copy:
	movq	%rcx, %rax
	ret
	EXTABLE(.L_copy, .E_copy)
END(planted)
