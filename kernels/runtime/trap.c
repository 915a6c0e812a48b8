/*
 * An exception table for user space. The handler of SIGSEGV and SIGBUS looks the
 * faulting instruction up in the tables of the loaded kernels and continues at
 * its fixup; a fault that no table knows goes to the handler that was there
 * before. A copy that does not fault runs none of this. SIGILL, SIGTRAP and
 * SIGFPE only end a guarded call: a kernel that strays is judged, not fatal.
 *
 * Async-signal-safe: the handler takes no lock and allocates nothing. Tables are
 * published through atomic pointers; removal waits until no handler reads.
 */
#define _GNU_SOURCE /* REG_RIP, sigaltstack in threads */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "copymc.h"

#define TABLES 64
#define HISTORY 8
#ifndef MADV_HWPOISON
#define MADV_HWPOISON 100
#endif
#define PAGE 4096
#define PIECE 512	/* bytes that one read asks for: a sector */
#define TRAP_PAGE_FAULT 14
#define TRAP_MACHINE_CHECK 18
#define STACK_SPARE 16384	/* bytes of stack that the handler itself may use */

#define EX_TYPE_MASK 0xff	/* above it: registers and flags of some types */
/* Types of the kernel's entries whose handler leaves the trap number in eax. */
#define EX_TYPE_FAULT 2
#define EX_TYPE_COPY 4
#define EX_TYPE_FAULT_MCE_SAFE 15

/* The kernel's own format since 5.16: offsets relative to themselves. */
struct raw_entry {
	int32_t from;
	int32_t to;
	int32_t type;
};

struct entry {
	uintptr_t from;
	uintptr_t to;
	int32_t type;
	_Atomic uint32_t hits;
};

struct table {
	size_t count;
	struct entry entry[];
};

/* What a thread knows of the call that it guards. */
struct thread {
	sigjmp_buf escape;
	volatile sig_atomic_t guarded;
	/* Bytes that a flagged copy may touch; a bad page among them is replaced. */
	volatile uintptr_t patch_src, patch_dst, patch_size;
	volatile sig_atomic_t io_error;
	volatile sig_atomic_t poisoning;	/* the thread gives a page up by itself */
	const char *watch, *watch_end;
	struct copymc_outcome *outcome;
	stack_t stack_before;
	char stack[];
};

static _Atomic(struct table *) tables[TABLES];
static atomic_int readers;
/* Who had a signal before us; more than one where others came between. */
struct history {
	struct sigaction before[HISTORY];
	int count;
};
static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE };
#define SIGNALS ((int)(sizeof(signals) / sizeof(signals[0])))
static struct history histories[SIGNALS];
static pthread_key_t thread_key;
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;
/* Static TLS: reading it never allocates, so the handler may. */
static _Thread_local struct thread *me __attribute__((tls_model("initial-exec")));
static _Thread_local int handing __attribute__((tls_model("initial-exec")));

static int by_from(const void *a, const void *b)
{
	uintptr_t x = ((const struct entry *)a)->from, y = ((const struct entry *)b)->from;

	return (x > y) - (x < y);
}

static struct table *absolute(const struct raw_entry *raw, size_t count)
{
	struct table *table = calloc(1, sizeof(*table) + count * sizeof(struct entry));

	if (!table)
		return NULL;
	table->count = count;
	for (size_t i = 0; i < count; i++) {
		table->entry[i].from = (uintptr_t)&raw[i].from + (intptr_t)raw[i].from;
		table->entry[i].to = (uintptr_t)&raw[i].to + (intptr_t)raw[i].to;
		table->entry[i].type = raw[i].type & EX_TYPE_MASK;
	}
	qsort(table->entry, count, sizeof(struct entry), by_from);
	return table;
}

/* Adds the table between two addresses; a handle, or -1 where it cannot. */
int copymc_table_add(const void *start, const void *stop)
{
	size_t size = (size_t)((const char *)stop - (const char *)start);
	struct table *table, *none;

	if (size % sizeof(struct raw_entry))
		return -1;
	table = absolute(start, size / sizeof(struct raw_entry));
	if (!table)
		return -1;
	for (int i = 0; i < TABLES; i++) {
		none = NULL;
		if (atomic_compare_exchange_strong(&tables[i], &none, table))
			return i;
	}
	free(table);
	return -1;
}

/* Forgets a table; afterwards its code may be unloaded. */
void copymc_table_remove(int handle)
{
	struct table *table;

	if (handle < 0 || handle >= TABLES)
		return;
	table = atomic_exchange(&tables[handle], NULL);
	while (atomic_load(&readers))
		sched_yield();
	free(table);
}

/* Entries in [low, high) and how many of them were ever taken. */
void copymc_table_coverage(int handle, const void *low, const void *high,
			   uint32_t *present, uint32_t *hit)
{
	struct table *table = atomic_load(&tables[handle]);

	*present = *hit = 0;
	for (size_t i = 0; table && i < table->count; i++) {
		uintptr_t from = table->entry[i].from;

		if (from < (uintptr_t)low || from >= (uintptr_t)high)
			continue;
		++*present;
		*hit += atomic_load(&table->entry[i].hits) > 0;
	}
}

/* Binary search of one table; NULL if it does not know the instruction. */
static struct entry *search(struct table *table, uintptr_t from)
{
	size_t low = 0, high = table->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->entry[middle].from == from)
			return &table->entry[middle];
		if (table->entry[middle].from < from)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static struct entry *find(uintptr_t from)
{
	struct entry *entry = NULL;

	for (int i = 0; i < TABLES && !entry; i++) {
		struct table *table = atomic_load(&tables[i]);

		if (table)
			entry = search(table, from);
	}
	return entry;
}

static void record(const siginfo_t *info)
{
	struct copymc_outcome *out = me->outcome;
	const char *address = info->si_addr;

	out->faults++;
	if (address >= me->watch && address < me->watch_end)
		out->watched++;
	out->signo = info->si_signo;
	out->code = info->si_code;
	out->address = (uint64_t)(uintptr_t)address;
	out->lsb = info->si_signo == SIGBUS ? info->si_addr_lsb : 0;
}

static int within(uintptr_t address, uintptr_t start, uintptr_t size)
{
	/* Poison may be reported at the start of its page. */
	return address + PAGE > start && address < start + size;
}

/* Maps fresh zeroes over the bad page of a flagged copy and sets its flag. */
static int patched(const siginfo_t *info)
{
	uintptr_t address = (uintptr_t)info->si_addr, page = address & ~(uintptr_t)(PAGE - 1);

	if (!within(address, me->patch_src, me->patch_size) &&
	    !within(address, me->patch_dst, me->patch_size))
		return 0;
	if (mmap((void *)page, PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return 0;
	me->io_error = 1;
	return 1;
}

static int leaves_trap_number(int32_t type)
{
	return type == EX_TYPE_FAULT || type == EX_TYPE_COPY || type == EX_TYPE_FAULT_MCE_SAFE;
}

static long trap_number(const siginfo_t *info)
{
	int consumed = info->si_signo == SIGBUS && info->si_code == BUS_MCEERR_AR;

	return consumed ? TRAP_MACHINE_CHECK : TRAP_PAGE_FAULT;
}

/*
 * Whether the interrupted instruction caused the signal. BUS_MCEERR_AO tells of a
 * page that somebody found bad; whatever runs meanwhile has not touched it.
 */
static int is_synchronous(const siginfo_t *info)
{
	return info->si_code > 0 &&
	       !(info->si_signo == SIGBUS && info->si_code == BUS_MCEERR_AO);
}

/* The instruction faults again, or the signal comes again: by default. */
static void by_default(int signo, const siginfo_t *info)
{
	signal(signo, SIG_DFL);
	if (!is_synchronous(info) || signo == SIGTRAP)	/* int3 is over already */
		raise(signo);
}

static void pass_to(const struct sigaction *previous, int signo, siginfo_t *info, void *context)
{
	if (previous->sa_flags & SA_SIGINFO)
		previous->sa_sigaction(signo, info, context);
	else if (previous->sa_handler == SIG_IGN && !is_synchronous(info))
		return;
	else if (previous->sa_handler == SIG_DFL || previous->sa_handler == SIG_IGN)
		by_default(signo, info);
	else
		previous->sa_handler(signo);
}

static struct history *history_of(int signo)
{
	int i = 0;

	while (signals[i] != signo)
		i++;
	return &histories[i];
}

/*
 * Hands a signal that is not ours to whoever had it before us. A handler that
 * raises it again from inside (as Python's faulthandler does) has put us back as
 * its own predecessor; the one before it is then next.
 */
static void hand_over(int signo, siginfo_t *info, void *context)
{
	struct history *past = history_of(signo);
	int next = past->count - 1 - handing;

	handing++;
	if (next < 0)
		by_default(signo, info);
	else
		pass_to(&past->before[next], signo, info, context);
	handing--;
}

/* Moves the thread to the fixup of its instruction; 0 where no table knows it. */
static int fixed_up(const siginfo_t *info, greg_t *registers)
{
	struct entry *entry;

	atomic_fetch_add(&readers, 1);
	entry = find((uintptr_t)registers[REG_RIP]);
	if (entry) {
		atomic_fetch_add_explicit(&entry->hits, 1, memory_order_relaxed);
		registers[REG_RIP] = (greg_t)entry->to;
		if (leaves_trap_number(entry->type))
			registers[REG_RAX] = trap_number(info);
	}
	atomic_fetch_sub(&readers, 1);
	return entry != NULL;
}

/* Whether the fault is dealt with; does not return where it ends a guarded call. */
static int recovered(const siginfo_t *info, greg_t *registers)
{
	int faulted = info->si_signo == SIGSEGV || info->si_signo == SIGBUS;
	int guarded = me && me->guarded, endless = 0;

	if (guarded && me->outcome) {
		record(info);
		endless = me->outcome->faults > COPYMC_FAULTS_MOST;
	}
	if (faulted && !endless && fixed_up(info, registers))
		return 1;
	if (faulted && !endless && me && me->patch_size && patched(info))
		return 1;
	if (guarded)
		siglongjmp(me->escape, 1);
	return 0;
}

static void on_fault(int signo, siginfo_t *info, void *context)
{
	int saved = errno, poisoning = me && me->poisoning && signo == SIGBUS;

	if (is_synchronous(info)) {
		if (!recovered(info, ((ucontext_t *)context)->uc_mcontext.gregs))
			hand_over(signo, info, context);
	} else if (!poisoning) {
		hand_over(signo, info, context);
	}
	errno = saved;
}

static int is_ours(const struct sigaction *action)
{
	return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == on_fault;
}

static int take(int signo, struct history *past)
{
	struct sigaction mine = { .sa_sigaction = on_fault,
				  .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
	struct sigaction current;

	sigemptyset(&mine.sa_mask);
	sigaction(signo, NULL, &current);
	if (is_ours(&current))
		return 0;
	if (past->count == HISTORY)
		return -1;
	past->before[past->count++] = current;
	return sigaction(signo, &mine, NULL);
}

/* Puts the handler in front of whatever handles its signals now; -1: too many did. */
int copymc_trap_install(void)
{
	int failed = 0;

	for (int i = 0; i < SIGNALS; i++)
		failed |= take(signals[i], &histories[i]);
	return failed;
}

static void give_back(int signo, struct history *past)
{
	struct sigaction current;

	sigaction(signo, NULL, &current);
	if (is_ours(&current) && past->count)
		sigaction(signo, &past->before[--past->count], NULL);
}

/* Restores the handlers that were there before the last installation. */
void copymc_trap_remove(void)
{
	for (int i = 0; i < SIGNALS; i++)
		give_back(signals[i], &histories[i]);
}

extern const struct raw_entry __start___ex_table[] __attribute__((visibility("hidden")));
extern const struct raw_entry __stop___ex_table[] __attribute__((visibility("hidden")));

/* Adds the table of the built-in kernels. */
int copymc_table_add_own(void)
{
	return copymc_table_add(__start___ex_table, __stop___ex_table);
}

static void end_thread(void *ending)
{
	struct thread *thread = ending;

	me = NULL;
	sigaltstack(&thread->stack_before, NULL);
	free(thread);
}

static void make_key(void)
{
	pthread_key_create(&thread_key, end_thread);
}

/* Gives the calling thread its state and its own signal stack, once. */
static int begin_thread(void)
{
	size_t size = getauxval(AT_MINSIGSTKSZ) + STACK_SPARE;
	struct thread *thread = calloc(1, sizeof(*thread) + size);
	stack_t stack = { .ss_size = size };

	if (!thread)
		return -1;
	pthread_once(&thread_once, make_key);
	pthread_setspecific(thread_key, thread);
	stack.ss_sp = thread->stack;
	sigaltstack(&stack, &thread->stack_before);
	me = thread;
	return 0;
}

size_t copymc_kept_call_p0(copymc_fn kernel, void *dst, const void *src, size_t size,
			   uint32_t *broken) __attribute__((visibility("hidden")));

/*
 * Copies once and tells what happened: the return value, the faults taken, those
 * in [watch, watch_end), the last one's payload. A fault that no table knows, one
 * more than COPYMC_FAULTS_MOST and an instruction that traps end the call with `escaped`.
 * Returns -1 where memory for the thread's state lacks.
 */
int copymc_guarded_call(copymc_fn kernel, void *dst, const void *src, size_t size,
			const void *watch, const void *watch_end, struct copymc_outcome *out)
{
	if (!me && begin_thread())
		return -1;
	memset(out, 0, sizeof(*out));
	me->outcome = out;
	me->io_error = 0;
	me->watch = watch;
	me->watch_end = watch_end;
	if (sigsetjmp(me->escape, 0) == 0) {	/* the handler blocks no signal */
		me->guarded = 1;
		out->returned = copymc_kept_call_p0(kernel, dst, src, size, &out->broken);
	} else {
		out->escaped = 1;
	}
	me->guarded = 0;
	me->outcome = NULL;
	me->patch_size = 0;
	out->flagged = (int32_t)me->io_error;
	return 0;
}

/*
 * flagged: plain memcpy() that always completes. The handler puts fresh zeroes in
 * the place of a bad page and sets the thread's I/O error flag: what lay behind
 * the first bad byte is invented, and nobody knows where it begins.
 */
size_t copymc_flagged(void *dst, const void *src, size_t size)
{
	if (!me && begin_thread())
		return size;
	me->patch_src = (uintptr_t)src;
	me->patch_dst = (uintptr_t)dst;
	me->patch_size = size;
	memcpy(dst, src, size);
	me->patch_size = 0;
	return 0;
}

/*
 * Takes pages out of use for good, as an uncorrectable error would; 0 or errno.
 * Newer kernels send the signal from inside the call, which then is its end.
 */
int copymc_hwpoison(void *address, size_t size)
{
	int error = 0;

	if (!me && begin_thread())
		return ENOMEM;
	me->poisoning = 1;
	if (sigsetjmp(me->escape, 0) == 0) {
		me->guarded = 1;
		error = madvise(address, size, MADV_HWPOISON) ? errno : 0;
	}
	me->guarded = 0;
	me->poisoning = 0;
	return error;
}

static int read_fd = -1;
static const char *read_base;

/* Names the file that lies behind the memory from `base` on; -1: none. */
void copymc_read_behind(int fd, const void *base)
{
	read_fd = fd;
	read_base = base;
}

/* Reads piece by piece until the file has no more; bytes that arrived. */
static size_t read_pieces(char *dst, off_t offset, size_t size)
{
	size_t done = 0;

	while (done < size) {
		size_t piece = size - done < PIECE ? size - done : PIECE;
		ssize_t got = pread(read_fd, dst + done, piece, offset + (off_t)done);

		if (got <= 0)
			break;
		done += (size_t)got;
	}
	return done;
}

/*
 * signal_then_read: consumes mapped memory with plain memcpy(); after a signal it
 * reads the same bytes from the file in small pieces. Returns the bytes missing.
 */
size_t copymc_signal_then_read(void *dst, const void *src, size_t size)
{
	sigjmp_buf outer;
	sig_atomic_t guarded;
	size_t missing = 0;

	if (!me && begin_thread())
		return size;
	guarded = me->guarded;
	memcpy(outer, me->escape, sizeof(outer));
	if (sigsetjmp(me->escape, 0) == 0) {
		me->guarded = 1;
		memcpy(dst, src, size);
	} else {
		missing = size - read_pieces(dst, (const char *)src - read_base, size);
	}
	memcpy(me->escape, outer, sizeof(outer));
	me->guarded = guarded;
	return missing;
}
