/* The timed loop. Nothing but the copy and the loop runs between two clocks. */
#define _GNU_SOURCE /* RUSAGE_THREAD */
#include <sys/resource.h>
#include <time.h>

#include "copymc.h"

#define CANARY_CALLS 500

void copymc_empty_calls_p0(uint32_t calls) __attribute__((visibility("hidden")));
void copymc_add_chain_p0(uint64_t groups) __attribute__((visibility("hidden")));

static inline uint64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint32_t involuntary_switches(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (uint32_t)usage.ru_nivcsw;
}

/*
 * Times `loops` calls after `warmups` calls that are not timed. `spin` groups of 16 dependent
 * additions are added inside the timed stretch: a true, known delay for the
 * twin that must be found slower, 0 for everything else.
 */
void copymc_time(copymc_fn kernel, void *dst, const void *src, size_t size,
		 uint64_t loops, uint64_t spin, uint64_t warmups,
		 struct copymc_value *out)
{
	uint32_t switches = involuntary_switches();
	uint64_t cpu, wall;

	for (uint64_t i = 0; i < warmups; i++)
		kernel(dst, src, size);
	cpu = now(CLOCK_THREAD_CPUTIME_ID);
	wall = now(CLOCK_MONOTONIC);
	for (uint64_t i = 0; i < loops; i++) {
		kernel(dst, src, size);
		__asm__ volatile("" ::: "memory");
	}
	if (spin)
		copymc_add_chain_p0(spin);
	out->wall_ns = now(CLOCK_MONOTONIC) - wall;
	out->cpu_ns = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
	out->switches = involuntary_switches() - switches;
	wall = now(CLOCK_MONOTONIC);
	copymc_empty_calls_p0(CANARY_CALLS);
	out->canary_ns = (uint32_t)(now(CLOCK_MONOTONIC) - wall);
}

/* The core clock in GHz: `adds` dependent additions, one cycle each. */
double copymc_core_ghz(uint64_t adds)
{
	uint64_t start = now(CLOCK_MONOTONIC);

	copymc_add_chain_p0(adds / 16);
	return (double)(adds / 16 * 16) / (double)(now(CLOCK_MONOTONIC) - start);
}
