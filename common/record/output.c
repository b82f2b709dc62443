/* SPDX-License-Identifier: Apache-2.0 */
#include "common/record/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/cli/diag.h"
#include "common/host/clock.h"

enum { QUEUE_BYTES = 256 * 1024, QUEUE_KEPT = 16 * QUEUE_BYTES /* by a queue that is empty again */ };

static const uint64_t MILLISECOND_NS = 1000000;

static const char *name_of(const struct output *output)
{
	return output->path ? output->path : "stdout";
}

static int open_path(const char *path, int more_flags)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | more_flags, 0644);
}

/* A regular file or block device never makes a writer wait for a reader; /dev/full and /dev/null do not either. */
static bool fd_is_file(int fd)
{
	struct stat status;

	return !fstat(fd, &status) && !S_ISFIFO(status.st_mode) && !S_ISSOCK(status.st_mode) && !isatty(fd);
}

/* A writer that was killed in the middle of a write, or a crash of the host, leaves a line torn: our first one would
 * continue it, and no reader would have either. Another writer's line that is half there ends by itself, and then an empty
 * one follows, which readers skip. */
static void end_torn_line(const struct output *output)
{
	struct stat status;
	char last = '\n';
	int fd;

	/* Only what is a regular file is opened for reading: with a device that may mean something. */
	if (fstat(output->fd, &status) || !S_ISREG(status.st_mode) || status.st_size == 0)
		return;
	fd = open(output->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return;
	/* If it cannot be written now, the first record cannot either, and that is reported. */
	if (pread(fd, &last, 1, status.st_size - 1) == 1 && last != '\n')
		(void)!write(output->fd, "\n", 1);
	close(fd);
}

int output_open(struct output *output, const char *path)
{
	*output = (struct output){ .fd = STDOUT_FILENO, .path = path, .capacity = QUEUE_BYTES };
	if (path)
		output->fd = open_path(path, 0);
	/* A closed stdout is told now: the next file to be opened would take its number, and the records. */
	if (output->fd < 0 || fcntl(output->fd, F_GETFD) < 0) {
		int error = -errno;

		diag_print_errno(DIAG_ERROR, error, "cannot open '%s'", name_of(output));
		return error;
	}
	output->is_file = fd_is_file(output->fd);
	if (path)
		end_torn_line(output);
	output->queue = malloc(output->capacity);
	if (!output->queue)
		diag_print(DIAG_ERROR, "no memory for the output");
	return output->queue ? 0 : -ENOMEM;
}

static void make_room(struct output *output, size_t size)
{
	if (output->start) {
		memmove(output->queue, output->queue + output->start, output->end - output->start);
		output->end -= output->start;
		output->start = 0;
	}
	if (output->capacity - output->end < size) {
		/* By half more at least: an owner that does not ask for room puts many lines. */
		size_t capacity = output->end + size + output->capacity / 2;
		char *larger = realloc(output->queue, capacity);

		if (!larger)
			return;
		output->queue = larger;
		output->capacity = capacity;
	}
}

void output_put(struct output *output, const char *line, size_t length)
{
	output->lines++;
	if (output->state == OUTPUT_CLOSED || output->state == OUTPUT_FAILED || output->is_given_up) {
		output->lost_lines++;
		return;
	}
	if (output->capacity - output->end < length)
		make_room(output, length);
	if (output->capacity - output->end < length) {
		output->lost_lines++;
		return;
	}
	memcpy(output->queue + output->end, line, length);
	output->end += length;
}

/* The length of the whole lines at the queue's start that go out in one write: as many as PIPE_BUF takes, or one. */
static size_t next_write(const struct output *output)
{
	const char *start = output->queue + output->start;
	size_t queued = output->end - output->start;
	const char *lf;

	if (output->is_file || queued <= PIPE_BUF)
		return queued;
	lf = memrchr(start, '\n', PIPE_BUF);
	if (!lf)
		lf = memchr(start, '\n', queued);
	/* A filter may hand on a line that is too long in pieces. */
	return lf ? (size_t)(lf - start) + 1 : queued;
}

static bool is_writable(int fd, int timeout_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

	/* An error counts: write(2) then says which. */
	return poll(&poll_fd, 1, timeout_ms) > 0;
}

/* Whether the reader has gone, which must be noticed when there is nothing to write, too. */
static bool is_hung_up(int fd)
{
	struct pollfd poll_fd = { .fd = fd };

	return poll(&poll_fd, 1, 0) > 0 && poll_fd.revents & (POLLERR | POLLHUP);
}

/*
 * Another writer may fill a shared pipe between our poll and our write, and a blocked write would hold SIGTERM off.
 * RWF_NOWAIT closes that gap where pipes know it (Linux 6.4), and takes as much of a long line as there is room for;
 * elsewhere the gap stays, and a long line goes out in pieces that poll has found room for.
 */
static ssize_t write_now(const struct output *output, const char *bytes, size_t size)
{
	struct iovec vector = { (void *)bytes, size };
	ssize_t n;

	if (output->is_file)
		return write(output->fd, bytes, size);
	n = pwritev2(output->fd, &vector, 1, -1, RWF_NOWAIT);
	if (n >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL && errno != ESPIPE))
		return n;
	return write(output->fd, bytes, size < PIPE_BUF ? size : PIPE_BUF);
}

static void lose_queue(struct output *output)
{
	for (size_t i = output->start; i < output->end; i++)
		output->lost_lines += output->queue[i] == '\n';
	output->start = output->end = 0;
}

static enum output_state fail(struct output *output, int error)
{
	lose_queue(output);
	output->state = error == EPIPE ? OUTPUT_CLOSED : OUTPUT_FAILED;
	if (error != EPIPE)
		diag_print_errno(DIAG_ERROR, error, "cannot write to '%s'", name_of(output));
	return output->state;
}

static void shrink_queue(struct output *output)
{
	char *smaller = output->capacity > QUEUE_KEPT ? realloc(output->queue, QUEUE_BYTES) : NULL;

	if (!smaller)
		return;
	output->queue = smaller;
	output->capacity = QUEUE_BYTES;
}

/* Waits for a reader as long as it takes something every `timeout_ms`; 0: not at all; -1: for ever. */
static enum output_state flush_within(struct output *output, int timeout_ms)
{
	uint64_t patience_ns = timeout_ms > 0 ? (uint64_t)timeout_ms * MILLISECOND_NS : 0;
	uint64_t deadline_ns = patience_ns ? clock_monotonic_ns() + patience_ns : 0;

	while (output->start < output->end) {
		uint64_t now = patience_ns ? clock_monotonic_ns() : 0;
		int left_ms = now < deadline_ns ? (int)((deadline_ns - now) / MILLISECOND_NS) : 0;
		int wait_ms = timeout_ms < 0 ? -1 : left_ms;
		ssize_t n;

		if (!output->is_file && !is_writable(output->fd, wait_ms))
			return output->state = OUTPUT_PENDING;
		n = write_now(output, output->queue + output->start, next_write(output));
		if (n < 0 && errno == EAGAIN && !wait_ms)
			return output->state = OUTPUT_PENDING;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return fail(output, errno);
		if (n > 0) {
			output->start += (size_t)n;
			deadline_ns = patience_ns ? clock_monotonic_ns() + patience_ns : 0;
		}
	}
	output->start = output->end = 0;
	shrink_queue(output);
	return output->state = OUTPUT_FLUSHED;
}

enum output_state output_flush(struct output *output)
{
	if (output->state == OUTPUT_CLOSED || output->state == OUTPUT_FAILED)
		return output->state;
	if (output->start == output->end && !output->is_file && is_hung_up(output->fd))
		return output->state = OUTPUT_CLOSED;
	return flush_within(output, 0);
}

bool output_wait(struct output *output, int timeout_ms)
{
	if (output->state == OUTPUT_FLUSHED || output->state == OUTPUT_PENDING)
		output->is_given_up = flush_within(output, timeout_ms) == OUTPUT_PENDING;
	return output->state == OUTPUT_FLUSHED;
}

void output_reopen(struct output *output)
{
	/* A FIFO that nobody reads must not hold up what is running. */
	int fd = open_path(output->path, O_NONBLOCK);

	if (fd < 0 || fcntl(fd, F_SETFL, O_APPEND)) {
		diag_print_errno(DIAG_ERROR, errno, "cannot open '%s' again, going on with the old file", output->path);
		return;
	}
	close(output->fd);
	output->fd = fd;
	output->is_file = fd_is_file(fd);
}

enum output_state output_close(struct output *output, int timeout_ms)
{
	enum output_state state = output->state;

	if (state == OUTPUT_FLUSHED || state == OUTPUT_PENDING)
		state = flush_within(output, output->is_given_up ? 0 : timeout_ms);
	lose_queue(output);
	/* Some file systems report a full disk only here. */
	if (output->path && close(output->fd) && errno != EINTR)
		state = fail(output, errno);
	free(output->queue);
	output->queue = NULL;
	return state;
}
