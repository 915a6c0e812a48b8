/*
 * The state of a thread that the handler, the strategies and the poisoning share;
 * of the runtime alone. A function that lets itself be interrupted makes sure of it
 * with copymc_begin_thread(), which gives the thread a signal stack too.
 */
#ifndef COPYMC_THREAD_H
#define COPYMC_THREAD_H

#include <setjmp.h>
#include <signal.h>
#include <stdint.h>

#include "copymc.h"

/* What a thread knows of the call that it guards. */
struct copymc_thread {
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

/* Static TLS: reading it never allocates, so the handler may. NULL before the first call. */
extern _Thread_local struct copymc_thread *copymc_me __attribute__((tls_model("initial-exec")));

int copymc_begin_thread(void);
int copymc_patched(const siginfo_t *info);	/* of the strategy `flagged`, for the handler */

#endif
