/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * otb-trace, kernel side: the span that a goroutine's calls belong to, which is its own, or that of the goroutine that
 * started it, or of an ancestor further up.
 *
 * A goroutine that is started in a span gets a reference to it, by a number that no two spans share. It counts only
 * while the span is open, so that a worker which outlives the request that started it is in nothing from then on.
 */
#ifndef OTB_TRACE_GOROUTINE_BPF_H
#define OTB_TRACE_GOROUTINE_BPF_H

#include "bpf/trace_headers.bpf.h"

enum { ANCESTRY_DEPTH_MAX = 8 };
#define ANCESTRY_AGE_MAX_NS (600 * 1000000000ULL) /* since the span began */

static __always_inline const struct context *context_lookup(const struct place *place, __u64 g)
{
	struct trace_span_key key = span_key(place, g, SLOT_SERVER);

	return bpf_map_lookup_elem(&contexts, &key);
}

/* Copies the span that a goroutine is in, with the goroutine's own depth in it. False where it is in none. */
static __always_inline bool context_find(const struct place *place, __u64 g, struct context *context)
{
	const struct context *own = context_lookup(place, g), *root;
	__u32 depth;

	if (!own)
		return false;
	*context = *own;
	depth = own->depth;
	if (!depth)
		return true;
	root = context_lookup(place, context->g);
	if (!root || root->depth || root->serial != context->serial)
		return false;
	*context = *root;
	context->depth = depth;
	/* A request that ends now leaves its memory to another, whose number is written first. */
	if (*(const volatile __u64 *)&root->serial != context->serial)
		return false;
	return bpf_ktime_get_ns() - context->start_ns < ANCESTRY_AGE_MAX_NS;
}

/*
 * A goroutine has been made, its g is not in use yet: it is in what the one that started it is in, and in nothing of
 * what the g was in before. This is on the system stack, where the one at `go` is m.curg.
 */
SEC("uprobe")
int new_goroutine(GO_CONTEXT *ctx)
{
	__u64 g = GO_ARG0(ctx), starter;
	struct trace_span_key key;
	struct context context;
	struct place place;

	if (!place_find(ctx, &place))
		return 0;
	starter = field_read(field_read(GO_G(ctx), place.binary->head.g_m), place.binary->head.m_curg);
	if (!starter || !context_find(&place, starter, &context) || context.depth >= ANCESTRY_DEPTH_MAX) {
		context_forget(&place, g);
		return 0;
	}
	context.depth++;
	key = span_key(&place, g, SLOT_SERVER);
	if (bpf_map_update_elem(&contexts, &key, &context, BPF_ANY))
		counter_add(COUNTER_LOST_MAP, 1);
	return 0;
}

/* How deep in its stack a goroutine is, which is the same at the entry of a function and at its ret, even if the stack
 * has been moved in between. g.stack.hi is behind g.stack.lo, which is first (runtime/runtime2.go). */
static __always_inline __u64 stack_depth(const GO_CONTEXT *ctx)
{
	return go_read_u64(GO_G(ctx) + 8) - GO_SP(ctx);
}

/* Whether the frame of a function is among those that a frame pointer leads to: each begins with the one above it. Where that
 * is not known, or the way is too long, it is. */
__attribute__((noinline)) int frame_is_above(__u64 frame, __u64 wanted)
{
	enum { FRAMES_MAX = 32 };

	for (__u32 i = 0; frame && i < FRAMES_MAX; i++) {
		if (frame >= wanted)
			return frame == wanted;
		if (bpf_probe_read_user(&frame, sizeof(frame), (const void *)frame) || !frame)
			return 0;
	}
	return 1;
}

/* Whether a call that begins at this depth is inside of another one, that of `outer`. If that one is not above it in the
 * stack, a panic has left it without a return. */
static __always_inline bool call_is_inside(const GO_CONTEXT *ctx, __u64 depth, __u64 outer)
{
	return depth > outer && frame_is_above(GO_FP(ctx), GO_SP(ctx) + depth - outer - 8);
}

/* ---- the parent of a client's span ---- */

/* The innermost client span that a goroutine is in, of other slots than this one: a driver of a database may speak
 * HTTP. One that has ended, and waits for what may come of it, is around nothing. */
static __always_inline const struct open_span *outer_span_find(const struct place *place, __u64 g, enum span_slot slot)
{
	const struct open_span *innermost = NULL;

	for (__u32 i = SLOT_CLIENT; i <= SLOT_SQL; i++) {
		struct trace_span_key key = span_key(place, g, i);
		const struct open_span *open;

		if (i == slot)
			continue;
		open = bpf_map_lookup_elem(&spans, &key);
		if (open && !open->span.end_ns && (!innermost || open->span.start_ns > innermost->span.start_ns))
			innermost = open;
	}
	return innermost;
}

/* Whether nothing is known that a client's span is in. If it is not kept, it stays for what is in it, which is not kept
 * either; what is in another has that to ask. */
static __always_inline bool span_is_root(const struct trace_span *span)
{
	return span->parent_source == SOURCE_NEW;
}

static __always_inline void span_set_goroutine_parent(struct trace_span *span, const __u8 trace_id[16],
						      const __u8 span_id[8], __u64 threshold)
{
	span->parent_source = SOURCE_GOROUTINE;
	span->threshold = threshold;
	__builtin_memcpy(span->trace_id, trace_id, sizeof(span->trace_id));
	__builtin_memcpy(span->parent_span_id, span_id, sizeof(span->parent_span_id));
}

/* Fills in the ids of scratch->open.span, a client's of this slot, and says whether it is to be kept: as its parent was,
 * or by the threshold in force where it has none. */
static __always_inline bool client_set_parent(const struct place *place, struct scratch *scratch, __u64 g,
					      enum span_slot slot)
{
	struct trace_span *span = &scratch->open.span;
	const struct open_span *outer = outer_span_find(place, g, slot);
	struct context context;

	span_set_root(span);
	if (outer) {
		span_set_goroutine_parent(span, outer->span.trace_id, outer->span.span_id, outer->span.threshold);
		return outer->is_sampled;
	}
	if (context_find(place, g, &context)) {
		span_set_goroutine_parent(span, context.trace_id, context.span_id, context.threshold);
		return context.is_sampled;
	}
	scratch->parent.flags = 0;
	return span_is_sampled(scratch, false);
}

#endif
