/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otb-gcpause: every stop of the world of Go programs, with its reason, and what each GC cycle cost.
 *
 * A target (common/go/targets.h) is looked through once and gets its probes (probes.h); what they tell comes from the
 * ring buffer, and becomes a record, a row or a part of a summary.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "bpf/gcpause.h"
#include "bpf/gcpause.skel.h"
#include "cmd/otb-gcpause/event.h"
#include "cmd/otb-gcpause/options.h"
#include "cmd/otb-gcpause/probes.h"
#include "cmd/otb-gcpause/summary.h"
#include "common/bpf/tracer.h"
#include "common/cli/diag.h"

#define SECOND_NS UINT64_C(1000000000)

enum { NAMES_MAX = 256, CONTAINERS_MAX = 1024 };

struct name { /* of a function */
	uint64_t address;
	unsigned int target;
	char text[GO_NAME_SIZE];
};

struct container {
	uint32_t pid; /* 0: empty */
	char id[CONTAINER_ID_SIZE];
};

struct gcpause {
	struct options options;
	struct tracer tracer;
	struct gcpause_bpf *bpf;
	struct go_targets targets;
	struct go_probes probes;
	struct summary summary;
	struct table table;
	struct table_column columns[EVENT_COLUMNS];
	struct name names[NAMES_MAX];                /* a cache, by a hash of target and address */
	struct container containers[CONTAINERS_MAX]; /* a cache, by a hash of the pid */
};

/* ---- what is known of where an event comes from ---- */

static const struct go_target *target_of(const struct gcpause *tool, const struct go_event *head)
{
	const struct go_target *target;

	if (head->binary >= GO_TARGETS_MAX)
		return NULL;
	target = &tool->targets.targets[head->binary];
	return target->is_used ? target : NULL;
}

static const char *container_of(struct gcpause *tool, uint32_t pid)
{
	struct container *container = &tool->containers[pid % CONTAINERS_MAX];

	if (container->pid != pid) {
		container->pid = pid;
		if (!process_container_id((pid_t)pid, container->id))
			container->id[0] = '\0';
	}
	return container->id;
}

static struct process_facts facts_of(struct gcpause *tool, const struct go_event *head)
{
	const struct go_target *target = target_of(tool, head);

	return (struct process_facts){
		.go_version = target && target->binary.version.text[0] ? target->binary.version.text : NULL,
		.container_id = container_of(tool, head->pid),
	};
}

/* The function that a goroutine began with: what an id alone does not tell. */
static const char *function_of(struct gcpause *tool, const struct go_event *head,
			       const struct gcpause_goroutine *goroutine)
{
	const struct go_target *target = target_of(tool, head);
	struct name *name = &tool->names[(goroutine->startpc / 16 + head->binary) % NAMES_MAX];

	if (!goroutine->startpc || !target)
		return "";
	if (name->address != goroutine->startpc || name->target != head->binary) {
		name->address = goroutine->startpc;
		name->target = head->binary;
		if (!go_function_at(&target->binary, goroutine->startpc, name->text))
			name->text[0] = '\0';
	}
	return name->text;
}

/* ---- events ---- */

static bool is_table(const struct gcpause *tool)
{
	return tool->options.cli.form == CLI_FORM_TABLE;
}

static void write_pause(struct gcpause *tool, const struct gcpause_pause *event, const struct process_facts *facts,
			const char *reason)
{
	struct session *session = &tool->tracer.session;
	const char *function = function_of(tool, &event->head, &event->goroutine);

	if (is_table(tool)) {
		pause_set_row(&tool->table, event, reason, function, clock_wall_ns(&session->clock, event->start_ns));
		session_put_row(session, &tool->table, true);
	} else {
		pause_add_fields(session_begin(session, "gc_pause", event->start_ns), event, facts, reason, function);
		session_put(session);
	}
}

static void on_pause(struct gcpause *tool, const struct gcpause_pause *event)
{
	bool is_text = event->reason == REASON_TEXT;
	unsigned int number = is_text ? reason_from_text((const char *)event->text) : event->reason;
	struct process_facts facts = facts_of(tool, &event->head);
	char reason[REASON_NAME_SIZE];

	/* The kernel side knows the texts of old releases as little as it has to. */
	if (is_text && !tool->options.wants_reason[number]) {
		tool->tracer.counted[COUNTER_FILTERED]++;
		return;
	}
	reason_format(number, is_text ? (const char *)event->text : "", reason);
	if (!tool->options.cli.summary) {
		write_pause(tool, event, &facts, reason);
		return;
	}
	if (!summary_add(&tool->summary, event, &facts, reason))
		tool->tracer.session.lossy = true;
	session_count(&tool->tracer.session);
}

static void on_cycle(struct gcpause *tool, const struct gcpause_cycle *event)
{
	struct session *session = &tool->tracer.session;
	struct process_facts facts = facts_of(tool, &event->head);

	if (event->end_ns - event->start_ns < tool->options.filter.min_duration_ns) {
		tool->tracer.counted[COUNTER_FILTERED]++;
	} else if (is_table(tool)) {
		cycle_set_row(&tool->table, event, clock_wall_ns(&session->clock, event->start_ns));
		session_put_row(session, &tool->table, true);
	} else {
		cycle_add_fields(session_begin(session, "gc_cycle", event->start_ns), event, &facts);
		session_put(session);
	}
}

static void on_assist(struct gcpause *tool, const struct gcpause_assist *event)
{
	struct session *session = &tool->tracer.session;
	struct process_facts facts = facts_of(tool, &event->head);
	const char *function = function_of(tool, &event->head, &event->goroutine);

	if (is_table(tool)) {
		assist_set_row(&tool->table, event, function, clock_wall_ns(&session->clock, event->start_ns));
		session_put_row(session, &tool->table, true);
	} else {
		assist_add_fields(session_begin(session, "gc_assist", event->start_ns), event, &facts, function);
		session_put(session);
	}
}

/* The pid is that of another program now, which may be one to look at. */
static void on_exec(struct gcpause *tool, const struct go_event *head)
{
	tool->containers[head->pid % CONTAINERS_MAX].pid = 0;
	if (tool->options.cli.n_pids)
		tracer_forget_pid(&tool->tracer, (pid_t)head->pid);
	else
		go_targets_look(&tool->targets, (pid_t)head->pid);
}

static void on_event(void *context, const void *data, size_t size)
{
	static const size_t sizes[] = {
		[GO_EVENT_EXEC] = sizeof(struct go_event),
		[GCPAUSE_PAUSE] = sizeof(struct gcpause_pause),
		[GCPAUSE_CYCLE] = sizeof(struct gcpause_cycle),
		[GCPAUSE_ASSIST] = sizeof(struct gcpause_assist),
	};
	const struct go_event *head = data;
	struct gcpause *tool = context;

	if (size < sizeof(*head) || head->kind > GCPAUSE_ASSIST || size < sizes[head->kind] ||
	    session_is_full(&tool->tracer.session))
		return;
	if (head->kind == GCPAUSE_PAUSE)
		on_pause(tool, data);
	else if (head->kind == GCPAUSE_CYCLE)
		on_cycle(tool, data);
	else if (head->kind == GCPAUSE_ASSIST)
		on_assist(tool, data);
	else
		on_exec(tool, head);
}

static void on_second(void *context)
{
	struct gcpause *tool = context;

	go_targets_catch_up(&tool->targets, &tool->tracer, tool->bpf->bss->execs_missed);
}

static void on_interval(void *context)
{
	struct gcpause *tool = context;

	tracer_take(&tool->tracer);
	summary_write(&tool->summary, &tool->tracer.session);
}

/* ---- targets ---- */

static bool on_attach(void *context, unsigned int index, const char *path, pid_t pid, bool loudly)
{
	struct gcpause *tool = context;

	return probes_attach(&tool->probes, index, &tool->targets.targets[index].binary, path, pid, loudly);
}

/* The next target of that index has other functions where this one had its own. */
static void forget_names(struct gcpause *tool, const bool gone[GO_TARGETS_MAX])
{
	for (unsigned int i = 0; i < NAMES_MAX; i++)
		if (gone[tool->names[i].target])
			tool->names[i].address = 0;
}

static void on_detach(void *context, const bool gone[GO_TARGETS_MAX])
{
	struct gcpause *tool = context;

	go_probes_detach(&tool->probes, gone);
	forget_names(tool, gone);
}

/* What its processes have told of has to be read before the file is closed. */
static void on_write(void *context)
{
	struct gcpause *tool = context;

	tracer_take(&tool->tracer);
	go_targets_on_write(&tool->targets);
}

static void on_process(void *context, unsigned int index, pid_t pid)
{
	struct gcpause *tool = context;

	go_probes_note_process(&tool->probes, index, pid);
}

/* ---- the run ---- */

static enum exit_code load(struct gcpause *tool)
{
	int error;

	tool->bpf = gcpause_bpf__open();
	if (!tool->bpf)
		return tracer_refused(-errno);
	memcpy((void *)&tool->bpf->rodata->filter, &tool->options.filter, sizeof(tool->options.filter));
	tool->bpf->rodata->all_execs = !tool->options.cli.n_pids;
	probes_configure(&tool->probes, tool->bpf);
	tracer_take_object(&tool->tracer, tool->bpf->obj);
	error = gcpause_bpf__load(tool->bpf);
	return error ? tracer_refused(error) : EXIT_DONE;
}

static void begin_table(struct gcpause *tool)
{
	event_set_columns(tool->columns, tool->options.cli.n_pids != 1);
	table_init(&tool->table, tool->columns, EVENT_COLUMNS, 0);
	session_put_titles(&tool->tracer.session, &tool->table);
}

static enum exit_code start(struct gcpause *tool)
{
	struct session *session = &tool->tracer.session;
	enum exit_code code = tracer_attach(&tool->tracer, on_event, NULL, tool);

	if (code)
		return code;
	tool->targets.selection = &tool->options.selection;
	tool->targets.on_attach = on_attach;
	tool->targets.on_detach = on_detach;
	tool->targets.on_process = on_process;
	tool->targets.tool = tool;
	code = go_targets_start(&tool->targets);
	if (code)
		return code;
	loop_every(&session->loop, SECOND_NS, on_second, tool);
	loop_watch(&session->loop, tool->targets.inotify_fd, EPOLLIN, on_write, tool);
	if (!tool->options.cli.n_pids)
		tool->tracer.privilege = tool->probes.has_multi ? PRIVILEGE_ATTACH : PRIVILEGE_ATTACH_BY_PERF;
	summary_open(&tool->summary, tool->options.histogram);
	if (tool->options.cli.interval_ns)
		loop_every(&session->loop, tool->options.cli.interval_ns, on_interval, tool);
	if (is_table(tool) && !tool->options.cli.summary)
		begin_table(tool);
	return EXIT_DONE;
}

static void report(struct gcpause *tool)
{
	if (tool->options.cli.summary)
		summary_write(&tool->summary, &tool->tracer.session);
	tracer_report_loss(&tool->tracer);
	if (tool->options.cli.stats) {
		tracer_begin_stats(&tool->tracer);
		tracer_put_stats(&tool->tracer);
	}
}

static enum exit_code run(struct gcpause *tool)
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
	static struct gcpause tool;
	enum exit_code code;

	options_parse(&tool.options, argc, argv);
	code = tracer_open(&tool.tracer, &tool.options.cli);
	if (!code)
		code = run(&tool);
	code = exit_worse(code, tracer_close(&tool.tracer));
	go_targets_close(&tool.targets);
	summary_close(&tool.summary);
	gcpause_bpf__destroy(tool.bpf);
	return code;
}
