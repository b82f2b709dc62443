/* SPDX-License-Identifier: Apache-2.0 */
/* From an event of the BPF side, and its owner, to a record or a row of a table. */
#ifndef OTB_TCPRETRANS_EVENT_H
#define OTB_TCPRETRANS_EVENT_H

#include "bpf/tcpretrans.h"
#include "cmd/otb-tcpretrans/owner.h"
#include "common/record/record.h"
#include "common/record/table.h"

enum { ENDPOINT_SIZE = sizeof("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535") };

extern const char *const reason_names[REASON_MAX];
extern const char *const event_field_names[]; /* of every record of this tool, ended by NULL */
extern const struct table_column event_columns[];
extern const unsigned int n_event_columns;

/* "tcp_retransmit" or "tcp_synack_retransmit". */
const char *event_name(const struct tcpretrans_event *event);

/* An address without port ("192.0.2.1", "2001:db8::1"); v4-mapped ones are shown as IPv4. */
void address_format(const __u8 address[16], char text[ENDPOINT_SIZE]);
/* The same with the port, as URLs have it: "192.0.2.1:80", "[2001:db8::1]:80". */
void endpoint_format(const __u8 address[16], __u16 port, char text[ENDPOINT_SIZE]);

/* Adds all fields behind `time` and `event`. `tick_ns` is the kernel's (clock_tick_ns()). */
void event_add_fields(struct record *record, const struct tcpretrans_event *event, const struct owner *owner,
		      uint64_t tick_ns);

/* Fills the next row of a table of event_columns. `wall_ns` as for record_begin(). */
void event_set_row(struct table *table, const struct tcpretrans_event *event, const struct owner *owner,
		   uint64_t wall_ns);

#endif
