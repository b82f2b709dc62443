/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parsers of a caller's headers on any bytes, each against another: regular expressions for the IDs, and
 * common/record/tracestate.c. What lies behind a header in its buffer changes nothing.
 */
#include "bpf/propagation.h"

#include <regex.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/record/tracestate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BLANKS "[\t ]{0,8}"
#define TRACE_ID "([0-9a-f]{32})"
#define SPAN_ID "([0-9a-f]{16})"

enum { ZEROS = 32, GROUPS = 8 };

static const char *const patterns[] = {
	"^" BLANKS "([0-9a-f]{2})-" TRACE_ID "-" SPAN_ID "-([0-9a-f]{2})(" BLANKS "$|-)",
	"^" BLANKS "([0-9a-f]{16}|[0-9a-f]{32})-" SPAN_ID "(-[01d])?(-[0-9a-f]{16})?" BLANKS "$",
	"^" BLANKS "([01d])" BLANKS "$",
	"^" BLANKS "([0-9a-f]{16}|[0-9a-f]{32})" BLANKS "$",
	"^" BLANKS SPAN_ID BLANKS "$",
	"^" BLANKS "(0|1|true|false)" BLANKS "$",
	"^" BLANKS "1" BLANKS "$",
};

enum { TRACEPARENT, B3, B3_STATE, B3_TRACE_ID, B3_SPAN_ID, B3_SAMPLED, B3_DEBUG, N_PATTERNS };

struct header {
	const char *text;
	size_t length;
};

static void require(bool condition)
{
	if (!condition)
		abort();
}

static bool matches(int pattern, const struct header *header, regmatch_t groups[GROUPS])
{
	static regex_t compiled[N_PATTERNS];
	static bool is_compiled;

	for (int i = 0; i < N_PATTERNS && !is_compiled; i++)
		require(!regcomp(&compiled[i], patterns[i], REG_EXTENDED));
	is_compiled = true;
	groups[0] = (regmatch_t){ .rm_so = 0, .rm_eo = (regoff_t)header->length };
	return !regexec(&compiled[pattern], header->text, GROUPS, groups, REG_STARTEND);
}

static bool group_is(const struct header *header, const regmatch_t *group, const char *text)
{
	size_t length = (size_t)(group->rm_eo - group->rm_so);

	return group->rm_so >= 0 && length == strlen(text) && !memcmp(header->text + group->rm_so, text, length);
}

static bool is_zero(const struct header *header, const regmatch_t *group)
{
	for (regoff_t i = group->rm_so; i < group->rm_eo; i++)
		if (header->text[i] != '0')
			return false;
	return true;
}

/* The bytes are those that the digits say, with zeros before them where there are fewer. */
static void require_id(const struct header *header, const regmatch_t *group, const __u8 *bytes, size_t size)
{
	char text[ZEROS + 1] = "00000000000000000000000000000000";
	size_t digits = (size_t)(group->rm_eo - group->rm_so);

	memcpy(text + 2 * size - digits, header->text + group->rm_so, digits);
	for (size_t i = 0; i < size; i++) {
		char byte[3];

		snprintf(byte, sizeof(byte), "%02x", bytes[i]);
		require(!memcmp(byte, text + 2 * i, 2));
	}
}

/* A buffer of its own, so that no byte behind it is read unseen. */
static char *buffer_make(const struct header *header, size_t size, int fill)
{
	char *buffer = malloc(size);

	require(buffer);
	memset(buffer, fill, size);
	memcpy(buffer, header->text, header->length < size ? header->length : size);
	return buffer;
}

static void parse_traceparent(const struct header *header, int fill)
{
	char *buffer = buffer_make(header, TRACEPARENT_SIZE, fill);
	struct trace_parent parent;
	bool taken = traceparent_parse(buffer, (__u32)header->length, &parent);
	regmatch_t groups[GROUPS];
	bool wanted = matches(TRACEPARENT, header, groups) && !group_is(header, &groups[1], "ff") &&
		      !is_zero(header, &groups[2]) && !is_zero(header, &groups[3]) &&
		      (!group_is(header, &groups[1], "00") || !group_is(header, &groups[5], "-"));

	/* The end of a header that is not read whole is not known to be one. */
	if (header->length > TRACEPARENT_SIZE && wanted && !group_is(header, &groups[5], "-"))
		wanted = false;
	require(taken == wanted);
	if (taken) {
		char flags = header->text[groups[4].rm_eo - 1];

		require_id(header, &groups[2], parent.trace_id, TRACE_ID_BYTES);
		require_id(header, &groups[3], parent.span_id, SPAN_ID_BYTES);
		require(strchr("13579bdf", flags) ? parent.flags & PARENT_SAMPLED : parent.flags & PARENT_NOT_SAMPLED);
		require(!strchr("2367abef", flags) == !(parent.flags & PARENT_RANDOM));
	}
	free(buffer);
}

static __u8 state_flags(char state)
{
	return state == '0' ? PARENT_NOT_SAMPLED : state == '1' ? PARENT_SAMPLED : PARENT_SAMPLED | PARENT_DEBUG;
}

static void parse_b3(const struct header *header, int fill)
{
	char *buffer = buffer_make(header, B3_SIZE, fill);
	struct trace_parent parent;
	enum parent_result result = b3_parse(buffer, (__u32)header->length, &parent);
	regmatch_t groups[GROUPS];
	bool wanted = header->length <= B3_SIZE && matches(B3, header, groups) && !is_zero(header, &groups[1]) &&
		      !is_zero(header, &groups[2]);

	require((result == PARENT_FOUND) == wanted);
	if (wanted) {
		require_id(header, &groups[1], parent.trace_id, TRACE_ID_BYTES);
		require_id(header, &groups[2], parent.span_id, SPAN_ID_BYTES);
		require(parent.flags == (groups[3].rm_so < 0 ? 0 : state_flags(header->text[groups[3].rm_eo - 1])));
	}
	wanted = header->length <= B3_SIZE && matches(B3_STATE, header, groups);
	require((result == PARENT_DECISION) == wanted);
	if (wanted)
		require(parent.flags == state_flags(header->text[groups[1].rm_so]));
	free(buffer);
}

static __u32 header_put(char *buffer, size_t size, const struct header *header, int fill)
{
	memset(buffer, fill, size);
	if (header->text)
		memcpy(buffer, header->text, header->length < size ? header->length : size);
	return header->text ? (__u32)header->length : B3_ABSENT;
}

static bool fits(int pattern, const struct header *header, size_t size, regmatch_t groups[GROUPS])
{
	return header->text && header->length <= size && matches(pattern, header, groups);
}

/* The flags that the headers say, or -1 if they are malformed. */
static int multi_flags(const struct header *sampled, const struct header *flags)
{
	regmatch_t groups[GROUPS];
	int said = 0;

	if (sampled->text) {
		if (!fits(B3_SAMPLED, sampled, B3_WORD_SIZE, groups))
			return -1;
		said = strchr("1t", sampled->text[groups[1].rm_so]) ? PARENT_SAMPLED : PARENT_NOT_SAMPLED;
	}
	return fits(B3_DEBUG, flags, B3_WORD_SIZE, groups) ? PARENT_SAMPLED | PARENT_DEBUG : said;
}

static void parse_b3_multi(const struct header headers[4], int fill)
{
	struct b3_multi multi;
	struct trace_parent parent;
	regmatch_t trace_id[GROUPS], span_id[GROUPS];
	int flags = multi_flags(&headers[2], &headers[3]);
	bool has_ids = fits(B3_TRACE_ID, &headers[0], B3_TRACE_ID_SIZE, trace_id) &&
		       fits(B3_SPAN_ID, &headers[1], B3_SPAN_ID_SIZE, span_id) && !is_zero(&headers[0], &trace_id[1]) &&
		       !is_zero(&headers[1], &span_id[1]);

	multi.trace_id_length = header_put(multi.trace_id, B3_TRACE_ID_SIZE, &headers[0], fill);
	multi.span_id_length = header_put(multi.span_id, B3_SPAN_ID_SIZE, &headers[1], fill);
	multi.sampled_length = header_put(multi.sampled, B3_WORD_SIZE, &headers[2], fill);
	multi.flags_length = header_put(multi.flags, B3_WORD_SIZE, &headers[3], fill);
	enum parent_result result = b3_multi_parse(&multi, &parent);

	require((result == PARENT_FOUND) == (has_ids && flags >= 0));
	require((result == PARENT_DECISION) == (!headers[0].text && !headers[1].text && flags > 0));
	require(result == PARENT_NONE || parent.flags == flags);
	if (result == PARENT_FOUND) {
		require_id(&headers[0], &trace_id[1], parent.trace_id, TRACE_ID_BYTES);
		require_id(&headers[1], &span_id[1], parent.span_id, SPAN_ID_BYTES);
	}
}

/* Each line is a header; one that is "!" is not there. */
static void split(const struct header *all, struct header headers[4])
{
	const char *at = all->text, *end = all->text + all->length;

	for (int i = 0; i < 4; i++) {
		const char *stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;

		stop = stop ? stop : end;
		headers[i] = (struct header){ at, (size_t)(stop - at) };
		if (headers[i].length == 1 && *at == '!')
			headers[i] = (struct header){ NULL, 0 };
		at = stop < end ? stop + 1 : end;
	}
}

/* What is found is what is there. What is there and not found is cut off, or has many blanks behind it. */
static void parse_tracestate(const struct header *header, int fill)
{
	char *buffer = buffer_make(header, TRACESTATE_SIZE, fill);
	struct tracestate_sampling sampling;
	uint64_t threshold = 0, r = 0;
	bool is_simple = header->length <= TRACESTATE_SIZE && !memmem(header->text, header->length, "  ", 2) &&
			 !memchr(header->text, '\t', header->length);
	__u32 wanted = (tracestate_threshold(header->text, header->length, &threshold) ? SAMPLING_THRESHOLD : 0) |
		       (tracestate_randomness(header->text, header->length, &r) ? SAMPLING_RANDOMNESS : 0);

	require(tracestate_sampling(buffer, (__u32)header->length, &sampling) == sampling.found);
	require(is_simple ? sampling.found == wanted : !(sampling.found & ~wanted));
	require(!(sampling.found & SAMPLING_THRESHOLD) || sampling.threshold == threshold);
	require(!(sampling.found & SAMPLING_RANDOMNESS) || sampling.randomness == r);
	free(buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int fills[] = { 0, ' ', '-', '1', ',' };
	/* The sanitizer's regexec() wants a NUL at the end. */
	char *text = malloc(size + 1);
	struct header all = { text, size }, headers[4];

	require(text);
	memcpy(text, data, size);
	text[size] = '\0';
	split(&all, headers);
	for (size_t i = 0; i < sizeof(fills) / sizeof(fills[0]); i++) {
		parse_traceparent(&all, fills[i]);
		parse_b3(&all, fills[i]);
		parse_b3_multi(headers, fills[i]);
		parse_tracestate(&all, fills[i]);
	}
	tracestate_is_valid(text, size);
	free(text);
	return 0;
}
