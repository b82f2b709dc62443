/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --adaptive: so many kept records a second for each key. The share of a key is what would bring its volume, as it was
 * before anybody sampled (the sum of adjusted counts: uneven sampling upstream would mislead otherwise), to the target. The
 * volume of a tick is foreseen as the average of those before, each weighing half of the one behind it, or as what has come
 * already where that is more, so that a burst is met in the tick in which it begins. What a record is decided by depends
 * only on those before it, and never on its R: so the adjusted counts are without bias.
 */
#ifndef OTB_SAMPLE_ADAPTIVE_H
#define OTB_SAMPLE_ADAPTIVE_H

#include "cmd/otb-sample/key_table.h"

struct adaptive {
	double per_tick;  /* kept records */
	uint64_t tick_ns; /* at least the time of one record */
	struct key_table keys;
	uint64_t tick;                  /* the current one, and the lowest threshold */
	uint64_t lowest, lowest_before; /* of any key in it, and in the one before it */
};

/* Returns 0 or -ENOMEM; adaptive_close() is due all the same. */
int adaptive_open(struct adaptive *adaptive, double per_second, uint64_t tick_ns, unsigned int keys, uint64_t seed);
void adaptive_close(struct adaptive *adaptive);

/* Counts what a record of a key stands for, and returns the threshold for it. */
uint64_t adaptive_threshold(struct adaptive *adaptive, const char *key, size_t length, double weight, uint64_t now_ns);

/* Time has come to this, with records or without. */
void adaptive_turn(struct adaptive *adaptive, uint64_t now_ns);

/* The threshold that no key is sampled more sparingly than: what whoever samples for all of them may do. */
uint64_t adaptive_in_force(const struct adaptive *adaptive);

#endif
