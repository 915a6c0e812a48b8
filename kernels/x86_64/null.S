/*
 * null: returns at once; the cost of a call through the harness.
 *
 * Contract:     plain; copies nothing.
 * Assumptions:  none.
 * Registers:    eax = 0.
 * Size classes: all the same.
 */
#include "asmdefs.h"

ENTRY(null)
	xorl	%eax, %eax
	ret
END(null)
