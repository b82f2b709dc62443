/* SPDX-License-Identifier: Apache-2.0 */
/* What records bring along: where R comes from, which thresholds are ones, and what is unknown. */
#include "cmd/otb-sample/arrival.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "cmd/otb-sample/trace_id.h"
#include "common/record/threshold.h"
#include "tests/unit/sample.h"
#include "tests/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct sample sample;
static struct field key; /* user.id */

struct reading {
	struct arrival arrival;
	struct randomness r;
};

static struct reading read_record(const struct record_view *record, const struct field *of_key, struct random *random)
{
	struct reading reading = { .arrival = arrival_read(record) };
	struct trace_id id;
	bool has_id = trace_id_read(record, &id);

	reading.r = randomness_read(record, has_id ? &id : NULL, of_key, &reading.arrival, random);
	return reading;
}

static struct reading read_line(const char *line, bool has_key)
{
	struct random random;

	random_seed(&random, 1);
	return read_record(sample_scan(&sample, line), has_key ? &key : NULL, &random);
}

/* ---- R ---- */

#define TRACE "\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\""
#define STATE "\"tracestate\":\"ot=rv:d29d6a7215ced0\""

static void test_sources(void)
{
	static const struct {
		const char *line;
		enum randomness_source source;
		uint64_t r;
	} records[] = {
		{ "{" TRACE "}", RANDOMNESS_TRACE_ID, UINT64_C(0xce929d0e0e4736) },
		{ "{\"trace_id\":\"4BF92F3577B34DA6A3CE929D0E0E4736\"}", RANDOMNESS_TRACE_ID,
		  UINT64_C(0xce929d0e0e4736) },
		{ "{\"trace_id\":\"a3ce929d0e0e4736\"}", RANDOMNESS_TRACE_ID, UINT64_C(0xce929d0e0e4736) },
		{ "{\"trace_id\":\"00000000000000010000000000000000\"}", RANDOMNESS_TRACE_ID, 0 },
		{ "{" STATE "," TRACE ",\"user_id\":\"abc\"}", RANDOMNESS_TRACESTATE, UINT64_C(0xd29d6a7215ced0) },
		{ "{" TRACE ",\"tracestate\":\"a=b, ot=th:8;rv:00000000000000 ,c=d\"}", RANDOMNESS_TRACESTATE, 0 },
		{ "{\"tracestate\":\"ot\\u003drv:\\u0064\\u00329d6a7215ced0\"}", RANDOMNESS_TRACESTATE,
		  UINT64_C(0xd29d6a7215ced0) },
		{ "{" TRACE ",\"tracestate\":\"ot=th:8\"}", RANDOMNESS_TRACE_ID, UINT64_C(0xce929d0e0e4736) },
		{ "{" TRACE ",\"tracestate\":\"ot=rv:d29d6a7215ced\"}", RANDOMNESS_TRACE_ID,
		  UINT64_C(0xce929d0e0e4736) },
		{ "{" TRACE ",\"tracestate\":\"xot=rv:d29d6a7215ced0\"}", RANDOMNESS_TRACE_ID,
		  UINT64_C(0xce929d0e0e4736) },
		{ "{" TRACE ",\"tracestate\":[\"ot=rv:d29d6a7215ced0\"]}", RANDOMNESS_TRACE_ID,
		  UINT64_C(0xce929d0e0e4736) },
		{ "{" TRACE ",\"tracestate\":\"\"}", RANDOMNESS_TRACE_ID, UINT64_C(0xce929d0e0e4736) },
		{ "{" TRACE ",\"user_id\":\"abc\"}", RANDOMNESS_TRACE_ID, UINT64_C(0xce929d0e0e4736) },
		{ "{\"user_id\":\"abc\"}", RANDOMNESS_HASH, UINT64_C(0x10ff61f20015ad) },
		{ "{\"user.id\":\"abc\"}", RANDOMNESS_HASH, UINT64_C(0x10ff61f20015ad) },
		{ "{\"user_id\":\"\\u0061b\\u0063\"}", RANDOMNESS_HASH, UINT64_C(0x10ff61f20015ad) },
		{ "{\"user_id\":\"\\u00e9\"}", RANDOMNESS_HASH, UINT64_C(0x1c3f6e2ba69c4c) },
		{ "{\"user_id\":\"\xc3\xa9\"}", RANDOMNESS_HASH, UINT64_C(0x1c3f6e2ba69c4c) },
		{ "{\"user_id\":\"\"}", RANDOMNESS_HASH, UINT64_C(0x95991b7852b855) },
		{ "{\"user_id\":17}", RANDOMNESS_HASH, UINT64_C(0x9a8f283be6b9e3) },
		{ "{\"user_id\":\"17\"}", RANDOMNESS_HASH, UINT64_C(0x9a8f283be6b9e3) },
		{ "{\"user_id\":1e3}", RANDOMNESS_HASH, UINT64_C(0x1c4221bc1935eb) },
		{ "{\"user_id\":true}", RANDOMNESS_HASH, UINT64_C(0x3a45b44867e12b) },
		{ "{\"user_id\":[1, \"x\"]}", RANDOMNESS_HASH, UINT64_C(0xff025418601e25) },
		{ "{\"trace_id\":\"00000000000000000000000000000000\",\"user_id\":\"abc\"}", RANDOMNESS_HASH,
		  UINT64_C(0x10ff61f20015ad) },
		{ "{\"trace_id\":\"request 17\",\"user_id\":\"abc\"}", RANDOMNESS_HASH, UINT64_C(0x10ff61f20015ad) },
	};

	for (size_t i = 0; i < COUNT(records); i++) {
		struct reading reading = read_line(records[i].line, true);

		check(reading.r.source == records[i].source && reading.r.value == records[i].r &&
			      !reading.arrival.is_unknown,
		      "R of %s is %014" PRIx64, records[i].line, records[i].r);
	}
}

static void test_drawn(void)
{
	static const char *const lines[] = { "{}",
					     "{\"user_id\":null}",
					     "{\"trace_id\":\"00000000000000000000000000000000\"}",
					     "{\"trace_id\":null}",
					     "{\"trace_id\":\"request 17\"}",
					     "{\"trace_id\":\"1234567890123456789\"}",
					     "{\"trace_id\":17}",
					     "{\"tracestate\":\"ot=th:8\"}" };

	for (size_t i = 0; i < COUNT(lines); i++)
		check(read_line(lines[i], true).r.source == RANDOMNESS_DRAWN, "R of %s is drawn", lines[i]);
	check(read_line("{\"user_id\":\"abc\"}", false).r.source == RANDOMNESS_DRAWN, "and without --key any other is");
}

/* Evenly, from the threshold on that the record came with. */
static void check_draws(const char *threshold)
{
	enum { DRAWS = 100000 };
	char line[64];
	uint64_t first = 0, least = UINT64_MAX, most = 0;
	struct random random;
	double sum = 0;

	threshold_parse(threshold, strlen(threshold), &first);
	snprintf(line, sizeof(line), "{\"sampling_threshold\":\"%s\"}", threshold);
	const struct record_view *record = sample_scan(&sample, line);
	random_seed(&random, 2);
	for (int i = 0; i < DRAWS; i++) {
		uint64_t r = read_record(record, NULL, &random).r.value;

		least = r < least ? r : least;
		most = r > most ? r : most;
		sum += (double)(r - first) / DRAWS;
	}
	double span = (double)(THRESHOLD_NEVER - first);
	check(least >= first && most < THRESHOLD_NEVER && (span < 2 || (double)(least - first) < span * 1e-3) &&
		      (span < 2 || (double)(most - first) > span * (1 - 1e-3) - 1) &&
		      fabs(sum - (span - 1) / 2) <= 4 * span / sqrt(12.0 * DRAWS),
	      "drawn from %s on: %" PRIx64 " to %" PRIx64, threshold, least, most);
}

/* A text is the same however it is written, and however long it is. */
static void check_long(size_t length)
{
	static char line[200000];
	char *text = malloc(length), *end = line;

	memset(text, 'a', length);
	snprintf(line, sizeof(line), "{\"user_id\":\"%.*s\"}", (int)length, text);
	uint64_t plain = read_line(line, true).r.value;
	end += sprintf(end, "{\"user_id\":\"");
	for (size_t i = 0; i < length; i++)
		end += sprintf(end, i % 7 ? "a" : "\\u0061");
	sprintf(end, "\"}");
	check(plain == hash_randomness(text, length) && read_line(line, true).r.value == plain,
	      "R of a key of %zu bytes is the same with escapes", length);
	free(text);
}

static void test_long(void)
{
	static const size_t lengths[] = { 100, 4095, 4096, 4097, 5000, 60000 };

	for (size_t i = 0; i < COUNT(lengths); i++)
		check_long(lengths[i]);
}

/* ---- thresholds ---- */

static void test_thresholds(void)
{
	static const struct {
		const char *value;
		uint64_t threshold;
	} good[] = { { "null", 0 },
		     { "\"0\"", 0 },
		     { "\"8\"", UINT64_C(1) << 55 },
		     { "\"cccd\"", UINT64_C(0xcccd0000000000) },
		     { "\"\\u0063ccd\"", UINT64_C(0xcccd0000000000) },
		     { "\"ce929d0e0e4736\"", UINT64_C(0xce929d0e0e4736) },
		     { "\"00000000000001\"", 1 } };
	static const char *const bad[] = { "\"\"",
					   "8",
					   "0",
					   "true",
					   "[]",
					   "{}",
					   "\"E666\"",
					   "\"g\"",
					   "\" 8\"",
					   "\"8 \"",
					   "\"0x8\"",
					   "\"-1\"",
					   "\"123456789abcdef\"",
					   "\"\\u0000\"",
					   "\"000000000000000\"",
					   "\"00000000000000000000000000000000000000000000000000000000000\"" };
	char line[256];

	for (size_t i = 0; i < COUNT(good); i++) {
		snprintf(line, sizeof(line), "{" TRACE ",\"sampling_threshold\":%s}", good[i].value);
		struct reading reading = read_line(line, false);
		arrival_settle(&reading.arrival, reading.r.value);
		check(!reading.arrival.is_unknown && reading.arrival.threshold == good[i].threshold,
		      "%s is a threshold", good[i].value);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		snprintf(line, sizeof(line), "{" TRACE ",\"sampling_threshold\":%s}", bad[i]);
		struct arrival arrival = read_line(line, false).arrival;
		check(arrival.is_unknown && !arrival.threshold && arrival_weight(&arrival) == 1,
		      "%s is none, and the weight unknown", bad[i]);
	}
}

static void test_settle(void)
{
	struct reading reading = read_line("{" TRACE ",\"sampling_threshold\":\"ce929d0e0e4737\"}", false);
	struct arrival arrival = reading.arrival;

	check(arrival.threshold == UINT64_C(0xce929d0e0e4737) && !arrival.is_unknown, "a threshold above R is read");
	arrival_settle(&arrival, reading.r.value);
	check(arrival.is_unknown && !arrival.threshold && arrival_weight(&arrival) == 1, "and says nothing");
	arrival = read_line("{" TRACE ",\"sampling_threshold\":\"ce929d0e0e4736\"}", false).arrival;
	arrival_settle(&arrival, reading.r.value);
	check(!arrival.is_unknown && arrival.threshold == UINT64_C(0xce929d0e0e4736), "one that is R is right");
	arrival_settle(&arrival, arrival.threshold - 1);
	check(arrival.is_unknown, "unless its trace has another R");
	arrival = read_line("{" TRACE ",\"sampling_threshold\":\"x\"}", false).arrival;
	arrival_settle(&arrival, THRESHOLD_NEVER - 1);
	check(arrival.is_unknown, "what is unknown stays so");
}

static void test_weights(void)
{
	struct arrival arrival = { .threshold = 0 };

	check(arrival_weight(&arrival) == 1, "all: 1");
	arrival.threshold = UINT64_C(0xe0000000000000);
	check(arrival_weight(&arrival) == 8, "1 in 8: 8");
	arrival.threshold = THRESHOLD_NEVER - 1;
	check(arrival_weight(&arrival) == 0x1p56, "the most");
}

int main(void)
{
	fields_open(&sample.names);
	if (field_bind(&key, strdup("user.id"), &sample.names))
		abort();
	test_sources();
	test_drawn();
	check_draws("0");
	check_draws("8");
	check_draws("fd70a4");
	check_draws("ffffffffffff");
	check_draws("ffffffffffffff");
	test_long();
	test_thresholds();
	test_settle();
	test_weights();
	field_clear(&key);
	sample_close(&sample);
	return finish_tests();
}
