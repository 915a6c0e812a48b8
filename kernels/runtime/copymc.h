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

/* One call of a walk: offsets from the areas' starts, in bytes. */
struct copymc_entry {
	uint32_t size;
	uint32_t src;
	uint32_t dst;
};

/* Part of a mix: sizes low..high alike; an offset below 0 is drawn. */
struct copymc_share {
	double weight;
	uint32_t low;
	uint32_t high;
	uint32_t step;		/* what drawn offsets are multiples of; divides a page */
	int32_t src;
	int32_t dst;
	int32_t delta;		/* of a drawn dst to src; below 0: dst is drawn by itself */
};
void copymc_draw(const struct copymc_share *shares, size_t count, uint64_t length,
		 uint64_t segments, uint64_t seed, int sorted, struct copymc_entry *out);

/*
 * One chunk of copies: the same call `loops` times, or, where there are entries,
 * a walk over them, again from the start after the last.
 */
struct copymc_job {
	copymc_fn kernel;
	void *dst;
	const void *src;
	uint64_t size;
	uint64_t loops;		/* timed calls */
	uint64_t warmups;	/* calls before them; of a walk, those of the entries before its first */
	uint64_t spin;		/* true, known delay in groups of 16 dependent additions */
	const struct copymc_entry *entries;
	uint64_t count;		/* of entries */
	uint32_t fenced;	/* each call waits until the one before it is done and stored */
};

/* One timed chunk and what the gate needs to judge it. */
struct copymc_value {
	uint64_t wall_ns;	/* the timed calls */
	uint64_t outer_ns;	/* wall time from reading to reading: with warm-up calls and canary */
	uint64_t cpu_ns;	/* thread CPU time over the same stretch */
	uint32_t switches;	/* involuntary context switches in it */
	uint32_t canary_ns;	/* a fixed number of empty calls, just after the timed ones */
};
void copymc_time(const struct copymc_job *jobs, const uint32_t *order, size_t count,
		 uint64_t first, struct copymc_value *out);
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
int64_t copymc_check_walk(const struct copymc_job *job, int counts, struct copymc_verdict *out);
int copymc_check_small(copymc_fn kernel, int counts, void *dst, void *src,
		       size_t last_size, struct copymc_verdict *out);
void copymc_fill(void *area, size_t size, uint64_t seed);

/* The last fault and the number of faults that one guarded call took. */
struct copymc_outcome {
	uint64_t returned;
	uint32_t faults;
	uint32_t watched;	/* faults in the watched range */
	int32_t flagged;	/* the I/O error flag after the call */
	int32_t escaped;	/* a fault that no table knows ended the call */
	int32_t signo;
	int32_t code;
	uint32_t broken;	/* 1: a register that it must keep; 2: the direction flag */
	int32_t lsb;		/* si_addr_lsb: log2 of what is lost; SIGBUS only */
	uint64_t address;
	uint64_t instruction;	/* that took the last fault */
};
int copymc_guarded_call(copymc_fn kernel, void *dst, const void *src, size_t size,
			const void *watch, const void *watch_end, struct copymc_outcome *out);
size_t copymc_flagged(void *dst, const void *src, size_t size);
size_t copymc_signal_then_read(void *dst, const void *src, size_t size);
void copymc_read_behind(int fd, const void *base);
int copymc_trap_install(void);
void copymc_trap_remove(void);
int copymc_table_add(const void *start, const void *stop);
int copymc_table_add_own(void);
void copymc_table_remove(int handle);
enum { COPYMC_TABLES = 1024 };	/* most that are there at a time */
void copymc_table_coverage(const void *low, const void *high, uint32_t *present, uint32_t *hit);

/* Why a case violates its contract. */
enum {
	COPYMC_RIGHT,
	COPYMC_ESCAPED,		/* a fault was not recovered */
	COPYMC_SUCCESS,		/* returned 0, or returned at all, past a bad byte */
	COPYMC_COUNT,		/* the return value is not the bytes missing */
	COPYMC_PREFIX,		/* a good byte did not arrive */
	COPYMC_OVERRUN,		/* a byte past the reported count was written */
	COPYMC_UNDERRUN,	/* a byte in front of the destination was written */
	COPYMC_SOURCE,		/* the source changed */
	COPYMC_SPURIOUS,	/* a fault where every byte is good */
	COPYMC_FLAG,		/* the I/O error flag does not tell what happened */
	COPYMC_TWICE,		/* bad source bytes were touched again */
	COPYMC_ENDLESS,		/* its recovery meets the same fault for ever */
	COPYMC_STRAYED,		/* an instruction trapped: it left its code */
	COPYMC_CONVENTION,	/* a register or the direction flag is not as it was */
	COPYMC_ROUTINE,		/* another routine than the selected one took the fault */
	COPYMC_REASONS,
};
enum {
	COPYMC_MARGIN = 128,		/* bytes around each side that must not change */
	COPYMC_FAULTS_MOST = 128,	/* of one guarded call: beyond, it never ends */
};
enum { COPYMC_SOURCE_SIDE, COPYMC_DESTINATION_SIDE };

/* A kernel between two areas, each of good pages followed by bad ones. */
struct copymc_setup {
	copymc_fn kernel;
	int32_t flagged;	/* the contract is to complete and set the flag */
	int32_t status;		/* the contract is 0 or an error, without a count */
	int32_t plain;		/* the contract promises no recovery */
	int32_t zero;		/* the contract is 0 after a good copy, without recovery */
	int32_t safe;		/* the contract forbids touching bad bytes again */
	char *src_start;
	char *src_bad;
	char *dst_start;
	char *dst_bad;
	uint64_t bad_size;
	const char *pristine;	/* what the source's good pages hold */
	uint64_t routine_start;	/* code that must take the faults of a dispatch; */
	uint64_t routine_end;	/* 0: whichever does */
};

/* A fault position counts from the start of its side; -1: that side is good. */
struct copymc_case {
	uint64_t size;
	int64_t src_fault;
	int64_t dst_fault;
	uint32_t src_offset;
	uint32_t dst_offset;
};
struct copymc_tally {
	uint64_t cases;
	uint64_t mismatches;
	uint64_t faulted;
	uint64_t escaped;
	uint64_t excess_most;	/* good bytes counted as missing */
	uint32_t watched_most;
	int32_t reason;
	struct copymc_case first;
	struct copymc_outcome outcome;
	uint64_t reasons[COPYMC_REASONS];	/* mismatches by what was wrong first */
};
int copymc_verify_case(const struct copymc_setup *setup, const struct copymc_case *c,
		       struct copymc_outcome *out);
void copymc_verify_size(const struct copymc_setup *setup, int side, uint64_t size,
			const uint32_t *offsets, size_t offset_count, struct copymc_tally *total);
void copymc_verify_both(const struct copymc_setup *setup, uint64_t size,
			struct copymc_tally *total);

int copymc_protect(void *address, size_t size, int readable);
int copymc_poison_open(int user_mode_only);
int copymc_poison(int fd, void *address, size_t size);
int copymc_hwpoison(void *address, size_t size);
enum { COPYMC_READ, COPYMC_WRITE, COPYMC_PWRITE, COPYMC_VM_READV };
int64_t copymc_meet(int call, int fd, void *address, size_t size);

void copymc_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
int copymc_cpu_has(const char *feature);

#endif
