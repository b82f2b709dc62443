/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * otb-trace, kernel side: spans under way, and what the goroutines of a process are in.
 *
 * A span belongs to the goroutine that began it, and is kept under its g. What is known of a request is read from the
 * process when the span begins, while its memory is certain to be the request's, and is put together in a scratch of the
 * thread, which no other program can be in the middle of.
 */
#ifndef OTB_TRACE_SPAN_BPF_H
#define OTB_TRACE_SPAN_BPF_H

#include "bpf/go.bpf.h"
#include "bpf/propagation.h"
#include "bpf/trace.h"

struct process {
	struct go_process head;
	__u32 incarnation; /* told apart from others that had its pid, or were it before an execve() */
	__u32 reserved;
	__u64 start_ns; /* of the process, since boot */
	struct world_stop stop;
};

_Static_assert(__builtin_offsetof(struct process, incarnation) == TRACE_INCARNATION_AT, "as the user side reads it");

#define GO_BINARY struct trace_binary
#define GO_PROCESS struct process
#include "bpf/go_process.bpf.h"

const volatile struct trace_options options;

__u64 stops_missed; /* stops of the world that found the ring buffer full */

/* T, as otb-sample writes it: see otb-records(7). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} control SEC(".maps");

/* ---- a scratch for each thread ---- */

struct go_string {
	__u64 data, length;
};

struct found {
	struct go_string text; /* the first of its values */
	__u64 is_repeated;     /* and there are more */
};

struct open_span {
	__u64 object;                            /* what the end has to be of; 0: whatever it is of */
	__u64 request;                           /* *net/http.Request of a server's span */
	__u64 url;                               /* of that; 0: the request is certain to be there until the end */
	__u64 has_pattern, has_route;            /* they are known */
	struct go_string pattern, inner_pattern; /* of ServeMux, where the request has none; of the last one below it */
	struct go_string route;                  /* of gorilla/mux, the last one */
	__u64 inner;                             /* gRPC's client: see trace_grpc.bpf.h */
	__u64 is_sampled;   /* it will be told; else it is only counted (trace_metrics.bpf.h), or others are in it */
	__u64 is_own;       /* a request that is told or counted, and not only there for those in it */
	__u64 runnable_ns;  /* of its goroutine, when it began; TRACE_NO_TIME: not known */
	__u64 is_outermost; /* the goroutine's time is kept for as long as it is open */
	__u64 is_better;    /* inner_pattern is what is counted */
	__u64 attempts;     /* of a query, that have failed for a bad connection: the last of them at span.end_ns */
	struct trace_metric_key metric; /* with options.measures */
	struct trace_span span;
};

_Static_assert(__builtin_offsetof(struct open_span, is_own) == TRACE_OPEN_OWN_AT &&
		       sizeof(struct open_span) <= TRACE_OPEN_SIZE_MAX,
	       "as the user side reads it");

/* A text of the process that a span is to have. */
struct wanted_text {
	struct go_string string;
	__u64 text;
};

enum { TEXTS_WANTED_MAX = 16 };

enum { GROUP_SLOTS = 8 }; /* of a bucket, and of a group: of both kinds of maps */

struct bucket_head {
	__u8 hashes[GROUP_SLOTS];
	struct go_string keys[GROUP_SLOTS];
};

/* A walk over the buckets of a map: where it is, and what is left of the array, and of the old one. */
struct bucket_walk {
	__u64 bucket, left;
	__u64 old, old_left;
	__u64 overflow; /* the bucket that the last one overflows into; 0: none */
};

/* What a probe hands to the program that begins a server's span. */
struct server_start {
	__u64 g, request, object;
	__u32 protocol;
	__u32 kind; /* enum trace_request_kind */
};

enum {
	REQUEST_WORDS = 32,
	REQUEST_COPIED = 216
}; /* bytes: up to what is read of any request's fields in Go 1.17 to 1.27 */

struct scratch {
	__u64 request[REQUEST_WORDS];  /* the first REQUEST_COPIED bytes of one */
	struct found found[FOUND_MAX]; /* those in `seen` */
	__u32 seen;                    /* bit n: enum found_header */
	__u32 reserved;
	union {
		char traceparent[TRACEPARENT_SIZE];
		char b3[B3_SIZE];
		char tracestate[TRACESTATE_SIZE];
		struct b3_multi b3_multi;
		char name[TRACE_HEADER_NAME_SIZE];
	};
	struct tracestate_sampling sampling;
	struct trace_parent parent;
	struct server_start start;
	struct bucket_walk walk;
	struct bucket_head bucket;
	struct wanted_text texts[TEXTS_WANTED_MAX];
	__u64 texts_wanted;
	struct open_span open;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32); /* tid */
	__type(value, struct scratch);
} scratches SEC(".maps");

static const struct scratch no_scratch;

/* NULL: there is no room, which is counted. */
static __always_inline struct scratch *scratch_get(void)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &tid);

	if (scratch)
		return scratch;
	bpf_map_update_elem(&scratches, &tid, &no_scratch, BPF_NOEXIST);
	scratch = bpf_map_lookup_elem(&scratches, &tid);
	if (!scratch)
		counter_add(COUNTER_LOST_MAP, 1);
	return scratch;
}

SEC("raw_tp/sched_process_exit")
int thread_exit(void *ctx __attribute__((unused)))
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&scratches, &tid);
	return 0;
}

/* A thread that calls execve() becomes the leader, whatever it was, and what it was called before never ends. */
SEC("raw_tp/sched_process_exec")
int thread_exec(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 tid = (__u32)ctx->args[1];

	bpf_map_delete_elem(&scratches, &tid);
	return 0;
}

/* ---- spans under way ---- */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TRACE_SPANS_RESERVED); /* or, before the load, TRACE_SPANS_MAX */
	__type(key, struct trace_span_key);
	__type(value, struct open_span);
} spans SEC(".maps");

static __always_inline __u32 process_incarnation(const struct place *place)
{
	struct process *process = place->process;
	struct task_struct *task = (void *)bpf_get_current_task();

	/* Whoever comes first finds the same. Its memory, which has an address, would not do: the one that it had two
	 * execve() ago may have been at the same. */
	if (!process->incarnation) {
		process->start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
		process->incarnation = (__u32)(process->start_ns + BPF_CORE_READ(task, group_leader, self_exec_id));
	}
	return process->incarnation;
}

static __always_inline struct trace_span_key span_key(const struct place *place, __u64 g, enum span_slot slot)
{
	return (struct trace_span_key){ g, place->pid, process_incarnation(place) << 2 | slot };
}

/* ---- goroutines that are ready and do not run: --sched ---- */

struct sched_key {
	__u64 g;
	__u32 pid, reserved;
};

struct sched {
	__u64 runnable_ns; /* since this was made */
	__u64 since_ns;    /* it has been ready; 0: it is not */
};

/* Of the goroutines that are in a span. What a process leaves when it ends gives way to others. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct sched_key);
	__type(value, struct sched);
} scheds SEC(".maps");

static __always_inline void sched_begin(__u32 pid, __u64 g, struct open_span *open)
{
	struct sched_key key = { g, pid, 0 };
	struct sched fresh = { 0, 0 }, *sched = bpf_map_lookup_elem(&scheds, &key);

	open->is_outermost = !sched;
	if (sched)
		open->runnable_ns = sched->runnable_ns;
	else if (!bpf_map_update_elem(&scheds, &key, &fresh, BPF_ANY))
		open->runnable_ns = 0;
}

static __always_inline void sched_end(__u32 pid, __u64 g, struct open_span *open)
{
	struct sched_key key = { g, pid, 0 };
	struct sched *sched = bpf_map_lookup_elem(&scheds, &key);

	if (!sched || open->runnable_ns == TRACE_NO_TIME || sched->runnable_ns < open->runnable_ns)
		return;
	open->span.runnable_ns = sched->runnable_ns - open->runnable_ns;
	if (open->is_outermost)
		bpf_map_delete_elem(&scheds, &key);
}

/* ---- what a goroutine is in ---- */

/* Of a goroutine that is in a span: the span. Of one that was started there, or further down: where to find it. */
struct context {
	__u64 serial; /* of the span; it is over where its goroutine has none of this number */
	__u64 g;      /* the goroutine that has the span; its own, or an ancestor's */
	__u64 start_ns;
	__u8 trace_id[16];
	__u8 span_id[8];
	__u32 depth; /* 0: its own */
	__u8 is_sampled;
	__u8 reserved[3];
	__u64 threshold;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct trace_span_key);
	__type(value, struct context);
} contexts SEC(".maps");

static __always_inline __u64 random_u64(void)
{
	return (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32();
}

static __always_inline void context_set(const struct place *place, __u64 g, const struct trace_span *span,
					bool is_sampled)
{
	struct trace_span_key key = span_key(place, g, SLOT_SERVER);
	struct context context = {
		.serial = random_u64(),
		.g = g,
		.start_ns = span->start_ns,
		.is_sampled = is_sampled,
		.threshold = span->threshold,
	};

	if (!place->binary->follows)
		return;
	__builtin_memcpy(context.trace_id, span->trace_id, sizeof(context.trace_id));
	__builtin_memcpy(context.span_id, span->span_id, sizeof(context.span_id));
	if (bpf_map_update_elem(&contexts, &key, &context, BPF_ANY))
		counter_add(COUNTER_LOST_MAP, 1);
}

static __always_inline void context_forget(const struct place *place, __u64 g)
{
	struct trace_span_key key = span_key(place, g, SLOT_SERVER);

	/* Most have none, and a look takes no lock. */
	if (place->binary->follows && bpf_map_lookup_elem(&contexts, &key))
		bpf_map_delete_elem(&contexts, &key);
}

/* ---- the process's memory ---- */

static __always_inline struct go_string string_read(__u64 address)
{
	struct go_string string = { 0 };

	if (bpf_probe_read_user(&string, sizeof(string), (const void *)address))
		counter_add(COUNTER_LOST_FAULT, 1);
	return string;
}

/* A field of a struct; an offset that is not known gives nothing. */
static __always_inline __u64 field_read(__u64 object, __s32 offset)
{
	return object && offset != GO_NO_OFFSET ? go_read_u64(object + offset) : 0;
}

/* The same on a guess of what the object is: nothing is lost where it cannot be read. */
static __always_inline __u64 field_guess(__u64 object, __s32 offset)
{
	__u64 value = 0;

	if (object && offset != GO_NO_OFFSET)
		bpf_probe_read_user(&value, sizeof(value), (const void *)(object + offset));
	return value;
}

static __always_inline struct go_string field_read_string(__u64 object, __s32 offset)
{
	struct go_string none = { 0 };

	return object && offset != GO_NO_OFFSET ? string_read(object + offset) : none;
}

/* ---- a span's texts ---- */

/* Says of a text that there is one, but no room for it; in what is behind that room. */
static __always_inline void text_add_missing(struct trace_span *span, struct trace_text_head *head)
{
	__u64 at = span->text_size;

	head->cut = 1;
	if (at >= TRACE_TEXT_SIZE + TEXT_MAX * sizeof(*head))
		return;
	__builtin_memcpy(&span->text[at], head, sizeof(*head));
	span->text_size = (__u16)(at + sizeof(*head));
}

/* Adds a text of the process, as far as there is room. A span that begins wants several: text_want(). */
static __always_inline void text_add(struct trace_span *span, __u32 text, const struct go_string *string)
{
	struct trace_text_head head = { .text = (__u8)text };
	__u64 at = span->text_size, size = string->length;

	if (!size)
		return;
	if (at >= TRACE_TEXT_SIZE - sizeof(head)) {
		text_add_missing(span, &head);
		return;
	}
	if (size > TRACE_TEXT_MAX - sizeof(head)) {
		size = TRACE_TEXT_MAX - sizeof(head);
		head.cut = 1;
	}
	if (size > TRACE_TEXT_SIZE - sizeof(head) - at) {
		size = TRACE_TEXT_SIZE - sizeof(head) - at;
		head.cut = 1;
	}
	/* For the verifier, which does not know one number from another; the compiler does. */
	size = number_hide(size) & (TRACE_TEXT_MAX - 1);
	if (bpf_probe_read_user(&span->text[at + sizeof(head)], size, (const void *)string->data)) {
		counter_add(COUNTER_LOST_FAULT, 1);
		return;
	}
	head.size = (__u16)size;
	__builtin_memcpy(&span->text[at], &head, sizeof(head));
	span->text_size = (__u16)(at + sizeof(head) + size);
}

static __always_inline void text_add_field(struct trace_span *span, __u32 text, __u64 object, __s32 offset)
{
	struct go_string string = field_read_string(object, offset);

	text_add(span, text, &string);
}

/* The texts of a span that begins are noted, and then read by one function, through which the verifier goes once. */
static __always_inline void text_want(struct scratch *scratch, __u32 text, const struct go_string *string)
{
	struct wanted_text *wanted = &scratch->texts[scratch->texts_wanted++ & (TEXTS_WANTED_MAX - 1)];

	wanted->string = *string;
	wanted->text = text;
}

static __always_inline void text_want_field(struct scratch *scratch, __u32 text, __u64 object, __s32 offset)
{
	struct go_string string = field_read_string(object, offset);

	text_want(scratch, text, &string);
}

/* Adds what is noted to scratch->open.span. */
__attribute__((noinline)) int texts_read(void)
{
	struct scratch *scratch = scratch_get();

	if (!scratch)
		return 0;
	for (__u32 i = 0; i < TEXTS_WANTED_MAX; i++) {
		const struct wanted_text *wanted = &scratch->texts[i];

		if (i >= scratch->texts_wanted)
			break;
		text_add(&scratch->open.span, (__u32)wanted->text, &wanted->string);
	}
	scratch->texts_wanted = 0;
	return 0;
}

/* ---- interfaces ---- */

/* An interface's first word is an itab (runtime/runtime2.go, internal/abi/iface.go): its second word is the type, methods
 * begin at the fourth; a type's kind is its 23rd byte (runtime/type.go, internal/abi/type.go). The same in Go 1.17 to
 * 1.27. */
enum { ITAB_TYPE = 8, ITAB_METHOD = 24, TYPE_KIND = 23, KIND_MASK = 31, KIND_POINTER = 22 };

/* driver.Conn's Close is its second method. The first, Begin, is runtime.unreachableMethod in a program without
 * transactions: that is what the linker puts in the place of what nobody calls (cmd/link/internal/ld/data.go). */
enum { CONN_CLOSE = 1, ERROR_ERROR = 0 };

/* The address in the file of a method of an interface, of which they are in the order of their names; 0: there is none, or
 * it is not known. */
static __always_inline __u64 method_read(const struct place *place, __u64 itab, __u32 index)
{
	__u64 method = itab ? go_read_u64(itab + ITAB_METHOD + index * 8) : 0;

	return method ? method - place->process->head.bias : 0;
}

/* Of an error, a method and whether its type is a pointer's: so that its type can be named where there are no symbols. */
static __always_inline void span_set_error(const struct place *place, struct trace_span *span, __u64 itab)
{
	__u64 type = go_read_u64(itab + ITAB_TYPE);
	__u8 kind = 0;

	span->flags |= SPAN_ERROR;
	span->error = method_read(place, itab, ERROR_ERROR);
	if (!bpf_probe_read_user(&kind, sizeof(kind), (const void *)(type + TYPE_KIND)) &&
	    (kind & KIND_MASK) == KIND_POINTER)
		span->flags |= SPAN_ERROR_POINTER;
}

/* ---- beginning and ending ---- */

static __always_inline void span_begin(struct open_span *open, __u32 kind, __u32 protocol)
{
	struct trace_span *span = &open->span;

	if (options.measures)
		__builtin_memset(&open->metric, 0, sizeof(open->metric));
	__builtin_memset(span, 0, __builtin_offsetof(struct trace_span, text));
	span->start_ns = bpf_ktime_get_ns();
	span->threshold = TRACE_NO_THRESHOLD;
	span->runnable_ns = TRACE_NO_TIME;
	span->kind = (__u8)kind;
	span->protocol = (__u8)protocol;
}

/* A trace's first span, as long as it is not known to have a parent. */
static __always_inline void span_set_root(struct trace_span *span)
{
	__u64 ids[3] = { random_u64(), random_u64(), random_u64() };

	/* Ids of zeros are none. */
	ids[1] += !ids[1];
	ids[2] += !ids[2];
	span->parent_source = SOURCE_NEW;
	__builtin_memcpy(span->trace_id, ids, sizeof(span->trace_id));
	__builtin_memcpy(span->span_id, &ids[2], sizeof(span->span_id));
}

/* Keeps a span that is complete but for its end. */
static __always_inline void span_open(const struct place *place, __u64 g, enum span_slot slot, struct open_span *open)
{
	struct trace_span_key key = span_key(place, g, slot);

	open->runnable_ns = TRACE_NO_TIME;
	open->is_own = open->is_sampled || (options.measures && open->span.protocol != TRACE_SQL);
	if (options.wants_sched)
		sched_begin(place->pid, g, open);
	if (bpf_map_update_elem(&spans, &key, open, BPF_ANY))
		counter_add(COUNTER_LOST_MAP, 1);
}

#endif
