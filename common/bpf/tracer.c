/* SPDX-License-Identifier: Apache-2.0 */
#include "common/bpf/tracer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cli/diag.h"
#include "common/host/privilege.h"
#include "common/host/process.h"

#define TICK_NS (50 * UINT64_C(1000000)) /* how long an event may wait below a quarter of the buffer */
#define SECOND_NS UINT64_C(1000000000)
#define DRAIN_NS SECOND_NS

/* Room for what one event may become, records about loss included. */
enum { EVENT_ROOM = 8 * RECORD_LINE_MAX };

#define BTF_PATH "/sys/kernel/btf/vmlinux"

/* ---- before the start ---- */

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list arguments)
{
	/* One level quieter than libbpf ranks them: it warns of much that a fallback takes care of. */
	enum diag_level ours = level == LIBBPF_WARN ? DIAG_INFO : DIAG_DEBUG;
	char *text, *rest, *line;

	if ((int)ours > diag_verbosity() || (level == LIBBPF_DEBUG && diag_verbosity() < 3))
		return 0;
	if (vasprintf(&text, format, arguments) < 0)
		return 0;
	/* The verifier's log comes as one message of many lines. */
	for (rest = text; (line = strsep(&rest, "\n"));)
		if (*line)
			diag_print(ours, "%s", line);
	free(text);
	return 0;
}

static enum exit_code check_btf(void)
{
	if (!access(BTF_PATH, R_OK))
		return EXIT_DONE;
	diag_print_errno(DIAG_ERROR, errno,
			 "cannot read '" BTF_PATH "' (needs a kernel >= 5.8 with CONFIG_DEBUG_INFO_BTF=y, and /sys)");
	return EXIT_CANNOT_OBSERVE;
}

static enum exit_code check_pids(const struct cli *cli)
{
	for (unsigned int i = 0; i < cli->n_pids; i++) {
		if (process_exists(cli->pids[i]))
			continue;
		diag_print(DIAG_ERROR, "--pid: there is no process %d", (int)cli->pids[i]);
		return EXIT_CANNOT_OBSERVE;
	}
	return EXIT_DONE;
}

/* A process of --pid may be our own, or be open to us without it. */
static bool looks_at_others(const struct cli *cli)
{
	for (unsigned int i = 0; i < cli->n_pids; i++)
		if (!process_is_open(cli->pids[i]))
			return true;
	return !cli->n_pids;
}

enum exit_code tracer_open(struct tracer *tracer, const struct cli *cli)
{
	enum exit_code code;

	memset(tracer, 0, sizeof(*tracer));
	tracer->cli = cli;
	tracer->counters_fd = tracer->stats_fd = -1;
	libbpf_set_print(print_libbpf);

	code = session_open(&tracer->session, cli);
	if (!code)
		code = check_pids(cli);
	if (!code)
		code = privilege_is_held(looks_at_others(cli)) ? EXIT_DONE : EXIT_CANNOT_OBSERVE;
	if (!code)
		code = check_btf();
	if (code || !cli->stats)
		return code;
	tracer->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (tracer->stats_fd < 0)
		diag_print_errno(DIAG_WARN, tracer->stats_fd,
				 "the cost of the probes is not in the stats record, which takes CAP_SYS_ADMIN");
	return EXIT_DONE;
}

/* ---- load and attach ---- */

/* The ring buffer's size has to be a power of two and at least a page. */
static uint32_t ring_bytes(uint64_t wanted)
{
	uint64_t size = (uint64_t)sysconf(_SC_PAGESIZE);

	while (size < wanted)
		size *= 2;
	return (uint32_t)size;
}

void tracer_take_object(struct tracer *tracer, struct bpf_object *object)
{
	struct bpf_map *ring = bpf_object__find_map_by_name(object, "ring");

	if (tracer->cli->buffer_bytes)
		bpf_map__set_max_entries(ring, ring_bytes(tracer->cli->buffer_bytes));
	tracer->object = object;
}

enum exit_code tracer_refused(int error)
{
	if (error == -EPERM || error == -EACCES)
		diag_print_errno(
			DIAG_ERROR, error,
			"the kernel refuses to load BPF programs (lockdown? see /sys/kernel/security/lockdown; before Linux "
			"5.11 it also takes CAP_SYS_RESOURCE, or 'ulimit -l unlimited'; -v says more)");
	else
		diag_print_errno(DIAG_ERROR, error, "cannot load the BPF programs into this kernel (-v says why)");
	return EXIT_CANNOT_OBSERVE;
}

/* Iterators and uprobes: which file they look at, only the tool knows. */
static bool program_is_tools(const struct bpf_program *program)
{
	return bpf_program__expected_attach_type(program) == BPF_TRACE_ITER ||
	       bpf_program__type(program) == BPF_PROG_TYPE_KPROBE;
}

static int attach_programs(struct tracer *tracer)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, tracer->object) {
		struct bpf_link *link;

		if (!bpf_program__autoload(program) || program_is_tools(program))
			continue;
		link = bpf_program__attach(program);
		if (!link) {
			int error = -errno;

			diag_print_errno(DIAG_ERROR, error, "cannot attach to '%s'",
					 bpf_program__section_name(program));
			return error;
		}
		tracer->links[tracer->n_links++] = link;
	}
	return 0;
}

static void forget_process(struct tracer *tracer, unsigned int i)
{
	loop_unwatch(&tracer->session.loop, tracer->pid_fds[i]);
	close(tracer->pid_fds[i]);
	tracer->pid_fds[i] = -1;
	if (!--tracer->n_live_pids)
		loop_stop(&tracer->session.loop);
}

static void on_process_end(void *context)
{
	struct tracer *tracer = context;

	for (unsigned int i = 0; i < tracer->cli->n_pids; i++) {
		struct pollfd ended = { .fd = tracer->pid_fds[i], .events = POLLIN };

		if (ended.fd >= 0 && poll(&ended, 1, 0) > 0)
			forget_process(tracer, i);
	}
}

void tracer_forget_pid(struct tracer *tracer, pid_t pid)
{
	for (unsigned int i = 0; i < tracer->cli->n_pids; i++)
		if (tracer->cli->pids[i] == pid && tracer->pid_fds[i] >= 0)
			forget_process(tracer, i);
}

static enum exit_code watch_pids(struct tracer *tracer)
{
	for (unsigned int i = 0; i < tracer->cli->n_pids; i++) {
		int fd = (int)syscall(SYS_pidfd_open, tracer->cli->pids[i], 0);

		tracer->pid_fds[i] = fd;
		if (fd < 0 || loop_watch(&tracer->session.loop, fd, EPOLLIN, on_process_end, tracer)) {
			diag_print_errno(DIAG_ERROR, errno, "--pid: cannot watch process %d",
					 (int)tracer->cli->pids[i]);
			return EXIT_CANNOT_OBSERVE;
		}
		tracer->n_live_pids++;
	}
	return EXIT_DONE;
}

/* ---- the counters ---- */

uint64_t tracer_counter(const struct tracer *tracer, enum counter counter)
{
	uint32_t key = counter;
	uint64_t sum = tracer->counted[counter];

	if (bpf_map_lookup_elem(tracer->counters_fd, &key, tracer->cpu_values))
		return tracer->counters[counter];
	for (unsigned int i = 0; i < tracer->n_cpus; i++)
		sum += tracer->cpu_values[i];
	return sum;
}

/* What has come since it was last asked for. */
static uint64_t counter_advance(struct tracer *tracer, enum counter counter)
{
	uint64_t now = tracer_counter(tracer, counter), before = tracer->counters[counter];

	tracer->counters[counter] = now;
	return now - before;
}

struct program_totals {
	uint64_t runs, run_time_ns, missed;
};

static struct program_totals programs_sum(const struct tracer *tracer)
{
	struct program_totals totals = { 0 };
	struct bpf_program *program;

	bpf_object__for_each_program(program, tracer->object) {
		struct bpf_prog_info info = { 0 };
		uint32_t size = sizeof(info);

		if (!bpf_program__autoload(program) || bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
			continue;
		totals.runs += info.run_cnt;
		totals.run_time_ns += info.run_time_ns;
		totals.missed += info.recursion_misses;
	}
	return totals;
}

static void report_lost(struct tracer *tracer, const char *where, uint64_t count, uint64_t weight)
{
	struct record *record;

	if (!count && !weight)
		return;
	if (!tracer->session.lossy)
		diag_print(DIAG_WARN, "lost records (%s)%s", where,
			   strcmp(where, "ringbuf") ? "" : ": a larger --buffer may help");
	tracer->session.lossy = true;
	if (tracer->cli->form != CLI_FORM_JSON)
		return;
	record = session_begin_aside(&tracer->session, "lost");
	record_add_uint(record, "count", count);
	record_add_text(record, "where", where);
	if (weight)
		record_add_uint(record, tracer->weight, weight);
	session_put_aside(&tracer->session);
}

static void report_suppressed(struct tracer *tracer)
{
	uint64_t count = counter_advance(tracer, COUNTER_SUPPRESSED);
	uint64_t weight = counter_advance(tracer, COUNTER_SUPPRESSED_WEIGHT);
	struct record *record;

	if (!count)
		return;
	if (tracer->cli->form != CLI_FORM_JSON) {
		diag_print(DIAG_WARN, "--max-rate held back %llu events", (unsigned long long)count);
		return;
	}
	record = session_begin_aside(&tracer->session, "suppressed");
	record_add_uint(record, "count", count);
	if (weight)
		record_add_uint(record, tracer->weight, weight);
	session_put_aside(&tracer->session);
}

static void report_ring_loss(struct tracer *tracer)
{
	uint64_t count = counter_advance(tracer, COUNTER_LOST_RINGBUF);

	report_lost(tracer, "ringbuf", count, counter_advance(tracer, COUNTER_LOST_RINGBUF_WEIGHT));
}

/* The kernel counts only the misses of one kind (recursion); others show in what it counted beside the events. The two
 * may be the same events, noticed at different times: what is reported adds up to the larger. */
static void report_missed(struct tracer *tracer)
{
	uint64_t missed = programs_sum(tracer).missed, weight = 0;

	if (tracer->uncounted_is_missed) {
		uint64_t uncounted = tracer_counter(tracer, COUNTER_UNCOUNTED);

		missed = uncounted > missed ? uncounted : missed;
		weight = counter_advance(tracer, COUNTER_UNCOUNTED_WEIGHT);
	}
	report_lost(tracer, "missed", missed - tracer->missed, weight);
	tracer->missed = missed;
}

void tracer_report_loss(struct tracer *tracer)
{
	report_ring_loss(tracer);
	report_missed(tracer);
	report_lost(tracer, "map", counter_advance(tracer, COUNTER_LOST_MAP), 0);
	report_lost(tracer, "fault", counter_advance(tracer, COUNTER_LOST_FAULT), 0);
	report_lost(tracer, "headers", counter_advance(tracer, COUNTER_LOST_HEADERS), 0);
	report_suppressed(tracer);
}

struct record *tracer_begin_stats(struct tracer *tracer)
{
	struct program_totals totals = programs_sum(tracer);
	struct record *record = session_begin_aside(&tracer->session, "stats");
	uint64_t lost = tracer->missed + tracer->discarded + tracer->session.output.lost_lines;

	lost += tracer_counter(tracer, COUNTER_LOST_RINGBUF);
	lost += tracer_counter(tracer, COUNTER_LOST_MAP) + tracer_counter(tracer, COUNTER_LOST_FAULT);
	lost += tracer_counter(tracer, COUNTER_LOST_HEADERS);
	record_add_uint(record, "duration_ns", clock_monotonic_ns() - tracer->session.started_ns);
	record_add_uint(record, "seen", tracer_counter(tracer, COUNTER_SEEN));
	record_add_uint(record, "written", tracer->session.written);
	record_add_uint(record, "filtered", tracer_counter(tracer, COUNTER_FILTERED));
	record_add_uint(record, "suppressed", tracer_counter(tracer, COUNTER_SUPPRESSED));
	record_add_uint(record, "lost", lost);
	if (tracer->stats_fd >= 0) {
		record_add_uint(record, "probe_runs", totals.runs);
		record_add_uint(record, "probe_time_ns", totals.run_time_ns);
	}
	return record;
}

void tracer_put_stats(struct tracer *tracer)
{
	struct record *record = &tracer->session.record;

	if (tracer->cli->form == CLI_FORM_JSON)
		session_put_aside(&tracer->session);
	else
		diag_print(DIAG_WARN, "%.*s", (int)record_end(record) - 1, record->line);
}

/* ---- the run ---- */

static int take_event(void *context, void *data, size_t size)
{
	struct tracer *tracer = context;

	if (tracer->discarding) {
		tracer->discarded++;
		return 0;
	}
	if (session_is_full(&tracer->session))
		return 0;
	tracer->on_event(tracer->tool, data, size);
	/* Ends this round, with the event taken: what follows waits in the ring buffer until the reader has caught up. */
	return output_has_room(&tracer->session.output, EVENT_ROOM) ? 0 : -EAGAIN;
}

/* Returns whether anything may be left. */
static bool take_events(struct tracer *tracer)
{
	int result;

	if (!tracer->discarding && !output_has_room(&tracer->session.output, EVENT_ROOM))
		return true;
	result = ring_buffer__consume(tracer->ring);
	if (result < 0 && result != -EAGAIN)
		diag_print_errno(DIAG_DEBUG, result, "cannot read the ring buffer");
	if (tracer->on_batch && !tracer->discarding)
		tracer->on_batch(tracer->tool);
	return result == -EAGAIN;
}

static void on_ring(void *context)
{
	struct tracer *tracer = context;

	if (!take_events(tracer))
		return;
	/* The ring buffer stays ready; it is to be looked at again once the output is empty. */
	loop_unwatch(&tracer->session.loop, ring_buffer__epoll_fd(tracer->ring));
	tracer->ring_is_paused = true;
}

void tracer_take(struct tracer *tracer)
{
	if (!tracer->ring_is_paused)
		on_ring(tracer);
}

static void on_flushed(void *context)
{
	struct tracer *tracer = context;

	if (!tracer->ring_is_paused)
		return;
	tracer->ring_is_paused = false;
	loop_watch(&tracer->session.loop, ring_buffer__epoll_fd(tracer->ring), EPOLLIN, on_ring, tracer);
}

static void show_progress(const struct tracer *tracer)
{
	uint64_t elapsed_ns = clock_monotonic_ns() - tracer->session.started_ns;
	char line[128];
	int length;

	length = snprintf(line, sizeof(line), "\r%s: %llu events, %llu s ", tracer->cli->program,
			  (unsigned long long)tracer_counter(tracer, COUNTER_SEEN),
			  (unsigned long long)(elapsed_ns / SECOND_NS));
	if (write(STDERR_FILENO, line, (size_t)length) < 0)
		return;
}

static void on_second(struct tracer *tracer)
{
	tracer->next_second_ns += SECOND_NS;
	clock_refresh(&tracer->session.clock);
	tracer_report_loss(tracer);
	if (tracer->shows_progress)
		show_progress(tracer);
}

static void on_tick(void *context)
{
	struct tracer *tracer = context;
	uint64_t now = clock_monotonic_ns();

	tracer_take(tracer);
	report_ring_loss(tracer);
	if (now >= tracer->next_second_ns)
		on_second(tracer);
}

enum exit_code tracer_attach(struct tracer *tracer, tracer_event_callback *on_event, tracer_batch_callback *on_batch,
			     void *tool)
{
	struct loop *loop = &tracer->session.loop;

	tracer->on_event = on_event;
	tracer->on_batch = on_batch;
	tracer->tool = tool;
	tracer->n_cpus = (unsigned int)libbpf_num_possible_cpus();
	tracer->counters_fd = bpf_object__find_map_fd_by_name(tracer->object, "counters");
	tracer->ring =
		ring_buffer__new(bpf_object__find_map_fd_by_name(tracer->object, "ring"), take_event, tracer, NULL);
	tracer->cpu_values = calloc(tracer->n_cpus, sizeof(*tracer->cpu_values));
	if (!tracer->ring || !tracer->cpu_values) {
		diag_print_errno(DIAG_ERROR, errno, "cannot set up the ring buffer");
		return EXIT_FAILED;
	}
	if (attach_programs(tracer))
		return EXIT_CANNOT_OBSERVE;
	tracer->session.on_flushed = on_flushed;
	tracer->session.on_flushed_context = tracer;
	tracer->next_second_ns = clock_monotonic_ns() + SECOND_NS;
	tracer->shows_progress = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO) && tracer->cli->verbosity >= 0;
	if (loop_watch(loop, ring_buffer__epoll_fd(tracer->ring), EPOLLIN, on_ring, tracer) ||
	    loop_every(loop, TICK_NS, on_tick, tracer)) {
		diag_print(DIAG_ERROR, "cannot set up the event loop");
		return EXIT_FAILED;
	}
	return watch_pids(tracer);
}

static void detach(struct tracer *tracer)
{
	for (unsigned int i = 0; i < tracer->n_links; i++)
		bpf_link__destroy(tracer->links[i]);
	tracer->n_links = 0;
}

/* Takes what is left, as fast as the reader of the output lets it, for at most a second; the rest is lost. */
static void drain(struct tracer *tracer)
{
	uint64_t deadline = clock_monotonic_ns() + DRAIN_NS;
	struct output *output = &tracer->session.output;

	while (take_events(tracer)) {
		struct pollfd writable = { .fd = output->fd, .events = POLLOUT };

		if (clock_monotonic_ns() >= deadline)
			tracer->discarding = true;
		else if (output_flush(output) == OUTPUT_PENDING)
			poll(&writable, 1, 10);
	}
}

static void give_up(struct tracer *tracer)
{
	unsigned int uses = SYSCALLS_BPF;

	if (tracer->privilege != PRIVILEGE_OBSERVE)
		uses |= SYSCALLS_ATTACH;
	if (tracer->privilege == PRIVILEGE_ATTACH_BY_PERF)
		uses |= SYSCALLS_ATTACH_BY_PERF;
	if (tracer->has_pin)
		uses |= SYSCALLS_UNLINK;
	privilege_drop(tracer->privilege);
	session_confine(&tracer->session, uses);
}

void tracer_loop(struct tracer *tracer)
{
	give_up(tracer);
	session_ready(&tracer->session);
	session_run(&tracer->session);
	if (tracer->shows_progress && write(STDERR_FILENO, "\r\033[K", 4) < 0)
		tracer->shows_progress = false;
}

void tracer_finish(struct tracer *tracer)
{
	detach(tracer);
	drain(tracer);
	report_lost(tracer, "output", tracer->discarded, 0);
	tracer_report_loss(tracer);
}

enum exit_code tracer_close(struct tracer *tracer)
{
	detach(tracer);
	ring_buffer__free(tracer->ring);
	free(tracer->cpu_values);
	for (unsigned int i = 0; i < tracer->cli->n_pids; i++)
		if (tracer->pid_fds[i] > 0)
			close(tracer->pid_fds[i]);
	if (tracer->stats_fd >= 0)
		close(tracer->stats_fd);
	return session_close(&tracer->session);
}
