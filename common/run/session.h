/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of a tool: the loop, the output, the record under construction, the clock, and what ends the run (a signal,
 * --duration, --count, a closed pipe). Tracers and filters stand on it alike.
 *
 *	session_open(&session, &cli);
 *	... session_begin() ... record_add_*() ... session_put() ...     from the loop's callbacks
 *	session_run(&session);
 *	return session_close(&session);
 */
#ifndef OTB_SESSION_H
#define OTB_SESSION_H

#include "common/cli/cli.h"
#include "common/cli/loop.h"
#include "common/host/clock.h"
#include "common/host/syscall_filter.h"
#include "common/record/output.h"
#include "common/record/record.h"
#include "common/record/table.h"

struct session {
	const struct cli *cli;
	struct loop loop;
	struct output output;
	struct record record;
	struct clock clock;
	uint64_t started_ns;       /* CLOCK_MONOTONIC */
	uint64_t started_wall_ns;  /* the same by the clock on the wall, as that was then */
	uint64_t written;          /* records that count towards --count */
	loop_callback *on_flushed; /* the queue of the output is empty (again); NULL: nobody wants to know */
	void *on_flushed_context;
	loop_callback *on_hangup; /* SIGHUP has come; NULL: it is for the output alone */
	void *on_hangup_context;
	bool reopens; /* SIGHUP has come, and the path of the output is to be opened again */
	bool lossy;   /* something was lost or malformed: what --strict is about */
	bool failed;  /* a write, or something else the tool could not go on without */
};

/* Opens everything. What is wrong has been said where the result is not EXIT_DONE; session_close() is due all the
 * same. `cli` must outlive the session. */
enum exit_code session_open(struct session *session, const struct cli *cli);

/* What SIGHUP is to do besides opening the output again; without it and --output it ends the run. */
void session_on_hangup(struct session *session, loop_callback *callback, void *context);

/* Wall time now, also where the clock has been set since the session began, or the machine has slept. */
uint64_t session_wall_ns(struct session *session);

/* Begins a record of something that happened at `monotonic_ns`, or now. */
struct record *session_begin(struct session *session, const char *event, uint64_t monotonic_ns);
struct record *session_begin_now(struct session *session, const char *event);

/* Ends the record and queues its line. session_put() counts it towards --count; session_put_aside() is for what a tool
 * says about itself (`lost`, `stats`, ...), which begins with `tool`. */
void session_put(struct session *session);
struct record *session_begin_aside(struct session *session, const char *event);
void session_put_aside(struct session *session);

/* Queues a line, or lines, as they are, LF included, which count as one record if `counts`. */
void session_put_line(struct session *session, const char *line, size_t length, bool counts);

/* Queues the titles of a table, or its row (which is empty again then), which counts as a record if `counts`. */
void session_put_titles(struct session *session, const struct table *table);
void session_put_row(struct session *session, struct table *table, bool counts);

/* Counts one record towards --count that is not written by itself: it went into a summary. */
void session_count(struct session *session);

/* Whether --count has been reached: nothing more is to be written. */
static inline bool session_is_full(const struct session *session)
{
	return session->cli->count && session->written >= session->cli->count;
}

/* Gives up every system call but those of these uses (common/host/syscall_filter.h) and what the session itself has to do:
 * once everything is open, before session_ready(). */
void session_confine(const struct session *session, unsigned int uses);

/* Writes the ready byte and closes its descriptor. */
void session_ready(struct session *session);

/* Starts the clock of --duration and runs the loop until something ends it. */
void session_run(struct session *session);

/* Runs it on where a signal or --duration has stopped it before the end of input: for what the producer, which a signal has
 * reached too (Ctrl-C in a pipe), has to say last. For a second, behind --duration only for what is there; until
 * loop_stop(). Not at all where the output is gone or full. */
void session_run_on(struct session *session);

/* At the end: waits until what is queued is written, for one who has more to write than is to be queued at once. False: its
 * reader has gone, or stands still, and what is put from now on is lost. */
bool session_flush(struct session *session);

/* Flushes, closes and returns the exit code of the run. */
enum exit_code session_close(struct session *session);

#endif
