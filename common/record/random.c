/* SPDX-License-Identifier: Apache-2.0 */
#include "common/record/random.h"

#include <sys/random.h>

#include "common/host/clock.h"

void random_seed(struct random *random, uint64_t seed)
{
	random->state = seed;
}

uint64_t random_new_seed(void)
{
	uint64_t seed;

	return getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == sizeof(seed) ? seed : clock_monotonic_ns();
}

uint64_t random_bits(struct random *random)
{
	random->state += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t bits = random->state;
	bits = (bits ^ bits >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	bits = (bits ^ bits >> 27) * UINT64_C(0x94d049bb133111eb);
	return bits ^ bits >> 31;
}

double random_fraction(struct random *random)
{
	return (double)(random_bits(random) >> 11) * 0x1p-53;
}
