/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/arrival.h"

#include <stdlib.h>

#include "common/record/threshold.h"
#include "common/record/tracestate.h"

enum {
	TRACESTATE_MAX = 4096, /* W3C wants at least 512 to be propagated */
	KEY_TEXT_MAX = 4096,   /* that is decoded without asking for memory */
};

static bool read_tracestate(const struct record_view *record, uint64_t *randomness)
{
	char space[TRACESTATE_MAX];
	const char *text;
	size_t length = fields_read_string(record, FIELD_TRACESTATE, space, sizeof(space), &text);

	return length && tracestate_randomness(text, length, randomness);
}

static bool read_key(const struct record_view *record, const struct field *key, uint64_t *randomness)
{
	const struct json_value *value = field_value(key, record);
	char space[KEY_TEXT_MAX], *decoded = space;
	const char *text;

	if (value && value->escaped && value->length > sizeof(space))
		decoded = malloc(value->length);
	if (!value || !decoded)
		return false;
	size_t length = field_read_text(value, record, decoded, value->length, &text);
	*randomness = hash_randomness(text, length);
	if (decoded != space)
		free(decoded);
	return true;
}

/* From T on, as the record has been kept by it. T is below THRESHOLD_NEVER. */
static uint64_t draw(struct random *random, uint64_t threshold)
{
	uint64_t span = THRESHOLD_NEVER - threshold;

	return threshold + (uint64_t)(((unsigned __int128)random_bits(random) * span) >> 64);
}

struct randomness randomness_read(const struct record_view *record, const struct trace_id *id, const struct field *key,
				  const struct arrival *arrival, struct random *random)
{
	struct randomness randomness = { .source = RANDOMNESS_TRACESTATE };

	if (read_tracestate(record, &randomness.value))
		return randomness;
	if (id && id->is_hex)
		return (struct randomness){ id->low & (THRESHOLD_NEVER - 1), RANDOMNESS_TRACE_ID };
	randomness.source = RANDOMNESS_HASH;
	if (key && read_key(record, key, &randomness.value))
		return randomness;
	return (struct randomness){ draw(random, arrival->threshold), RANDOMNESS_DRAWN };
}

struct arrival arrival_parse(const struct record_view *record)
{
	struct arrival arrival = { .threshold = 0 };
	char space[2 * THRESHOLD_SIZE];
	const char *text = NULL;

	size_t length = fields_read_string(record, FIELD_THRESHOLD, space, sizeof(space), &text);
	arrival.is_unknown = !length || !threshold_parse(text, length, &arrival.threshold);
	return arrival;
}

void arrival_settle(struct arrival *arrival, uint64_t randomness)
{
	if (randomness >= arrival->threshold)
		return;
	arrival->is_unknown = true;
	arrival->threshold = 0;
}
