/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace ids: 128 bits in 32 hexadecimal digits (W3C Trace Context), or 64 in 16 (B3), of either case, as OTLP/JSON has
 * them; two zeros in front may be missing, as Jaeger leaves them out. An id of zeros is none. Records with ids of another
 * form (a UUID with its hyphens, a request's number) belong together as well, by a hash; R, which must be the same for
 * every implementation, is not taken from those. Nor is it from 17 to 29 digits: such are Datadog's decimal ids, whose
 * digits are not evenly spread, so that no R would ever reach a threshold of a few percent.
 */
#ifndef OTB_SAMPLE_TRACE_ID_H
#define OTB_SAMPLE_TRACE_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/otb-sample/fields.h"
#include "common/record/random.h"
#include "common/record/threshold.h"

struct trace_id {
	uint64_t high, low;
	bool is_hex;
};

/* False: the record has none. */
bool trace_id_read(const struct record_view *record, struct trace_id *id);

static inline bool trace_id_equals(const struct trace_id *a, const struct trace_id *b)
{
	return a->low == b->low && a->high == b->high;
}

/* For hash tables; whoever chooses ids does not know the seed. */
static inline uint64_t trace_id_hash(const struct trace_id *id, uint64_t seed)
{
	struct random random = { id->low ^ seed };

	/* What it does to its state makes every bit of it count in every bit. */
	random.state = random_bits(&random) ^ id->high;
	return random_bits(&random);
}

/* R of a text that is no id: the low 56 bits of its SHA-256 (FIPS 180-4), the last seven bytes of the digest, big-endian. */
uint64_t hash_randomness(const char *text, size_t length);

#endif
