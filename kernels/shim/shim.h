/*
 * What the assembly of a kernel tree asks of its headers, for user space; what its C
 * asks is in shim_c.h. Every other header of this folder is this file. The features of
 * the CPU to assemble for are bits of COPYMC_FEATURES; the start of each function modulo 64 is COPYMC_PHASE.
 * A macro that a tree needs and this file lacks is added here, with a comment.
 */
#ifndef COPYMC_SHIM_H
#define COPYMC_SHIM_H

/* Constants of the kernel's errno.h and trapnr.h. */
#define EFAULT 14
#define X86_TRAP_PF 14
#define X86_TRAP_MC 18

/* Feature numbers of this shim; the build passes the chosen ones as a mask. */
#define X86_FEATURE_REP_GOOD 0
#define X86_FEATURE_ERMS 1
#define X86_FEATURE_FSRM 2
#define X86_FEATURE_SMAP 3
#define X86_FEATURE_FSRS 4
#define X86_FEATURE_ALWAYS 5

#ifndef __ASSEMBLY__
#include "shim_c.h"
#else

/* Functions start at the phase, and are visible so that they can be found. */
#ifdef COPYMC_NATURAL /* where the tree itself would have them, to see what a patch moves */
#define SYM_FUNC_START(name) .p2align 4, 0x90; .globl name; .type name, @function; name:
#else
#define SYM_FUNC_START(name) \
	.p2align 6, 0x90; .skip COPYMC_PHASE, 0x90; .globl name; .type name, @function; name:
#endif
/* The same: local functions can be timed too. */
#define SYM_FUNC_START_LOCAL(name) SYM_FUNC_START(name)
/* Without alignment in Linux; a phase does no harm. */
#define SYM_FUNC_START_NOALIGN(name) SYM_FUNC_START(name)
/* Code without the C calling convention, always of this file alone: `.L` names stay local. */
#define SYM_CODE_START_LOCAL(name) name:
#define SYM_CODE_START_LOCAL_NOALIGN(name) name:
#define SYM_CODE_END(name)
/* The type hash in front of a function is for indirect calls in the kernel. */
#define SYM_TYPED_FUNC_START(name) SYM_FUNC_START(name)
/* The size bounds the function for coverage and listings. */
#define SYM_FUNC_END(name) .size name, . - name
/* Aliases repeat a function that is there under its first name. */
#define SYM_FUNC_ALIAS(alias, name)
#define SYM_FUNC_ALIAS_LOCAL(alias, name)
#define SYM_FUNC_ALIAS_WEAK(alias, name)
#define SYM_FUNC_ALIAS_MEMFUNC(alias, name)
#define SYM_FUNC_START_ALIAS(name)
#define SYM_FUNC_START_WEAK(name) SYM_FUNC_START(name)
#define SYM_FUNC_END_ALIAS(name)
#define SYM_PIC_ALIAS(name)
/* The names of the same things before 5.5. */
#define ENTRY(name) SYM_FUNC_START(name)
#define ENDPROC(name) SYM_FUNC_END(name)
#define END(name) SYM_FUNC_END(name)
#define WEAK(name) SYM_FUNC_START(name)
#define GLOBAL(name) .globl name; name:

/* Return without the mitigations that the kernel patches in. */
#define RET ret
/* Marks for modules and objtool say nothing here. */
#define EXPORT_SYMBOL(name)
#define EXPORT_SYMBOL_GPL(name)
#define ANNOTATE_NOENDBR
#define ANNOTATE_RET_SAFE
#define STACK_FRAME_NON_STANDARD(name)
/* User space has no supervisor access prevention to lift. */
#define ASM_STAC
#define ASM_CLAC

/* Exception table entries in the layout that the runtime reads. */
#define EX_TYPE_DEFAULT 1
#define EX_TYPE_FAULT 2
#define EX_TYPE_UACCESS 3
#define EX_TYPE_COPY 4
#define EX_TYPE_DEFAULT_MCE_SAFE 14
#define EX_TYPE_FAULT_MCE_SAFE 15
#define EX_TYPE_UCOPY_LEN 19
#define _ASM_EXTABLE_TYPE(from, to, kind) \
	.pushsection __ex_table, "a", @progbits; .balign 4; \
	.long (from) - .; .long (to) - .; .long kind; .popsection
/* The plain form: continue at the fixup. */
#define _ASM_EXTABLE(from, to) _ASM_EXTABLE_TYPE(from, to, EX_TYPE_DEFAULT)
/* A fault of the user's memory. */
#define _ASM_EXTABLE_UA(from, to) _ASM_EXTABLE_TYPE(from, to, EX_TYPE_UACCESS)
/* Leaves the trap number in eax, before and since 5.16. */
#define _ASM_EXTABLE_FAULT(from, to) _ASM_EXTABLE_TYPE(from, to, EX_TYPE_FAULT)
#define _ASM_EXTABLE_CPY(from, to) _ASM_EXTABLE_TYPE(from, to, EX_TYPE_COPY)
#define _ASM_EXTABLE_EX(from, to) _ASM_EXTABLE_TYPE(from, to, EX_TYPE_DEFAULT)

/* Negated features, as in ALT_NOT(X). */
#define ALT_NOT(feature) (32 + (feature))

/* The argument as a string, for alternatives of several lines. */
#define __stringify_1(x...) #x
#define __stringify(x...) __stringify_1(x)

/* The alternative that the features choose, decided when this is assembled. */
.macro ALTERNATIVE old, new, feature
	.if (COPYMC_FEATURES >> (\feature)) & 1
	\new
	.else
	\old
	.endif
.endm
/* The later of two that apply wins, as in the kernel. */
.macro ALTERNATIVE_2 old, new1, feature1, new2, feature2
	.if (COPYMC_FEATURES >> (\feature2)) & 1
	\new2
	.elseif (COPYMC_FEATURES >> (\feature1)) & 1
	\new1
	.else
	\old
	.endif
.endm

/* Faults that 5.10 could inject. */
.macro COPY_MC_TEST_CTL
.endm
.macro COPY_MC_TEST_SRC register, count, target
.endm
.macro COPY_MC_TEST_DST register, count, target
.endm

	.section .note.GNU-stack, "", @progbits
	.text
#endif
#endif
