/*
 * The recovery contract, case by case, against the obvious reference: bytes
 * before the first bad one arrive, no other byte changes, and the return value
 * counts the rest.
 */
#include <signal.h>
#include <string.h>

#include "copymc.h"

#define MARGIN COPYMC_MARGIN
#define CANARY 0xff	/* neither a byte of any source nor what zeroing leaves */
#define DENSE 128	/* up to this size every fault position is tried */
#define NEAR 72		/* beyond it, every position this near to both ends */
#define STRIDE 61	/* and every so many between */
#define INSIDE 16	/* copies that start so many bytes into the bad ones */
#define ENOUGH 4	/* endless recoveries, each of many faults, that settle a size */
#define BEYOND 8	/* positions behind the last byte: no fault may be taken */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int changed(const char *byte, size_t size)
{
	return size && ((unsigned char)byte[0] != CANARY || memcmp(byte, byte + 1, size - 1));
}

/* The bytes of the destination that a call answers for, from its first one. */
struct claim {
	size_t arrived;		/* these are the source's */
	size_t untouched;	/* from here on to `room` nothing was written */
	size_t room;
};

static int judge_bytes(const struct copymc_setup *setup, const struct copymc_case *c,
		       const char *dst, const char *src, struct claim claim)
{
	const char *pristine = setup->pristine + (src - setup->src_start);
	size_t good = least(c->size + MARGIN, (size_t)(setup->src_bad - src));

	if (memcmp(src - MARGIN, pristine - MARGIN, good + MARGIN))
		return COPYMC_SOURCE;
	if (memcmp(dst, pristine, claim.arrived))
		return COPYMC_PREFIX;
	if (changed(dst + claim.untouched, claim.room - claim.untouched))
		return COPYMC_OVERRUN;
	if (changed(dst - MARGIN, MARGIN))
		return COPYMC_UNDERRUN;
	return COPYMC_RIGHT;
}

/*
 * What the contract and the return value claim of the destination. A flagged copy
 * invents what it could not read; an error without a count says nothing of how
 * much arrived. Neither may write past the last byte.
 */
static struct claim claimed(const struct copymc_setup *setup, const struct copymc_case *c,
			    const struct copymc_outcome *out, size_t copied, size_t room)
{
	size_t whole = least(c->size, room), reported;

	if (setup->plain || setup->zero || setup->flagged)
		return (struct claim){ copied, whole, room };
	if (setup->status && out->returned)
		return (struct claim){ 0, whole, room };
	reported = least(c->size - out->returned, copied);
	return (struct claim){ reported, reported, room };
}

/* A side's first byte: before the bad bytes, or at an offset in them. */
static char *place(char *start, char *bad, int64_t fault, uint32_t offset)
{
	if (fault < 0)
		return start + MARGIN + offset;
	return fault ? bad - fault : bad + offset;
}

/* A flagged copy leaves good pages behind; they become bad once more. */
static void bad_again(const struct copymc_setup *setup)
{
	copymc_protect(setup->src_bad, setup->bad_size, 0);
	copymc_protect(setup->dst_bad, setup->bad_size, 0);
}

static char *lower(char *a, char *b)
{
	return a < b ? a : b;
}

/* A copy that promises 0 and no recovery: what was bad must have ended the call. */
static int judge_zero(const struct copymc_case *c, const struct copymc_outcome *out, size_t copied)
{
	if (copied < c->size && !out->escaped)
		return out->returned ? COPYMC_ROUTINE : COPYMC_SUCCESS;
	if (copied == c->size && out->faults)
		return COPYMC_SPURIOUS;
	return copied == c->size && out->returned ? COPYMC_COUNT : COPYMC_RIGHT;
}

/* Whether the last fault was taken outside the routine that a dispatch must select. */
static int elsewhere(const struct copymc_setup *setup, const struct copymc_outcome *out)
{
	return setup->routine_end && out->faults &&
	       (out->instruction < setup->routine_start || out->instruction >= setup->routine_end);
}

static int judge_call(const struct copymc_setup *setup, const struct copymc_case *c,
		      const struct copymc_outcome *out, size_t copied)
{
	if (out->escaped && out->signo != SIGSEGV && out->signo != SIGBUS)
		return COPYMC_STRAYED;
	if (out->escaped && out->faults > COPYMC_FAULTS_MOST)
		return COPYMC_ENDLESS;
	if (out->broken)
		return COPYMC_CONVENTION;
	if (setup->plain)
		return copied < c->size && !out->escaped ? COPYMC_SUCCESS : COPYMC_RIGHT;
	if (setup->zero)
		return judge_zero(c, out, copied);
	if (out->escaped)
		return COPYMC_ESCAPED;
	if (setup->flagged)
		return out->flagged != (copied < c->size) || out->returned ? COPYMC_FLAG
									   : COPYMC_RIGHT;
	if (copied < c->size && !out->returned)
		return COPYMC_SUCCESS;
	if (copied == c->size && out->faults)
		return COPYMC_SPURIOUS;
	if (!setup->status && out->returned != c->size - copied)
		return COPYMC_COUNT;
	if (setup->status && !out->returned != (copied == c->size))
		return COPYMC_COUNT;
	if (setup->safe && out->watched > 1)
		return COPYMC_TWICE;
	return elsewhere(setup, out) ? COPYMC_ROUTINE : COPYMC_RIGHT;
}

/* Runs one case and returns the first thing that is wrong with it. */
int copymc_verify_case(const struct copymc_setup *setup, const struct copymc_case *c,
		       struct copymc_outcome *out)
{
	char *dst = place(setup->dst_start, setup->dst_bad, c->dst_fault, c->dst_offset);
	char *src = place(setup->src_start, setup->src_bad, c->src_fault, c->src_offset);
	char *good_dst = lower(dst, setup->dst_bad), *good_src = lower(src, setup->src_bad);
	size_t room = least(c->size + MARGIN, (size_t)(setup->dst_bad - good_dst));
	size_t copied = least(least(c->size, room), (size_t)(setup->src_bad - good_src));
	int wrong, bytes;

	memset(good_dst - MARGIN, CANARY, room + MARGIN);
	if (copymc_guarded_call(setup->kernel, dst, src, c->size, setup->src_bad,
				setup->src_bad + setup->bad_size, out))
		return COPYMC_ESCAPED;
	wrong = judge_call(setup, c, out, copied);
	if (out->escaped || wrong == COPYMC_SUCCESS)
		return wrong;	/* nothing is said of the bytes, or a lie */
	if (setup->flagged)
		bad_again(setup);
	if (!setup->plain && !setup->flagged && !setup->status && out->returned > c->size)
		return COPYMC_COUNT;
	bytes = judge_bytes(setup, c, good_dst, good_src,
			    claimed(setup, c, out, copied, room));
	return bytes ? bytes : wrong;
}

/* Good bytes that the call counted as missing; 0 where it cannot be told. */
static uint64_t excess(const struct copymc_setup *setup, const struct copymc_case *c,
		       const struct copymc_outcome *out)
{
	int64_t first = least((size_t)c->src_fault, (size_t)c->dst_fault);
	uint64_t missing = first < (int64_t)c->size ? c->size - first : 0;

	if (setup->plain || setup->zero || setup->flagged || out->escaped || out->returned > c->size)
		return 0;
	return out->returned > missing ? out->returned - missing : 0;
}

static void tally(const struct copymc_setup *setup, const struct copymc_case *c,
		  struct copymc_tally *total)
{
	struct copymc_outcome out;
	int wrong;

	if (total->reasons[COPYMC_ENDLESS] >= ENOUGH)
		return;
	wrong = copymc_verify_case(setup, c, &out);
	total->cases++;
	total->escaped += out.escaped;
	total->faulted += out.faults > 0;
	if (out.watched > total->watched_most)
		total->watched_most = out.watched;
	if (excess(setup, c, &out) > total->excess_most)
		total->excess_most = excess(setup, c, &out);
	if (!wrong)
		return;
	total->reasons[wrong]++;
	if (!total->mismatches++) {
		total->first = *c;
		total->reason = wrong;
		total->outcome = out;
	}
}

/* The fault position after this one: all near the ends, some between. */
static size_t next_position(size_t position, size_t size)
{
	if (size <= DENSE || position < NEAR || position + NEAR >= size)
		return position + 1;
	return least(position + STRIDE, size - NEAR);
}

static void one_side(const struct copymc_setup *setup, int side, struct copymc_case c,
		     size_t at, uint32_t inside, uint32_t other, struct copymc_tally *total)
{
	if (side == COPYMC_SOURCE_SIDE) {
		c.src_fault = (int64_t)at;
		c.src_offset = inside;
		c.dst_offset = other;
	} else {
		c.dst_fault = (int64_t)at;
		c.dst_offset = inside;
		c.src_offset = other;
	}
	tally(setup, &c, total);
}

/*
 * Every fault position of one size on one side, the other pointer at each of the
 * given offsets; then copies that start at each of the first bytes of the bad ones.
 */
void copymc_verify_size(const struct copymc_setup *setup, int side, uint64_t size,
			const uint32_t *offsets, size_t offset_count, struct copymc_tally *total)
{
	const struct copymc_case c = { size, -1, -1, 0, 0 };

	for (size_t at = 0; at <= size + BEYOND; at = next_position(at, size))
		for (size_t i = 0; i < offset_count; i++)
			one_side(setup, side, c, at, 0, offsets[i], total);
	for (uint32_t inside = 1; inside < INSIDE; inside++)
		for (size_t i = 0; i < offset_count; i++)
			one_side(setup, side, c, 0, inside, offsets[i], total);
}

/* Every pair of fault positions of one size, both sides bad. */
void copymc_verify_both(const struct copymc_setup *setup, uint64_t size,
			struct copymc_tally *total)
{
	for (uint64_t from = 0; from <= size; from++)
		for (uint64_t to = 0; to <= size; to++) {
			struct copymc_case c = { size, (int64_t)from, (int64_t)to, 0, 0 };

			tally(setup, &c, total);
		}
}
