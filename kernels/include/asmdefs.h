/*
 * Assembly framework of the copy kernels.
 *
 * Every kernel is assembled once per phase (-DPHASE=0, 16, 32, 48) and its
 * symbols carry the phase, so that the same source can start at each of the
 * function alignments a linker may hand out (16 bytes on x86-64 Linux).
 *
 * Calling convention: size_t kernel(void *dst, const void *src, size_t size)
 *   rdi = dst, rsi = src, rdx = size, rax = return value (see the contract).
 */
#ifndef COPYMC_ASMDEFS_H
#define COPYMC_ASMDEFS_H

#ifndef PHASE
#error "PHASE must be 0, 16, 32 or 48: the start address modulo 64"
#endif

#define dst %rdi
#define src %rsi
#define bytes %rdx

#define PASTE_(name, phase) copymc_##name##_p##phase
#define PASTE(name, phase) PASTE_(name, phase)
#define PASTE_END_(name, phase) copymc_##name##_end_p##phase
#define PASTE_END(name, phase) PASTE_END_(name, phase)
/* SYMBOL(x): the name of kernel x at the phase being assembled. */
#define SYMBOL(name) PASTE(name, PHASE)
#define SYMBOL_END(name) PASTE_END(name, PHASE)

/* ENTRY(x) starts kernel x at PHASE modulo 64; the gap traps if ever run. */
#define ENTRY(name)                     \
	.text;                          \
	.p2align 6;                     \
	.fill PHASE, 1, 0xcc;           \
	.globl SYMBOL(name);            \
	.hidden SYMBOL(name);           \
	.type SYMBOL(name), @function;  \
SYMBOL(name):                           \
	.cfi_startproc

/* END(x) closes kernel x; the end symbol bounds its code for disassembly. */
#define END(name)                                \
	.cfi_endproc;                            \
	.size SYMBOL(name), .- SYMBOL(name);     \
	.globl SYMBOL_END(name);                 \
	.hidden SYMBOL_END(name);                \
SYMBOL_END(name):

/* The kernel's own exception types (see extable_fixup_types.h there). */
#define EX_TYPE_DEFAULT_MCE_SAFE 14

/*
 * EXTABLE(from, to): a fault at `from` continues at `to`. The layout is the
 * one that Linux has used since 5.16: two offsets relative to themselves,
 * then the type.
 */
#define EXTABLE(from, to)                     \
	.pushsection __ex_table, "a", @progbits; \
	.balign 4;                            \
	.long (from) - .;                     \
	.long (to) - .;                       \
	.long EX_TYPE_DEFAULT_MCE_SAFE;       \
	.popsection

/* Code is data-free and needs no executable stack. */
	.section .note.GNU-stack, "", @progbits
	.text

#endif
