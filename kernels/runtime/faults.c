/* System calls that make memory bad, and those that meet it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <setjmp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "copymc.h"
#include "thread.h"

#ifndef MADV_HWPOISON
#define MADV_HWPOISON 100
#endif

/* Linux 6.6; older headers lack them. Values from the kernel's userfaultfd.h. */
#ifndef UFFD_FEATURE_POISON
#define UFFD_FEATURE_POISON (1 << 14)
struct uffdio_poison {
	struct uffdio_range range;
	__u64 mode;
	__s64 updated;
};
#define UFFDIO_POISON _IOWR(UFFDIO, 0x08, struct uffdio_poison)
#endif
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

/* 0, or the errno of mprotect. */
int copymc_protect(void *address, size_t size, int readable)
{
	return mprotect(address, size, readable ? PROT_READ : PROT_NONE) ? errno : 0;
}

/* A userfaultfd that can poison, or -errno. */
int copymc_poison_open(int user_mode_only)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_POISON };
	int flags = O_CLOEXEC | (user_mode_only ? UFFD_USER_MODE_ONLY : 0);
	int fd = (int)syscall(SYS_userfaultfd, flags);
	int error;

	if (fd < 0)
		return -errno;
	if (!ioctl(fd, UFFDIO_API, &api))
		return fd;
	error = errno;
	close(fd);
	return -error;
}

/* Poisons untouched pages; 0 or errno. */
int copymc_poison(int fd, void *address, size_t size)
{
	struct uffdio_register reg = { .range = { (uintptr_t)address, size },
				       .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_poison poison = { .range = { (uintptr_t)address, size } };

	if (ioctl(fd, UFFDIO_REGISTER, &reg) || ioctl(fd, UFFDIO_POISON, &poison))
		return errno;
	return 0;
}

/*
 * Takes pages out of use for good, as an uncorrectable error would; 0 or errno.
 * Newer kernels send the signal from inside the call, which then is its end.
 */
int copymc_hwpoison(void *address, size_t size)
{
	int error = 0;

	if (!copymc_me && copymc_begin_thread())
		return ENOMEM;
	copymc_me->poisoning = 1;
	if (sigsetjmp(copymc_me->escape, 0) == 0) {
		copymc_me->guarded = 1;
		error = madvise(address, size, MADV_HWPOISON) ? errno : 0;
	}
	copymc_me->guarded = 0;
	copymc_me->poisoning = 0;
	return error;
}

/* Copies between descriptors and memory; bytes, or -errno. */
int64_t copymc_meet(int call, int fd, void *address, size_t size)
{
	static char other[1 << 16];
	struct iovec mine = { other, size }, theirs = { address, size };
	int64_t done = -1;

	if (call == COPYMC_READ)
		done = read(fd, address, size);
	else if (call == COPYMC_WRITE)
		done = write(fd, address, size);
	else if (call == COPYMC_PWRITE)
		done = pwrite(fd, address, size, 0);
	else if (call == COPYMC_VM_READV)
		done = process_vm_readv(getpid(), &mine, 1, &theirs, 1, 0);
	return done < 0 ? -errno : done;
}
