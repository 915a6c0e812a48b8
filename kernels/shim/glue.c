/*
 * The byte-wise tails after a write fault, written anew for eras and parts of trees
 * without C of their own: the tree's copy_mc.c takes precedence over these weak ones.
 * Weak references: an era that lacks a routine lacks its tail's caller too.
 */
#include <stddef.h>

#define WEAK __attribute__((weak))

WEAK size_t copy_mc_fragile(void *dst, const void *src, size_t size);
WEAK size_t __memcpy_mcsafe(void *dst, const void *src, size_t size);

/* Copies single bytes until one fails; the bytes that remain. */
static unsigned long bytewise(size_t (*copy)(void *, const void *, size_t), char *dst,
			      const char *src, unsigned int size)
{
	while (size && !copy(dst, src, 1)) {
		dst++;
		src++;
		size--;
	}
	return size;
}

WEAK unsigned long copy_mc_fragile_handle_tail(char *dst, char *src, unsigned int size)
{
	return bytewise(copy_mc_fragile, dst, src, size);
}

WEAK unsigned long mcsafe_handle_tail(char *dst, char *src, unsigned int size)
{
	return bytewise(__memcpy_mcsafe, dst, src, size);
}

extern char __start___ex_table[] __attribute__((weak, visibility("hidden")));
extern char __stop___ex_table[] __attribute__((weak, visibility("hidden")));

/* Where the table of this library lies. */
void *const copymc_table[2] = { __start___ex_table, __stop___ex_table };
