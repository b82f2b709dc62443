/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otb-trace: spans of Go services that nobody instrumented.
 *
 * A target (common/go/targets.h) is looked through once and gets its probes (probes.h); the spans they tell come from the
 * ring buffer, and become records or rows.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "bpf/trace.h"
#include "bpf/trace.skel.h"
#include "cmd/otb-trace/control.h"
#include "cmd/otb-trace/event.h"
#include "cmd/otb-trace/driver.h"
#include "cmd/otb-trace/headers.h"
#include "cmd/otb-trace/methods.h"
#include "cmd/otb-trace/metrics.h"
#include "cmd/otb-trace/options.h"
#include "cmd/otb-trace/otlp.h"
#include "cmd/otb-trace/probes.h"
#include "cmd/otb-trace/service.h"
#include "cmd/otb-trace/stops.h"
#include "cmd/otb-trace/unfinished.h"
#include "common/bpf/tracer.h"
#include "common/cli/diag.h"

#define SECOND_NS UINT64_C(1000000000)

struct trace {
	struct options options;
	struct tracer tracer;
	struct trace_bpf *bpf;
	struct go_targets targets;
	struct go_probes probes;
	struct probes_plan *plans[GO_TARGETS_MAX]; /* of --pid: made before the load */
	struct control control;
	struct services services;
	struct stops stops;
	struct methods methods;
	struct metrics metrics;
	struct buffer otlp_line;
	uint64_t stops_missed; /* as last seen */
	struct table table;
	struct table_column columns[EVENT_COLUMNS];
};

/* ---- events ---- */

static bool is_table(const struct trace *tool)
{
	return tool->options.cli.form == CLI_FORM_TABLE;
}

/* How long the GC had stopped the world in a span, where that is known. */
static void note_stops(struct trace *tool, struct span *span)
{
	const struct trace_span *event = span->event;
	uint64_t missed = tool->bpf->bss->stops_missed;

	if (missed != tool->stops_missed)
		stops_miss(&tool->stops, clock_monotonic_ns());
	tool->stops_missed = missed;
	span->has_gc_stw =
		stops_overlap(&tool->stops, event->head.pid, event->start_ns, event->end_ns, &span->gc_stw_ns);
}

static void on_stop(struct trace *tool, const struct trace_stop *event)
{
	stops_add(&tool->stops, event->head.pid, event->start_ns, event->end_ns);
}

/* What a span points to in its process's file. */
static void note_methods(struct trace *tool, struct span *span)
{
	const struct trace_span *event = span->event;

	if (event->protocol == TRACE_SQL)
		span->db_system =
			driver_system(method_name(&tool->methods, &tool->targets, event->head.binary, event->callee));
	span->error_method = method_name(&tool->methods, &tool->targets, event->head.binary, event->error);
}

static void put_otlp(struct trace *tool, uint64_t start_ns)
{
	struct session *session = &tool->tracer.session;
	struct buffer *line = &tool->otlp_line;

	buffer_reset(line);
	record_end(&session->record);
	otlp_put_span(line, &session->record, start_ns, &tool->options);
	if (line->failed)
		session->lossy = true;
	else
		session_put_line(session, line->bytes, line->length, true);
}

static void on_span(struct trace *tool, const void *event, size_t size)
{
	struct session *session = &tool->tracer.session;
	struct span span;
	uint64_t start_ns;

	if (!span_read(&span, event, size))
		return;
	note_stops(tool, &span);
	note_methods(tool, &span);
	span.service_name = service_name(&tool->services, (pid_t)span.event->head.pid, span.event->process_start_ns);
	start_ns = clock_wall_ns(&session->clock, span.event->start_ns);
	if (is_table(tool)) {
		span_set_row(&tool->table, &span, start_ns);
		session_put_row(session, &tool->table, true);
		return;
	}
	span_add_fields(session_begin(session, "span", span.event->start_ns), &span, &tool->options);
	if (tool->options.cli.form == CLI_FORM_OTLP)
		put_otlp(tool, start_ns);
	else
		session_put(session);
}

/* The pid is that of another program now, which may be one to look at. */
static void on_exec(struct trace *tool, const struct go_event *event)
{
	service_forget(&tool->services, (pid_t)event->pid);
	if (tool->options.cli.n_pids)
		tracer_forget_pid(&tool->tracer, (pid_t)event->pid);
	else
		go_targets_look(&tool->targets, (pid_t)event->pid);
}

static void on_event(void *context, const void *data, size_t size)
{
	const struct go_event *event = data;
	struct trace *tool = context;

	if (size < sizeof(*event))
		return;
	if (event->kind == TRACE_SPAN)
		on_span(tool, data, size);
	else if (event->kind == TRACE_STOP && size >= sizeof(struct trace_stop))
		on_stop(tool, data);
	else if (event->kind == GO_EVENT_EXEC)
		on_exec(tool, event);
}

static void on_second(void *context)
{
	struct trace *tool = context;

	go_targets_catch_up(&tool->targets, &tool->tracer, tool->bpf->bss->execs_missed);
	unfinished_sweep(&tool->tracer.session, bpf_map__fd(tool->bpf->maps.spans),
			 bpf_map__fd(tool->bpf->maps.processes));
	stops_sweep(&tool->stops, clock_monotonic_ns());
}

static void on_interval(void *context)
{
	struct trace *tool = context;

	metrics_write(&tool->metrics, &tool->tracer.session, &tool->services);
}

/* ---- targets ---- */

static const struct probes_plan *plan_target(struct trace *tool, unsigned int index)
{
	struct probes_plan *plan = malloc(sizeof(*plan));

	if (plan)
		probes_plan(plan, &tool->targets.targets[index].binary, tool->options.wants_sched);
	return tool->plans[index] = plan;
}

static void forget_plan(struct trace *tool, unsigned int index)
{
	free(tool->plans[index]);
	tool->plans[index] = NULL;
}

static bool on_attach(void *context, unsigned int index, const char *path, pid_t pid, bool loudly)
{
	struct trace *tool = context;
	bool is_attached;

	if (!tool->plans[index] && !plan_target(tool, index))
		return false;
	is_attached = probes_attach(&tool->probes, index, &tool->targets.targets[index].binary, tool->plans[index],
				    path, pid, loudly);
	/* Of a file that is traced in some of its processes another one may be wanted. */
	if (pid < 0)
		forget_plan(tool, index);
	return is_attached;
}

static void on_detach(void *context, const bool gone[GO_TARGETS_MAX])
{
	struct trace *tool = context;

	for (unsigned int i = 0; i < GO_TARGETS_MAX; i++)
		if (gone[i])
			forget_plan(tool, i);
	go_probes_detach(&tool->probes, gone);
	methods_forget(&tool->methods, gone);
}

/* What its processes have told of has to be read before the file is closed. */
static void on_write(void *context)
{
	struct trace *tool = context;

	tracer_take(&tool->tracer);
	go_targets_on_write(&tool->targets);
}

static void on_process(void *context, unsigned int index, pid_t pid)
{
	struct trace *tool = context;

	/* While it can be asked: its spans may be read when it has ended. */
	service_name(&tool->services, pid, 0);
	go_probes_note_process(&tool->probes, index, pid);
}

/* ---- the run ---- */

/* A span takes 2 KB. Programs can allocate memory since 6.1 (bpf_mem_alloc); who has multi-uprobes, of 6.6, has that. */
static void take_memory_late(struct trace_bpf *bpf)
{
	bpf_map__set_max_entries(bpf->maps.spans, TRACE_SPANS_MAX);
	bpf_map__set_map_flags(bpf->maps.spans, BPF_F_NO_PREALLOC);
	bpf_map__set_map_flags(bpf->maps.scratches, BPF_F_NO_PREALLOC);
}

static void configure(struct trace *tool)
{
	const struct options *options = &tool->options;
	struct trace_bpf *bpf = tool->bpf;
	struct trace_options wanted = {
		.samples = options->has_ratio || options->control_path,
		.wants_query = options->wants_query,
		.wants_sched = options->wants_sched,
		.measures = options->wants_metrics,
		.wants_no_span = options->cli.summary,
	};

	memcpy((void *)&bpf->rodata->options, &wanted, sizeof(wanted));
	bpf->rodata->all_execs = !options->cli.n_pids;
	bpf->rodata->header_lengths =
		headers_name((struct trace_header_name *)bpf->rodata->header_names,
			     (__u32 *)bpf->rodata->headers_wanted, options->headers, options->n_headers);
	metrics_name(bpf->rodata->metric_methods, bpf->rodata->metric_bounds);
	if (!options->wants_metrics)
		bpf_map__set_max_entries(bpf->maps.metrics, 1);
	if (!options->wants_sched)
		bpf_map__set_max_entries(bpf->maps.scheds, 1);
	probes_configure(&tool->probes, bpf);
	if (tool->probes.has_multi)
		take_memory_late(bpf);
	tracer_take_object(&tool->tracer, bpf->obj);
}

/* Maps that make room for others take all of their memory when they are made, some 20 MB. */
static void reserve_only_wanted(struct trace_bpf *bpf, const bool wanted[GO_PROBES_MAX])
{
	if (!wanted[PROBE_NEW_GOROUTINE])
		bpf_map__set_max_entries(bpf->maps.contexts, 1);
	if (!wanted[PROBE_GRPC_HEADERS])
		bpf_map__set_max_entries(bpf->maps.pending, 1);
	if (!wanted[PROBE_GRPC_BELOW])
		bpf_map__set_max_entries(bpf->maps.handlers, 1);
	if (!wanted[PROBE_SQL_PREPARED])
		bpf_map__set_max_entries(bpf->maps.statements, 1);
}

/* What is loaded is verified, which takes longer than all the rest; most programs have no use for most of it. */
static void load_only_wanted(struct trace *tool)
{
	bool wanted[GO_PROBES_MAX] = { false };

	if (!go_targets_open_pids(&tool->targets))
		return;
	for (unsigned int i = 0; i < GO_TARGETS_MAX; i++) {
		const struct probes_plan *plan;

		if (!tool->targets.targets[i].is_used)
			continue;
		plan = plan_target(tool, i);
		if (!plan)
			return;
		for (unsigned int probe = 0; probe < TRACE_PROBES_MAX; probe++)
			wanted[probe] |= plan->places.of[probe].n;
	}
	go_probes_load_only(&tool->probes, wanted);
	reserve_only_wanted(tool->bpf, wanted);
}

static void set_targets(struct trace *tool)
{
	struct go_targets *targets = &tool->targets;

	targets->selection = &tool->options.selection;
	targets->on_attach = on_attach;
	targets->on_detach = on_detach;
	targets->on_process = on_process;
	targets->tool = tool;
}

static enum exit_code load(struct trace *tool)
{
	const struct options *options = &tool->options;
	enum exit_code code;
	int error;

	tool->bpf = trace_bpf__open();
	if (!tool->bpf)
		return tracer_refused(-errno);
	configure(tool);
	set_targets(tool);
	load_only_wanted(tool);
	code = control_open(&tool->control, tool->bpf->maps.control, options->control_path);
	if (code)
		return code;
	error = trace_bpf__load(tool->bpf);
	if (error)
		return tracer_refused(error);
	code = control_pin(&tool->control, tool->bpf->maps.control, options->threshold, options->has_ratio);
	tool->tracer.has_pin = tool->control.is_pinned;
	return code;
}

static void begin_table(struct trace *tool)
{
	event_set_columns(tool->columns, tool->options.cli.n_pids != 1);
	table_init(&tool->table, tool->columns, EVENT_COLUMNS, 0);
	session_put_titles(&tool->tracer.session, &tool->table);
}

static enum exit_code begin_metrics(struct trace *tool)
{
	if (!tool->options.wants_metrics)
		return EXIT_DONE;
	if (metrics_open(&tool->metrics, bpf_map__fd(tool->bpf->maps.metrics), tool->bpf->bss->metric_overflows)) {
		diag_print_errno(DIAG_ERROR, -ENOMEM, "--metrics");
		return EXIT_FAILED;
	}
	if (tool->options.cli.interval_ns)
		loop_every(&tool->tracer.session.loop, tool->options.cli.interval_ns, on_interval, tool);
	return EXIT_DONE;
}

static enum exit_code start(struct trace *tool)
{
	struct session *session = &tool->tracer.session;
	enum exit_code code = tracer_attach(&tool->tracer, on_event, NULL, tool);

	if (code)
		return code;
	code = go_targets_start(&tool->targets);
	if (code)
		return code;
	loop_every(&session->loop, SECOND_NS, on_second, tool);
	loop_watch(&session->loop, tool->targets.inotify_fd, EPOLLIN, on_write, tool);
	if (!tool->options.cli.n_pids)
		tool->tracer.privilege = tool->probes.has_multi ? PRIVILEGE_ATTACH : PRIVILEGE_ATTACH_BY_PERF;
	if (is_table(tool) && !tool->options.cli.summary)
		begin_table(tool);
	return begin_metrics(tool);
}

static void report(struct trace *tool)
{
	if (tool->options.wants_metrics)
		metrics_write(&tool->metrics, &tool->tracer.session, &tool->services);
	/* A process of --pid that has just ended did so before us. */
	unfinished_sweep(&tool->tracer.session, bpf_map__fd(tool->bpf->maps.spans),
			 bpf_map__fd(tool->bpf->maps.processes));
	unfinished_report(&tool->tracer.session, bpf_map__fd(tool->bpf->maps.spans));
	tracer_report_loss(&tool->tracer);
	if (tool->options.cli.stats) {
		tracer_begin_stats(&tool->tracer);
		tracer_put_stats(&tool->tracer);
	}
}

static enum exit_code run(struct trace *tool)
{
	enum exit_code code = load(tool);

	if (!code)
		code = start(tool);
	if (code)
		return code;
	tracer_loop(&tool->tracer);
	go_probes_detach_all(&tool->probes);
	tracer_finish(&tool->tracer);
	report(tool);
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	static struct trace tool;
	enum exit_code code;

	options_parse(&tool.options, argc, argv);
	code = tracer_open(&tool.tracer, &tool.options.cli);
	if (!code && services_open(&tool.services)) {
		diag_print(DIAG_ERROR, "no memory");
		code = EXIT_FAILED;
	}
	if (!code)
		code = run(&tool);
	code = exit_worse(code, tracer_close(&tool.tracer));
	control_close(&tool.control);
	services_close(&tool.services);
	stops_close(&tool.stops);
	metrics_close(&tool.metrics);
	buffer_clear(&tool.otlp_line);
	go_targets_close(&tool.targets);
	trace_bpf__destroy(tool.bpf);
	return code;
}
