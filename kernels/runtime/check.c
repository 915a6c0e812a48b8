/* Correctness of a copy that does not fault: every byte, and none beside. */
#include <string.h>

#include "copymc.h"

#define MARGIN 64	/* canary bytes on each side of the destination */
#define OFFSETS 64	/* offsets of each pointer in the small check */

#define EACH(byte) (0x0101010101010101u * (byte))

/* Eight bytes from 1 to 127, every one of many bits of the word; zeroes become ones. */
static inline uint64_t mixed(uint64_t word)
{
	word ^= word >> 31;
	word ^= word << 17;
	word ^= word >> 23;
	word &= EACH(0x7f);
	return word + (~(word + EACH(0x7f)) >> 7 & EACH(1));
}

/*
 * Fills an area with bytes from 1 to 127, so that none is 0 or 255 and none is like a canary
 * below. Eight bytes at a time, from the number of their word: steps that a compiler does for
 * several words at once (Vigna's splitmix64 with shifts in place of its multiplications).
 */
void copymc_fill(void *area, size_t size, uint64_t seed)
{
	unsigned char *byte = area;
	uint64_t state = seed * 0xbf58476d1ce4e5b9u, word;
	size_t i, words = size / sizeof(word);

	for (i = 0; i < words; i++) {
		word = mixed(state + i * 0x9e3779b97f4a7c15u);
		__builtin_memcpy(byte + i * sizeof(word), &word, sizeof(word));
	}
	word = mixed(state + i * 0x9e3779b97f4a7c15u);
	memcpy(byte + i * sizeof(word), &word, size % sizeof(word));
}

/* The first byte of a canary that changed, or -1. */
static int64_t first_change(const unsigned char *byte, size_t size, unsigned char canary)
{
	if (byte[0] == canary && !memcmp(byte, byte + 1, size - 1))
		return -1;
	for (size_t i = 0; i < size; i++)
		if (byte[i] != canary)
			return (int64_t)i;
	return -1;
}

static int64_t first_difference(const unsigned char *a, const unsigned char *b, size_t size)
{
	if (!memcmp(a, b, size))
		return -1;
	for (size_t i = 0; i < size; i++)
		if (a[i] != b[i])
			return (int64_t)i;
	return -1;
}

/*
 * Copies once between canaries that differ from the source's first and last byte,
 * and from every byte that copymc_fill() writes. Returns 1 and fills `out` if a
 * byte is wrong, a canary changed or, where the contract counts bytes, the return
 * value is not 0; needs MARGIN writable bytes around dst.
 */
int copymc_check(copymc_fn kernel, int counts, void *dst, const void *src, size_t size,
		 struct copymc_verdict *out)
{
	unsigned char *to = dst;
	const unsigned char *from = src;
	unsigned char canary = size ? (unsigned char)~from[size - 1] : 0xa5;
	int64_t where;

	memset(to - MARGIN, canary, size + 2 * MARGIN);
	out->size = size;
	out->returned = kernel(to, from, size);
	where = first_difference(to, from, size);
	if (where < 0) {
		where = first_change(to + size, MARGIN, canary);
		where = where < 0 ? where : where + (int64_t)size;
	}
	out->where = where;
	if (where >= 0)
		return 1;
	where = first_change(to - MARGIN, MARGIN, canary);
	out->where = where < 0 ? 0 : where - MARGIN;
	return where >= 0 || (counts && out->returned != 0);
}

/*
 * Copies once for each of the first `loops` entries of a walk; the index of the
 * first entry whose copy is wrong, with `out` filled, or -1.
 */
int64_t copymc_check_walk(const struct copymc_job *job, int counts, struct copymc_verdict *out)
{
	for (uint64_t i = 0; i < job->loops; i++) {
		uint64_t at = i % job->count;
		const struct copymc_entry *entry = job->entries + at;

		if (copymc_check(job->kernel, counts, (char *)job->dst + entry->dst,
				 (const char *)job->src + entry->src, entry->size, out)) {
			out->dst_offset = entry->dst;
			out->src_offset = entry->src;
			return (int64_t)at;
		}
	}
	return -1;
}

/*
 * Every size 0..last_size at every pair of offsets modulo 64; stops at the
 * first violation. dst and src point at 64-byte aligned areas with MARGIN
 * writable bytes in front and last_size + 2 * MARGIN behind.
 */
int copymc_check_small(copymc_fn kernel, int counts, void *dst, void *src,
		       size_t last_size, struct copymc_verdict *out)
{
	for (uint32_t d = 0; d < OFFSETS; d++)
		for (uint32_t s = 0; s < OFFSETS; s++)
			for (size_t size = 0; size <= last_size; size++)
				if (copymc_check(kernel, counts, (char *)dst + d,
						 (char *)src + s, size, out)) {
					out->dst_offset = d;
					out->src_offset = s;
					return 1;
				}
	return 0;
}
