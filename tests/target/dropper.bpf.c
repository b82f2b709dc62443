/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Drops TCP packets by rule and counts exactly what it dropped. It needs neither CO-RE nor kernel types, so that the
 * test bed stays independent of what it tests.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tests/target/dropper.h"

struct packet {
	__u32 kind;         /* PACKET_* */
	__u32 end;          /* the sequence number after it */
	__u16 source, dest; /* host order */
	__u32 segments;
	__u8 version;
	bool first;
};

struct flow {
	struct in6_addr source_address, dest_address; /* IPv4 in the last four bytes */
	__u16 source, dest;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DROPPER_RULES);
	__type(key, __u32);
	__type(value, struct dropper_rule);
} rules SEC(".maps");

/* The highest sequence number seen of each flow. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct flow);
	__type(value, __u32);
} flows SEC(".maps");

/* One byte for each drop, to wake whoever waits for it; when the buffer is full, somebody is awake already. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} drops SEC(".maps");

static __u32 packet_kind(const struct tcphdr *tcp, __u32 payload)
{
	if (tcp->rst)
		return PACKET_RST;
	if (tcp->syn)
		return tcp->ack ? PACKET_SYNACK : PACKET_SYN;
	if (!payload && !tcp->fin)
		return PACKET_ACK;
	return (payload ? PACKET_DATA : 0) | (tcp->fin ? PACKET_FIN : 0);
}

/* True if it ends beyond everything that was seen of its flow, which it then moves on. */
static bool flow_advance(const struct flow *flow, __u32 end)
{
	__u32 *seen = bpf_map_lookup_elem(&flows, flow);

	if (!seen) {
		bpf_map_update_elem(&flows, flow, &end, BPF_ANY);
		return true;
	}
	if ((__s32)(end - *seen) <= 0)
		return false;
	*seen = end;
	return true;
}

/* Reads the TCP header behind the IP header, of which the flow's addresses are known. False if it is cut short. */
static bool packet_read_tcp(struct __sk_buff *skb, __u32 offset, __u32 length, struct flow *flow, struct packet *packet)
{
	struct tcphdr tcp;
	__u32 payload;

	if (bpf_skb_load_bytes_relative(skb, offset, &tcp, sizeof(tcp), BPF_HDR_START_NET) || length < tcp.doff * 4u)
		return false;
	payload = length - tcp.doff * 4u;
	flow->source = packet->source = bpf_ntohs(tcp.source);
	flow->dest = packet->dest = bpf_ntohs(tcp.dest);
	packet->kind = packet_kind(&tcp, payload);
	packet->end = bpf_ntohl(tcp.seq) + payload + tcp.syn + tcp.fin;
	packet->segments = skb->gso_segs > 1 ? skb->gso_segs : 1;
	packet->first = !(packet->kind & (PACKET_ACK | PACKET_RST)) && flow_advance(flow, packet->end);
	return true;
}

static bool packet_read_ipv4(struct __sk_buff *skb, struct packet *packet)
{
	struct flow flow = {};
	struct iphdr ip;

	if (bpf_skb_load_bytes_relative(skb, 0, &ip, sizeof(ip), BPF_HDR_START_NET))
		return false;
	/* A later fragment has no TCP header. */
	if (ip.protocol != IPPROTO_TCP || (bpf_ntohs(ip.frag_off) & 0x1fff) || bpf_ntohs(ip.tot_len) < ip.ihl * 4u)
		return false;
	flow.source_address.s6_addr32[3] = ip.saddr;
	flow.dest_address.s6_addr32[3] = ip.daddr;
	packet->version = 4;
	return packet_read_tcp(skb, ip.ihl * 4u, bpf_ntohs(ip.tot_len) - ip.ihl * 4u, &flow, packet);
}

/* Extension headers do not occur on the test bed's links. */
static bool packet_read_ipv6(struct __sk_buff *skb, struct packet *packet)
{
	struct flow flow = {};
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes_relative(skb, 0, &ip, sizeof(ip), BPF_HDR_START_NET) || ip.nexthdr != IPPROTO_TCP)
		return false;
	flow.source_address = ip.saddr;
	flow.dest_address = ip.daddr;
	packet->version = 6;
	return packet_read_tcp(skb, sizeof(ip), bpf_ntohs(ip.payload_len), &flow, packet);
}

static bool packet_read(struct __sk_buff *skb, struct packet *packet)
{
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return packet_read_ipv4(skb, packet);
	return skb->protocol == bpf_htons(ETH_P_IPV6) && packet_read_ipv6(skb, packet);
}

static bool rule_applies(const struct dropper_rule *rule, const struct packet *packet)
{
	return (rule->kinds & packet->kind) && (!rule->version || rule->version == packet->version) &&
	       (!rule->port || rule->port == packet->source || rule->port == packet->dest) &&
	       (!rule->first || packet->first);
}

/* Counts the packet, which the rule applies to, and says whether it is to be dropped. */
static bool rule_count(struct dropper_rule *rule, const struct packet *packet)
{
	bool drop;

	bpf_spin_lock(&rule->lock);
	rule->matched++;
	drop = rule->matched > rule->skip && (!rule->count || rule->dropped < rule->count) && rule->every &&
	       (rule->matched - rule->skip) % rule->every == 0;
	if (drop) {
		rule->dropped++;
		rule->segments += packet->segments;
	}
	bpf_spin_unlock(&rule->lock);
	return drop;
}

static void drop_announce(void)
{
	__u8 byte = 1;

	bpf_ringbuf_output(&drops, &byte, sizeof(byte), BPF_RB_FORCE_WAKEUP);
}

SEC("tc")
int dropper(struct __sk_buff *skb)
{
	struct packet packet = {};
	struct dropper_rule *rule;

	if (!packet_read(skb, &packet))
		return TC_ACT_OK;
	for (__u32 i = 0; i < DROPPER_RULES; i++) {
		__u32 key = i;

		rule = bpf_map_lookup_elem(&rules, &key);
		if (rule && rule_applies(rule, &packet) && rule_count(rule, &packet)) {
			drop_announce();
			return TC_ACT_SHOT;
		}
	}
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
