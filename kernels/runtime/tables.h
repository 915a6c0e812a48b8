/* What the signal handler asks of the exception tables; of the runtime alone. */
#ifndef COPYMC_TABLES_H
#define COPYMC_TABLES_H

#include <stdint.h>

/* Where the thread goes on after its fault, and the type of the entry that says so. */
struct copymc_fixup {
	uintptr_t to;
	int32_t type;
};

/* Types of the kernel's entries whose handler leaves the trap number in eax. */
enum { EX_TYPE_FAULT = 2, EX_TYPE_COPY = 4, EX_TYPE_FAULT_MCE_SAFE = 15 };

int copymc_table_fixup(uintptr_t from, struct copymc_fixup *out);

#endif
