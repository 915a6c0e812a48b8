/* What the parts of the runtime share; the cdef repeats it for Python. */
#ifndef COPYMC_H
#define COPYMC_H

#include <stddef.h>
#include <stdint.h>

/* A copy routine; the return value means what its contract says. */
typedef size_t (*copymc_fn)(void *dst, const void *src, size_t size);

/* A row of the catalogue; start and end bound the code at each phase. */
struct copymc_kernel {
	const char *name;
	const char *contract;
	int safe;
	const char *role;
	const char *needs;
	const char *summary;
	copymc_fn start[4];
	copymc_fn end[4];	/* NULL where the code is not ours */
};
extern const struct copymc_kernel copymc_kernels[];
extern const int copymc_kernel_count;
extern const char copymc_source_hash[];
extern const char copymc_compiler[];
extern const int copymc_debug_build;

/* One chunk of copies. */
struct copymc_job {
	copymc_fn kernel;
	void *dst;
	const void *src;
	uint64_t size;
	uint64_t loops;		/* timed calls */
	uint64_t warmups;	/* calls before them */
	uint64_t spin;		/* true, known delay in groups of 16 dependent additions */
};

/* One timed chunk and what the gate needs to judge it. */
struct copymc_value {
	uint64_t wall_ns;	/* the timed calls */
	uint64_t outer_ns;	/* wall time with the warm-up calls */
	uint64_t cpu_ns;	/* thread CPU time over the same stretch */
	uint32_t switches;	/* involuntary context switches */
	uint32_t canary_ns;	/* a fixed number of empty calls, just after */
};
void copymc_time(const struct copymc_job *job, struct copymc_value *out);
uint64_t copymc_clock_step(void);
double copymc_core_ghz(uint64_t adds);

/* The first violation that a check met; where counts from dst. */
struct copymc_verdict {
	int64_t where;
	uint64_t returned;
	uint64_t size;
	uint32_t dst_offset;
	uint32_t src_offset;
};
int copymc_check(copymc_fn kernel, int counts, void *dst, const void *src, size_t size,
		 struct copymc_verdict *out);
int copymc_check_small(copymc_fn kernel, int counts, void *dst, void *src,
		       size_t last_size, struct copymc_verdict *out);
void copymc_fill(void *area, size_t size, uint64_t seed);

void copymc_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
int copymc_cpu_has(const char *feature);

#endif
