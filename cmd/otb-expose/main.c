/* SPDX-License-Identifier: Apache-2.0 */
/* otb-expose: JSON Lines on stdin become Prometheus metrics. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "cmd/otb-expose/options.h"
#include "cmd/otb-expose/rules.h"
#include "cmd/otb-expose/textfile.h"
#include "common/cli/diag.h"
#include "common/record/reader.h"
#include "common/record/utf8.h"
#include "common/run/session.h"

/* After a signal the producer, which it has reached too (Ctrl-C in a pipe), may have a last word to say. */
static const uint64_t LAST_WORD_NS = 1000000000;

/* What the program counts of itself. */
enum { LINES, BAD_LINES, IGNORED_RECORDS, BAD_VALUES, OWN_METRICS };

static const struct metric_shape own_shapes[OWN_METRICS] = {
	[LINES] = {
		.name = "otb_expose_lines_total",
		.type = METRIC_COUNTER,
		.help = "Lines read that were not empty.",
	},
	[BAD_LINES] = {
		.name = "otb_expose_bad_lines_total",
		.type = METRIC_COUNTER,
		.help = "Lines that were no record, by what was wrong.",
		.labels = { "reason" },
	},
	[IGNORED_RECORDS] = {
		.name = "otb_expose_ignored_records_total",
		.type = METRIC_COUNTER,
		.help = "Records that no rule is for.",
	},
	[BAD_VALUES] = {
		.name = "otb_expose_bad_values_total",
		.type = METRIC_COUNTER,
		.help = "Amounts that did not count, as they were no number, or negative.",
	},
};

struct expose {
	struct options options;
	struct session session;
	struct reader reader;
	struct rules rules;
	struct metric own[OWN_METRICS];
	struct constant_label constants[CLI_LABELS_MAX];
	char constant_values[CLI_LABELS_MAX][3 * CLI_LABEL_BYTES_MAX + 1];
	uint64_t records;
	bool input_ended, page_written; /* of the last page */
};

/* ---- the page ---- */

static void set_own(struct expose *expose, unsigned int metric, const char *label, uint64_t value)
{
	struct label_text text = { label, strlen(label) };

	series_set(metric_get(&expose->own[metric], &text), (double)value);
}

/* Every reason is there from the start: a rate of a counter that comes into being with its first event misses it. */
static void update_own(struct expose *expose)
{
	set_own(expose, LINES, "", expose->reader.lines);
	for (enum json_status status = JSON_OK + 1; status < JSON_STATUSES; status++)
		set_own(expose, BAD_LINES, json_status_word(status), expose->reader.bad_by_reason[status]);
	set_own(expose, IGNORED_RECORDS, "", expose->rules.ignored);
	set_own(expose, BAD_VALUES, "", expose->rules.bad_values);
}

static bool make_page(struct expose *expose, struct page *page)
{
	unsigned int n_constants = expose->options.cli.n_labels;

	update_own(expose);
	rules_expose(&expose->rules, page, expose->constants, n_constants);
	for (unsigned int i = 0; i < OWN_METRICS; i++)
		page_add_metric(page, &expose->own[i], expose->constants, n_constants);
	if (page->failed)
		diag_print_errno(DIAG_ERROR, ENOMEM, "cannot make the page");
	return !page->failed;
}

static void write_page(struct expose *expose)
{
	struct page page = { .bytes = NULL };

	if (!make_page(expose, &page))
		expose->session.failed = true;
	else if (!expose->options.textfile)
		session_put_line(&expose->session, page.bytes, page.length, false);
	else if (!textfile_write(expose->options.textfile, page.bytes, page.length))
		expose->session.failed = true;
	page_clear(&page);
}

/* A page may be larger than a pipe, and its reader may take its time. Only a signal ends that: then session_close() gives
 * it a last second. */
static void flush_page(void *context)
{
	struct expose *expose = context;
	struct session *session = &expose->session;
	enum output_state state = output_flush(&session->output);

	session->failed |= state == OUTPUT_FAILED;
	if (state != OUTPUT_PENDING || loop_watch(&session->loop, session->output.fd, EPOLLOUT, flush_page, expose))
		loop_stop(&session->loop);
}

static void write_last_page(struct expose *expose)
{
	write_page(expose);
	expose->page_written = true;
	flush_page(expose);
}

/* ---- input ---- */

static bool has_enough(const struct expose *expose)
{
	return expose->options.cli.count && expose->records >= expose->options.cli.count;
}

static void take_input(struct expose *expose)
{
	enum reader_state state = reader_fill(&expose->reader);
	struct record_view record;

	while (!has_enough(expose) && reader_next(&expose->reader, &record)) {
		rules_apply(&expose->rules, &record);
		expose->records++;
	}
	reader_report(&expose->reader, false);
	if (state == READER_FAILED)
		expose->session.failed = true;
	expose->input_ended = state != READER_OPEN || has_enough(expose);
}

static void on_input(void *context)
{
	struct expose *expose = context;

	take_input(expose);
	if (!expose->input_ended)
		return;
	loop_unwatch(&expose->session.loop, expose->reader.fd);
	write_last_page(expose);
}

static void on_interval(void *context)
{
	struct expose *expose = context;

	reader_report(&expose->reader, false);
	if (!expose->page_written)
		write_page(expose);
}

/* The loop was stopped, but not by the end of input: takes what still comes, but at the end of --duration only what is
 * there. */
static void drain_input(struct expose *expose)
{
	uint64_t now_ns = clock_monotonic_ns(), duration_ns = expose->options.cli.duration_ns;
	bool is_over = duration_ns && now_ns - expose->session.started_ns >= duration_ns;
	uint64_t deadline_ns = is_over ? now_ns : now_ns + LAST_WORD_NS;

	while (!expose->input_ended) {
		struct pollfd input = { .fd = expose->reader.fd, .events = POLLIN };
		int timeout_ms = now_ns < deadline_ns ? (int)((deadline_ns - now_ns) / 1000000) : 0;

		if (poll(&input, 1, timeout_ms) <= 0)
			break;
		take_input(expose);
		now_ns = clock_monotonic_ns();
		if (now_ns >= deadline_ns)
			break;
	}
}

/* ---- the run ---- */

/* Where the page has gone to stdout, the record has no place behind it. */
static void write_stats(struct expose *expose)
{
	struct session *session = &expose->session;
	struct record *record = session_begin_aside(session, "stats");

	record_add_uint(record, "duration_ns", clock_monotonic_ns() - session->started_ns);
	record_add_uint(record, "lines", expose->reader.lines);
	record_add_uint(record, "records", expose->records);
	record_add_uint(record, "ignored", expose->rules.ignored);
	record_add_uint(record, "bad_lines", expose->reader.bad_lines);
	record_add_uint(record, "bad_values", expose->rules.bad_values);
	if (expose->options.textfile) {
		session_put_aside(session);
		return;
	}
	size_t length = record_end(record);
	if (write(STDERR_FILENO, record->line, length) < 0)
		return; /* and nobody is left to be told */
}

static void open_constants(struct expose *expose)
{
	for (unsigned int i = 0; i < expose->options.cli.n_labels; i++) {
		const struct cli_label *label = &expose->options.cli.labels[i];
		char *value = expose->constant_values[i];

		utf8_clean(value, sizeof(expose->constant_values[i]), label->value, strlen(label->value));
		expose->constants[i] = (struct constant_label){ label->name, value };
	}
}

static int open_metrics(struct expose *expose)
{
	int error = rules_open(&expose->rules, builtin_metrics, n_builtin_metrics, builtin_rules, n_builtin_rules);

	for (unsigned int i = 0; i < OWN_METRICS; i++)
		if (metric_open(&expose->own[i], &own_shapes[i], METRIC_SERIES_MAX))
			error = -ENOMEM;
	return error;
}

static enum exit_code open_all(struct expose *expose)
{
	struct session *session = &expose->session;
	enum exit_code code = session_open(session, &expose->options.cli);
	int error;

	if (code)
		return code;
	if (expose->options.textfile && !textfile_check(expose->options.textfile))
		return EXIT_FAILED;
	open_constants(expose);
	error = open_metrics(expose);
	if (!error)
		error = reader_open(&expose->reader, STDIN_FILENO, "stdin", &expose->rules.fields);
	if (!error)
		error = loop_watch(&session->loop, STDIN_FILENO, EPOLLIN, on_input, expose);
	if (!error && expose->options.cli.interval_ns)
		error = loop_every(&session->loop, expose->options.cli.interval_ns, on_interval, expose);
	/* Until the end there is nothing to flush. */
	loop_before_sleep(&session->loop, NULL, NULL);
	if (error)
		diag_print_errno(DIAG_ERROR, error, "cannot set up");
	return error ? EXIT_FAILED : EXIT_DONE;
}

static void run(struct expose *expose)
{
	if (isatty(STDIN_FILENO))
		diag_print(DIAG_WARN, "reading records from the terminal; Ctrl-D ends them");
	session_ready(&expose->session);
	session_run(&expose->session);
	if (!expose->page_written) {
		drain_input(expose);
		write_last_page(expose);
	}
	expose->session.lossy = expose->reader.bad_lines;
	if (expose->options.cli.stats)
		write_stats(expose);
}

static enum exit_code close_all(struct expose *expose)
{
	reader_close(&expose->reader);
	for (unsigned int i = 0; i < OWN_METRICS; i++)
		metric_close(&expose->own[i]);
	rules_close(&expose->rules);
	return session_close(&expose->session);
}

int main(int argc, char **argv)
{
	static struct expose expose;

	options_parse(&expose.options, argc, argv);
	enum exit_code code = open_all(&expose);
	if (!code)
		run(&expose);
	return exit_worse(code, close_all(&expose));
}
