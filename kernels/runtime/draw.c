/* Calls drawn from a mix: a stratified sample, in order of size or shuffled. */
#include <stdlib.h>
#include <string.h>

#include "copymc.h"

#define PAGE 4096

/* Sebastiano Vigna's splitmix64: every seed is a good one. */
static uint64_t next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* From 0 to below 1. */
static double uniform(uint64_t *state)
{
	return (double)(next(state) >> 11) * 0x1p-53;
}

/* The first of `count` shares whose end, counted in weights from the first on, lies past `at`. */
static size_t holder(const struct copymc_share *shares, size_t count, double at, double *start)
{
	size_t i = 0;

	for (*start = 0; i + 1 < count && at >= *start + shares[i].weight; i++)
		*start += shares[i].weight;
	return i;
}

static uint32_t offset(const struct copymc_share *share, uint64_t word)
{
	return (uint32_t)(word % PAGE) / share->step * share->step;
}

/* One call from a share, `part` of the way through its sizes. */
static struct copymc_entry drawn(const struct copymc_share *share, double part, uint64_t word)
{
	uint32_t sizes = share->high - share->low + 1, step = (uint32_t)(part * sizes);
	struct copymc_entry entry;

	entry.size = share->low + (step < sizes ? step : sizes - 1);
	entry.src = share->src < 0 ? offset(share, word) : (uint32_t)share->src;
	if (share->dst >= 0)
		entry.dst = (uint32_t)share->dst;
	else if (share->delta >= 0)
		entry.dst = (entry.src + (uint32_t)share->delta) % PAGE;
	else
		entry.dst = offset(share, word >> 32);
	return entry;
}

static int by_size(const void *a, const void *b)
{
	const struct copymc_entry *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	if (x->src != y->src)
		return x->src < y->src ? -1 : 1;
	return (x->dst > y->dst) - (x->dst < y->dst);
}

/* Fisher and Yates. */
static void shuffle(struct copymc_entry *entry, uint64_t length, uint64_t *order)
{
	for (uint64_t i = length; i > 1; i--) {
		uint64_t j = next(order) % i;
		struct copymc_entry kept = entry[i - 1];

		entry[i - 1] = entry[j];
		entry[j] = kept;
	}
}

/*
 * Fills `out` with `segments` stretches of `length` calls. A stretch has one call from
 * each of `length` equal parts of the mix, so that all have alike sizes. Equal seeds
 * give equal calls in either order.
 */
void copymc_draw(const struct copymc_share *shares, size_t count, uint64_t length,
		 uint64_t segments, uint64_t seed, int sorted, struct copymc_entry *out)
{
	uint64_t calls = seed, order = ~seed;
	double total = 0, start;

	for (size_t i = 0; i < count; i++)
		total += shares[i].weight;
	for (; segments; segments--, out += length) {
		for (uint64_t i = 0; i < length; i++) {
			double at = ((double)i + uniform(&calls)) / (double)length * total;
			size_t own = holder(shares, count, at, &start);

			out[i] = drawn(&shares[own], (at - start) / shares[own].weight, next(&calls));
		}
		if (sorted)
			qsort(out, length, sizeof(*out), by_size);
		else
			shuffle(out, length, &order);
	}
}
