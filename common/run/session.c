/* SPDX-License-Identifier: Apache-2.0 */
#include "common/run/session.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/cli/diag.h"

/* For so long a reader that stands still holds the end up (design.md section 2); one that is slow is not that. */
enum { CLOSE_TIMEOUT_MS = 1000 };

/* How long a producer has for its last word, and what is there already takes. */
static const uint64_t LAST_WORD_NS = 1000000000, WHAT_IS_THERE_NS = 10000000;

static void stop(void *context)
{
	struct session *session = context;

	loop_stop(&session->loop);
}

static void reopen(struct session *session)
{
	session->reopens = false;
	loop_unwatch(&session->loop, session->output.fd);
	output_reopen(&session->output);
}

/* The output is opened again, but not before what is queued has gone to the old file. Who writes only at the end has
 * nothing queued, and no flush until then. */
static void hang_up(void *context)
{
	struct session *session = context;

	session->reopens = session->cli->output_path != NULL;
	if (session->reopens && session->output.start == session->output.end)
		reopen(session);
	if (session->on_hangup)
		session->on_hangup(session->on_hangup_context);
}

void session_on_hangup(struct session *session, loop_callback *callback, void *context)
{
	session->on_hangup = callback;
	session->on_hangup_context = context;
	loop_on_hangup(&session->loop, hang_up, session);
}

/* Whoever is told that the queue is empty may fill it anew. */
static enum output_state flush_all(struct session *session)
{
	struct output *output = &session->output;
	enum output_state state;

	do {
		state = output_flush(output);
		if (state == OUTPUT_FLUSHED && session->reopens)
			reopen(session);
		if (state == OUTPUT_FLUSHED && session->on_flushed)
			session->on_flushed(session->on_flushed_context);
	} while (state == OUTPUT_FLUSHED && output->end && !session->loop.stopping);
	return state;
}

static void flush(void *context)
{
	struct session *session = context;
	struct output *output = &session->output;
	enum output_state state = flush_all(session);

	if (state == OUTPUT_FAILED)
		session->failed = true;
	if (state == OUTPUT_FAILED || state == OUTPUT_CLOSED)
		loop_stop(&session->loop);
	else if (!output->is_file)
		/* Without EPOLLOUT it still tells when the reader goes away, so that a quiet tool ends too. */
		loop_watch(&session->loop, output->fd, state == OUTPUT_PENDING ? EPOLLOUT : 0, flush, session);
}

enum exit_code session_open(struct session *session, const struct cli *cli)
{
	int error;

	memset(session, 0, sizeof(*session));
	session->cli = cli;
	session->loop.epoll_fd = session->loop.signal_fd = -1;
	record_init(&session->record);
	for (unsigned int i = 0; i < cli->n_labels; i++)
		record_add_label(&session->record, cli->labels[i].name, cli->labels[i].value);
	clock_measure(&session->clock);
	session->started_ns = clock_monotonic_ns();
	session->started_wall_ns = clock_wall_ns(&session->clock, session->started_ns);

	if (output_open(&session->output, cli->output_path))
		return EXIT_FAILED;
	error = loop_open(&session->loop);
	if (error) {
		diag_print_errno(DIAG_ERROR, error, "cannot set up the event loop");
		return EXIT_FAILED;
	}
	loop_before_sleep(&session->loop, flush, session);
	if (cli->output_path)
		loop_on_hangup(&session->loop, hang_up, session);
	return EXIT_DONE;
}

uint64_t session_wall_ns(struct session *session)
{
	clock_refresh(&session->clock);
	return clock_wall_ns(&session->clock, clock_monotonic_ns());
}

struct record *session_begin(struct session *session, const char *event, uint64_t monotonic_ns)
{
	record_begin(&session->record, clock_wall_ns(&session->clock, monotonic_ns), event);
	return &session->record;
}

struct record *session_begin_now(struct session *session, const char *event)
{
	record_begin(&session->record, session_wall_ns(session), event);
	return &session->record;
}

struct record *session_begin_aside(struct session *session, const char *event)
{
	struct record *record = session_begin_now(session, event);

	record_add_text(record, "tool", session->cli->program);
	return record;
}

void session_count(struct session *session)
{
	session->written++;
	if (session_is_full(session))
		loop_stop(&session->loop);
}

void session_put_line(struct session *session, const char *line, size_t length, bool counts)
{
	output_put(&session->output, line, length);
	if (counts)
		session_count(session);
}

void session_put_titles(struct session *session, const struct table *table)
{
	char line[TABLE_LINE_SIZE];
	size_t length = table_format_titles(table, line);

	session_put_line(session, line, length, false);
}

void session_put_row(struct session *session, struct table *table, bool counts)
{
	char line[TABLE_LINE_SIZE];
	size_t length = table_format_row(table, line);

	session_put_line(session, line, length, counts);
}

void session_put(struct session *session)
{
	size_t length = record_end(&session->record);

	session_put_line(session, session->record.line, length, true);
}

void session_put_aside(struct session *session)
{
	size_t length = record_end(&session->record);

	session_put_line(session, session->record.line, length, false);
}

void session_confine(const struct session *session, unsigned int uses)
{
	syscall_filter_apply(session->cli->output_path ? uses | SYSCALLS_APPEND : uses);
}

void session_ready(struct session *session)
{
	int fd = session->cli->ready_fd;

	if (fd < 0)
		return;
	if (write(fd, "\n", 1) != 1)
		diag_print_errno(DIAG_WARN, errno, "cannot write to the descriptor of --ready-fd");
	close(fd);
}

/* `ns` 0: for as long as nothing else ends it. */
static void run_for(struct session *session, uint64_t ns)
{
	int error = ns ? loop_after(&session->loop, ns, stop, session) : 0;

	if (!error)
		error = loop_run(&session->loop);
	if (error) {
		diag_print_errno(DIAG_ERROR, error, "the event loop failed");
		session->failed = true;
	}
}

void session_run(struct session *session)
{
	run_for(session, session->cli->duration_ns);
}

void session_run_on(struct session *session)
{
	uint64_t duration_ns = session->cli->duration_ns;
	bool is_over = duration_ns && clock_monotonic_ns() - session->started_ns >= duration_ns;

	if (session->failed || session->output.state == OUTPUT_CLOSED || session_is_full(session))
		return;
	session->loop.stopping = false;
	run_for(session, is_over ? WHAT_IS_THERE_NS : LAST_WORD_NS);
}

bool session_flush(struct session *session)
{
	return output_wait(&session->output, CLOSE_TIMEOUT_MS);
}

/* What was taken and is not out. Of a reader that has gone nobody wants to know, and a write that failed was said. */
static void report_lost(struct session *session, enum output_state state)
{
	const struct output *output = &session->output;
	bool stands_still = state == OUTPUT_PENDING || output->is_given_up;

	if (!output->lost_lines || state == OUTPUT_CLOSED || state == OUTPUT_FAILED)
		return;
	if (stands_still)
		diag_print(DIAG_WARN, "lost %llu records at the end: the reader of the output does not read",
			   (unsigned long long)output->lost_lines);
	else
		diag_print(DIAG_WARN, "lost %llu records: there was no memory for the output",
			   (unsigned long long)output->lost_lines);
	session->lossy = true;
}

enum exit_code session_close(struct session *session)
{
	enum output_state state = OUTPUT_FLUSHED;

	if (session->output.queue)
		state = output_close(&session->output, CLOSE_TIMEOUT_MS);
	loop_close(&session->loop);
	if (state == OUTPUT_FAILED)
		session->failed = true;
	report_lost(session, state);
	if (session->failed)
		return EXIT_FAILED;
	return session->lossy && session->cli->strict ? EXIT_LOSSY : EXIT_DONE;
}
