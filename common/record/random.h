/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers that are the same on every machine for the same seed, for sampling and rounding; not for secrets. It is
 * splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
 */
#ifndef OTB_RANDOM_H
#define OTB_RANDOM_H

#include <stdint.h>

struct random {
	uint64_t state;
};

/* Any seed is as good as any other. */
void random_seed(struct random *random, uint64_t seed);

/* A seed that is another in each run: the kernel's random bits, or the time since the machine started while there are none
 * yet, early on. */
uint64_t random_new_seed(void);

/* 64 random bits. */
uint64_t random_bits(struct random *random);

/* A multiple of 2^-53 from 0 up to, but without, 1. */
double random_fraction(struct random *random);

#endif
