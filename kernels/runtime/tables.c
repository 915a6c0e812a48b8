/*
 * Exception tables for user space: which instructions of the loaded kernels may
 * fault, and where each goes on.
 *
 * Async-signal-safe: a search takes no lock and allocates nothing. Tables are
 * published through atomic pointers; removal waits until no handler reads.
 */
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "copymc.h"
#include "tables.h"

#define EX_TYPE_MASK 0xff	/* above it: registers and flags of some types */

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

static _Atomic(struct table *) tables[COPYMC_TABLES];
static atomic_int used;	/* slots from the first one that were ever taken */
static atomic_int readers;

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
	for (int i = 0; i < COPYMC_TABLES; i++) {
		none = NULL;
		if (!atomic_compare_exchange_strong(&tables[i], &none, table))
			continue;
		for (int end = atomic_load(&used); end <= i;)
			atomic_compare_exchange_strong(&used, &end, i + 1);
		return i;
	}
	free(table);
	return -1;
}

/* Forgets a table; afterwards its code may be unloaded. */
void copymc_table_remove(int handle)
{
	struct table *table;

	if (handle < 0 || handle >= COPYMC_TABLES)
		return;
	table = atomic_exchange(&tables[handle], NULL);
	while (atomic_load(&readers))
		sched_yield();
	free(table);
}

static void cover(const struct table *table, const void *low, const void *high,
		  uint32_t *present, uint32_t *hit)
{
	for (size_t i = 0; table && i < table->count; i++) {
		uintptr_t from = table->entry[i].from;

		if (from < (uintptr_t)low || from >= (uintptr_t)high)
			continue;
		++*present;
		*hit += atomic_load(&table->entry[i].hits) > 0;
	}
}

/* Entries of all tables in [low, high) and how many of them were ever taken. */
void copymc_table_coverage(const void *low, const void *high, uint32_t *present, uint32_t *hit)
{
	*present = *hit = 0;
	for (int i = 0; i < atomic_load(&used); i++)
		cover(atomic_load(&tables[i]), low, high, present, hit);
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

	for (int i = 0; i < atomic_load(&used) && !entry; i++) {
		struct table *table = atomic_load(&tables[i]);

		if (table)
			entry = search(table, from);
	}
	return entry;
}

/* Where a fault at an instruction goes on, counted as taken; 0 where no table knows it. */
int copymc_table_fixup(uintptr_t from, struct copymc_fixup *out)
{
	struct entry *entry;

	atomic_fetch_add(&readers, 1);
	entry = find(from);
	if (entry) {
		atomic_fetch_add_explicit(&entry->hits, 1, memory_order_relaxed);
		*out = (struct copymc_fixup){ entry->to, entry->type };
	}
	atomic_fetch_sub(&readers, 1);
	return entry != NULL;
}

extern const struct raw_entry __start___ex_table[] __attribute__((visibility("hidden")));
extern const struct raw_entry __stop___ex_table[] __attribute__((visibility("hidden")));

/* Adds the table of the built-in kernels. */
int copymc_table_add_own(void)
{
	return copymc_table_add(__start___ex_table, __stop___ex_table);
}
