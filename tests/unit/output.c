/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The output queue: what one write holds, shared pipes, readers that are slow or gone, full files, log rotation.
 *
 * A write that blocks, where none may, ends the test by SIGALRM.
 */

/* This file defines poll(), which a fortified header wraps: the wrapper would call what calls it. */
#undef _FORTIFY_SOURCE

#include "common/record/output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cli/diag.h"
#include "tests/unit/reference.h"
#include "tests/unit/tap.h"

enum { LONGEST = 600 * 1024 };

static char folder[] = "/tmp/otb-output-XXXXXX";

/* ---- helpers ---- */

/* The output, on a descriptor that is no file; it stays the caller's. */
static void open_on(struct output *output, int fd)
{
	if (output_open(output, NULL))
		abort();
	output->fd = fd;
	output->is_file = false;
}

static void make_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC))
		abort();
}

/* Another open file of the same pipe, so that O_NONBLOCK on it is not on the first. */
static int open_again(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_NONBLOCK | O_CLOEXEC);
}

/* Writes lines of another writer until the pipe takes no more; returns how many. */
static unsigned int fill_pipe(int fd)
{
	int other = open_again(fd, O_WRONLY);
	char line[1000];
	unsigned int n = 0;

	memset(line, '.', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	while (write(other, line, sizeof(line)) == sizeof(line))
		n++;
	while (write(other, line + sizeof(line) - 1, 1) == 1)
		n++;
	close(other);
	return n;
}

/* Reads what is there, without waiting. */
static size_t drain(int fd, char *bytes, size_t size)
{
	int other = open_again(fd, O_RDONLY);
	size_t length = 0;
	ssize_t n;

	while (length < size && (n = read(other, bytes + length, size - length)) > 0)
		length += (size_t)n;
	close(other);
	return length;
}

static size_t count_lines(const char *bytes, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < size; i++)
		n += bytes[i] == '\n';
	return n;
}

/* "NAME NUMBER xxx...x\n" of `size` bytes, or a few more where that is too short. */
static size_t make_line(char *line, char name, unsigned int number, size_t size)
{
	size_t length = (size_t)sprintf(line, "%c %u ", name, number);

	if (size > length + 1) {
		memset(line + length, 'a' + (int)(number % 26), size - length - 1);
		length = size - 1;
	}
	line[length++] = '\n';
	return length;
}

static void put_lines(struct output *output, unsigned int n, size_t size)
{
	static char line[LONGEST];

	for (unsigned int i = 0; i < n; i++)
		output_put(output, line, make_line(line, 'l', i, size));
}

/* The content of a file; the caller frees it. */
static char *read_file(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status = { 0 };
	char *bytes;

	fstat(fd, &status);
	*size = (size_t)status.st_size;
	bytes = malloc(*size + 1);
	if (fd < 0 || read(fd, bytes, *size) != (ssize_t)*size)
		*size = 0;
	bytes[*size] = '\0';
	close(fd);
	return bytes;
}

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void remove_folder(void)
{
	static const char *const all[] = { "fifo", "full", "file", "log", "log.1", "queue" };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		unlink(path_of(all[i]));
	rmdir(folder);
}

/* ---- what happens between poll(2) and write(2) ---- */

static int fill_after_poll = -1;

/* In the place of the C library's: another writer comes in between. */
int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	struct timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };
	int ready = (int)syscall(SYS_ppoll, fds, n, timeout_ms < 0 ? NULL : &timeout, NULL, 0);

	if (ready > 0 && fill_after_poll >= 0)
		fill_pipe(fill_after_poll);
	return ready;
}

/* What a fortified call of it becomes. */
int __poll_chk(struct pollfd *fds, nfds_t n, int timeout_ms, size_t size);

int __poll_chk(struct pollfd *fds, nfds_t n, int timeout_ms, size_t size)
{
	return n * sizeof(*fds) <= size ? poll(fds, n, timeout_ms) : -1;
}

static bool without_nowait;

/* In the place of the C library's: a kernel that does not know RWF_NOWAIT of pipes. */
ssize_t pwritev2(int fd, const struct iovec *vectors, int n, off_t offset, int flags)
{
	if (without_nowait && flags & RWF_NOWAIT) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return syscall(SYS_pwritev2, fd, vectors, n, (long)offset, 0L, flags);
}

static bool pipes_know_nowait(int fd)
{
	char lf = '\n';
	struct iovec byte = { &lf, 1 };

	return pwritev2(fd, &byte, 1, -1, RWF_NOWAIT) == 1 || errno == EAGAIN;
}

/* ---- one write ---- */

/* Each write is a packet of its own here. Returns what the packets hold, or 0 where one is no whole lines, or larger
 * than PIPE_BUF with more than one line. */
static size_t read_packets(int fd, char *bytes, size_t size)
{
	size_t length = 0;

	for (;;) {
		ssize_t n = recv(fd, bytes + length, size - length, MSG_DONTWAIT);

		if (n <= 0)
			return length;
		if (bytes[length + (size_t)n - 1] != '\n' ||
		    (n > PIPE_BUF && count_lines(bytes + length, (size_t)n) != 1))
			return 0;
		length += (size_t)n;
	}
}

static void check_writes(const char *what, size_t smallest, size_t largest)
{
	enum { ROUNDS = 2000, ROOM = 64 * 1024 };
	static char line[ROOM], given[2 * ROOM], got[2 * ROOM];
	unsigned int n_wrong = 0;
	struct output output;
	uint64_t state = 5;
	int sockets[2], size = 8 * ROOM;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
		abort();
	setsockopt(sockets[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	open_on(&output, sockets[0]);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		size_t length = 0, taken;

		for (uint64_t n = random_below(&state, 40); n && length < ROOM; n--) {
			size_t now = make_line(line, 'l', i, smallest + random_below(&state, largest - smallest + 1));

			output_put(&output, line, now);
			memcpy(given + length, line, now);
			length += now;
		}
		/* A packet that is queued keeps the next from fitting now and then. */
		for (taken = 0; output_flush(&output) == OUTPUT_PENDING;)
			taken += read_packets(sockets[1], got + taken, sizeof(got) - taken);
		taken += read_packets(sockets[1], got + taken, sizeof(got) - taken);
		n_wrong += taken != length || memcmp(given, got, length);
	}
	check(!n_wrong && output.lines && !output.lost_lines, "%s come in writes of whole lines: %u wrong", what,
	      n_wrong);
	output_close(&output, 0);
	close(sockets[0]);
	close(sockets[1]);
}

/* ---- a shared pipe ---- */

enum { WRITERS = 3, LINES_EACH = 4000 };

static void write_as(char name, int fd)
{
	static char line[PIPE_BUF];
	uint64_t state = (uint64_t)name;
	struct output output;

	open_on(&output, fd);
	for (unsigned int i = 0; i < LINES_EACH; i++) {
		size_t length =
			make_line(line, name, i, 1 + random_below(&state, random_below(&state, 9) ? 300 : PIPE_BUF));

		while (!output_has_room(&output, length))
			if (output_flush(&output) == OUTPUT_PENDING)
				poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, -1);
		output_put(&output, line, length);
		if (random_below(&state, 4) == 0)
			output_flush(&output);
	}
	_exit(output_close(&output, 20000) == OUTPUT_FLUSHED && !output.lost_lines ? 0 : 1);
}

/* The number that follows a writer's last one, or a line that is torn. */
static bool line_is_next(const char *line, size_t length, unsigned int next[WRITERS])
{
	static char expected[2 * PIPE_BUF];
	unsigned int writer = (unsigned int)(line[0] - 'a');

	if (writer >= WRITERS)
		return false;
	return make_line(expected, line[0], next[writer]++, length) == length && !memcmp(line, expected, length);
}

static void check_shared_pipe(void)
{
	unsigned int next[WRITERS] = { 0 }, n_torn = 0, n_failed_writers = 0;
	char *line = NULL;
	size_t capacity = 0;
	ssize_t length;
	FILE *reader;
	int fds[2];

	make_pipe(fds);
	for (unsigned int i = 0; i < WRITERS; i++)
		if (!fork()) {
			close(fds[0]); /* so that a writer ends if this process does */
			write_as((char)('a' + i), fds[1]);
		}
	close(fds[1]);
	reader = fdopen(fds[0], "r");
	while ((length = getline(&line, &capacity, reader)) > 0)
		n_torn += !line_is_next(line, (size_t)length, next);
	for (unsigned int i = 0; i < WRITERS; i++) {
		int status;

		wait(&status);
		n_failed_writers += status != 0;
	}
	check(!n_torn && !n_failed_writers && next[0] == LINES_EACH && next[1] == LINES_EACH && next[2] == LINES_EACH,
	      "%d processes share a pipe: %u lines torn, %u writers failed", WRITERS, n_torn, n_failed_writers);
	free(line);
	fclose(reader);
}

/* ---- a reader that does not read ---- */

static void check_slow_reader(int read_fd, int write_fd, const char *what)
{
	enum { LINES = 3000 };
	static char got[4 * 1024 * 1024];
	struct output output;
	size_t others, length = 0;

	open_on(&output, write_fd);
	put_lines(&output, LINES, 300);
	check(output_flush(&output) == OUTPUT_PENDING && !output.lost_lines, "%s that is not read: pending", what);
	check(output_flush(&output) == OUTPUT_PENDING, "and pending again");
	others = fill_pipe(write_fd);
	check(output_flush(&output) == OUTPUT_PENDING, "and with another writer's lines to the brim");
	while (output_flush(&output) == OUTPUT_PENDING)
		length += drain(read_fd, got + length, sizeof(got) - length);
	length += drain(read_fd, got + length, sizeof(got) - length);
	check(count_lines(got, length) == LINES + others, "all lines come once it is read: %zu",
	      count_lines(got, length) - others);
	check(output_close(&output, 0) == OUTPUT_FLUSHED && !output.lost_lines && output.lines == LINES,
	      "and none is lost");
}

/* A line of more than PIPE_BUF must not block either: signals are blocked, and come from the loop. */
static void check_slow_reader_of_long_lines(int read_fd, int write_fd, const char *what)
{
	static char got[4 * 1024 * 1024], line[LONGEST];
	size_t length = 0, expected = 0;
	struct output output;

	open_on(&output, write_fd);
	for (unsigned int i = 0; i < 3; i++) {
		size_t n = make_line(line, 'l', i, i == 1 ? LONGEST - 10 : 5000);

		output_put(&output, line, n);
		expected += n;
	}
	check(output_flush(&output) == OUTPUT_PENDING, "%s takes a part of a long line: pending", what);
	while (output_flush(&output) == OUTPUT_PENDING)
		length += drain(read_fd, got + length, sizeof(got) - length);
	length += drain(read_fd, got + length, sizeof(got) - length);
	check(length == expected && count_lines(got, length) == 3 && got[length - 1] == '\n',
	      "and the rest once it is read: %zu of %zu bytes", length, expected);
	output_close(&output, 0);
}

/* A line in pieces, of which the first fills a write. */
static void check_pieces(int read_fd, int write_fd, const char *what)
{
	static char got[64 * 1024], line[20000];
	size_t length = make_line(line, 'l', 0, sizeof(line)), n;
	struct output output;

	open_on(&output, write_fd);
	output_put(&output, line, 9000);
	check(output_flush(&output) == OUTPUT_FLUSHED, "%s takes a piece of a line", what);
	output_put(&output, line + 9000, length - 9000);
	check(output_close(&output, 0) == OUTPUT_FLUSHED, "and the rest");
	n = drain(read_fd, got, sizeof(got));
	check(n == length && !memcmp(got, line, length), "they make the line: %zu bytes", n);
}

static void check_race(int read_fd, int write_fd, const char *what)
{
	static char got[1024 * 1024];
	struct output output;

	if (!pipes_know_nowait(write_fd)) {
		skip("another writer between poll and write", "no RWF_NOWAIT here");
		return;
	}
	drain(read_fd, got, sizeof(got));
	open_on(&output, write_fd);
	put_lines(&output, 1, 100);
	fill_after_poll = write_fd;
	check(output_flush(&output) == OUTPUT_PENDING, "%s that another fills between poll and write: pending", what);
	check(output_close(&output, 1) == OUTPUT_PENDING && output.lost_lines == 1, "and lost at the end");
	fill_after_poll = -1;
	drain(read_fd, got, sizeof(got));
}

/* One who has more to write than is to be queued at once waits in between. */
static void check_wait(void)
{
	enum { LINES = 2000 };
	static char got[1024 * 1024];
	struct output output;
	size_t length;
	int fds[2];

	make_pipe(fds);
	open_on(&output, fds[1]);
	put_lines(&output, 10, 200);
	check(output_wait(&output, 20000) && output.start == output.end, "what is waited for is written");
	put_lines(&output, LINES, 200);
	check(!output_wait(&output, 20), "a reader that does not read is given up");
	size_t capacity = output.capacity, end = output.end;
	put_lines(&output, LINES, 200);
	check(output.capacity == capacity && output.end == end && output.lost_lines == LINES,
	      "what comes then is lost, and takes no memory");
	length = drain(fds[0], got, sizeof(got));
	check(output_close(&output, 20000) == OUTPUT_PENDING, "and nobody waits at the end");
	length += drain(fds[0], got + length, sizeof(got) - length);
	check(count_lines(got, length) + output.lost_lines == 10 + 2 * LINES && got[length - 1] == '\n',
	      "what it did not get is lost: %" PRIu64, output.lost_lines);
	close(fds[0]);
	close(fds[1]);
}

static void check_stopped_reader_at_end(void)
{
	enum { LINES = 2000 };
	static char got[1024 * 1024];
	struct output output;
	size_t length;
	int fds[2];

	make_pipe(fds);
	open_on(&output, fds[1]);
	put_lines(&output, LINES, 200);
	check(output_close(&output, 20) == OUTPUT_PENDING, "a reader that does not read at the end: pending");
	length = drain(fds[0], got, sizeof(got));
	check(count_lines(got, length) + output.lost_lines == LINES && output.lost_lines && got[length - 1] == '\n',
	      "what it did not get is lost: %" PRIu64, output.lost_lines);
	close(fds[0]);
	close(fds[1]);
}

/* A child reads all, but nobody knows when. */
static void check_late_reader_at_end(void)
{
	enum { LINES = 2000 };
	static char got[1024 * 1024];
	struct output output;
	int fds[2], status;
	pid_t child;

	make_pipe(fds);
	child = fork();
	if (!child) {
		size_t length = 0;
		ssize_t n;

		close(fds[1]);
		while ((n = read(fds[0], got + length, sizeof(got) - length)) > 0)
			length += (size_t)n;
		_exit(count_lines(got, length) != LINES);
	}
	open_on(&output, fds[1]);
	put_lines(&output, LINES, 200);
	check(output_close(&output, 20000) == OUTPUT_FLUSHED && !output.lost_lines,
	      "a late reader gets the rest at the end");
	close(fds[0]);
	close(fds[1]);
	waitpid(child, &status, 0);
	check(!status, "and has all of it");
}

static void check_unread(int read_fd, int write_fd, const char *what)
{
	check_slow_reader(read_fd, write_fd, what);
	check_slow_reader_of_long_lines(read_fd, write_fd, what);
	check_pieces(read_fd, write_fd, what);
	without_nowait = true;
	check_slow_reader(read_fd, write_fd, what);
	check_slow_reader_of_long_lines(read_fd, write_fd, what);
	without_nowait = false;
}

static void check_pipes(void)
{
	const char *fifo = path_of("fifo");
	int fds[2];

	make_pipe(fds);
	check_unread(fds[0], fds[1], "a pipe");
	check_race(fds[0], fds[1],
		   "a pipe"); /* a FIFO that was opened by its name knows no RWF_NOWAIT: the gap stays */
	close(fds[0]);
	close(fds[1]);
	if (mkfifo(fifo, 0600))
		abort();
	fds[0] = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	fds[1] = open(fifo, O_WRONLY | O_CLOEXEC);
	check_unread(fds[0], fds[1], "a FIFO");
	close(fds[0]);
	close(fds[1]);
	check_wait();
	check_stopped_reader_at_end();
	check_late_reader_at_end();
}

/* ---- a reader that has gone ---- */

static void check_closed_reader(const char *what, int read_fd, int write_fd)
{
	struct output output;

	open_on(&output, write_fd);
	put_lines(&output, 10, 100);
	check(output_flush(&output) == OUTPUT_FLUSHED, "%s takes lines", what);
	check(output_flush(&output) == OUTPUT_FLUSHED, "and none, without an end");
	close(read_fd);
	check(output_flush(&output) == OUTPUT_CLOSED, "a reader that has gone is noticed without anything to write");
	put_lines(&output, 3, 100);
	check(output_flush(&output) == OUTPUT_CLOSED && output_close(&output, 20000) == OUTPUT_CLOSED &&
		      output.lines == 13 && output.lost_lines == 3,
	      "what comes then is lost: %" PRIu64, output.lost_lines);
	close(write_fd);
}

static void check_reader_that_goes(void)
{
	struct output output;
	int fds[2];

	make_pipe(fds);
	open_on(&output, fds[1]);
	put_lines(&output, 7, 100);
	close(fds[0]);
	check(output_flush(&output) == OUTPUT_CLOSED && output.lost_lines == 7,
	      "a reader that has gone before a write");
	check(output_close(&output, 20000) == OUTPUT_CLOSED && output.lost_lines == 7, "is no error at the end");
	close(fds[1]);
	make_pipe(fds);
	open_on(&output, fds[1]);
	put_lines(&output, 2000, 200);
	check(output_flush(&output) == OUTPUT_PENDING, "a reader that stands still");
	close(fds[0]);
	check(output_close(&output, 20000) == OUTPUT_CLOSED && output.lost_lines && output.lost_lines < 2000,
	      "and then goes ends the wait");
	close(fds[1]);
}

static void check_closed(void)
{
	int fds[2];

	make_pipe(fds);
	check_closed_reader("a pipe", fds[0], fds[1]);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		abort();
	check_closed_reader("a socket", fds[0], fds[1]);
	check_reader_that_goes();
}

/* ---- files ---- */

static void check_full_device(void)
{
	struct output output;

	check(output_open(&output, "/dev/full") == 0 && output.is_file, "/dev/full never waits");
	put_lines(&output, 5, 100);
	check(output_flush(&output) == OUTPUT_FAILED, "a write to it fails");
	put_lines(&output, 2, 100);
	check(output_flush(&output) == OUTPUT_FAILED && output_close(&output, 0) == OUTPUT_FAILED &&
		      output.lost_lines == 7,
	      "and all lines are lost: %" PRIu64, output.lost_lines);
	if (output_open(&output, "/dev/full"))
		abort();
	put_lines(&output, 5, 100);
	check(output_close(&output, 0) == OUTPUT_FAILED && output.lost_lines == 5, "it fails at the end, too");
}

/* A file that takes a part of what is written: what is in it and what is lost is all there was. */
static void check_full_file(void)
{
	enum { LINES = 1000, LIMIT = 12345 };
	const struct rlimit limit = { LIMIT, RLIM_INFINITY };
	const char *path = path_of("full");
	struct output output;
	struct rlimit before;
	size_t size;
	char *bytes;

	getrlimit(RLIMIT_FSIZE, &before);
	setrlimit(RLIMIT_FSIZE, &limit);
	if (output_open(&output, path))
		abort();
	put_lines(&output, LINES, 100);
	check(output_flush(&output) == OUTPUT_FAILED && output_close(&output, 0) == OUTPUT_FAILED, "a full file fails");
	setrlimit(RLIMIT_FSIZE, &before);
	bytes = read_file(path, &size);
	check(size == LIMIT && count_lines(bytes, size) + output.lost_lines == LINES,
	      "%zu lines are in it and %" PRIu64 " lost", count_lines(bytes, size), output.lost_lines);
	free(bytes);
}

static void check_file(void)
{
	const char *path = path_of("file");
	struct output output;
	struct stat status;
	size_t size;
	char *bytes;

	umask(022);
	for (unsigned int i = 0; i < 2; i++) {
		check(output_open(&output, path) == 0 && output.is_file, "a file never waits");
		put_lines(&output, 10000, 100); /* more than the queue */
		check(output_flush(&output) == OUTPUT_FLUSHED, "and takes all");
		check(output_close(&output, 0) == OUTPUT_FLUSHED && !output.lost_lines, "and nothing is lost");
	}
	bytes = read_file(path, &size);
	check(size == 2000000 && count_lines(bytes, size) == 20000, "the second time it is appended to: %zu bytes",
	      size);
	check(!stat(path, &status) && (status.st_mode & 0777) == 0644, "its mode is 0644");
	free(bytes);
	check(output_open(&output, "/nowhere/file") == -ENOENT, "a file that cannot be opened");
	check(output_open(&output, folder) == -EISDIR, "a directory is no file");
}

static void check_reopen(void)
{
	char old_path[128], path[128];
	struct output output;
	size_t old_size, size;
	char *old, *new;

	snprintf(path, sizeof(path), "%s/log", folder);
	snprintf(old_path, sizeof(old_path), "%s/log.1", folder);
	if (output_open(&output, path))
		abort();
	put_lines(&output, 3, 50);
	output_flush(&output);
	rename(path, old_path);
	put_lines(&output, 1, 50);
	output_flush(&output);
	output_reopen(&output);
	put_lines(&output, 5, 50);
	output_flush(&output);
	output.path = "/nowhere/log";
	output_reopen(&output);
	output.path = path;
	put_lines(&output, 2, 50);
	check(output_close(&output, 0) == OUTPUT_FLUSHED && !output.lost_lines && output.lines == 11,
	      "a file is opened again, and kept where that fails");
	old = read_file(old_path, &old_size);
	new = read_file(path, &size);
	check(count_lines(old, old_size) == 4 && count_lines(new, size) == 7,
	      "4 lines in the old file and 7 in the new");
	free(old);
	free(new);
}

/* ---- the queue ---- */

static void check_queue(void)
{
	const char *path = path_of("queue");
	struct output output;
	unsigned int n = 0;
	size_t size;
	char *bytes;

	if (output_open(&output, path))
		abort();
	while (n < 100000 && output_has_room(&output, 100)) {
		put_lines(&output, 1, 100);
		n++;
	}
	check(n > 1000 && n < 100000 && !output_has_room(&output, 100), "the queue is full with %u lines", n);
	output_flush(&output);
	check(output_has_room(&output, 100), "and empty after a flush");
	check(output_has_room(&output, LONGEST), "a line that is longer than the queue has room where it is empty");
	put_lines(&output, 2, LONGEST - 10);
	check(output_close(&output, 0) == OUTPUT_FLUSHED && !output.lost_lines && output.lines == n + 2,
	      "and is taken");
	bytes = read_file(path, &size);
	check(size == 100 * n + 2 * (LONGEST - 10) && count_lines(bytes, size) == n + 2,
	      "all %zu bytes are in the file", size);
	free(bytes);
}

/* As a child: what a program does whose stdout is closed. */
static void check_closed_stdout(void)
{
	pid_t child = fork();
	int status;

	if (!child) {
		struct output output;

		close(STDOUT_FILENO);
		_exit(output_open(&output, NULL) == -EBADF ? 0 : 1);
	}
	waitpid(child, &status, 0);
	check(!status, "a closed stdout is an error at once, before another file takes its place");
}

int main(void)
{
	diag_init("output", 0);
	alarm(240);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	if (!mkdtemp(folder))
		abort();
	check_writes("short lines", 1, 300);
	check_writes("lines of which 17 take PIPE_BUF + 1", 241, 241);
	check_writes("lines about PIPE_BUF", PIPE_BUF - 3, PIPE_BUF + 3);
	check_writes("lines of all sizes", 1, 9000);
	check_shared_pipe();
	check_pipes();
	check_closed();
	check_full_device();
	check_full_file();
	check_file();
	check_reopen();
	check_queue();
	check_closed_stdout();
	remove_folder();
	return finish_tests();
}
