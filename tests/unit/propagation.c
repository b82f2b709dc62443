/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The headers that name a caller's span, read in user space and, where programs can be loaded, in the kernel: tables of
 * what W3C's test suite (w3c/trace-context, test/test.py) and the text of openzipkin/b3-propagation take and refuse, and
 * tracestates against common/record/tracestate.c, which reads them another way.
 */
#include "bpf/propagation.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "common/record/random.h"
#include "common/record/tracestate.h"
#include "tests/target/propagation.h"
#include "tests/target/propagation.skel.h"
#include "tests/unit/tap.h"

#define TRACE "12345678901234567890123456789012"
#define SPAN "1234567890123456"
#define ZEROS "0000000000000000"
#define SHORT "fedcba9876543210"
#define IDS TRACE "-" SPAN

enum { SAMPLED = PARENT_SAMPLED, NOT_SAMPLED = PARENT_NOT_SAMPLED, DEBUG = PARENT_SAMPLED | PARENT_DEBUG };

static struct propagation_bpf *kernel; /* NULL: no programs can be loaded here */

/* What may lie behind a header in its buffer. */
static const char fills[] = { '\0', ' ', '-', '0', 'f', ',', '\xff' };

static void buffer_fill(char *buffer, size_t size, const char *text, size_t length, char fill)
{
	memset(buffer, fill, size);
	memcpy(buffer, text, length < size ? length : size);
}

/* ---- The kernel ---- */

static bool kernel_run(const struct bpf_program *program, const struct bpf_map *input, const void *value,
		       struct propagation_answer *answer)
{
	static const char packet[64];
	__u32 key = 0;
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof(packet));

	return !bpf_map_update_elem(bpf_map__fd(input), &key, value, BPF_ANY) &&
	       !bpf_map_update_elem(bpf_map__fd(kernel->maps.answers), &key, answer, BPF_ANY) &&
	       !bpf_prog_test_run_opts(bpf_program__fd(program), &options) &&
	       !bpf_map_lookup_elem(bpf_map__fd(kernel->maps.answers), &key, answer);
}

static bool parent_equal(const struct trace_parent *one, const struct trace_parent *other)
{
	return !memcmp(one, other, sizeof(*one));
}

/* The same answer comes from the kernel; what is not found may be anything. */
static bool kernel_agrees(const struct bpf_program *program, const struct bpf_map *input, const void *value,
			  enum parent_result result, const struct trace_parent *parent)
{
	struct propagation_answer answer = { .result = 99 };

	if (!kernel_run(program, input, value, &answer) || answer.result != (__u32)result)
		return false;
	return result == PARENT_NONE || (result == PARENT_DECISION && answer.parent.flags == parent->flags) ||
	       parent_equal(&answer.parent, parent);
}

/* ---- IDs ---- */

static void hex_write(const __u8 *bytes, size_t size, char *text)
{
	for (size_t i = 0; i < size; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
}

static bool parent_is(const struct trace_parent *parent, const char *trace_id, const char *span_id, int flags)
{
	char trace_text[2 * TRACE_ID_BYTES + 1], span_text[2 * SPAN_ID_BYTES + 1];

	hex_write(parent->trace_id, TRACE_ID_BYTES, trace_text);
	hex_write(parent->span_id, SPAN_ID_BYTES, span_text);
	return !strcmp(trace_text, trace_id) && !strcmp(span_text, span_id) && parent->flags == flags;
}

/* ---- traceparent ---- */

static const struct {
	const char *text;
	int flags; /* 0: refused */
} traceparents[] = {
	/* The suite: taken. */
	{ "00-" IDS "-01", SAMPLED },
	{ "00-" IDS "-00", NOT_SAMPLED },
	{ "00-" IDS "-02", NOT_SAMPLED | PARENT_RANDOM },
	{ "cc-" IDS "-01", SAMPLED },
	{ "cc-" IDS "-01-what-the-future-will-be-like", SAMPLED },
	{ " 00-" IDS "-01", SAMPLED },
	{ "\t00-" IDS "-01", SAMPLED },
	{ "00-" IDS "-01 ", SAMPLED },
	{ "00-" IDS "-01\t", SAMPLED },
	{ "\t 00-" IDS "-01 \t", SAMPLED },
	/* The suite: refused. */
	{ "00-" IDS "-01.", 0 },
	{ "00-" IDS "-01-what-the-future-will-be-like", 0 },
	{ "cc-" IDS "-01.what-the-future-will-be-like", 0 },
	{ "ff-" IDS "-01", 0 },
	{ ".0-" IDS "-01", 0 },
	{ "0.-" IDS "-01", 0 },
	{ "000-" IDS "-01", 0 },
	{ "0000-" IDS "-01", 0 },
	{ "0-" IDS "-01", 0 },
	{ "00-" ZEROS ZEROS "-" SPAN "-01", 0 },
	{ "00-.2345678901234567890123456789012-" SPAN "-01", 0 },
	{ "00-1234567890123456789012345678901.-" SPAN "-01", 0 },
	{ "00-123456789012345678901234567890123-" SPAN "-01", 0 },
	{ "00-1234567890123456789012345678901-" SPAN "-01", 0 },
	{ "00-" TRACE "-" ZEROS "-01", 0 },
	{ "00-" TRACE "-.234567890123456-01", 0 },
	{ "00-" TRACE "-123456789012345.-01", 0 },
	{ "00-" TRACE "-12345678901234567-01", 0 },
	{ "00-" TRACE "-123456789012345-01", 0 },
	{ "00-" IDS "-.0", 0 },
	{ "00-" IDS "-0.", 0 },
	{ "00-" IDS "-001", 0 },
	{ "00-" IDS "-1", 0 },
	/* Flags that there are none of yet. */
	{ "00-" IDS "-03", SAMPLED | PARENT_RANDOM },
	{ "00-" IDS "-ff", SAMPLED | PARENT_RANDOM },
	{ "00-" IDS "-fc", NOT_SAMPLED },
	/* Versions. */
	{ "01-" IDS "-01", SAMPLED },
	{ "fe-" IDS "-01-", SAMPLED },
	{ "01-" IDS "-01 ", SAMPLED },
	{ "ff-" IDS "-01-x", 0 },
	{ "cc-" IDS "-0", 0 },
	{ "cc-" IDS "-011", 0 },
	{ "cc-" IDS "-01 -x", 0 },
	{ "00-" IDS "-01-", 0 },
	/* Case, and what is near digits in ASCII. */
	{ "0A-" IDS "-01", 0 },
	{ "00-1234567890123456789012345678901A-" SPAN "-01", 0 },
	{ "00-" TRACE "-A234567890123456-01", 0 },
	{ "00-" IDS "-0A", 0 },
	{ "00-1234567890123456789012345678901g-" SPAN "-01", 0 },
	{ "00-1234567890123456789012345678901`-" SPAN "-01", 0 },
	{ "00-1234567890123456789012345678901/-" SPAN "-01", 0 },
	{ "00-1234567890123456789012345678901:-" SPAN "-01", 0 },
	{ "00-1234567890123456789012345678901\xb1-" SPAN "-01", 0 },
	/* Dashes. */
	{ "00_" IDS "-01", 0 },
	{ "00-" TRACE "_" SPAN "-01", 0 },
	{ "00-" IDS "_01", 0 },
	/* Blanks: eight on each side, within the header, and what is none. */
	{ "        00-" IDS "-01", SAMPLED },
	{ "        cc-" IDS "-01-x", SAMPLED },
	{ "00-" IDS "-01        ", SAMPLED },
	{ "         00-" IDS "-01", 0 },
	{ "00-" IDS "-01          ", 0 },
	{ "00 -" IDS "-01", 0 },
	{ "00-" IDS "-01\r", 0 },
	{ "\n00-" IDS "-01", 0 },
	{ "", 0 },
	{ " ", 0 },
	{ "                                                                      ", 0 },
	{ "-", 0 },
};

static bool traceparent_is(const char *text, size_t length, int flags, char fill)
{
	struct traceparent_header header = { .length = (__u32)length };
	struct trace_parent parent = { .flags = 0 };
	char *buffer = malloc(TRACEPARENT_SIZE);
	bool taken;

	if (!buffer)
		abort();
	buffer_fill(buffer, TRACEPARENT_SIZE, text, length, fill);
	memcpy(header.text, buffer, TRACEPARENT_SIZE);
	taken = traceparent_parse(buffer, (__u32)length, &parent);
	free(buffer);
	if (taken != (flags != 0) || (taken && !parent_is(&parent, TRACE, SPAN, flags)))
		return false;
	return !kernel || kernel_agrees(kernel->progs.parse_traceparent, kernel->maps.traceparents, &header,
					taken ? PARENT_FOUND : PARENT_NONE, &parent);
}

static void test_traceparents(void)
{
	for (size_t i = 0; i < sizeof(traceparents) / sizeof(traceparents[0]); i++) {
		bool passed = true;

		for (size_t j = 0; j < sizeof(fills); j++)
			passed &= traceparent_is(traceparents[i].text, strlen(traceparents[i].text),
						 traceparents[i].flags, fills[j]);
		check(passed, "traceparent '%s' is %s", traceparents[i].text,
		      traceparents[i].flags ? "taken" : "refused");
	}
}

/* One byte changed, or the end cut off: whatever it is, every byte of version 00 matters. */
static void test_changed_traceparents(void)
{
	static const char text[] = "00-" IDS "-01";
	char changed[sizeof(text)];
	bool passed = true;

	for (size_t at = 0; at < sizeof(text) - 1; at++) {
		passed &= traceparent_is(text, at, 0, text[at]);
		for (int c = 0; c < 256; c++) {
			bool is_digit = text[at] != '-' && ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));

			memcpy(changed, text, sizeof(text));
			changed[at] = (char)c;
			if (!is_digit && c != text[at])
				passed &= traceparent_is(changed, sizeof(text) - 1, 0, '\0');
		}
	}
	check(passed, "no other byte is taken for a digit or a dash, nor what lies behind the end");
	check(traceparent_is("cc-" IDS "-01-xxxxxxxx", 0xffffffff, SAMPLED, '\0') &&
		      traceparent_is("cc-" IDS "-01-xxxxxxxxxxxxx", TRACEPARENT_SIZE + 1, SAMPLED, '\0'),
	      "a version to come may be longer than what is read");
}

/* ---- b3 ---- */

struct b3_case {
	const char *text;
	enum parent_result result;
	int flags;
	const char *trace_id;
};

#define B3_TRACE "80f198ee56343ba864fe8b2a57d3eff7"
#define B3_SPAN "e457b5a2e4d86bd1"
#define B3_PARENT "05e3ac9a4f6e3b90"
#define B3_IDS B3_TRACE "-" B3_SPAN

static const struct b3_case b3s[] = {
	/* README.md and RATIONALE.md. */
	{ B3_IDS "-1-" B3_PARENT, PARENT_FOUND, SAMPLED, B3_TRACE },
	{ B3_IDS "-1", PARENT_FOUND, SAMPLED, B3_TRACE },
	{ B3_IDS "-0", PARENT_FOUND, NOT_SAMPLED, B3_TRACE },
	{ B3_IDS "-d", PARENT_FOUND, DEBUG, B3_TRACE },
	{ B3_IDS "-d-" B3_PARENT, PARENT_FOUND, DEBUG, B3_TRACE },
	{ B3_IDS, PARENT_FOUND, 0, B3_TRACE },
	{ "0", PARENT_DECISION, NOT_SAMPLED, NULL },
	{ "1", PARENT_DECISION, SAMPLED, NULL },
	{ "d", PARENT_DECISION, DEBUG, NULL },
	/* Each of the last two fields is optional. */
	{ B3_IDS "-" B3_PARENT, PARENT_FOUND, 0, B3_TRACE },
	/* Trace IDs of 64 bits. */
	{ SHORT "-" B3_SPAN, PARENT_FOUND, 0, ZEROS SHORT },
	{ SHORT "-" B3_SPAN "-0", PARENT_FOUND, NOT_SAMPLED, ZEROS SHORT },
	{ SHORT "-" B3_SPAN "-1-" B3_PARENT, PARENT_FOUND, SAMPLED, ZEROS SHORT },
	{ SHORT "-" B3_SPAN "-" B3_PARENT, PARENT_FOUND, 0, ZEROS SHORT },
	{ ZEROS SHORT "-" B3_SPAN "-1", PARENT_FOUND, SAMPLED, ZEROS SHORT },
	{ SHORT ZEROS "-" B3_SPAN "-1", PARENT_FOUND, SAMPLED, SHORT ZEROS },
	/* Blanks. */
	{ " \t" B3_IDS "-1 ", PARENT_FOUND, SAMPLED, B3_TRACE },
	{ "        " B3_IDS "-1-" B3_PARENT "        ", PARENT_FOUND, SAMPLED, B3_TRACE },
	{ " 0\t", PARENT_DECISION, NOT_SAMPLED, NULL },
	{ "         " B3_IDS "-1", PARENT_NONE, 0, NULL },
	{ B3_IDS " -1", PARENT_NONE, 0, NULL },
	/* Malformed. */
	{ "", PARENT_NONE, 0, NULL },
	{ " ", PARENT_NONE, 0, NULL },
	{ "-", PARENT_NONE, 0, NULL },
	{ "2", PARENT_NONE, 0, NULL },
	{ "D", PARENT_NONE, 0, NULL },
	{ "-1", PARENT_NONE, 0, NULL },
	{ "1-", PARENT_NONE, 0, NULL },
	{ "00", PARENT_NONE, 0, NULL },
	{ "1-1", PARENT_NONE, 0, NULL },
	{ "true", PARENT_NONE, 0, NULL },
	{ "not-a-tumor", PARENT_NONE, 0, NULL },
	{ "b970dafd-0d95-40aa-95d8-1d8725aebe40", PARENT_NONE, 0, NULL },
	{ B3_TRACE, PARENT_NONE, 0, NULL },
	{ B3_TRACE "-", PARENT_NONE, 0, NULL },
	{ SHORT, PARENT_NONE, 0, NULL },
	{ SHORT "-1", PARENT_NONE, 0, NULL },
	{ SHORT "-" SHORT "-", PARENT_NONE, 0, NULL },
	{ B3_IDS "-", PARENT_NONE, 0, NULL },
	{ B3_IDS "-2", PARENT_NONE, 0, NULL },
	{ B3_IDS "--" B3_PARENT, PARENT_NONE, 0, NULL },
	{ B3_IDS "-1-", PARENT_NONE, 0, NULL },
	{ B3_IDS "-11", PARENT_NONE, 0, NULL },
	{ B3_IDS "-1-1", PARENT_NONE, 0, NULL },
	{ B3_IDS "-1--", PARENT_NONE, 0, NULL },
	{ B3_IDS "_1", PARENT_NONE, 0, NULL },
	{ B3_IDS "-1_" B3_PARENT, PARENT_NONE, 0, NULL },
	{ B3_IDS "_" B3_PARENT, PARENT_NONE, 0, NULL },
	{ B3_IDS "-1-05e3ac9a4f6e3b9", PARENT_NONE, 0, NULL },
	{ B3_IDS "-1-05e3ac9a4f6e3b9g", PARENT_NONE, 0, NULL },
	{ B3_IDS "-05e3ac9a4f6e3b9?", PARENT_NONE, 0, NULL },
	{ B3_IDS "-1-" B3_PARENT "0", PARENT_NONE, 0, NULL },
	{ B3_IDS "-1-" B3_PARENT "-1", PARENT_NONE, 0, NULL },
	{ B3_TRACE "-e457b5a2e4d86bd-1", PARENT_NONE, 0, NULL },
	{ B3_TRACE "-e457b5a2e4d86bd1f-1", PARENT_NONE, 0, NULL },
	{ B3_TRACE "_" B3_SPAN "-1", PARENT_NONE, 0, NULL },
	{ "80f198ee56343ba864fe8b2a57d3eff-" B3_SPAN "-1", PARENT_NONE, 0, NULL },
	{ "f" B3_IDS "-1", PARENT_NONE, 0, NULL },
	{ "80F198EE56343BA864FE8B2A57D3EFF7-" B3_SPAN "-1", PARENT_NONE, 0, NULL },
	{ B3_TRACE "-E457B5A2E4D86BD1-1", PARENT_NONE, 0, NULL },
	{ B3_IDS "-D", PARENT_NONE, 0, NULL },
	{ ZEROS ZEROS "-" B3_SPAN "-1", PARENT_NONE, 0, NULL },
	{ ZEROS "-" B3_SPAN "-1", PARENT_NONE, 0, NULL },
	{ B3_TRACE "-" ZEROS "-1", PARENT_NONE, 0, NULL },
	{ B3_IDS "-1-" B3_TRACE B3_TRACE B3_TRACE B3_TRACE, PARENT_NONE, 0, NULL },
};

static bool b3_answer_is(const struct b3_case *wanted, enum parent_result result, const struct trace_parent *parent)
{
	if (result != wanted->result)
		return false;
	if (result == PARENT_FOUND)
		return parent_is(parent, wanted->trace_id, B3_SPAN, wanted->flags);
	return result == PARENT_NONE || parent->flags == wanted->flags;
}

static bool b3_is(const struct b3_case *wanted, char fill)
{
	struct b3_header header = { .length = (__u32)strlen(wanted->text) };
	struct trace_parent parent = { .flags = 0 };
	char *buffer = malloc(B3_SIZE);
	enum parent_result result;

	if (!buffer)
		abort();
	buffer_fill(buffer, B3_SIZE, wanted->text, header.length, fill);
	memcpy(header.text, buffer, B3_SIZE);
	result = b3_parse(buffer, header.length, &parent);
	free(buffer);
	return b3_answer_is(wanted, result, &parent) &&
	       (!kernel || kernel_agrees(kernel->progs.parse_b3, kernel->maps.b3s, &header, result, &parent));
}

static const char *result_name(enum parent_result result)
{
	static const char *const names[] = {
		[PARENT_NONE] = "refused", [PARENT_DECISION] = "a decision", [PARENT_FOUND] = "taken"
	};

	return names[result];
}

static void test_b3(void)
{
	for (size_t i = 0; i < sizeof(b3s) / sizeof(b3s[0]); i++) {
		bool passed = true;

		for (size_t j = 0; j < sizeof(fills); j++)
			passed &= b3_is(&b3s[i], fills[j]);
		check(passed, "b3 '%s' is %s", b3s[i].text, result_name(b3s[i].result));
	}
}

/* ---- X-B3-* ---- */

static const struct {
	const char *trace_id, *span_id, *sampled, *flags; /* NULL: no such header */
	struct b3_case wanted;
} b3_multis[] = {
	{ B3_TRACE, B3_SPAN, "1", NULL, { .result = PARENT_FOUND, .flags = SAMPLED, .trace_id = B3_TRACE } },
	{ B3_TRACE, B3_SPAN, "0", NULL, { .result = PARENT_FOUND, .flags = NOT_SAMPLED, .trace_id = B3_TRACE } },
	{ B3_TRACE, B3_SPAN, NULL, NULL, { .result = PARENT_FOUND, .trace_id = B3_TRACE } },
	{ B3_TRACE, B3_SPAN, NULL, "1", { .result = PARENT_FOUND, .flags = DEBUG, .trace_id = B3_TRACE } },
	{ B3_TRACE, B3_SPAN, "0", "1", { .result = PARENT_FOUND, .flags = DEBUG, .trace_id = B3_TRACE } },
	{ B3_TRACE, B3_SPAN, "true", NULL, { .result = PARENT_FOUND, .flags = SAMPLED, .trace_id = B3_TRACE } },
	{ B3_TRACE, B3_SPAN, "false", NULL, { .result = PARENT_FOUND, .flags = NOT_SAMPLED, .trace_id = B3_TRACE } },
	{ SHORT, B3_SPAN, "1", NULL, { .result = PARENT_FOUND, .flags = SAMPLED, .trace_id = ZEROS SHORT } },
	{ " " B3_TRACE "\t",
	  "\t" B3_SPAN " ",
	  " 1 ",
	  " 0 ",
	  { .result = PARENT_FOUND, .flags = SAMPLED, .trace_id = B3_TRACE } },
	/* Any other value of the flags can be ignored. */
	{ B3_TRACE, B3_SPAN, "1", "0", { .result = PARENT_FOUND, .flags = SAMPLED, .trace_id = B3_TRACE } },
	{ B3_TRACE, B3_SPAN, "0", "", { .result = PARENT_FOUND, .flags = NOT_SAMPLED, .trace_id = B3_TRACE } },
	{ B3_TRACE, B3_SPAN, "0", "11", { .result = PARENT_FOUND, .flags = NOT_SAMPLED, .trace_id = B3_TRACE } },
	{ B3_TRACE, B3_SPAN, NULL, "junk", { .result = PARENT_FOUND, .trace_id = B3_TRACE } },
	/* Decisions alone. */
	{ NULL, NULL, "0", NULL, { .result = PARENT_DECISION, .flags = NOT_SAMPLED } },
	{ NULL, NULL, "1", NULL, { .result = PARENT_DECISION, .flags = SAMPLED } },
	{ NULL, NULL, NULL, "1", { .result = PARENT_DECISION, .flags = DEBUG } },
	{ NULL, NULL, NULL, NULL, { .result = PARENT_NONE } },
	{ NULL, NULL, NULL, "0", { .result = PARENT_NONE } },
	/* Malformed. */
	{ B3_TRACE, B3_SPAN, "", NULL, { .result = PARENT_NONE } },
	{ B3_TRACE, B3_SPAN, " ", NULL, { .result = PARENT_NONE } },
	{ B3_TRACE, B3_SPAN, "-", NULL, { .result = PARENT_NONE } },
	{ B3_TRACE, B3_SPAN, "d", NULL, { .result = PARENT_NONE } },
	{ B3_TRACE, B3_SPAN, "2", NULL, { .result = PARENT_NONE } },
	{ B3_TRACE, B3_SPAN, "TRUE", NULL, { .result = PARENT_NONE } },
	{ B3_TRACE, B3_SPAN, "falsy", NULL, { .result = PARENT_NONE } },
	{ B3_TRACE, B3_SPAN, "1                        1", NULL, { .result = PARENT_NONE } },
	{ NULL, NULL, "junk", NULL, { .result = PARENT_NONE } },
	{ B3_TRACE, NULL, "1", NULL, { .result = PARENT_NONE } },
	{ NULL, B3_SPAN, "1", NULL, { .result = PARENT_NONE } },
	{ "", B3_SPAN, "1", NULL, { .result = PARENT_NONE } },
	{ B3_TRACE, "", "1", NULL, { .result = PARENT_NONE } },
	{ "", "", "1", NULL, { .result = PARENT_NONE } },
	{ B3_TRACE, "-", "1", NULL, { .result = PARENT_NONE } },
	{ B3_TRACE "0", B3_SPAN, "1", NULL, { .result = PARENT_NONE } },
	{ B3_TRACE B3_TRACE B3_TRACE, B3_SPAN, "1", NULL, { .result = PARENT_NONE } },
	{ SHORT "0", B3_SPAN, "1", NULL, { .result = PARENT_NONE } },
	{ "fedcba987654321", B3_SPAN, "1", NULL, { .result = PARENT_NONE } },
	{ B3_TRACE, B3_SPAN "0", "1", NULL, { .result = PARENT_NONE } },
	{ B3_TRACE, "e457b5a2e4d86bd", "1", NULL, { .result = PARENT_NONE } },
	{ "80F198EE56343BA864FE8B2A57D3EFF7", B3_SPAN, "1", NULL, { .result = PARENT_NONE } },
	{ B3_TRACE, "E457B5A2E4D86BD1", "1", NULL, { .result = PARENT_NONE } },
	{ ZEROS ZEROS, B3_SPAN, "1", NULL, { .result = PARENT_NONE } },
	{ ZEROS, B3_SPAN, "1", NULL, { .result = PARENT_NONE } },
	{ B3_TRACE, ZEROS, "1", NULL, { .result = PARENT_NONE } },
};

static __u32 header_put(char *buffer, size_t size, const char *text, char fill)
{
	buffer_fill(buffer, size, text ? text : "", text ? strlen(text) : 0, fill);
	return text ? (__u32)strlen(text) : B3_ABSENT;
}

static bool b3_multi_is(size_t i, char fill)
{
	struct trace_parent parent = { .flags = 0 };
	struct b3_multi headers;
	enum parent_result result;

	headers.trace_id_length = header_put(headers.trace_id, B3_TRACE_ID_SIZE, b3_multis[i].trace_id, fill);
	headers.span_id_length = header_put(headers.span_id, B3_SPAN_ID_SIZE, b3_multis[i].span_id, fill);
	headers.sampled_length = header_put(headers.sampled, B3_WORD_SIZE, b3_multis[i].sampled, fill);
	headers.flags_length = header_put(headers.flags, B3_WORD_SIZE, b3_multis[i].flags, fill);
	result = b3_multi_parse(&headers, &parent);
	return b3_answer_is(&b3_multis[i].wanted, result, &parent) &&
	       (!kernel ||
		kernel_agrees(kernel->progs.parse_b3_multi, kernel->maps.b3_multis, &headers, result, &parent));
}

static void test_b3_multi(void)
{
	for (size_t i = 0; i < sizeof(b3_multis) / sizeof(b3_multis[0]); i++) {
		const char *names[] = { b3_multis[i].trace_id, b3_multis[i].span_id, b3_multis[i].sampled,
					b3_multis[i].flags };
		bool passed = true;

		for (size_t j = 0; j < 4; j++)
			names[j] = names[j] ? names[j] : "none";
		for (size_t j = 0; j < sizeof(fills); j++)
			passed &= b3_multi_is(i, fills[j]);
		check(passed, "X-B3 of '%s' '%s' '%s' '%s' is %s", names[0], names[1], names[2], names[3],
		      result_name(b3_multis[i].wanted.result));
	}
}

/* ---- tracestate ---- */

/* What of the text is whole where it goes on behind what is read. */
static size_t whole_length(const char *text, size_t length)
{
	size_t whole = TRACESTATE_SIZE;

	if (length <= TRACESTATE_SIZE)
		return length;
	while (whole && text[whole - 1] != ',' && text[whole - 1] != ';')
		whole--;
	return whole;
}

static bool sampling_equal(const struct tracestate_sampling *one, const struct tracestate_sampling *other)
{
	return one->found == other->found &&
	       (!(one->found & SAMPLING_THRESHOLD) || one->threshold == other->threshold) &&
	       (!(one->found & SAMPLING_RANDOMNESS) || one->randomness == other->randomness);
}

static struct tracestate_sampling sampling_expected(const char *text, size_t length)
{
	struct tracestate_sampling sampling = { .found = 0 };
	size_t whole = whole_length(text, length);
	uint64_t threshold = 0, r = 0;

	if (tracestate_threshold(text, whole, &threshold))
		sampling.found |= SAMPLING_THRESHOLD;
	if (tracestate_randomness(text, whole, &r))
		sampling.found |= SAMPLING_RANDOMNESS;
	sampling.threshold = threshold;
	sampling.randomness = r;
	return sampling;
}

static bool tracestate_is(const char *text, size_t length, const struct tracestate_sampling *expected, char fill,
			  bool in_kernel)
{
	struct tracestate_header header = { .length = (__u32)length };
	struct propagation_answer answer = { .result = 99 };
	struct tracestate_sampling sampling;
	char *buffer = malloc(TRACESTATE_SIZE);
	__u32 found;

	if (!buffer)
		abort();
	buffer_fill(buffer, TRACESTATE_SIZE, text, length, fill);
	memcpy(header.text, buffer, TRACESTATE_SIZE);
	found = tracestate_sampling(buffer, (__u32)length, &sampling);
	free(buffer);
	if (found != sampling.found || !sampling_equal(&sampling, expected))
		return false;
	return !kernel || !in_kernel ||
	       (kernel_run(kernel->progs.parse_tracestate, kernel->maps.tracestates, &header, &answer) &&
		answer.result == found && sampling_equal(&answer.sampling, expected));
}

static const char *const tracestates[] = {
	"",
	" ",
	",",
	"ot",
	"ot=",
	"ot=;",
	"ot=th",
	"ot=th:",
	"ot=th: ",
	"ot=th:c",
	"ot=th:0",
	"ot=th:;rv:",
	"ot=rv:d29d6a7215ced0",
	"ot=rv:00000000000000",
	"ot=th:ffffffffffffff;rv:ffffffffffffff",
	"ot=th:c;rv:d29d6a7215ced0",
	"ot=rv:d29d6a7215ced0;th:c",
	"a=b,ot=x:;p:8;th:fd70a,z@y=w",
	" a=b ,\tot=th:8 , z=1",
	"ot= th:8 ;\trv:d29d6a7215ced0\t",
	"ot=th: 8",
	"ot=th:8 8",
	"ot=t h:8;th:4",
	"o t=th:8",
	"ot =th:8",
	",,ot=;th:8;",
	"ot=th:8;th:4,ot=th:2",
	"ot=th:x;th:4,ot=th:2",
	"ot=x:1,ot=th:8",
	"ot=ot=th:8",
	"ot=th:8,ot=rv:d29d6a7215ced0",
	"ot=ath:4;th:8;rva:1",
	"th:8",
	"a;th:8",
	"a=b;ot=th:8",
	"a=ot=th:8",
	"a; ot=th:8",
	"ot=th:8;=",
	"not=th:8",
	"OT=th:8",
	"ot=TH:8",
	"ot=th:C",
	"ot=th:123456789abcde",
	"ot=th:123456789abcdef",
	"ot=rv:d29d6a7215ced",
	"ot=rv:d29d6a7215ced00",
	"ot=rv:D29D6A7215CED0",
	"ot=th:8        ,a=b",
};

static void test_tracestates(void)
{
	struct tracestate_sampling none = { .found = 0 };

	for (size_t i = 0; i < sizeof(tracestates) / sizeof(tracestates[0]); i++) {
		size_t length = strlen(tracestates[i]);
		struct tracestate_sampling expected = sampling_expected(tracestates[i], length);
		bool passed = true;

		for (size_t j = 0; j < sizeof(fills); j++)
			passed &= tracestate_is(tracestates[i], length, &expected, fills[j], true);
		check(passed, "tracestate '%s' has %s of th and rv, as in records", tracestates[i],
		      (const char *[]){ "none", "the first", "the second", "both" }[expected.found]);
	}
	check(tracestate_is("ot=th:8         ", 16, &none, '\0', true), "nine blanks behind a value are too many");
}

/* What the read part holds lies at each place of it once, so that each part of it is cut off somewhere. */
static void test_long_tracestates(void)
{
	static const char members[] = ",ot=th:c8;rv:d29d6a7215ced0 ;x:y,";
	char text[TRACESTATE_SIZE + sizeof(members)];
	unsigned int found[4] = { 0 };
	bool passed = true;

	for (size_t at = 0; at <= TRACESTATE_SIZE; at++) {
		struct tracestate_sampling expected;

		memset(text, 'x', sizeof(text));
		memcpy(text + at, members, sizeof(members) - 1);
		expected = sampling_expected(text, sizeof(text));
		found[expected.found]++;
		passed &= tracestate_is(text, sizeof(text), &expected, '\0', true);
	}
	check(passed && found[0] && found[SAMPLING_THRESHOLD] && found[3],
	      "what is cut off at %d bytes counts for nothing: none %u times, th alone %u, both %u", TRACESTATE_SIZE,
	      found[0], found[SAMPLING_THRESHOLD], found[3]);
}

static size_t random_tracestate(struct random *random, char *text, size_t size)
{
	static const char *const pieces[] = {
		"ot=", ",ot=", "th:", ";th:c8", "rv:", ";rv:d29d6a7215ced0", ",", ";", " ", "\t", "c",
		"8",   "x",    "0",   "=",      ":",
	};
	size_t wanted = random_bits(random) % 4 ? random_bits(random) % 80 : random_bits(random) % size, length = 0;

	if (wanted > 3 && random_bits(random) % 2)
		length = (size_t)(stpcpy(text, "ot=") - text);
	while (length < wanted) {
		const char *piece = pieces[random_bits(random) % (sizeof(pieces) / sizeof(pieces[0]))];

		for (size_t i = 0; piece[i] && length < wanted; i++)
			text[length++] = piece[i];
		if (length < wanted && random_bits(random) % 64 == 0)
			text[length++] = (char)random_bits(random);
	}
	return length;
}

static bool has_many_blanks(const char *text, size_t length)
{
	size_t run = 0;

	for (size_t i = 0; i < length && run <= HEADER_BLANKS_MAX; i++)
		run = text[i] == ' ' || text[i] == '\t' ? run + 1 : 0;
	return run > HEADER_BLANKS_MAX;
}

static void test_random_tracestates(void)
{
	enum { RUNS = 200000, IN_KERNEL = 5000 };
	unsigned int n_wrong = 0, found[4] = { 0 };
	struct random random;
	char text[400];

	random_seed(&random, 7);
	for (unsigned int i = 0; i < RUNS; i++) {
		size_t length = random_tracestate(&random, text, sizeof(text));
		struct tracestate_sampling expected = sampling_expected(text, length);

		if (has_many_blanks(text, length))
			continue;
		found[expected.found]++;
		n_wrong += !tracestate_is(text, length, &expected, (char)random_bits(&random), i < IN_KERNEL);
	}
	check(!n_wrong && found[1] > 1000 && found[2] > 1000 && found[3] > 1000,
	      "%d tracestates are read as in records, %u are not; %u with th, %u with rv, %u with both", RUNS, n_wrong,
	      found[1], found[2], found[3]);
}

/* ---- The verifier ---- */

/* 5.16 and later say how many instructions they walked through; a program may have a million. */
static void test_verifier(void)
{
	unsigned int sum = 0;
	struct bpf_program *program;

	bpf_object__for_each_program(program, kernel->obj) {
		struct bpf_prog_info info = { .type = 0 };
		__u32 size = sizeof(info);

		if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
			abort();
		printf("# %s: %u instructions walked, %u translated bytes\n", bpf_program__name(program),
		       info.verified_insns, info.xlated_prog_len);
		sum += info.verified_insns;
	}
	if (sum)
		check(sum < 50000, "the verifier walks through %u instructions", sum);
	else
		skip("what the verifier walks through", "this kernel does not say");
}

static void kernel_open(void)
{
	if (geteuid()) {
		skip("the kernel reads what is below in the same way", "needs root");
		return;
	}
	kernel = propagation_bpf__open_and_load();
	check(kernel, "the parsers are loaded into the kernel, which reads what is below in the same way");
}

int main(void)
{
	kernel_open();
	test_traceparents();
	test_changed_traceparents();
	test_b3();
	test_b3_multi();
	test_tracestates();
	test_long_tracestates();
	test_random_tracestates();
	if (kernel)
		test_verifier();
	propagation_bpf__destroy(kernel);
	return finish_tests();
}
