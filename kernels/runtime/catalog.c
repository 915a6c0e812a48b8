/* Expands the catalogue into the table that Python reads. */
#include <string.h>

#include "copymc.h"

#define DECLARE(symbol, phase)                                             \
	size_t copymc_##symbol##_p##phase(void *, const void *, size_t);   \
	size_t copymc_##symbol##_end_p##phase(void *, const void *, size_t);
#define KERNEL(symbol, ...)                                                \
	DECLARE(symbol, 0) DECLARE(symbol, 16) DECLARE(symbol, 32) DECLARE(symbol, 48)
#define LIBC_KERNEL(...)
#pragma GCC visibility push(hidden)
#include "../catalog.h"
#pragma GCC visibility pop
#undef KERNEL
#undef LIBC_KERNEL

#define AT_PHASES(symbol)                                                  \
	{ copymc_##symbol##_p0, copymc_##symbol##_p16,                     \
	  copymc_##symbol##_p32, copymc_##symbol##_p48 }
#define KERNEL(symbol, name, contract, safe, role, needs, summary)         \
	{ name, contract, safe, role, needs, summary,                      \
	  AT_PHASES(symbol), AT_PHASES(symbol##_end) },
/* The C library places its own code: the same address at every phase. */
#define LIBC(symbol) ((copymc_fn)(void *)(symbol))
#define LIBC_KERNEL(symbol, name, contract, safe, role, needs, summary)    \
	{ name, contract, safe, role, needs, summary,                      \
	  { LIBC(symbol), LIBC(symbol), LIBC(symbol), LIBC(symbol) },      \
	  { NULL, NULL, NULL, NULL } },
const struct copymc_kernel copymc_kernels[] = {
#include "../catalog.h"
};

const int copymc_kernel_count =
	(int)(sizeof(copymc_kernels) / sizeof(copymc_kernels[0]));
const char copymc_source_hash[] = COPYMC_SOURCE_HASH;
const char copymc_compiler[] = __VERSION__;
#if !defined(__OPTIMIZE__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
const int copymc_debug_build = 1;
#else
const int copymc_debug_build = 0;
#endif
