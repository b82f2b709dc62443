/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otb-tcpretrans: every TCP retransmission, with the process that owns the socket and the reason.
 *
 * An event comes from the ring buffer with its owner, or without: then it waits until the batch is over, one scan looks
 * for all owners that are missing, and it goes on. Then it becomes a record, a row or a part of a summary.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/tcpretrans.h"
#include "bpf/tcpretrans.skel.h"
#include "cmd/otb-tcpretrans/audit.h"
#include "cmd/otb-tcpretrans/event.h"
#include "cmd/otb-tcpretrans/options.h"
#include "cmd/otb-tcpretrans/owner.h"
#include "cmd/otb-tcpretrans/summary.h"
#include "common/bpf/tracer.h"
#include "common/cli/diag.h"

enum { WAITING_MAX = 4096 };

struct tcpretrans {
	struct options options;
	struct tracer tracer;
	struct tcpretrans_bpf *bpf;
	struct owners owners;
	struct audit audit;
	struct summary summary;
	struct table table;
	uint64_t tick_ns;
	struct tcpretrans_event waiting[WAITING_MAX]; /* for a scan to find their owners */
	unsigned int n_waiting;
};

/* ---- an event that knows its owner ---- */

static bool comm_is_wanted(const struct tcpretrans_filter *filter, const char *comm)
{
	for (unsigned int i = 0; i < filter->n_comms; i++)
		if (!strncmp((const char *)filter->comms[i], comm, TCPRETRANS_COMM_SIZE))
			return true;
	return !filter->n_comms;
}

/* --pid and --comm, once more: the kernel side lets pass what it does not know the owner of. */
static bool owner_is_wanted(const struct tcpretrans_filter *filter, const struct owner *owner)
{
	bool wanted = !filter->n_pids;

	for (unsigned int i = 0; i < filter->n_pids; i++)
		wanted |= filter->pids[i] == owner->pid;
	return wanted && comm_is_wanted(filter, owner->comm);
}

static void write_event(struct tcpretrans *tool, const struct tcpretrans_event *event, const struct owner *owner)
{
	struct session *session = &tool->tracer.session;

	if (tool->options.cli.form == CLI_FORM_JSON) {
		struct record *record = session_begin(session, event_name(event), event->time_ns);

		event_add_fields(record, event, owner, tool->tick_ns);
		session_put(session);
		return;
	}
	event_set_row(&tool->table, event, owner, clock_wall_ns(&session->clock, event->time_ns));
	session_put_row(session, &tool->table, true);
}

static void deliver(struct tcpretrans *tool, const struct tcpretrans_event *event, const struct owner *owner)
{
	struct session *session = &tool->tracer.session;

	if (session_is_full(session))
		return;
	if (!owner_is_wanted(&tool->options.filter, owner)) {
		tool->tracer.counted[COUNTER_FILTERED]++;
		return;
	}
	if (!tool->options.cli.summary) {
		write_event(tool, event, owner);
		return;
	}
	if (!summary_add(&tool->summary, event, owner))
		session->lossy = true;
	session_count(session);
}

/* ---- an event that does not ---- */

static void settle_waiting(struct tcpretrans *tool)
{
	if (!tool->n_waiting)
		return;
	owners_scan(&tool->owners);
	for (unsigned int i = 0; i < tool->n_waiting; i++) {
		struct owner owner;

		owner_settle(&tool->owners, &tool->waiting[i].socket, &owner);
		deliver(tool, &tool->waiting[i], &owner);
	}
	tool->n_waiting = 0;
}

static void on_batch(void *context)
{
	struct tcpretrans *tool = context;

	if (tool->n_waiting && owners_may_scan(&tool->owners))
		settle_waiting(tool);
	if (!tool->n_waiting)
		owners_limit(&tool->owners, clock_monotonic_ns());
}

static void take_event(struct tcpretrans *tool, const struct tcpretrans_event *event)
{
	struct owner owner = { 0 };

	if (event->owner == OWNER_CURRENT) {
		owner_take(&tool->owners, &event->socket, &owner);
		deliver(tool, event, &owner);
	} else if (event->owner == OWNER_ORPHAN || owner_find(&tool->owners, &event->socket, event->time_ns, &owner)) {
		deliver(tool, event, &owner);
	} else {
		if (tool->n_waiting == WAITING_MAX)
			settle_waiting(tool);
		tool->waiting[tool->n_waiting++] = *event;
	}
}

static void on_event(void *context, const void *data, size_t size)
{
	struct tcpretrans *tool = context;
	const __u32 *kind = data;

	if (*kind == TCPRETRANS_OWNER && size >= sizeof(struct tcpretrans_owner))
		owner_closed(&tool->owners, &((const struct tcpretrans_owner *)data)->socket);
	else if (size >= sizeof(struct tcpretrans_event))
		take_event(tool, data);
}

static void on_interval(void *context)
{
	struct tcpretrans *tool = context;

	tracer_take(&tool->tracer);
	summary_write(&tool->summary, &tool->tracer.session);
}

/* ---- the run ---- */

static void select_programs(struct tcpretrans_bpf *bpf, bool btf)
{
	bpf_program__set_autoload(bpf->progs.tcp_retransmit_skb_btf, btf);
	bpf_program__set_autoload(bpf->progs.tcp_retransmit_synack_btf, btf);
	bpf_program__set_autoload(bpf->progs.inet_sock_set_state_btf, btf);
	bpf_program__set_autoload(bpf->progs.tcp_retransmit_skb_raw, !btf);
	bpf_program__set_autoload(bpf->progs.tcp_retransmit_synack_raw, !btf);
	bpf_program__set_autoload(bpf->progs.inet_sock_set_state_raw, !btf);
}

static int load_variant(struct tcpretrans *tool, bool btf)
{
	tool->bpf = tcpretrans_bpf__open();
	if (!tool->bpf)
		return -errno;
	memcpy((void *)&tool->bpf->rodata->filter, &tool->options.filter, sizeof(tool->options.filter));
	tool->bpf->rodata->max_rate = tool->options.max_rate;
	select_programs(tool->bpf, btf);
	tracer_take_object(&tool->tracer, tool->bpf->obj);
	return tcpretrans_bpf__load(tool->bpf);
}

/* OTB_TCPRETRANS_RAW_TP in the environment tries what old kernels get, on any kernel. */
static enum exit_code load(struct tcpretrans *tool)
{
	int error = getenv("OTB_TCPRETRANS_RAW_TP") ? -EINVAL : load_variant(tool, true);

	if (error && error != -EPERM) {
		diag_print_errno(DIAG_DEBUG, error, "falling back to raw tracepoints");
		tcpretrans_bpf__destroy(tool->bpf);
		error = load_variant(tool, false);
	}
	return error ? tracer_refused(error) : EXIT_DONE;
}

static void visit_files(struct tcpretrans *tool, enum tcpretrans_visit visit, owners_file_callback *on_file)
{
	tool->bpf->bss->visit = visit;
	owners_visit_files(&tool->owners, on_file, &tool->audit);
	tool->bpf->bss->visit = VISIT_LOOK;
}

static void audit(struct tcpretrans *tool)
{
	uint64_t *counted = tool->tracer.counted;

	visit_files(tool, VISIT_AUDIT, audit_read);
	counted[COUNTER_UNCOUNTED] += audit_finish(&tool->audit, &counted[COUNTER_UNCOUNTED_WEIGHT]);
}

static void begin_table(struct tcpretrans *tool)
{
	table_init(&tool->table, event_columns, n_event_columns, 0);
	session_put_titles(&tool->tracer.session, &tool->table);
}

static enum exit_code start(struct tcpretrans *tool)
{
	struct session *session = &tool->tracer.session;
	enum exit_code code;
	int error = owners_open(&tool->owners, tool->bpf->progs.task_file_iter);

	if (error)
		return tracer_refused(error);
	code = tracer_attach(&tool->tracer, on_event, on_batch, tool);
	if (code)
		return code;
	audit_open(&tool->audit, bpf_map__fd(tool->bpf->maps.accounted), tool->options.filter.netns);
	visit_files(tool, VISIT_SEED, audit_begin);
	tool->bpf->bss->seeded = true;
	tool->tracer.uncounted_is_missed = tool->bpf->bss->reports_failures;
	summary_open(&tool->summary, tool->options.by);
	if (tool->options.cli.interval_ns)
		loop_every(&session->loop, tool->options.cli.interval_ns, on_interval, tool);
	if (tool->options.cli.form == CLI_FORM_TABLE && !tool->options.cli.summary)
		begin_table(tool);
	return EXIT_DONE;
}

static void report(struct tcpretrans *tool)
{
	struct session *session = &tool->tracer.session;

	if (tool->options.cli.summary)
		summary_write(&tool->summary, session);
	tracer_report_loss(&tool->tracer);
	if (tool->options.cli.stats) {
		struct record *record = tracer_begin_stats(&tool->tracer);

		record_add_uint(record, "segments_seen", tracer_counter(&tool->tracer, COUNTER_SEEN_WEIGHT));
		record_add_uint(record, "uncounted_segments", tracer_counter(&tool->tracer, COUNTER_UNCOUNTED_WEIGHT));
		tracer_put_stats(&tool->tracer);
	}
}

static enum exit_code run(struct tcpretrans *tool)
{
	enum exit_code code = options_resolve(&tool->options);

	if (!code)
		code = load(tool);
	if (!code)
		code = start(tool);
	if (code)
		return code;
	tracer_loop(&tool->tracer);
	audit(tool);
	tracer_finish(&tool->tracer);
	settle_waiting(tool);
	report(tool);
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	static struct tcpretrans tool;
	enum exit_code code;

	options_parse(&tool.options, argc, argv);
	tool.tick_ns = clock_tick_ns();
	code = tracer_open(&tool.tracer, &tool.options.cli);
	tool.tracer.weight = "segments";
	if (!code)
		code = run(&tool);
	code = exit_worse(code, tracer_close(&tool.tracer));
	owners_close(&tool.owners);
	audit_close(&tool.audit);
	summary_close(&tool.summary);
	tcpretrans_bpf__destroy(tool.bpf);
	return code;
}
