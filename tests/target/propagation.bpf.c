/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The parsers of bpf/propagation.h, a program each, for BPF_PROG_TEST_RUN (tests/unit/propagation.c). */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

#include "tests/target/propagation.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct traceparent_header);
} traceparents SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct b3_header);
} b3s SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct b3_multi);
} b3_multis SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tracestate_header);
} tracestates SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct propagation_answer);
} answers SEC(".maps");

SEC("tc")
int parse_traceparent(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct traceparent_header *header = bpf_map_lookup_elem(&traceparents, &key);
	struct propagation_answer *answer = bpf_map_lookup_elem(&answers, &key);

	(void)skb;
	if (header && answer)
		answer->result =
			traceparent_parse(header->text, header->length, &answer->parent) ? PARENT_FOUND : PARENT_NONE;
	return 0;
}

SEC("tc")
int parse_b3(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct b3_header *header = bpf_map_lookup_elem(&b3s, &key);
	struct propagation_answer *answer = bpf_map_lookup_elem(&answers, &key);

	(void)skb;
	if (header && answer)
		answer->result = b3_parse(header->text, header->length, &answer->parent);
	return 0;
}

SEC("tc")
int parse_b3_multi(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct b3_multi *headers = bpf_map_lookup_elem(&b3_multis, &key);
	struct propagation_answer *answer = bpf_map_lookup_elem(&answers, &key);

	(void)skb;
	if (headers && answer)
		answer->result = b3_multi_parse(headers, &answer->parent);
	return 0;
}

SEC("tc")
int parse_tracestate(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct tracestate_header *header = bpf_map_lookup_elem(&tracestates, &key);
	struct propagation_answer *answer = bpf_map_lookup_elem(&answers, &key);

	(void)skb;
	if (header && answer)
		answer->result = tracestate_sampling(header->text, header->length, &answer->sampling);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
