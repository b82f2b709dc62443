/* SPDX-License-Identifier: Apache-2.0 */
/* otb-expose: JSON Lines on stdin become Prometheus metrics. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "cmd/otb-expose/imported.h"
#include "cmd/otb-expose/options.h"
#include "cmd/otb-expose/otlp_input.h"
#include "cmd/otb-expose/own.h"
#include "cmd/otb-expose/restore.h"
#include "cmd/otb-expose/rules.h"
#include "cmd/otb-expose/textfile.h"
#include "common/cli/diag.h"
#include "common/record/random.h"
#include "common/record/utf8.h"
#include "common/run/reload.h"

static const uint64_t SECOND_NS = 1000000000;

struct expose {
	struct options options;
	struct session session;
	struct reader reader;
	struct rules rules;
	struct own own;
	struct imported imported;
	struct otlp_input otlp;
	struct http_server *http;
	struct reload reload; /* of the file of rules */
	struct constant_label constants[CLI_LABELS_MAX];
	char constant_values[CLI_LABELS_MAX][3 * CLI_LABEL_BYTES_MAX + 1];
	uint64_t records, window_ns;
	bool page_written; /* the last one */
	bool lingers;      /* goes on serving at the end of input */
	bool failed;       /* a page before the last, which is no reason not to go on */
	struct {
		bool counted; /* a page could not be written, and what it went on from is counted already: */
		char *bytes;  /* the file as it was then */
		size_t length;
	} base;
};

/* ---- the page ---- */

static bool make_page(void *context, struct page *page)
{
	struct expose *expose = context;
	unsigned int n_constants = expose->options.cli.n_labels;

	page->created = expose->options.created;
	own_update(&expose->own, &expose->reader, &expose->rules, &expose->imported, expose->http);
	imported_expose(&expose->imported, page, expose->constants, n_constants);
	page_end(page);
	if (page->failed)
		diag_print_errno(DIAG_ERROR, ENOMEM, "cannot make the page");
	return !page->failed;
}

static bool make_request(struct expose *expose, struct page *page)
{
	struct otlp_request request = { .page = page,
					.constants = expose->constants,
					.n_constants = expose->options.cli.n_labels,
					.start_wall_ns = expose->session.started_wall_ns,
					.now_wall_ns = session_wall_ns(&expose->session) };

	own_update(&expose->own, &expose->reader, &expose->rules, &expose->imported, NULL);
	otlp_begin(&request);
	imported_export(&expose->imported, &request);
	otlp_end(&request);
	if (page->failed)
		diag_print_errno(DIAG_ERROR, ENOMEM, "cannot make the request");
	return !page->failed;
}

/* That the reader has gone is no failure, and another one has been said. */
static bool put_page(struct expose *expose, const struct page *page)
{
	const struct output *output = &expose->session.output;
	bool is_open = output->state == OUTPUT_FLUSHED || output->state == OUTPUT_PENDING;
	uint64_t lost_lines = output->lost_lines;

	session_put_line(&expose->session, page->bytes, page->length, false);
	if (!is_open || output->lost_lines == lost_lines)
		return true;
	diag_print_errno(DIAG_ERROR, ENOMEM, "cannot write the page");
	return false;
}

static bool write_page(struct expose *expose)
{
	struct page page = { .bytes = NULL };
	bool made = expose->options.kind == OUTPUT_OTLP ? make_request(expose, &page) : make_page(expose, &page);
	bool done = made && put_page(expose, &page);

	page_clear(&page);
	return done;
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

/* ---- the textfile ---- */

/* Adds what a file holds to what has been counted since it was written last, or takes it back. */
static void go_on(struct expose *expose, const char *bytes, size_t length, enum restore_mode mode)
{
	struct restore restore = { .path = expose->options.textfile,
				   .metrics = expose->imported.hosts,
				   .n_metrics = expose->imported.n_hosts,
				   .constants = expose->constants,
				   .n_constants = expose->options.cli.n_labels,
				   .mode = mode };

	restore_page(&restore, bytes, length);
}

static void forget_base(struct expose *expose)
{
	free(expose->base.bytes);
	expose->base.bytes = NULL;
	expose->base.length = 0;
	expose->base.counted = false;
}

/* Whether this is what is counted already. */
static bool is_base(const struct expose *expose, const char *bytes, size_t length)
{
	return expose->base.counted && length == expose->base.length &&
	       (!length || !memcmp(bytes, expose->base.bytes, length));
}

/* Sees to it that what the file holds now, whose bytes become our own, is counted, once. Another writer may have written it
 * since we failed to. */
static void count_base(struct expose *expose, char *bytes, size_t length)
{
	if (!is_base(expose, bytes, length)) {
		if (expose->base.counted)
			go_on(expose, expose->base.bytes, expose->base.length, RESTORE_TAKE_BACK);
		go_on(expose, bytes, length, RESTORE_ADD);
	}
	forget_base(expose);
	expose->base.counted = true;
	expose->base.bytes = bytes;
	expose->base.length = length;
}

/* What was imported is no part of this: it is as its producers have it. */
static void clear_values(struct expose *expose)
{
	for (unsigned int i = 0; i < expose->imported.n_hosts; i++)
		metric_clear_values(expose->imported.hosts[i]);
}

/* What is now, for all that is counted or read back from here on. */
static void set_time(struct expose *expose)
{
	uint64_t now_ns = clock_monotonic_ns();
	uint64_t now_wall_ns = session_wall_ns(&expose->session);

	rules_set_time(&expose->rules, now_ns, now_wall_ns);
	expose->imported.now_ns = now_ns;
	expose->imported.now_wall_ns = now_wall_ns;
}

static void expire(struct expose *expose)
{
	uint64_t now_ns = clock_monotonic_ns();

	rules_expire(&expose->rules, now_ns);
	imported_expire(&expose->imported, now_ns);
}

static bool replace_textfile(struct expose *expose)
{
	struct page page = { .bytes = NULL };
	size_t length = 0;
	char *old = NULL;
	bool done = textfile_read(expose->options.textfile, &old, &length), replaced = false;

	set_time(expose);
	if (done)
		count_base(expose, old, length);
	else
		free(old);
	expire(expose);
	done = done && make_page(expose, &page) &&
	       textfile_write(expose->options.textfile, page.bytes, page.length, &replaced);
	page_clear(&page);
	if (replaced) {
		clear_values(expose);
		forget_base(expose);
	}
	return done;
}

/* The series that the file has keep their places among the limited number there may be. */
static bool hold_places(struct expose *expose)
{
	size_t length;
	char *old;
	bool done = textfile_read(expose->options.textfile, &old, &length);

	set_time(expose);
	if (done)
		go_on(expose, old, length, RESTORE_HOLD_PLACES);
	clear_values(expose);
	free(old);
	return done;
}

static bool write_textfile(struct expose *expose)
{
	int lock = textfile_lock(expose->options.textfile);
	bool done = lock >= 0 && replace_textfile(expose);

	if (lock >= 0)
		textfile_unlock(lock);
	return done;
}

/* ---- the end ---- */

static void write_last_page(struct expose *expose)
{
	expose->page_written = true;
	if (expose->options.kind == OUTPUT_ONCE || expose->options.kind == OUTPUT_OTLP) {
		expose->session.failed |= !write_page(expose);
		/* The session's flush, which requests of OTLP had until now, would go on for ever. */
		loop_before_sleep(&expose->session.loop, NULL, NULL);
		flush_page(expose);
		return;
	}
	if (expose->options.kind == OUTPUT_TEXTFILE)
		expose->session.failed |= !write_textfile(expose);
	if (!expose->lingers)
		loop_stop(&expose->session.loop);
}

/* ---- input ---- */

static bool has_enough(const struct expose *expose)
{
	return expose->options.cli.count && expose->records >= expose->options.cli.count;
}

/* False: that was the end. */
static bool take_input(struct expose *expose)
{
	enum reader_state state = reader_fill(&expose->reader);
	struct record_view record;

	set_time(expose);
	while (!has_enough(expose) && reader_next(&expose->reader, &record)) {
		if (!otlp_input_take(&expose->otlp, &expose->rules, &expose->imported, &record))
			rules_apply(&expose->rules, &record);
		expose->records++;
	}
	reader_report(&expose->reader, false);
	if (state == READER_FAILED)
		expose->session.failed = true;
	return state == READER_OPEN && !has_enough(expose);
}

static void on_input(void *context)
{
	struct expose *expose = context;

	if (take_input(expose))
		return;
	loop_unwatch(&expose->session.loop, expose->reader.fd);
	write_last_page(expose);
}

/* ---- rules ---- */

static enum exit_code open_rules(const struct expose *expose, struct rules *rules)
{
	const struct options *options = &expose->options;
	const struct metric_shape *reserved[OWN_METRICS + 1] = { &imported_target_shape };
	const struct rules_source source = { .builtin = !options->no_builtin,
					     .texts = options->metrics,
					     .n_texts = options->n_metrics,
					     .path = options->rules_path,
					     .ttl_ns = options->ttl_ns,
					     .series_max = options->series_max,
					     .exemplars =
						     options->kind == OUTPUT_LISTEN || options->kind == OUTPUT_OTLP,
					     .reserved = reserved,
					     .n_reserved = OWN_METRICS + 1,
					     .constants = expose->constants,
					     .n_constants = options->cli.n_labels };

	for (unsigned int i = 0; i < OWN_METRICS; i++)
		reserved[i + 1] = &own_shapes[i];
	return rules_open(rules, &source, options->seed ? options->seed : random_new_seed());
}

/* The metrics that are counted here, in the order of the page. */
static bool set_hosts(struct expose *expose, struct rules *rules)
{
	struct metric **hosts = calloc(OWN_METRICS + rules->n_metrics, sizeof(struct metric *));
	unsigned int n = 0;

	if (!hosts)
		return false;
	for (unsigned int i = 0; i < rules->n_metrics; i++)
		hosts[n++] = &rules->metrics[i];
	for (unsigned int i = 0; i < OWN_METRICS; i++)
		hosts[n++] = &expose->own.metrics[i];
	imported_set_hosts(&expose->imported, hosts, n);
	return true;
}

/* All of the new rules come into force between two records, or none. */
static void reload_rules(void *context)
{
	struct expose *expose = context;
	struct rules rules;

	if (open_rules(expose, &rules) || !set_hosts(expose, &rules)) {
		rules_close(&rules);
		expose->own.failed_reloads++;
		diag_print(DIAG_ERROR, "the rules that were in force stay");
		return;
	}
	expose->own.reloads++;
	rules_take_over(&rules, &expose->rules);
	rules_close(&expose->rules);
	/* Where they lie stays the same, and so does where the reader finds their fields. */
	expose->rules = rules;
	set_time(expose);
	diag_print(DIAG_INFO, "new rules from '%s'", expose->options.rules_path);
}

static void watch_rules(struct expose *expose)
{
	expose->own.has_file = true;
	reload_start(&expose->reload, &expose->session, reload_rules, expose);
}

static enum exit_code print_rules(struct expose *expose)
{
	struct page page = { .bytes = NULL };
	struct output output;

	rules_print(&expose->rules, &page);
	if (page.failed || output_open(&output, expose->options.cli.output_path))
		return EXIT_FAILED;
	output_put(&output, page.bytes, page.length);
	page_clear(&page);
	return output_close(&output, -1) == OUTPUT_FAILED ? EXIT_FAILED : EXIT_DONE;
}

/* ---- time ---- */

/* Whether the reader has not taken the last request yet. Another one would have to wait too, for as long as it likes, and
 * what is counted meanwhile is in the next. */
static bool is_behind(const struct expose *expose)
{
	const struct output *output = &expose->session.output;

	return expose->options.kind == OUTPUT_OTLP && output->start < output->end;
}

static void on_interval(void *context)
{
	struct expose *expose = context;

	if (expose->page_written || is_behind(expose))
		return;
	expose->failed |= expose->options.kind == OUTPUT_OTLP ? !write_page(expose) : !write_textfile(expose);
}

static void on_second(void *context)
{
	struct expose *expose = context;
	uint64_t now_ns = clock_monotonic_ns();

	reader_report(&expose->reader, false);
	/* What expires before the file has been read would come back with it. */
	if (expose->options.kind != OUTPUT_TEXTFILE)
		expire(expose);
	if (now_ns - expose->window_ns < METRIC_WINDOW_NS)
		return;
	expose->window_ns = now_ns;
	for (unsigned int i = 0; i < expose->rules.n_metrics; i++)
		metric_turn_window(&expose->rules.metrics[i]);
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
	record_add_uint(record, "bad_values", expose->rules.bad_values + expose->imported.bad_values);
	if (expose->options.kind == OUTPUT_TEXTFILE || expose->options.kind == OUTPUT_LISTEN) {
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

static void open_imported(struct expose *expose)
{
	expose->imported.series_max = expose->options.series_max;
	expose->imported.ttl_ns = expose->options.ttl_ns;
	expose->imported.alone = expose->options.kind == OUTPUT_TEXTFILE;
	otlp_input_open(&expose->otlp, expose->constants, expose->options.cli.n_labels);
}

static enum exit_code open_input(struct expose *expose)
{
	struct session *session = &expose->session;
	int error = own_open(&expose->own) && set_hosts(expose, &expose->rules) ? 0 : -ENOMEM;

	if (!error)
		error = reader_open(&expose->reader, STDIN_FILENO, "stdin", &expose->rules.fields);
	if (!error)
		error = loop_watch(&session->loop, STDIN_FILENO, EPOLLIN, on_input, expose);
	if (!error)
		error = loop_every(&session->loop, SECOND_NS, on_second, expose);
	if (!error && expose->options.cli.interval_ns)
		error = loop_every(&session->loop, expose->options.cli.interval_ns, on_interval, expose);
	/* Until the end there is nothing to flush, but requests of OTLP. */
	if (expose->options.kind != OUTPUT_OTLP)
		loop_before_sleep(&session->loop, NULL, NULL);
	if (error)
		diag_print_errno(DIAG_ERROR, error, "cannot set up");
	return error ? EXIT_FAILED : EXIT_DONE;
}

static enum exit_code open_output(struct expose *expose)
{
	const struct options *options = &expose->options;

	if (options->kind == OUTPUT_TEXTFILE && !textfile_check(options->textfile))
		return EXIT_FAILED;
	if (options->kind != OUTPUT_LISTEN)
		return EXIT_DONE;
	expose->http = http_open(&options->http, &expose->session.loop, make_page, expose);
	return expose->http ? EXIT_DONE : EXIT_FAILED;
}

static enum exit_code open_all(struct expose *expose)
{
	enum exit_code code;

	if (expose->options.rules_path)
		reload_open(&expose->reload, expose->options.rules_path);
	code = open_rules(expose, &expose->rules);
	if (code)
		return code;
	open_imported(expose);
	code = session_open(&expose->session, &expose->options.cli);
	if (!code)
		code = open_output(expose);
	if (!code && expose->options.rules_path)
		watch_rules(expose);
	if (!code)
		code = open_input(expose);
	if (!code && expose->options.kind == OUTPUT_TEXTFILE && !hold_places(expose))
		code = EXIT_FAILED;
	return code;
}

static void run(struct expose *expose)
{
	expose->window_ns = clock_monotonic_ns();
	if (isatty(STDIN_FILENO))
		diag_print(DIAG_WARN, "reading records from the terminal; Ctrl-D ends them");
	if (expose->http)
		session_confine(&expose->session, SYSCALLS_SERVE);
	session_ready(&expose->session);
	expose->lingers = expose->options.linger;
	session_run(&expose->session);
	expose->lingers = false;
	if (!expose->page_written)
		session_run_on(&expose->session);
	if (!expose->page_written)
		write_last_page(expose);
	expose->session.failed |= expose->failed;
	expose->session.lossy = expose->reader.bad_lines;
	if (expose->options.cli.stats)
		write_stats(expose);
}

static enum exit_code close_all(struct expose *expose)
{
	forget_base(expose);
	http_close(expose->http);
	reload_close(&expose->reload);
	reader_close(&expose->reader);
	otlp_input_close(&expose->otlp);
	imported_close(&expose->imported);
	own_close(&expose->own);
	rules_close(&expose->rules);
	return session_close(&expose->session);
}

int main(int argc, char **argv)
{
	static struct expose expose;
	enum exit_code code;

	options_parse(&expose.options, argc, argv);
	open_constants(&expose);
	if (expose.options.print_rules) {
		code = open_rules(&expose, &expose.rules);
		return code ? code : print_rules(&expose);
	}
	code = open_all(&expose);
	if (!code)
		run(&expose);
	return exit_worse(code, close_all(&expose));
}
