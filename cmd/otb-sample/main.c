/* SPDX-License-Identifier: Apache-2.0 */
/* otb-sample: JSON Lines on stdin, fewer of them on stdout. */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "cmd/otb-sample/control.h"
#include "cmd/otb-sample/filter.h"
#include "common/cli/diag.h"
#include "common/run/reload.h"

static const uint64_t SECOND_NS = 1000000000;
/* How late a decision may be that only the clock brings about. */
static const uint64_t IDLE_NS = 50000000;

struct sample {
	struct options options;
	struct session session;
	struct reader reader;
	struct filter filter;
	struct control control;
	struct reload reload;
	uint64_t reloads;
	bool input_ended;
	bool is_held_back; /* the output is full: what has been read waits in the reader */
};

/* ---- input and output ---- */

/* Takes the lines that have been read, as long as the output has room for them, or all of them. */
static void take_lines(struct sample *sample, bool regardless)
{
	struct record_view record;

	filter_begin(&sample->filter);
	while ((regardless || filter_has_room(&sample->filter)) && !session_is_full(&sample->session)) {
		if (!reader_next(&sample->reader, &record)) {
			sample->is_held_back = false;
			sample->input_ended = sample->reader.state != READER_OPEN;
			return;
		}
		filter_take(&sample->filter, &record);
	}
	sample->is_held_back = true;
}

static void fail(struct sample *sample, const char *what)
{
	diag_print_errno(DIAG_ERROR, errno, "%s", what);
	sample->session.failed = true;
	loop_stop(&sample->session.loop);
}

static void on_input(void *context);

/* Input is watched while there is room for what it brings. What ended it has left is decided as room comes. */
static void go_on(struct sample *sample)
{
	struct session *session = &sample->session;

	if (sample->is_held_back || sample->input_ended)
		loop_unwatch(&session->loop, sample->reader.fd);
	else if (loop_watch(&session->loop, sample->reader.fd, EPOLLIN, on_input, sample))
		fail(sample, "cannot wait for input");
	if (sample->input_ended)
		filter_drain(&sample->filter, false);
}

static void on_input(void *context)
{
	struct sample *sample = context;

	if (reader_fill(&sample->reader) == READER_FAILED)
		sample->session.failed = true;
	take_lines(sample, false);
	if (sample->is_held_back || sample->input_ended)
		go_on(sample);
}

/* The output is empty again. */
static void on_flushed(void *context)
{
	struct sample *sample = context;

	filter_write(&sample->filter);
	if (sample->is_held_back) {
		take_lines(sample, false);
		go_on(sample);
	} else if (!sample->input_ended) {
		filter_turn(&sample->filter);
	} else if (filter_drain(&sample->filter, false) && !sample->session.output.end) {
		loop_stop(&sample->session.loop);
	}
}

/* ---- time ---- */

static void on_idle(void *context)
{
	struct sample *sample = context;

	if (!sample->is_held_back && !sample->input_ended)
		filter_idle(&sample->filter);
}

static void on_second(void *context)
{
	struct sample *sample = context;

	reader_report(&sample->reader, false);
	filter_report(&sample->filter);
}

static void on_tick(void *context)
{
	struct sample *sample = context;

	control_write(&sample->control, sampler_in_force(&sample->filter.sampler));
}

/* ---- rules ---- */

static void on_new_rules(void *context)
{
	struct sample *sample = context;

	sample->reloads += filter_reload(&sample->filter);
}

/* ---- the run ---- */

static int open_timers(struct sample *sample)
{
	struct loop *loop = &sample->session.loop;
	int error = loop_every(loop, SECOND_NS, on_second, sample);

	if (!error && sample->filter.keeps_time)
		error = loop_every(loop, IDLE_NS, on_idle, sample);
	if (!error && sample->options.control_path)
		error = loop_every(loop, sample->options.sampler.tick_ns, on_tick, sample);
	return error;
}

static enum exit_code open_input(struct sample *sample)
{
	struct session *session = &sample->session;
	int error = reader_open(&sample->reader, STDIN_FILENO, "stdin", &sample->filter.rules.names);

	sample->reader.passes_bad = sample->options.passes_bad;
	session->on_flushed = on_flushed;
	session->on_flushed_context = sample;
	if (!error)
		error = loop_watch(&session->loop, STDIN_FILENO, EPOLLIN, on_input, sample);
	if (!error)
		error = open_timers(sample);
	if (error)
		diag_print_errno(DIAG_ERROR, error, "cannot set up");
	return error ? EXIT_FAILED : EXIT_DONE;
}

static enum exit_code open_redaction(struct options *options)
{
	bool has_key = !options->redact_key_path || redact_read_key(&options->redact, options->redact_key_path);

	return has_key ? EXIT_DONE : EXIT_USAGE;
}

static enum exit_code open_all(struct sample *sample)
{
	struct options *options = &sample->options;
	enum exit_code code = open_redaction(options);

	if (options->rules_path)
		reload_open(&sample->reload, options->rules_path);
	if (!code)
		code = filter_open(&sample->filter, options, &sample->session);
	if (!code)
		code = session_open(&sample->session, &options->cli);
	if (!code && options->control_path && !control_open(&sample->control, options->control_path))
		code = EXIT_CANNOT_OBSERVE;
	if (!code && options->rules_path)
		reload_start(&sample->reload, &sample->session, on_new_rules, sample);
	if (!code)
		code = open_input(sample);
	return code;
}

static void warn_of_weights(const struct options *options)
{
	const struct sampler_options *sampler = &options->sampler;

	if (isatty(STDIN_FILENO))
		diag_print(DIAG_WARN, "reading records from the terminal; Ctrl-D ends them");
	if (sampler->kind == SAMPLER_TOKENS)
		diag_print(DIAG_WARN, "--token-bucket: nobody can say how many others a kept record stands for; "
				      "sampling_threshold is removed");
	if (sampler->kind == SAMPLER_NONE && sampler->first_n)
		diag_print(DIAG_WARN, "--first alone: nobody can say how many others a kept record stands for; "
				      "sampling_threshold is removed");
	if (options->control_path && (options->n_rules || options->rules_path))
		diag_print(DIAG_WARN, "--control: what the tracer leaves out already no rule can keep");
}

/* What is held goes out as it is read: the queue is not to hold all of it a second time. */
static void drain(struct sample *sample)
{
	while (!filter_drain(&sample->filter, false) && session_flush(&sample->session))
		;
	filter_drain(&sample->filter, true);
}

static void run(struct sample *sample)
{
	warn_of_weights(&sample->options);
	on_tick(sample);
	session_ready(&sample->session);
	session_run(&sample->session);
	if (!sample->input_ended)
		session_run_on(&sample->session);
	take_lines(sample, true);
	filter_end_line(&sample->filter);
	drain(sample);
	filter_report(&sample->filter);
	sample->session.lossy = sample->reader.bad_lines;
	if (sample->options.cli.stats)
		filter_write_stats(&sample->filter, &sample->reader, sample->reloads);
}

static enum exit_code close_all(struct sample *sample)
{
	control_close(&sample->control);
	reload_close(&sample->reload);
	reader_close(&sample->reader);
	filter_close(&sample->filter);
	options_clear(&sample->options);
	return session_close(&sample->session);
}

int main(int argc, char **argv)
{
	static struct sample sample = { .control.fd = -1 };
	enum exit_code code;

	options_parse(&sample.options, argc, argv);
	code = open_all(&sample);
	if (!code)
		run(&sample);
	return exit_worse(code, close_all(&sample));
}
