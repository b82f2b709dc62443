/* SPDX-License-Identifier: Apache-2.0 */
/* --first N --per FIELD --every TIME: the first N records of each value of a field, in each span of time. */
#ifndef OTB_SAMPLE_FIRST_H
#define OTB_SAMPLE_FIRST_H

#include <stdbool.h>

#include "cmd/otb-sample/key_table.h"

struct first {
	uint64_t n, every_ns;
	struct key_table keys;
};

/* Returns 0 or -ENOMEM; first_close() is due all the same. */
int first_open(struct first *first, uint64_t n, uint64_t every_ns, unsigned int keys, uint64_t seed);
void first_close(struct first *first);

/* Counts a record of a key; whether it is one of the first. */
bool first_takes(struct first *first, const char *key, size_t length, uint64_t now_ns);

#endif
