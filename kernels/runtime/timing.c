/* The timed loop. Nothing but the copy and the loop runs between two clocks. */
#define _GNU_SOURCE /* RUSAGE_THREAD */
#include <sys/resource.h>
#include <time.h>

#include "copymc.h"

#define CANARY_CALLS 500
#define CLOCK_READINGS 10000

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
 * The same call again and again: the warm-up is not timed. The loop keeps all it
 * needs in registers: a load from memory in it could alias with the kernel's
 * stores, and would for one kernel and not for its twin.
 */
static __attribute__((noinline)) uint64_t repeated(const struct copymc_job *job)
{
	const copymc_fn kernel = job->kernel;
	void *const dst = job->dst;
	const void *const src = job->src;
	const size_t size = job->size;
	uint64_t start, left;

	for (left = job->warmups; left; left--)
		kernel(dst, src, size);
	left = job->loops;
	start = now(CLOCK_MONOTONIC);
	for (; left; left--)
		kernel(dst, src, size);
	if (job->spin)
		copymc_add_chain_p0(job->spin);
	return now(CLOCK_MONOTONIC) - start;
}

/* Nothing runs ahead of what was called before, and no store is still on its way. */
static inline void wait_for_stores(void)
{
	__asm__ volatile("mfence\n\tlfence" ::: "memory");
}

static __attribute__((noinline)) uint64_t fenced(const struct copymc_job *job)
{
	const copymc_fn kernel = job->kernel;
	void *const dst = job->dst;
	const void *const src = job->src;
	const size_t size = job->size;
	uint64_t start, left;

	for (left = job->warmups; left; left--)
		kernel(dst, src, size);
	left = job->loops;
	wait_for_stores();
	start = now(CLOCK_MONOTONIC);
	for (; left; left--) {
		kernel(dst, src, size);
		wait_for_stores();
	}
	if (job->spin)
		copymc_add_chain_p0(job->spin);
	return now(CLOCK_MONOTONIC) - start;
}

/* Calls that follow the entries from `entry` on; the entry after the last of them. */
static inline const struct copymc_entry *calls(const struct copymc_job *job, uint64_t left,
					       const struct copymc_entry *entry)
{
	const struct copymc_entry *const begin = job->entries, *const end = begin + job->count;
	const copymc_fn kernel = job->kernel;
	char *const dst = job->dst;
	const char *const src = job->src;

	for (; left; left--) {
		kernel(dst + entry->dst, src + entry->src, entry->size);
		if (++entry == end)
			entry = begin;
	}
	return entry;
}

/*
 * A walk. Its entries are read from memory, one after the other; that cost is the
 * same for every kernel and is that of `null` on the same walk.
 */
static __attribute__((noinline)) uint64_t walked(const struct copymc_job *job, uint64_t first)
{
	uint64_t before = job->count - job->warmups % job->count;
	const struct copymc_entry *entry = job->entries + (first + before) % job->count;
	uint64_t start;

	entry = calls(job, job->warmups, entry);
	start = now(CLOCK_MONOTONIC);
	calls(job, job->loops, entry);
	if (job->spin)
		copymc_add_chain_p0(job->spin);
	return now(CLOCK_MONOTONIC) - start;
}

static uint64_t chunk(const struct copymc_job *job, uint64_t first)
{
	if (job->entries)
		return walked(job, first);
	return job->fenced ? fenced(job) : repeated(job);
}

/* What the thread had until now: two of these bound what the gate judges. */
struct reading {
	uint32_t switches;
	uint64_t cpu;
	uint64_t wall;
};

static inline struct reading readings(void)
{
	struct reading r;

	r.switches = involuntary_switches();
	r.cpu = now(CLOCK_THREAD_CPUTIME_ID);
	r.wall = now(CLOCK_MONOTONIC);
	return r;
}

/*
 * Times one chunk of each of the `count` jobs that `order` names, one after the other; a walk
 * starts at its entry `first`. Each reading ends one value's stretch and begins the next one's,
 * so that no time lies between them and a value costs two system calls.
 */
void copymc_time(const struct copymc_job *jobs, const uint32_t *order, size_t count,
		 uint64_t first, struct copymc_value *out)
{
	struct reading before = readings(), after;

	for (size_t i = 0; i < count; i++, out++, before = after) {
		uint64_t start;

		out->wall_ns = chunk(jobs + order[i], first);
		start = now(CLOCK_MONOTONIC);
		copymc_empty_calls_p0(CANARY_CALLS);
		out->canary_ns = (uint32_t)(now(CLOCK_MONOTONIC) - start);
		after = readings();
		out->outer_ns = after.wall - before.wall;
		out->cpu_ns = after.cpu - before.cpu;
		out->switches = after.switches - before.switches;
	}
}

/* The step of the clock in ns: the smallest difference of two readings. */
uint64_t copymc_clock_step(void)
{
	uint64_t least = UINT64_MAX, last = now(CLOCK_MONOTONIC);

	for (int i = 0; i < CLOCK_READINGS; i++) {
		uint64_t next = now(CLOCK_MONOTONIC);

		if (next != last && next - last < least)
			least = next - last;
		last = next;
	}
	return least;
}

/* The core clock in GHz: `adds` dependent additions, one cycle each. */
double copymc_core_ghz(uint64_t adds)
{
	uint64_t start = now(CLOCK_MONOTONIC);

	copymc_add_chain_p0(adds / 16);
	return (double)(adds / 16 * 16) / (double)(now(CLOCK_MONOTONIC) - start);
}
