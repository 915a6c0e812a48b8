/*
 * The fault handler. That of SIGSEGV and SIGBUS looks the faulting instruction up
 * in the tables of the loaded kernels and continues at its fixup; a fault that no
 * table knows goes to the handler that was there before. A copy that does not
 * fault runs none of this. SIGILL, SIGTRAP and SIGFPE only end a guarded call: a
 * kernel that strays is judged, not fatal.
 *
 * Async-signal-safe: the handler takes no lock and allocates nothing.
 */
#define _GNU_SOURCE /* REG_RIP, sigaltstack in threads */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <ucontext.h>

#include "copymc.h"
#include "tables.h"
#include "thread.h"

#define HISTORY 8
#define TRAP_PAGE_FAULT 14
#define TRAP_MACHINE_CHECK 18
#define STACK_SPARE 16384	/* bytes of stack that the handler itself may use */

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
_Thread_local struct copymc_thread *copymc_me __attribute__((tls_model("initial-exec")));
static _Thread_local int handing __attribute__((tls_model("initial-exec")));

static void record(const siginfo_t *info, uintptr_t instruction)
{
	struct copymc_outcome *out = copymc_me->outcome;
	const char *address = info->si_addr;

	out->faults++;
	if (address >= copymc_me->watch && address < copymc_me->watch_end)
		out->watched++;
	out->instruction = instruction;
	out->signo = info->si_signo;
	out->code = info->si_code;
	out->address = (uint64_t)(uintptr_t)address;
	out->lsb = info->si_signo == SIGBUS ? info->si_addr_lsb : 0;
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
	struct copymc_fixup fixup;

	if (!copymc_table_fixup((uintptr_t)registers[REG_RIP], &fixup))
		return 0;
	registers[REG_RIP] = (greg_t)fixup.to;
	if (leaves_trap_number(fixup.type))
		registers[REG_RAX] = trap_number(info);
	return 1;
}

/* Whether the fault is dealt with; does not return where it ends a guarded call. */
static int recovered(const siginfo_t *info, greg_t *registers)
{
	int faulted = info->si_signo == SIGSEGV || info->si_signo == SIGBUS;
	int guarded = copymc_me && copymc_me->guarded, endless = 0;

	if (guarded && copymc_me->outcome) {
		record(info, (uintptr_t)registers[REG_RIP]);
		endless = copymc_me->outcome->faults > COPYMC_FAULTS_MOST;
	}
	if (faulted && !endless && fixed_up(info, registers))
		return 1;
	if (faulted && !endless && copymc_me && copymc_me->patch_size && copymc_patched(info))
		return 1;
	if (guarded)
		siglongjmp(copymc_me->escape, 1);
	return 0;
}

static void on_fault(int signo, siginfo_t *info, void *context)
{
	int saved = errno, poisoning = copymc_me && copymc_me->poisoning && signo == SIGBUS;

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

static void end_thread(void *ending)
{
	struct copymc_thread *thread = ending;

	copymc_me = NULL;
	sigaltstack(&thread->stack_before, NULL);
	free(thread);
}

static void make_key(void)
{
	pthread_key_create(&thread_key, end_thread);
}

/* Gives the calling thread its state and its own signal stack, once. */
int copymc_begin_thread(void)
{
	size_t size = getauxval(AT_MINSIGSTKSZ) + STACK_SPARE;
	struct copymc_thread *thread = calloc(1, sizeof(*thread) + size);
	stack_t stack = { .ss_size = size };

	if (!thread)
		return -1;
	pthread_once(&thread_once, make_key);
	pthread_setspecific(thread_key, thread);
	stack.ss_sp = thread->stack;
	sigaltstack(&stack, &thread->stack_before);
	copymc_me = thread;
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
	if (!copymc_me && copymc_begin_thread())
		return -1;
	memset(out, 0, sizeof(*out));
	copymc_me->outcome = out;
	copymc_me->io_error = 0;
	copymc_me->watch = watch;
	copymc_me->watch_end = watch_end;
	if (sigsetjmp(copymc_me->escape, 0) == 0) {	/* the handler blocks no signal */
		copymc_me->guarded = 1;
		out->returned = copymc_kept_call_p0(kernel, dst, src, size, &out->broken);
	} else {
		out->escaped = 1;
	}
	copymc_me->guarded = 0;
	copymc_me->outcome = NULL;
	copymc_me->patch_size = 0;
	out->flagged = (int32_t)copymc_me->io_error;
	return 0;
}
