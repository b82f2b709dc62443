/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where lines go: a queue of whole lines before one descriptor.
 *
 * To a pipe, a socket or a terminal every write(2) holds whole lines and at most 4096 bytes (PIPE_BUF), so that several
 * writers may share a pipe, and is made only when poll says that it will not block; O_NONBLOCK is never set, since the
 * pipe is shared. A longer line is written whole, but not atomically. To a file, writes are as large as the queue.
 *
 * The queue is bounded: the owner asks output_has_room() before it takes more events in, so that a reader that stands
 * still makes events wait in the kernel's buffer, where loss is counted, and not here.
 */
#ifndef OTB_OUTPUT_H
#define OTB_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum output_state {
	OUTPUT_FLUSHED, /* nothing is queued */
	OUTPUT_PENDING, /* the reader is slow: wait for POLLOUT */
	OUTPUT_CLOSED,  /* EPIPE: the reader has gone, which is no error */
	OUTPUT_FAILED,  /* any other error: said on stderr */
};

struct output {
	int fd;
	const char *path; /* NULL: stdout, which is not closed */
	bool is_file;     /* a regular file or a device without flow control: never waits */
	char *queue;
	size_t start, end, capacity;
	uint64_t lines;      /* taken */
	uint64_t lost_lines; /* taken and never written, known after output_close() */
	enum output_state state;
	bool is_given_up; /* its reader stood still for too long: nothing is taken any more */
};

/* Opens `path` for appending (mode 0644), or takes stdout where it is NULL. A last line that is torn is ended first. Returns
 * 0 or a negative errno, which it has reported. */
int output_open(struct output *output, const char *path);

/* Whether another line of `size` bytes fits; into an empty queue every line does. */
static inline bool output_has_room(const struct output *output, size_t size)
{
	size_t queued = output->end - output->start;

	return !queued || output->capacity - queued >= size;
}

/* Queues a whole line (LF included), copied, or a piece of one, whose rest is to follow. Grows the queue for a line that is
 * larger than it. */
void output_put(struct output *output, const char *line, size_t length);

/* Writes what can be written without blocking. With nothing queued it still notices that the reader has gone. */
enum output_state output_flush(struct output *output);

/* Waits until all is written, and no longer than `timeout_ms` for a reader that takes nothing; that one is given up. Returns
 * whether all was. */
bool output_wait(struct output *output, int timeout_ms);

/* After a flush: opens the path again (log rotation). Goes on with the old file, and says so, where that fails. */
void output_reopen(struct output *output);

/* Writes the rest, then closes. A reader that takes nothing for `timeout_ms` (-1: for as long as it likes) is waited for no
 * longer, one that was given up not at all, and what remains is in lost_lines. */
enum output_state output_close(struct output *output, int timeout_ms);

#endif
