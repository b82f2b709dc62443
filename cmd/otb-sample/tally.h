/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was decided, by whom: one tally for each rule and each sampler, by name. They outlive the rules, so that a reload
 * loses no count, and whoever has decided can be named as long as the program runs. Rules of a set that was not taken leave
 * some behind that nobody is to hear of.
 */
#ifndef OTB_SAMPLE_TALLY_H
#define OTB_SAMPLE_TALLY_H

#include <stdbool.h>
#include <stdint.h>

struct tally {
	struct tally *next;
	uint64_t records, kept, unweighted; /* the last are kept, and of unknown weight */
	double adjusted, adjusted_kept;     /* sums of adjusted counts: of what was seen, and of what was kept of it */
	bool is_in_force;                   /* or was once */
	char name[];
};

struct tallies {
	struct tally *first, **last; /* in the order in which they were asked for */
};

void tallies_open(struct tallies *tallies);
void tallies_close(struct tallies *tallies);

/* The tally of that name, which is made if there is none yet. NULL: no memory. */
struct tally *tallies_get(struct tallies *tallies, const char *name);

#endif
