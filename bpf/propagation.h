/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The headers in which a caller names its span and says whether it is sampled: traceparent and tracestate (W3C Trace
 * Context Level 2, sections 3.2 and 3.3), b3 and X-B3-* (openzipkin/b3-propagation), and what OpenTelemetry's sampling
 * keeps in a tracestate (specification/trace/tracestate-handling.md). For BPF programs and for user space alike.
 *
 * A header is given as a buffer, of which the first min(length, size) bytes are the header's and the rest may be
 * anything, and the length of the header, which may be more than the buffer holds. Up to HEADER_BLANKS_MAX blanks (space
 * and tab) before and behind it do not matter; with more it is malformed. What is malformed leaves anything in what
 * would have been the result.
 *
 * To the verifier: the buffers and the struct tracestate_sampling lie in map values, since reads from the stack at
 * offsets that vary need 5.12. IDs are read without a branch, so that there is one path through them. The scan of a
 * tracestate branches on every byte, but keeps all it knows in the map value, into which the verifier does not look: it
 * takes the paths for one again after each byte.
 */
#ifndef OTB_BPF_PROPAGATION_H
#define OTB_BPF_PROPAGATION_H

#include <linux/types.h>
#include <stdbool.h>

/* What has to be read of each header; powers of two. */
enum {
	TRACEPARENT_SIZE = 64,
	B3_SIZE = 128,
	B3_TRACE_ID_SIZE = 64,
	B3_SPAN_ID_SIZE = 32,
	B3_WORD_SIZE = 16,
	TRACESTATE_SIZE = 256,
};

enum { HEADER_BLANKS_MAX = 8 };

enum { TRACE_ID_BYTES = 16, SPAN_ID_BYTES = 8 };

enum {
	PARENT_SAMPLED = 1,
	PARENT_RANDOM = 2, /* the last 7 bytes of the trace ID are random; only a traceparent says so */
	PARENT_NOT_SAMPLED = 4,
	PARENT_DEBUG = 8, /* sampled, and more than that; only B3 says so */
};

struct trace_parent {
	__u8 trace_id[TRACE_ID_BYTES]; /* one of 64 bits is in the last 8 bytes */
	__u8 span_id[SPAN_ID_BYTES];
	__u8 flags; /* PARENT_*; neither sampled nor not: the decision is left to us, as B3 may */
};

enum parent_result {
	PARENT_NONE,     /* malformed, or nothing there: a trace begins here */
	PARENT_DECISION, /* flags alone, one of sampled and not sampled: for the trace that begins here */
	PARENT_FOUND,
};

/* The headers X-B3-*. X-B3-ParentSpanId, which says nothing of the parent, is not asked for. */
struct b3_multi {
	char trace_id[B3_TRACE_ID_SIZE], span_id[B3_SPAN_ID_SIZE];
	char sampled[B3_WORD_SIZE], flags[B3_WORD_SIZE];
	__u32 trace_id_length, span_id_length, sampled_length,
		flags_length; /* B3_ABSENT: no such header; 0: an empty one */
};

#define B3_ABSENT 0xffffffffU

enum { SAMPLING_THRESHOLD = 1, SAMPLING_RANDOMNESS = 2 };

struct tracestate_sampling {
	__u64 threshold, randomness; /* T and R, 56 bits each, where they are found */
	__u32 found;                 /* SAMPLING_* */
	/* Where the scan is. */
	__u32 length;
	__u32 last;                            /* the last four bytes, but blanks that a member or value begins with */
	__u32 ot, threshold_at, randomness_at; /* where their values begin; 0: not seen */
};

/* ---- Bytes ---- */

/* A number that the compiler knows nothing of, but the verifier does: the compiler would turn arithmetic on one of a known
 * range into a comparison, and that into a branch, and unroll loops of so many rounds, for which it takes more stack. */
static __always_inline __u64 number_hide(__u64 number)
{
	asm volatile("" : "+r"(number));
	return number;
}

/* 1 if a byte is this character, else 0. */
static __always_inline __u64 byte_is(__u8 byte, char wanted)
{
	return (number_hide(byte ^ (__u8)wanted) - 1) >> 63;
}

static __always_inline __u64 byte_is_blank(char c)
{
	return byte_is((__u8)c, ' ') | byte_is((__u8)c, '\t');
}

/* The value of a lower-case hexadecimal digit; with another character it sets *wrong. */
static __always_inline __u64 hex_digit(char c, __u64 *wrong)
{
	__u64 byte = number_hide((__u8)c);
	__u64 is_decimal = ~(byte - '0') & (byte - '9' - 1),
	      is_letter = ~(byte - 'a') & (byte - 'f' - 1); /* in bit 63 */

	*wrong |= ~(is_decimal | is_letter) >> 63;
	return (byte & 0xf) + 9 * (byte >> 6);
}

static __always_inline __u8 hex_byte(const char *text, __u64 *wrong)
{
	__u64 high = hex_digit(text[0], wrong);

	return (__u8)(high << 4 | hex_digit(text[1], wrong));
}

/* Words at places of any alignment. Compiled for BPF a copy of eight bytes is eight loads, where the kernels of the
 * machines that are known here take one. */
#ifdef __bpf__
static __always_inline __u64 word_load(const char *from)
{
	return *(const __u64 *)from;
}

static __always_inline void half_word_store(__u8 *to, __u32 half)
{
	*(__u32 *)to = half;
}
#else
static __always_inline __u64 word_load(const char *from)
{
	__u64 word;

	__builtin_memcpy(&word, from, sizeof(word));
	return word;
}

static __always_inline void half_word_store(__u8 *to, __u32 half)
{
	__builtin_memcpy(to, &half, sizeof(half));
}
#endif

/* The four bytes that eight digits stand for, as they lie in memory, where the lowest comes first; *wrong is not 0 if one
 * is none. A byte's highest bit is set where the sum is 0x80 or more, and sums of seven bits do not reach the next byte. */
static __always_inline __u32 hex_half_word(const char *text, __u64 *wrong)
{
	const __u64 ones = 0x0101010101010101, tops = ones << 7;
	__u64 word = number_hide(word_load(text)), low = word & ~tops, digits;
	__u64 is_decimal = (low + ones * (0x80 - '0')) & ~(low + ones * (0x80 - '9' - 1)),
	      is_letter = (low + ones * (0x80 - 'a')) & ~(low + ones * (0x80 - 'f' - 1));

	*wrong |= tops & ~((is_decimal | is_letter) & ~word);
	digits = (word & ones * 0xf) + 9 * (word >> 6 & ones);
	digits = (digits << 4 | digits >> 8) & 0x00ff00ff00ff00ff;
	digits = (digits | digits >> 8) & 0x0000ffff0000ffff;
	return (__u32)(digits | digits >> 16);
}

/* Reads 2 * size digits, size a multiple of 4. Returns what is not 0 if one of the bytes is not. */
static __always_inline __u64 hex_bytes(const char *text, __u8 *bytes, __u32 size, __u64 *wrong)
{
	__u64 any = 0, n = number_hide(size);

	for (__u64 i = 0; i < n; i += sizeof(__u32)) {
		__u32 half = hex_half_word(text + 2 * i, wrong);

		half_word_store(bytes + i, half);
		any |= half;
	}
	return any;
}

/* How many blanks a header begins with, up to HEADER_BLANKS_MAX. */
static __always_inline __u64 header_start(const char *text)
{
	__u64 start = 0, n = number_hide(HEADER_BLANKS_MAX);

	for (__u64 i = 0; i < n; i++)
		start += byte_is_blank(text[start]);
	return start;
}

/* Where the blanks begin that a header ends with. One that the buffer does not hold ends with none. */
static __always_inline __u64 header_end(const char *text, __u32 size, __u64 length)
{
	__u64 end = length, fits = number_hide(length - size - 1) >> 63, n = number_hide(HEADER_BLANKS_MAX);

	for (__u64 i = 0; i < n; i++)
		end -= byte_is_blank(text[number_hide(end - 1) & (size - 1)]) & fits;
	return end;
}

/* The length of a header without its blanks; not above 0 if there is nothing else. */
static __always_inline __s64 header_trim(const char *text, __u32 size, __u32 length, __u64 *start)
{
	*start = header_start(text);
	return (__s64)(header_end(text, size, length) - *start);
}

/* ---- traceparent ---- */

static __always_inline bool traceparent_parse(const char text[TRACEPARENT_SIZE], __u32 length,
					      struct trace_parent *parent)
{
	enum { TRACE_ID_AT = 3, SPAN_ID_AT = 36, FLAGS_AT = 53, LENGTH = 55 };
	__u64 start, wrong = 0;
	__s64 n = header_trim(text, TRACEPARENT_SIZE, length, &start);
	const char *at = text + start;
	__u8 version, flags;

	if (n < LENGTH)
		return false;
	version = hex_byte(at, &wrong);
	flags = hex_byte(at + FLAGS_AT, &wrong);
	wrong |= (at[TRACE_ID_AT - 1] ^ '-') | (at[SPAN_ID_AT - 1] ^ '-') | (at[FLAGS_AT - 1] ^ '-');
	if (!hex_bytes(at + TRACE_ID_AT, parent->trace_id, TRACE_ID_BYTES, &wrong) ||
	    !hex_bytes(at + SPAN_ID_AT, parent->span_id, SPAN_ID_BYTES, &wrong) || wrong || version == 0xff)
		return false;
	/* A version to come has these fields too, and more behind them. */
	if (n > LENGTH && (!version || at[LENGTH] != '-'))
		return false;
	parent->flags = (flags & PARENT_RANDOM) | (flags & PARENT_SAMPLED ? PARENT_SAMPLED : PARENT_NOT_SAMPLED);
	return true;
}

/* ---- B3 ---- */

enum { B3_ID_DIGITS = 16 };

/* Reads a trace ID, of which the last 16 digits are at `low`, 0 or 16. Returns what is not 0 if it is not. */
static __always_inline __u64 b3_read_trace_id(const char *text, __u64 low, __u8 trace_id[TRACE_ID_BYTES], __u64 *wrong)
{
	enum { HALF = TRACE_ID_BYTES / 2 };
	__u64 any = hex_bytes(text, trace_id, HALF, wrong);

	any |= hex_bytes(text + low, trace_id + HALF, HALF, wrong);
	/* What was read twice is the second half. */
	for (__u32 i = 0; i < HALF; i++)
		trace_id[i] &= (__u8)(0 - (low >> 4));
	return any;
}

/* The flags of a sampling state; 0: it is none. */
static __always_inline __u8 b3_state_flags(char state)
{
	if (state == '0')
		return PARENT_NOT_SAMPLED;
	if (state == '1')
		return PARENT_SAMPLED;
	return state == 'd' ? PARENT_SAMPLED | PARENT_DEBUG : 0;
}

/* Reads what is behind the IDs, "", "-state", "-parent" or "-state-parent" of n bytes. False if it is none of them. */
static __always_inline bool b3_parse_rest(const char *at, __s64 n, __u8 *flags)
{
	enum { STATE = 2, PARENT = 1 + 2 * SPAN_ID_BYTES };
	__u64 wrong = 0;
	bool has_state = n == STATE || n == STATE + PARENT;

	*flags = 0;
	if (has_state) {
		*flags = b3_state_flags(at[1]);
		if (at[0] != '-' || !*flags)
			return false;
	}
	if (n != PARENT && n != STATE + PARENT)
		return has_state || !n;
	at += has_state ? STATE : 0;
	hex_half_word(at + 1, &wrong);
	hex_half_word(at + 1 + SPAN_ID_BYTES, &wrong);
	return at[0] == '-' && !wrong;
}

/* The header b3, trace-span[-state][-parent] or a state alone, as the README has it; state 0, 1 or d. */
static __always_inline enum parent_result b3_parse(const char text[B3_SIZE], __u32 length, struct trace_parent *parent)
{
	enum { IDS_LENGTH = 2 * B3_ID_DIGITS + 1 };
	__u64 start, wrong = 0, low, any;
	__s64 n = header_trim(text, B3_SIZE, length, &start);
	const char *at = text + start;

	if (n == 1) {
		parent->flags = b3_state_flags(at[0]);
		return parent->flags ? PARENT_DECISION : PARENT_NONE;
	}
	low = number_hide(byte_is((__u8)at[B3_ID_DIGITS], '-') - 1) & B3_ID_DIGITS;
	if (n < (__s64)low + IDS_LENGTH)
		return PARENT_NONE;
	any = b3_read_trace_id(at, low, parent->trace_id, &wrong);
	at += low;
	wrong |= at[B3_ID_DIGITS] ^ '-';
	if (!hex_bytes(at + B3_ID_DIGITS + 1, parent->span_id, SPAN_ID_BYTES, &wrong) || !any || wrong)
		return PARENT_NONE;
	return b3_parse_rest(at + IDS_LENGTH, n - (__s64)low - IDS_LENGTH, &parent->flags) ? PARENT_FOUND : PARENT_NONE;
}

/* A header of one word. Returns 0 if it is absent, and what is no flag if it is malformed. */
enum { B3_MALFORMED = 0x80 };

static __always_inline __u8 b3_parse_sampled(const char text[B3_WORD_SIZE], __u32 length)
{
	__u64 start;
	__s64 n = header_trim(text, B3_WORD_SIZE, length, &start);
	const char *at = text + start;
	__u8 flags = n == 1 ? b3_state_flags(at[0]) : 0;

	if (length == B3_ABSENT)
		return 0;
	if (n == 4 && !((at[0] ^ 't') | (at[1] ^ 'r') | (at[2] ^ 'u') | (at[3] ^ 'e')))
		return PARENT_SAMPLED;
	if (n == 5 && !((at[0] ^ 'f') | (at[1] ^ 'a') | (at[2] ^ 'l') | (at[3] ^ 's') | (at[4] ^ 'e')))
		return PARENT_NOT_SAMPLED;
	return flags && !(flags & PARENT_DEBUG) ? flags : B3_MALFORMED;
}

/* X-B3-Flags is 1, or can be ignored. */
static __always_inline bool b3_is_debug(const char text[B3_WORD_SIZE], __u32 length)
{
	__u64 start;
	__s64 n = header_trim(text, B3_WORD_SIZE, length, &start);

	return length != B3_ABSENT && n == 1 && text[start] == '1';
}

static __always_inline bool b3_parse_ids(const struct b3_multi *headers, struct trace_parent *parent)
{
	__u64 start, wrong = 0, any;
	__s64 digits = header_trim(headers->trace_id, B3_TRACE_ID_SIZE, headers->trace_id_length, &start);

	if (digits != B3_ID_DIGITS && digits != 2 * B3_ID_DIGITS)
		return false;
	any = b3_read_trace_id(headers->trace_id + start, digits & B3_ID_DIGITS ? 0 : B3_ID_DIGITS, parent->trace_id,
			       &wrong);
	if (header_trim(headers->span_id, B3_SPAN_ID_SIZE, headers->span_id_length, &start) != B3_ID_DIGITS)
		return false;
	return hex_bytes(headers->span_id + start, parent->span_id, SPAN_ID_BYTES, &wrong) && any && !wrong;
}

/* The headers X-B3-*. The old true and false are taken for 1 and 0. */
static __always_inline enum parent_result b3_multi_parse(const struct b3_multi *headers, struct trace_parent *parent)
{
	parent->flags = b3_parse_sampled(headers->sampled, headers->sampled_length);
	if (parent->flags == B3_MALFORMED)
		return PARENT_NONE;
	if (b3_is_debug(headers->flags, headers->flags_length))
		parent->flags = PARENT_SAMPLED | PARENT_DEBUG;
	if (headers->trace_id_length == B3_ABSENT && headers->span_id_length == B3_ABSENT)
		return parent->flags ? PARENT_DECISION : PARENT_NONE;
	return b3_parse_ids(headers, parent) ? PARENT_FOUND : PARENT_NONE;
}

/* ---- tracestate ---- */

#define LAST_BYTES(a, b, c, d) ((__u32)(a) << 24 | (__u32)(b) << 16 | (__u32)(c) << 8 | (d))

/* Takes a byte of the list, or of the list in its member ot, which goes on at `next`. False at the end of that. */
static __always_inline bool tracestate_scan(struct tracestate_sampling *sampling, char c, __u32 next)
{
	__u32 last = sampling->last;

	if (c == ',' && sampling->ot)
		return false;
	if ((c == ' ' || c == '\t') && ((__u8)last == ',' || (__u8)last == ';'))
		return true;
	last = last << 8 | (__u8)c;
	sampling->last = last;
	if (!sampling->ot) {
		if (last == LAST_BYTES(',', 'o', 't', '=')) {
			sampling->ot = next;
			sampling->last = ';';
		}
	} else if (last == LAST_BYTES(';', 't', 'h', ':') && !sampling->threshold_at) {
		sampling->threshold_at = next;
	} else if (last == LAST_BYTES(';', 'r', 'v', ':') && !sampling->randomness_at) {
		sampling->randomness_at = next;
	}
	return true;
}

/* Reads up to 14 digits as if zeros made up for those that are missing. Returns how many there are, 0 if there is more
 * than digits between `at` and the end of the value. */
static __always_inline __u64 tracestate_digits(const char *text, __u64 length, __u64 at, __u64 *value)
{
	enum { DIGITS = 14 };
	__u64 n = 0, end, wrong = 0;

	*value = 0;
	for (__u32 i = 0; i < DIGITS; i++) {
		__u64 digit;

		wrong |= (number_hide(length - 1) - (at + i)) >> 63;
		digit = hex_digit(text[(at + i) & (TRACESTATE_SIZE - 1)], &wrong);
		*value = *value << 4 | (digit & (wrong - 1));
		n += wrong ^ 1;
	}
	end = at + n;
	for (__u64 i = 0, blanks = number_hide(HEADER_BLANKS_MAX); i < blanks; i++)
		end += byte_is_blank(text[number_hide(end) & (TRACESTATE_SIZE - 1)]);
	if (end >= length)
		return length <= TRACESTATE_SIZE ? n : 0;
	if (end >= TRACESTATE_SIZE)
		return 0;
	return text[end] == ',' || text[end] == ';' ? n : 0;
}

static __always_inline void tracestate_sampling_begin(struct tracestate_sampling *sampling, __u32 length)
{
	*sampling = (struct tracestate_sampling){ .length = length, .last = ',' };
}

/* Goes through `n` bytes from `at` on, which is below TRACESTATE_SIZE and a multiple of n. False: there are no more. */
static __always_inline bool tracestate_sampling_scan(const char text[TRACESTATE_SIZE],
						     struct tracestate_sampling *sampling, __u32 at, __u32 n)
{
	for (__u32 i = 0; i < n; i++) {
		__u32 place = (at & (TRACESTATE_SIZE - n)) + i;

		/* To the compiler too, what is known is in memory alone. */
		asm volatile("" ::: "memory");
		if (place >= sampling->length || !tracestate_scan(sampling, text[place], place + 1))
			return false;
	}
	asm volatile("" ::: "memory");
	return true;
}

/* Returns what is found. */
static __always_inline __u32 tracestate_sampling_end(const char text[TRACESTATE_SIZE],
						     struct tracestate_sampling *sampling)
{
	__u32 length = sampling->length;

	if (sampling->threshold_at && tracestate_digits(text, length, sampling->threshold_at, &sampling->threshold) > 0)
		sampling->found |= SAMPLING_THRESHOLD;
	if (sampling->randomness_at &&
	    tracestate_digits(text, length, sampling->randomness_at, &sampling->randomness) == 14)
		sampling->found |= SAMPLING_RANDOMNESS;
	return sampling->found;
}

/* Looks for `th` and `rv` in the member `ot` as common/record/tracestate.h does, in the first TRACESTATE_SIZE bytes: a
 * value that goes on behind them, or that more than HEADER_BLANKS_MAX blanks follow, counts for none. Returns what is
 * found. A program may take the three steps by itself, so that the verifier does not see all of them in one. */
static __always_inline __u32 tracestate_sampling(const char text[TRACESTATE_SIZE], __u32 length,
						 struct tracestate_sampling *sampling)
{
	tracestate_sampling_begin(sampling, length);
	tracestate_sampling_scan(text, sampling, 0, TRACESTATE_SIZE);
	return tracestate_sampling_end(text, sampling);
}

#endif
