/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/adaptive.h"

#include <math.h>

#include "common/record/threshold.h"

static const double TICK_MAX_NS = 0x1p62; /* more than a century, and the end of a tick fits 64 bits */
static const double RATIO_MIN = 0x1p-56;  /* of the probabilities that there are */

enum { HALVINGS_MAX = 1000 /* behind which nothing is left of any average */ };

int adaptive_open(struct adaptive *adaptive, double per_second, uint64_t tick_ns, unsigned int keys, uint64_t seed)
{
	/* Of less than one record a tick even the only one would have little chance. */
	double record_ns = fmin(ceil(1e9 / per_second), TICK_MAX_NS);

	*adaptive = (struct adaptive){ .tick_ns = record_ns > (double)tick_ns ? (uint64_t)record_ns : tick_ns,
				       .lowest = THRESHOLD_NEVER,
				       .lowest_before = THRESHOLD_NEVER };
	adaptive->per_tick = fmax(1, per_second * (double)adaptive->tick_ns * 1e-9);
	return key_table_open(&adaptive->keys, keys, seed);
}

void adaptive_close(struct adaptive *adaptive)
{
	key_table_close(&adaptive->keys);
}

/* Ends the tick in which the entry was used last, and those without it since. */
static void turn(struct key_entry *entry, uint64_t tick)
{
	uint64_t ticks = tick - entry->tick;

	if (!ticks)
		return;
	entry->average = entry->average > 0 ? (entry->average + entry->volume) / 2 : entry->volume;
	entry->average = ldexp(entry->average, -(int)(ticks - 1 < HALVINGS_MAX ? ticks - 1 : HALVINGS_MAX));
	entry->volume = 0;
	entry->tick = tick;
}

void adaptive_turn(struct adaptive *adaptive, uint64_t now_ns)
{
	uint64_t tick = now_ns / adaptive->tick_ns;

	if (tick == adaptive->tick)
		return;
	adaptive->lowest_before = tick == adaptive->tick + 1 ? adaptive->lowest : THRESHOLD_NEVER;
	adaptive->lowest = THRESHOLD_NEVER;
	adaptive->tick = tick;
}

uint64_t adaptive_threshold(struct adaptive *adaptive, const char *key, size_t length, double weight, uint64_t now_ns)
{
	uint64_t tick = now_ns / adaptive->tick_ns;
	struct key_entry *entry = key_table_get(&adaptive->keys, key, length, tick);

	turn(entry, tick);
	entry->volume += weight;
	/* However much there is, none is without a chance. */
	double ratio = fmax(adaptive->per_tick / fmax(entry->average, entry->volume), RATIO_MIN);
	uint64_t threshold = threshold_of_ratio(ratio, THRESHOLD_PRECISION);
	adaptive_turn(adaptive, now_ns);
	if (threshold < adaptive->lowest)
		adaptive->lowest = threshold;
	return threshold;
}

uint64_t adaptive_in_force(const struct adaptive *adaptive)
{
	uint64_t threshold = adaptive->lowest < adaptive->lowest_before ? adaptive->lowest : adaptive->lowest_before;

	/* Where nothing comes, nothing need be left out. */
	return threshold == THRESHOLD_NEVER ? 0 : threshold;
}
