/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The per-CPU counters that every tracer's BPF side keeps in its map `counters` and common/bpf/tracer.c reads.
 * Included on both sides.
 *
 * A weight is what one event stands for in the unit that the kernel's own statistics count in (otb-tcpretrans:
 * segments), so that the sum can be made up even where records are missing.
 */
#ifndef OTB_BPF_COUNTERS_H
#define OTB_BPF_COUNTERS_H

enum counter {
	COUNTER_SEEN, /* events that reached a probe */
	COUNTER_SEEN_WEIGHT,
	COUNTER_FILTERED,   /* held back by the user's filters */
	COUNTER_SUPPRESSED, /* held back by --max-rate */
	COUNTER_SUPPRESSED_WEIGHT,
	COUNTER_LOST_RINGBUF, /* the ring buffer was full */
	COUNTER_LOST_RINGBUF_WEIGHT,
	COUNTER_LOST_MAP,     /* a map was full */
	COUNTER_LOST_FAULT,   /* memory of the traced process could not be read */
	COUNTER_LOST_HEADERS, /* more headers than are looked at: a parent that may be there is not known */
	COUNTER_UNCOUNTED,    /* times that the kernel had counted something no event reported */
	COUNTER_UNCOUNTED_WEIGHT,
	COUNTER_MAX,
};

#endif
