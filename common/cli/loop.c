/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cli/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum source_kind { SOURCE_WATCH, SOURCE_ALWAYS_READY, SOURCE_TIMER_ONCE, SOURCE_TIMER_PERIODIC };

struct loop_source {
	struct loop_source *next;
	enum source_kind kind;
	int fd; /* -1: unwatched, freed once no event can name it any more */
	loop_callback *callback;
	void *context;
};

static void signals_fill(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
}

static struct loop_source *source_find(const struct loop *loop, int fd)
{
	for (struct loop_source *source = loop->sources; source; source = source->next)
		if (source->fd == fd)
			return source;
	return NULL;
}

static struct loop_source *source_add(struct loop *loop, int fd, enum source_kind kind, loop_callback *callback,
				      void *context)
{
	struct loop_source *source = malloc(sizeof(*source));

	if (!source)
		return NULL;
	*source = (struct loop_source){ loop->sources, kind, fd, callback, context };
	loop->sources = source;
	return source;
}

/* Frees the sources that were unwatched: only between two rounds, when no event points at them. */
static void sources_sweep(struct loop *loop)
{
	struct loop_source **at = &loop->sources;

	while (*at) {
		struct loop_source *source = *at;

		if (source->fd >= 0) {
			at = &source->next;
			continue;
		}
		*at = source->next;
		free(source);
	}
}

/* A second Ctrl-C must end a process that hangs while it reports. A SIGHUP must not: whoever moves the log does not know
 * that the process is about to end. */
static void signals_let_through(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void on_signal(void *context)
{
	struct loop *loop = context;
	struct signalfd_siginfo info;
	bool stops = false;

	while (read(loop->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP && loop->on_hangup)
			loop->on_hangup(loop->on_hangup_context);
		else if (info.ssi_signo != SIGHUP || !loop->ignores_hangup)
			stops = true;
	}
	if (!stops)
		return;
	/* Only now: of two signals that came together the second is not there to end the process. */
	signals_let_through();
	loop_stop(loop);
}

int loop_open(struct loop *loop)
{
	struct sigaction hangup;
	sigset_t set;

	*loop = (struct loop){ .epoll_fd = -1, .signal_fd = -1 };
	/* nohup(1) has it ignored, but a blocked signal is handed to a signalfd all the same. */
	loop->ignores_hangup = !sigaction(SIGHUP, NULL, &hangup) && hangup.sa_handler == SIG_IGN;
	signals_fill(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);

	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return -errno;
	loop->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (loop->signal_fd < 0)
		return -errno;
	return loop_watch(loop, loop->signal_fd, EPOLLIN, on_signal, loop);
}

void loop_close(struct loop *loop)
{
	for (struct loop_source *source = loop->sources; source; source = source->next) {
		if (source->fd >= 0 && (source->kind == SOURCE_TIMER_ONCE || source->kind == SOURCE_TIMER_PERIODIC))
			close(source->fd);
		source->fd = -1;
	}
	sources_sweep(loop);
	if (loop->signal_fd >= 0)
		close(loop->signal_fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
}

int loop_watch(struct loop *loop, int fd, uint32_t events, loop_callback *callback, void *context)
{
	struct loop_source *source = source_find(loop, fd);
	int operation = source ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	struct epoll_event event = { .events = events };

	if (!source)
		source = source_add(loop, fd, SOURCE_WATCH, callback, context);
	if (!source)
		return -ENOMEM;
	source->callback = callback;
	source->context = context;
	event.data.ptr = source;
	if (source->kind == SOURCE_ALWAYS_READY || !epoll_ctl(loop->epoll_fd, operation, fd, &event))
		return 0;
	if (errno != EPERM) {
		source->fd = -1;
		return -errno;
	}
	source->kind = SOURCE_ALWAYS_READY;
	loop->n_ready++;
	return 0;
}

void loop_unwatch(struct loop *loop, int fd)
{
	struct loop_source *source = source_find(loop, fd);

	if (!source)
		return;
	if (source->kind == SOURCE_ALWAYS_READY)
		loop->n_ready--;
	else
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	source->fd = -1;
}

static int timer_start(struct loop *loop, uint64_t ns, enum source_kind kind, loop_callback *callback, void *context)
{
	/* 0 would disarm the timer. */
	struct timespec time = { (time_t)(ns / 1000000000), ns ? (long)(ns % 1000000000) : 1 };
	struct itimerspec timer = { .it_value = time };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	int error;

	if (fd < 0)
		return -errno;
	if (kind == SOURCE_TIMER_PERIODIC)
		timer.it_interval = time;
	if (timerfd_settime(fd, 0, &timer, NULL)) {
		error = -errno;
		close(fd);
		return error;
	}
	error = loop_watch(loop, fd, EPOLLIN, callback, context);
	if (error)
		close(fd);
	else
		source_find(loop, fd)->kind = kind;
	return error;
}

int loop_every(struct loop *loop, uint64_t ns, loop_callback *callback, void *context)
{
	return timer_start(loop, ns, SOURCE_TIMER_PERIODIC, callback, context);
}

int loop_after(struct loop *loop, uint64_t ns, loop_callback *callback, void *context)
{
	return timer_start(loop, ns, SOURCE_TIMER_ONCE, callback, context);
}

void loop_before_sleep(struct loop *loop, loop_callback *callback, void *context)
{
	loop->before_sleep = callback;
	loop->before_sleep_context = context;
}

void loop_on_hangup(struct loop *loop, loop_callback *callback, void *context)
{
	loop->on_hangup = callback;
	loop->on_hangup_context = context;
}

static void source_dispatch(struct loop *loop, struct loop_source *source)
{
	loop_callback *callback = source->callback;
	uint64_t expirations;
	int fd = source->fd;

	if (fd < 0)
		return;
	if (source->kind == SOURCE_TIMER_ONCE) {
		loop_unwatch(loop, fd);
		close(fd);
	} else if (source->kind == SOURCE_TIMER_PERIODIC && read(fd, &expirations, sizeof(expirations)) < 0) {
		return; /* another round has taken it */
	}
	callback(source->context);
}

static void dispatch_always_ready(struct loop *loop)
{
	for (struct loop_source *source = loop->sources; source && !loop->stopping; source = source->next)
		if (source->kind == SOURCE_ALWAYS_READY)
			source_dispatch(loop, source);
}

int loop_run(struct loop *loop)
{
	struct epoll_event events[16];

	while (!loop->stopping) {
		int n;

		if (loop->before_sleep)
			loop->before_sleep(loop->before_sleep_context);
		if (loop->stopping)
			break;
		n = epoll_wait(loop->epoll_fd, events, 16, loop->n_ready ? 0 : -1);
		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++)
			source_dispatch(loop, events[i].data.ptr);
		dispatch_always_ready(loop);
		sources_sweep(loop);
	}
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopping = true;
}
