/* SPDX-License-Identifier: Apache-2.0 */
/* otb-skeleton: TODO. For now, each time that a process takes data from a TCP connection. */
#include <errno.h>
#include <string.h>

#include "bpf/skeleton.h"
#include "bpf/skeleton.skel.h"
#include "cmd/otb-skeleton/event.h"
#include "cmd/otb-skeleton/options.h"
#include "common/bpf/tracer.h"

struct skeleton {
	struct options options;
	struct tracer tracer;
	struct skeleton_bpf *bpf;
	struct table table;
};

static void on_event(void *context, const void *data, size_t size)
{
	struct skeleton *tool = context;
	struct session *session = &tool->tracer.session;
	const struct skeleton_event *event = data;

	if (size < sizeof(*event))
		return;
	if (tool->options.cli.form == CLI_FORM_JSON) {
		event_add_fields(session_begin(session, "skeleton", event->time_ns), event);
		session_put(session);
		return;
	}
	event_set_row(&tool->table, event, clock_wall_ns(&session->clock, event->time_ns));
	session_put_row(session, &tool->table, true);
}

static enum exit_code load(struct skeleton *tool)
{
	int error;

	tool->bpf = skeleton_bpf__open();
	if (!tool->bpf)
		return tracer_refused(-errno);
	memcpy((void *)&tool->bpf->rodata->filter, &tool->options.filter, sizeof(tool->options.filter));
	tracer_take_object(&tool->tracer, tool->bpf->obj);
	error = skeleton_bpf__load(tool->bpf);
	return error ? tracer_refused(error) : EXIT_DONE;
}

static enum exit_code start(struct skeleton *tool)
{
	enum exit_code code = tracer_attach(&tool->tracer, on_event, NULL, tool);

	if (code || tool->options.cli.form == CLI_FORM_JSON)
		return code;
	table_init(&tool->table, event_columns, n_event_columns, 0);
	session_put_titles(&tool->tracer.session, &tool->table);
	return EXIT_DONE;
}

static enum exit_code run(struct skeleton *tool)
{
	enum exit_code code = load(tool);

	if (!code)
		code = start(tool);
	if (code)
		return code;
	tracer_loop(&tool->tracer);
	tracer_finish(&tool->tracer);
	if (tool->options.cli.stats) {
		tracer_begin_stats(&tool->tracer);
		tracer_put_stats(&tool->tracer);
	}
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	static struct skeleton tool;
	enum exit_code code;

	options_parse(&tool.options, argc, argv);
	code = tracer_open(&tool.tracer, &tool.options.cli);
	if (!code)
		code = run(&tool);
	code = exit_worse(code, tracer_close(&tool.tracer));
	skeleton_bpf__destroy(tool.bpf);
	return code;
}
