/* What the CPU says of itself, past what /proc/cpuinfo shows. */
#include <cpuid.h>
#include <string.h>

#include "copymc.h"

#define HYPERVISOR_LEAVES 4	/* 0x40000000.., by the top four bits */

static int under_hypervisor(void)
{
	uint32_t eax, ebx, ecx = 0, edx;

	__get_cpuid(1, &eax, &ebx, &ecx, &edx);
	return ecx >> 31;
}

/*
 * out = eax, ebx, ecx, edx of the leaf; zeroes where the CPU lacks it. The
 * hypervisor's leaves lie above the highest basic leaf, so they are not asked
 * for by way of __get_cpuid_count(), which would call them missing.
 */
void copymc_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
	memset(out, 0, 4 * sizeof(*out));
	if (leaf >> 28 != HYPERVISOR_LEAVES)
		__get_cpuid_count(leaf, subleaf, &out[0], &out[1], &out[2], &out[3]);
	else if (under_hypervisor())
		__cpuid_count(leaf, subleaf, out[0], out[1], out[2], out[3]);
}

/* 1 if a feature named in the catalogue's `needs` can be used; -1 if unknown. */
int copymc_cpu_has(const char *feature)
{
	uint32_t leaf7[4];

	copymc_cpuid(7, 0, leaf7);
	if (!strcmp(feature, "erms"))
		return leaf7[1] >> 9 & 1;
	if (!strcmp(feature, "avx"))
		return !!__builtin_cpu_supports("avx");
	if (!strcmp(feature, "avx512f"))
		return !!__builtin_cpu_supports("avx512f");
	return -1;
}
