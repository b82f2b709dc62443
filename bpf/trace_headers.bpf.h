/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * otb-trace, kernel side: the headers of a request, from a map[string][]string of the process (net/http.Header) or a
 * slice of HTTP/2 fields, and the parent that they name.
 *
 * Go has had two kinds of maps (go-versions.md 3): to 1.23 buckets of eight (runtime/map.go), from 1.24 on groups of
 * eight (internal/runtime/maps). A map is walked, not looked up in: its hash has a seed. A map of more than
 * HEADERS_MAX keys, and one that takes longer than it can for so many, has a parent that nobody looked for: counted.
 */
#ifndef OTB_TRACE_HEADERS_BPF_H
#define OTB_TRACE_HEADERS_BPF_H

#include "bpf/trace_end.bpf.h"

enum {
	HEADERS_MAX = 96,
	GROUPS_MAX = 28,     /* of eight slots, that are looked at */
	TRACESTATE_PART = 8, /* bytes */
};

const volatile struct trace_header_name header_names[FOUND_MAX];
const volatile __u64 header_lengths; /* bit n: one of the names has n bytes */
/* Where each header of --header is found: one that is looked for anyway is found there. */
const volatile __u32 headers_wanted[TRACE_HEADERS_MAX];

/* Which of the wanted headers a name is; FOUND_MAX: none. */
static __always_inline __u32 header_match(const char *name, __u32 length)
{
	const __u64 *words = (const __u64 *)name;

	for (__u32 i = 0; i < FOUND_MAX; i++) {
		__u64 differs = header_names[i].length ^ length;

		for (__u32 word = 0; word < TRACE_HEADER_NAME_SIZE / 8; word++)
			differs |= (words[word] | 0x2020202020202020) ^ header_names[i].words[word];
		if (!differs)
			return i;
	}
	return FOUND_MAX;
}

/* Takes a header whose name has a length that one of the wanted ones has. A program by itself: verified once. */
__attribute__((noinline)) int header_take(__u64 name, __u32 length, __u64 values, __u32 is_slice)
{
	struct scratch *scratch = scratch_get();
	struct {
		__u64 data, length;
	} slice = { values, 1 };
	struct found *found;
	__u32 i;

	length &= TRACE_HEADER_NAME_SIZE - 1;
	if (!scratch)
		return 0;
	__builtin_memset(scratch->name, 0x20, sizeof(scratch->name));
	if (!length || bpf_probe_read_user(scratch->name, length, (const void *)name))
		return 0;
	i = header_match(scratch->name, length);
	if (i >= FOUND_MAX)
		return 0;
	if (is_slice && bpf_probe_read_user(&slice, sizeof(slice), (const void *)values))
		return 0;
	if (!slice.length)
		return 0;
	found = &scratch->found[i];
	if (scratch->seen >> i & 1) {
		found->is_repeated = 1;
		return 0;
	}
	found->text = string_read(slice.data);
	found->is_repeated = slice.length > 1;
	scratch->seen |= 1U << i;
	return 0;
}

static __always_inline bool header_is_wanted(__u64 length)
{
	return length < TRACE_HEADER_NAME_SIZE && header_lengths >> length & 1;
}

/* The eight slots of a group of maps.Map: a word of control bytes, whose highest bit is clear where a slot is full, and
 * key and value of each, 40 bytes. */
__attribute__((noinline)) int group_take(__u64 group)
{
	enum { SLOT_SIZE = 40, KEY_SIZE = 16 };
	struct go_string key;
	__u64 full;

	if (bpf_probe_read_user(&full, sizeof(full), (const void *)group)) {
		counter_add(COUNTER_LOST_FAULT, 1);
		return 0;
	}
	full = ~full & 0x8080808080808080;
	for (__u32 i = 0; i < GROUP_SLOTS; i++) {
		__u64 slot = group + sizeof(full) + i * SLOT_SIZE;

		if (!(full >> (8 * i + 7) & 1))
			continue;
		if (bpf_probe_read_user(&key, sizeof(key), (const void *)slot))
			return 0;
		if (header_is_wanted(key.length))
			header_take(key.data, (__u32)key.length, slot + KEY_SIZE, 1);
	}
	return 0;
}

/* The eight slots of a bucket: a byte of hash for each, 5 or more where the slot is full, then the keys, then the values,
 * then where a bucket is that it overflows into. */
__attribute__((noinline)) int bucket_take(__u64 bucket)
{
	enum { KEYS_AT = 8, VALUES_AT = 136, VALUE_SIZE = 24, FULL = 5 };
	struct scratch *scratch = scratch_get();
	struct bucket_head *head;

	if (!scratch)
		return 0;
	/* Not on the stack, which the functions that lead here share, and which older kernels take in steps of 32 bytes. */
	head = &scratch->bucket;
	if (bpf_probe_read_user(head, sizeof(*head), (const void *)bucket)) {
		counter_add(COUNTER_LOST_FAULT, 1);
		return 0;
	}
	for (__u32 i = 0; i < GROUP_SLOTS; i++) {
		if (head->hashes[i] >= FULL && header_is_wanted(head->keys[i].length))
			header_take(head->keys[i].data, (__u32)head->keys[i].length,
				    bucket + VALUES_AT + i * VALUE_SIZE, 1);
	}
	return 0;
}

/* What does not fit the bound is counted; what is found before it stays found but for the parent. */
static __always_inline bool swiss_map_walk(__u64 map)
{
	struct {
		__u64 used, seed, directory;
		__s64 directory_length;
	} head;
	struct {
		__u64 head, index, groups, mask;
	} table;

	if (bpf_probe_read_user(&head, sizeof(head), (const void *)map)) {
		counter_add(COUNTER_LOST_FAULT, 1);
		return true;
	}
	if (!head.used)
		return true;
	if (!head.directory_length) {
		group_take(head.directory);
		return true;
	}
	if (head.used > HEADERS_MAX || head.directory_length != 1)
		return false;
	if (bpf_probe_read_user(&table, sizeof(table), (const void *)go_read_u64(head.directory))) {
		counter_add(COUNTER_LOST_FAULT, 1);
		return true;
	}
	for (__u32 i = 0; i < GROUPS_MAX; i++) {
		if (i > table.mask)
			return true;
		group_take(table.groups + i * 328ULL);
	}
	return table.mask < GROUPS_MAX;
}

/* Takes the next bucket of scratch->walk. Returns whether there was one. */
__attribute__((noinline)) int bucket_next(void)
{
	enum { BUCKET_SIZE = 336, OVERFLOW_AT = 328 };
	struct scratch *scratch = scratch_get();
	struct bucket_walk *walk;
	__u64 at;

	if (!scratch)
		return 0;
	walk = &scratch->walk;
	at = walk->overflow;
	if (!at) {
		/* Where a map is growing, a part of it is still in the old buckets. */
		if (!walk->left) {
			walk->bucket = walk->old;
			walk->left = walk->old_left;
			walk->old_left = 0;
		}
		if (!walk->left)
			return 0;
		at = walk->bucket;
		walk->bucket += BUCKET_SIZE;
		walk->left--;
	}
	bucket_take(at);
	walk->overflow = go_read_u64(at + OVERFLOW_AT);
	return 1;
}

static __always_inline bool bucket_map_walk(struct scratch *scratch, __u64 map)
{
	enum { SAME_SIZE_GROW = 8 };
	struct {
		__u64 count;
		__u8 flags, b;
		__u16 overflows;
		__u32 seed;
		__u64 buckets, old;
	} head;
	struct bucket_walk *walk = &scratch->walk;

	if (bpf_probe_read_user(&head, sizeof(head), (const void *)map)) {
		counter_add(COUNTER_LOST_FAULT, 1);
		return true;
	}
	if (!head.count)
		return true;
	if (head.count > HEADERS_MAX || head.b > 7)
		return false;
	walk->bucket = head.buckets;
	walk->left = 1ULL << (head.b & 7);
	walk->old = head.old;
	walk->old_left = head.old ? (head.flags & SAME_SIZE_GROW ? walk->left : walk->left >> 1) : 0;
	walk->overflow = 0;
	for (__u32 i = 0; i < GROUPS_MAX; i++)
		if (!bucket_next())
			return true;
	return !walk->left && !walk->old_left && !walk->overflow;
}

/* Finds what is wanted of a net/http.Header. */
__attribute__((noinline)) int map_find(__u64 map, __u32 is_swiss)
{
	struct scratch *scratch = scratch_get();

	if (!scratch)
		return 0;
	scratch->seen = 0;
	if (!map || (is_swiss ? swiss_map_walk(map) : bucket_map_walk(scratch, map)))
		return 0;
	counter_add(COUNTER_LOST_HEADERS, 1);
	scratch->seen = 0;
	return 0;
}

static __always_inline void headers_find(const struct place *place, __u64 map)
{
	map_find(map, place->binary->has_swiss_maps);
}

static __always_inline bool header_is_found(const struct scratch *scratch, __u32 header)
{
	return scratch->seen >> header & 1;
}

/* ---- the parent ---- */

/* Copies a header. Returns its length, which may be more than is copied; 0: there is none, or several. */
static __always_inline __u32 header_copy(const struct scratch *scratch, __u32 header, void *to, __u32 size)
{
	const struct found *found = &scratch->found[header];
	__u64 length = found->text.length, n = length < size ? length : size;

	if (!header_is_found(scratch, header) || found->is_repeated)
		return 0;
	if (bpf_probe_read_user(to, n & (2 * size - 1), (const void *)found->text.data)) {
		counter_add(COUNTER_LOST_FAULT, 1);
		return 0;
	}
	return length > 0xffff ? 0xffff : (__u32)length;
}

static __always_inline __u32 b3_copy(const struct scratch *scratch, __u32 header, void *to, __u32 size)
{
	if (!header_is_found(scratch, header))
		return B3_ABSENT;
	return header_copy(scratch, header, to, size);
}

static __always_inline enum parent_result b3_multi_find(struct scratch *scratch)
{
	struct b3_multi *multi = &scratch->b3_multi;

	multi->trace_id_length = b3_copy(scratch, FOUND_B3_TRACE_ID, multi->trace_id, B3_TRACE_ID_SIZE);
	multi->span_id_length = b3_copy(scratch, FOUND_B3_SPAN_ID, multi->span_id, B3_SPAN_ID_SIZE);
	multi->sampled_length = b3_copy(scratch, FOUND_B3_SAMPLED, multi->sampled, B3_WORD_SIZE);
	multi->flags_length = b3_copy(scratch, FOUND_B3_FLAGS, multi->flags, B3_WORD_SIZE);
	return b3_multi_parse(multi, &scratch->parent);
}

/* Reads a header that may name the caller's span, of one of the three kinds, into scratch->parent. Returns an enum
 * parent_result. */
__attribute__((noinline)) int parent_read(__u32 source)
{
	struct scratch *scratch = scratch_get();
	struct trace_parent *parent;
	__u32 length;

	if (!scratch)
		return PARENT_NONE;
	parent = &scratch->parent;
	if (source == SOURCE_TRACEPARENT) {
		length = header_copy(scratch, FOUND_TRACEPARENT, scratch->traceparent, TRACEPARENT_SIZE);
		return length && traceparent_parse(scratch->traceparent, length, parent) ? PARENT_FOUND : PARENT_NONE;
	}
	if (source == SOURCE_B3_MULTI)
		return b3_multi_find(scratch);
	length = header_copy(scratch, FOUND_B3, scratch->b3, B3_SIZE);
	return length ? b3_parse(scratch->b3, length, parent) : PARENT_NONE;
}

enum { PARENT_HEADERS = (1 << FOUND_USER_AGENT) - 1 - (1 << FOUND_TRACESTATE) };

/* The caller's span: traceparent, else b3, else X-B3-*. scratch->parent.flags holds what was said of sampling. */
static __always_inline enum parent_result parent_find(struct scratch *scratch, __u8 *source)
{
	enum parent_result result = PARENT_NONE;

	scratch->parent.flags = 0;
	if (!(scratch->seen & PARENT_HEADERS))
		return PARENT_NONE;
	for (__u32 i = SOURCE_TRACEPARENT; i <= SOURCE_B3_MULTI && result == PARENT_NONE; i++) {
		*source = (__u8)i;
		result = parent_read(i);
	}
	if (result == PARENT_NONE)
		scratch->parent.flags = 0;
	return result;
}

/* ---- sampling ---- */

static __always_inline __u64 trace_randomness(const __u8 trace_id[16])
{
	__u64 r = 0;

	for (__u32 i = 9; i < 16; i++)
		r = r << 8 | trace_id[i];
	return r;
}

/* Goes through TRACESTATE_PART bytes of scratch->tracestate. Returns whether there are more. */
__attribute__((noinline)) int tracestate_read_part(__u32 at)
{
	struct scratch *scratch = scratch_get();

	return scratch && tracestate_sampling_scan(scratch->tracestate, &scratch->sampling, at, TRACESTATE_PART);
}

/* Reads th and rv of the tracestate that was found into scratch->sampling, and returns which it has. In parts, since the
 * verifier would go through each of its bytes on all ways that lead to it. */
__attribute__((noinline)) int tracestate_read(void)
{
	struct scratch *scratch = scratch_get();
	__u32 length;

	if (!scratch)
		return 0;
	length = header_copy(scratch, FOUND_TRACESTATE, scratch->tracestate, TRACESTATE_SIZE);
	tracestate_sampling_begin(&scratch->sampling, length);
	for (__u32 at = 0; at < TRACESTATE_SIZE; at += TRACESTATE_PART)
		if (!tracestate_read_part(at))
			break;
	return (int)tracestate_sampling_end(scratch->tracestate, &scratch->sampling);
}

/*
 * Whether a request is to be a span. A parent that was sampled, or was not, has decided; with the threshold in its
 * tracestate, where it has one. Else the trace is held against the threshold in force here. (OpenTelemetry's
 * ParentThreshold sampler, specification/trace/sdk.md, and TraceIdRatioBased for the root.)
 */
static __always_inline bool span_is_sampled(struct scratch *scratch, bool has_parent)
{
	struct trace_span *span = &scratch->open.span;
	struct tracestate_sampling *state = &scratch->sampling;
	__u64 randomness, *in_force;
	__u32 key = 0, found = 0;

	if (!options.samples)
		return true;
	if (scratch->parent.flags & PARENT_NOT_SAMPLED)
		return false;
	if (has_parent && span->parent_source == SOURCE_TRACEPARENT && header_is_found(scratch, FOUND_TRACESTATE))
		found = (__u32)tracestate_read();
	randomness = found & SAMPLING_RANDOMNESS ? state->randomness : trace_randomness(span->trace_id);
	if (scratch->parent.flags & PARENT_SAMPLED) {
		if (found & SAMPLING_THRESHOLD && randomness >= state->threshold)
			span->threshold = state->threshold;
		return true;
	}
	in_force = bpf_map_lookup_elem(&control, &key);
	if (!in_force || randomness < *in_force)
		return false;
	span->threshold = *in_force;
	return true;
}

/* Fills in a server span's ids from the headers that were found, and says whether it is to be kept. */
static __always_inline bool span_set_parent(struct scratch *scratch)
{
	struct trace_span *span = &scratch->open.span;
	__u8 source = SOURCE_NEW;
	bool has_parent = parent_find(scratch, &source) == PARENT_FOUND;

	span_set_root(span);
	if (has_parent) {
		span->parent_source = source;
		__builtin_memcpy(span->trace_id, scratch->parent.trace_id, sizeof(span->trace_id));
		__builtin_memcpy(span->parent_span_id, scratch->parent.span_id, sizeof(span->parent_span_id));
	}
	return span_is_sampled(scratch, has_parent);
}

/* Wants those headers that are texts of the span. */
static __always_inline void headers_want(struct scratch *scratch)
{
	if (scratch->open.span.parent_source == SOURCE_TRACEPARENT && header_is_found(scratch, FOUND_TRACESTATE) &&
	    !scratch->found[FOUND_TRACESTATE].is_repeated)
		text_want(scratch, TEXT_TRACESTATE, &scratch->found[FOUND_TRACESTATE].text);
	if (header_is_found(scratch, FOUND_USER_AGENT))
		text_want(scratch, TEXT_USER_AGENT, &scratch->found[FOUND_USER_AGENT].text);
	for (__u32 i = 0; i < TRACE_HEADERS_MAX; i++) {
		__u32 header = headers_wanted[i];

		if (header < FOUND_MAX && header_is_found(scratch, header))
			text_want(scratch, TEXT_HEADER + i, &scratch->found[header].text);
	}
}

#endif
