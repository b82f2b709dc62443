/* SPDX-License-Identifier: Apache-2.0 */
/* otb-skeleton: TODO. For now, records that have an `event` pass, byte for byte, and others do not. */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "cmd/otb-skeleton/options.h"
#include "common/cli/diag.h"
#include "common/record/buffer.h"
#include "common/record/reader.h"
#include "common/run/session.h"

enum field { FIELD_EVENT };

struct skeleton {
	struct options options;
	struct session session;
	struct json_names names; /* in the order of enum field */
	struct reader reader;
	struct buffer line;
	uint64_t records, kept;
};

static void fail(struct skeleton *tool, int error, const char *what)
{
	diag_print_errno(DIAG_ERROR, error, "%s", what);
	tool->session.failed = true;
	loop_stop(&tool->session.loop);
}

/* ---- records ---- */

static void put(struct skeleton *tool, const struct record_view *record)
{
	buffer_reset(&tool->line);
	buffer_add(&tool->line, record->line, record->length);
	buffer_add_text(&tool->line, record->cr ? "\r\n" : "\n");
	if (tool->line.failed)
		fail(tool, ENOMEM, "cannot write a record");
	else
		session_put_line(&tool->session, tool->line.bytes, tool->line.length, true);
}

static void take_record(struct skeleton *tool, const struct record_view *record)
{
	tool->records++;
	if (record->values[FIELD_EVENT].type == VALUE_ABSENT)
		return;
	tool->kept++;
	put(tool, record);
}

/* ---- the run ---- */

/* Once what was made of it is written, on_flushed() has more read. */
static void on_input(void *context)
{
	struct skeleton *tool = context;
	struct record_view record;

	loop_unwatch(&tool->session.loop, tool->reader.fd);
	if (reader_fill(&tool->reader) == READER_FAILED)
		tool->session.failed = true;
	while (!session_is_full(&tool->session) && reader_next(&tool->reader, &record))
		take_record(tool, &record);
}

static void on_flushed(void *context)
{
	struct skeleton *tool = context;
	struct loop *loop = &tool->session.loop;
	int error;

	if (tool->reader.state != READER_OPEN) {
		loop_stop(loop);
		return;
	}
	error = loop_watch(loop, tool->reader.fd, EPOLLIN, on_input, tool);
	if (error)
		fail(tool, error, "cannot wait for input");
}

static enum exit_code open_all(struct skeleton *tool)
{
	enum exit_code code = session_open(&tool->session, &tool->options.cli);
	int error;

	if (code)
		return code;
	tool->session.on_flushed = on_flushed;
	tool->session.on_flushed_context = tool;
	json_names_init(&tool->names);
	json_names_add(&tool->names, "event");
	error = reader_open(&tool->reader, STDIN_FILENO, "stdin", &tool->names);
	if (error)
		diag_print_errno(DIAG_ERROR, error, "cannot set up");
	return error ? EXIT_FAILED : EXIT_DONE;
}

static void write_stats(struct skeleton *tool)
{
	struct session *session = &tool->session;
	struct record *record = session_begin_aside(session, "stats");

	record_add_uint(record, "duration_ns", clock_monotonic_ns() - session->started_ns);
	record_add_uint(record, "lines", tool->reader.lines);
	record_add_uint(record, "records", tool->records);
	record_add_uint(record, "kept", tool->kept);
	record_add_uint(record, "dropped", tool->records - tool->kept);
	record_add_uint(record, "bad_lines", tool->reader.bad_lines);
	session_put_aside(session);
}

static void run(struct skeleton *tool)
{
	session_ready(&tool->session);
	session_run(&tool->session);
	if (tool->reader.state == READER_OPEN)
		session_run_on(&tool->session);
	tool->session.lossy = tool->reader.bad_lines;
	if (tool->options.cli.stats)
		write_stats(tool);
}

int main(int argc, char **argv)
{
	static struct skeleton tool;
	enum exit_code code;

	options_parse(&tool.options, argc, argv);
	code = open_all(&tool);
	if (!code)
		run(&tool);
	reader_close(&tool.reader);
	buffer_clear(&tool.line);
	return exit_worse(code, session_close(&tool.session));
}
