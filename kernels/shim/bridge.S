/*
 * Routines with the count in rcx, in and out, behind the C convention. The cost
 * of the bridge itself is that of `bridge_null`.
 */
#include "shim.h"

.macro BRIDGE name, target
SYM_FUNC_START(\name)
	movq	%rdx, %rcx
	call	\target
	movq	%rcx, %rax
	ret
SYM_FUNC_END(\name)
.endm

#ifdef COPYMC_BRIDGED
	BRIDGE bridged, COPYMC_BRIDGED
	BRIDGE bridge_null, .Lnull
.Lnull:
	xorl	%ecx, %ecx
	ret
#endif
