/* SPDX-License-Identifier: Apache-2.0 */
/* What time a session has, and its end: what was taken and has not got out is said. */
#include "common/run/session.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/tap.h"

static const uint64_t SECOND_NS = 1000000000;

static char folder[] = "/tmp/otb-session-XXXXXX";
static char fifo[64], messages[64];

/* How far each clock is put forward. */
static time_t wall_step, monotonic_step;

/* ---- helpers ---- */

int clock_gettime(clockid_t id, struct timespec *now)
{
	long result = syscall(SYS_clock_gettime, id, now);

	now->tv_sec += id == CLOCK_REALTIME ? wall_step : id == CLOCK_MONOTONIC ? monotonic_step : 0;
	return (int)result;
}

/* Whether that is so many seconds behind a time, as far as a busy machine lets one say. */
static bool is_behind(uint64_t wall_ns, int64_t seconds, uint64_t before_ns)
{
	return wall_ns / SECOND_NS + 1 - before_ns / SECOND_NS - (uint64_t)seconds < 600;
}

static uint64_t wall_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* The FIFO, open at both ends, full. */
static int open_full(void)
{
	static const char zeros[4096];
	int fd = open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		abort();
	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	return fd;
}

/* Reads all there is. Returns whether it ends with `text`. */
static bool drain(int fd, const char *text)
{
	char bytes[4096];
	ssize_t length, last = 0;

	while ((length = read(fd, bytes, sizeof(bytes))) > 0)
		last = length;
	return last >= (ssize_t)strlen(text) && !memcmp(bytes + last - strlen(text), text, strlen(text));
}

/* One that writes to the FIFO. */
static void open_session(struct session *session)
{
	static const struct cli cli = { .program = "test", .output_path = fifo, .ready_fd = -1, .strict = true };

	if (session_open(session, &cli))
		abort();
}

static void put(struct session *session, const char *line)
{
	session_put_line(session, line, strlen(line), true);
}

/* stderr goes to a file until end_messages(), which says whether that holds `text`. */
static int begin_messages(void)
{
	int fd = open(messages, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), saved = dup(STDERR_FILENO);

	if (fd < 0 || saved < 0 || dup2(fd, STDERR_FILENO) < 0)
		abort();
	close(fd);
	return saved;
}

static bool end_messages(int saved, const char *text)
{
	char bytes[1024] = { 0 };
	ssize_t length = pread(STDERR_FILENO, bytes, sizeof(bytes) - 1, 0);

	dup2(saved, STDERR_FILENO);
	close(saved);
	return length >= 0 && (*text ? strstr(bytes, text) != NULL : !length);
}

/* ---- tests ---- */

static void test_reader_that_wakes_late(void)
{
	struct session session;
	int fd = open_full(), saved = begin_messages();

	open_session(&session);
	put(&session, "1\n");
	bool is_written = session_flush(&session);
	put(&session, "2\n");
	drain(fd, "");
	enum exit_code code = session_close(&session);
	bool is_said = end_messages(saved, "lost 1 records at the end");
	check(!is_written, "a reader that stands still is given up");
	check(drain(fd, "1\n"), "what was queued for it is written when it reads again");
	check(is_said, "what came behind that is lost, which is said");
	check(code == EXIT_LOSSY, "and is what --strict is about");
	close(fd);
}

static void test_reader_that_stands_still(void)
{
	struct session session;
	int fd = open_full(), saved = begin_messages();

	open_session(&session);
	put(&session, "1\n");
	put(&session, "2\n");
	enum exit_code code = session_close(&session);
	check(end_messages(saved, "lost 2 records at the end") && code == EXIT_LOSSY,
	      "what a reader that stands still does not take is said");
	drain(fd, "");
	close(fd);
}

static void test_reader_that_reads(void)
{
	struct session session;
	int fd = open_full(), saved = begin_messages();

	open_session(&session);
	put(&session, "1\n");
	drain(fd, "");
	enum exit_code code = session_close(&session);
	check(end_messages(saved, "") && code == EXIT_DONE && drain(fd, "1\n"), "of what is written nothing is said");
	close(fd);
}

/* Somebody sets the clock, or the machine sleeps, in which CLOCK_MONOTONIC stands still. */
static void test_clock_that_is_set(void)
{
	char time[CLOCK_TEXT_SIZE];
	struct session session;
	uint64_t before_ns = wall_ns(), parsed_ns = 0;
	int fd = open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		abort();
	open_session(&session);
	check(is_behind(session_wall_ns(&session), 0, before_ns), "a session knows what time it is");
	wall_step = 3600 + 2;
	monotonic_step = 2;
	check(is_behind(session_wall_ns(&session), 3602, before_ns), "when the clock has been set too");
	wall_step = -3600;
	monotonic_step = 4;
	session_begin_aside(&session, "stats");
	memcpy(time, session.record.line + strlen("{\"time\":\""), sizeof(time) - 1);
	check(clock_parse(time, sizeof(time) - 1, &parsed_ns) && is_behind(parsed_ns, -3600, before_ns),
	      "and its own records say so");
	check(is_behind(session.started_wall_ns, 0, before_ns), "when it began stays as it was");
	wall_step = monotonic_step = 0;
	session_close(&session);
	close(fd);
}

int main(void)
{
	if (!mkdtemp(folder))
		abort();
	snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	snprintf(messages, sizeof(messages), "%s/messages", folder);
	if (mkfifo(fifo, 0600))
		abort();
	test_clock_that_is_set();
	test_reader_that_wakes_late();
	test_reader_that_stands_still();
	test_reader_that_reads();
	unlink(fifo);
	unlink(messages);
	rmdir(folder);
	return finish_tests();
}
