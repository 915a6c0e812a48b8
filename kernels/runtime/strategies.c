/*
 * Strategies that recover by other means than a fixup, for the recovery benchmark:
 * `flagged` and `signal_then_read`. Both are plain memcpy() until a byte is bad.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "copymc.h"
#include "thread.h"

#define PAGE 4096
#define PIECE 512	/* bytes that one read asks for: a sector */

static int within(uintptr_t address, uintptr_t start, uintptr_t size)
{
	/* Poison may be reported at the start of its page. */
	return address + PAGE > start && address < start + size;
}

/* Maps fresh zeroes over the bad page of a flagged copy and sets its flag. */
int copymc_patched(const siginfo_t *info)
{
	uintptr_t address = (uintptr_t)info->si_addr, page = address & ~(uintptr_t)(PAGE - 1);

	if (!within(address, copymc_me->patch_src, copymc_me->patch_size) &&
	    !within(address, copymc_me->patch_dst, copymc_me->patch_size))
		return 0;
	if (mmap((void *)page, PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return 0;
	copymc_me->io_error = 1;
	return 1;
}

/*
 * flagged: plain memcpy() that always completes. The handler puts fresh zeroes in
 * the place of a bad page and sets the thread's I/O error flag: what lay behind
 * the first bad byte is invented, and nobody knows where it begins.
 */
size_t copymc_flagged(void *dst, const void *src, size_t size)
{
	if (!copymc_me && copymc_begin_thread())
		return size;
	copymc_me->patch_src = (uintptr_t)src;
	copymc_me->patch_dst = (uintptr_t)dst;
	copymc_me->patch_size = size;
	memcpy(dst, src, size);
	copymc_me->patch_size = 0;
	return 0;
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

	if (!copymc_me && copymc_begin_thread())
		return size;
	guarded = copymc_me->guarded;
	memcpy(outer, copymc_me->escape, sizeof(outer));
	if (sigsetjmp(copymc_me->escape, 0) == 0) {
		copymc_me->guarded = 1;
		memcpy(dst, src, size);
	} else {
		missing = size - read_pieces(dst, (const char *)src - read_base, size);
	}
	memcpy(copymc_me->escape, outer, sizeof(outer));
	copymc_me->guarded = guarded;
	return missing;
}
