/* The loop runs once more than it should. */
#include "asmdefs.h"

ENTRY(planted)
	leaq	1(bytes), %rcx
.L_copy:
	rep movsb
	xorl	%eax, %eax
	ret
.E_copy:				/* the extra byte may be the bad one */
	leaq	-1(%rcx), %rax
	ret
	EXTABLE(.L_copy, .E_copy)
END(planted)
