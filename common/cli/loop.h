/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: one epoll over signals, timers and descriptors, without signal handlers.
 *
 * From loop_open() on SIGINT, SIGTERM and SIGHUP are blocked and arrive through a signalfd; SIGPIPE is ignored, so
 * that a closed pipe is an error of write(2). SIGINT and SIGTERM stop the loop; one more behind that ends the process at
 * once, as it would a program that does not catch it. SIGHUP goes to the callback of loop_on_hangup(), else it stops the
 * loop unless it was ignored before; behind the stop it is not heard.
 */
#ifndef OTB_LOOP_H
#define OTB_LOOP_H

#include <stdbool.h>
#include <stdint.h>

typedef void loop_callback(void *context);

struct loop_source;

struct loop {
	int epoll_fd, signal_fd;
	bool stopping;
	bool ignores_hangup;  /* as nohup(1) wants it */
	unsigned int n_ready; /* sources that are always ready (regular files) */
	struct loop_source *sources;
	loop_callback *before_sleep, *on_hangup;
	void *before_sleep_context, *on_hangup_context;
};

/* Functions that return int return 0 or a negative errno. The loop owns its sources' memory and its timers, not the
 * descriptors it is told to watch. */
int loop_open(struct loop *loop);
void loop_close(struct loop *loop);

/* Calls back when `fd` has any of the epoll events (EPOLLIN, EPOLLOUT, 0 for errors alone). A regular file, which
 * epoll refuses, is always ready. One watch per descriptor; a second call changes the events. */
int loop_watch(struct loop *loop, int fd, uint32_t events, loop_callback *callback, void *context);
void loop_unwatch(struct loop *loop, int fd);

/* Calls back every `ns` (loop_every) or once after `ns` (loop_after). */
int loop_every(struct loop *loop, uint64_t ns, loop_callback *callback, void *context);
int loop_after(struct loop *loop, uint64_t ns, loop_callback *callback, void *context);

/* Called each time before the loop sleeps: the place to flush output. */
void loop_before_sleep(struct loop *loop, loop_callback *callback, void *context);
void loop_on_hangup(struct loop *loop, loop_callback *callback, void *context);

/* Runs until loop_stop(). */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
