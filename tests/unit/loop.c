/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: timers, descriptors that come and go while events are handed out, files, signals.
 *
 * A loop that does not end is ended by SIGALRM.
 */
#include "common/cli/loop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/tap.h"

enum { MS = 1000000 };

/* ---- helpers ---- */

static void open_loop(struct loop *loop)
{
	if (loop_open(loop))
		abort();
}

static void make_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC))
		abort();
}

static void close_pipe(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

static void write_byte(int fd)
{
	if (write(fd, "x", 1) != 1)
		abort();
}

static void stop(void *context)
{
	loop_stop(context);
}

static void count(void *context)
{
	++*(unsigned int *)context;
}

static unsigned int count_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

/* ---- timers ---- */

/* What came in which order, and when to stop. */
struct story {
	struct loop *loop;
	char text[32];
	unsigned int ticks;
};

struct chapter {
	struct story *story;
	char letter;
};

static void tell(void *context)
{
	struct chapter *chapter = context;
	struct story *story = chapter->story;
	size_t length = strlen(story->text);

	if (length + 1 < sizeof(story->text))
		story->text[length] = chapter->letter;
}

static void tell_and_stop(void *context)
{
	struct chapter *chapter = context;

	tell(context);
	loop_stop(chapter->story->loop);
}

static void tick(void *context)
{
	struct story *story = context;

	if (++story->ticks == 5)
		loop_stop(story->loop);
}

static void set_timer(void *context)
{
	struct chapter *chapter = context;

	tell(context);
	loop_after(chapter->story->loop, 1, tell_and_stop, chapter);
}

static void check_timers(void)
{
	struct loop loop;
	struct story story = { &loop, "", 0 };
	struct chapter a = { &story, 'a' }, b = { &story, 'b' }, c = { &story, 'c' };

	open_loop(&loop);
	loop_after(&loop, 60 * (uint64_t)MS, tell_and_stop, &c);
	loop_after(&loop, 1 * MS, tell, &a);
	loop_after(&loop, 30 * MS, tell, &b);
	check(!loop_run(&loop) && !strcmp(story.text, "abc"), "timers come by their times, and once: %s", story.text);
	loop_close(&loop);

	open_loop(&loop);
	loop_every(&loop, 1 * MS, tick, &story);
	check(!loop_run(&loop) && story.ticks == 5, "a periodic timer comes again and again");
	loop_close(&loop);

	memset(story.text, 0, sizeof(story.text));
	open_loop(&loop);
	loop_after(&loop, 0, set_timer, &a);
	check(!loop_run(&loop) && !strcmp(story.text, "aa"), "a timer of 0 ns comes at once, and may set another: %s",
	      story.text);
	loop_close(&loop);
}

static void check_far_timers(void)
{
	unsigned int n_calls = 0;
	struct loop loop;

	open_loop(&loop);
	check(!loop_after(&loop, UINT64_MAX, count, &n_calls) && !loop_every(&loop, UINT64_MAX / 2, count, &n_calls) &&
		      !loop_after(&loop, MS, stop, &loop) && !loop_run(&loop) && !n_calls,
	      "timers of centuries do not come");
	loop_close(&loop);
}

/* ---- descriptors ---- */

/* Two pipes that are ready in one round; whichever comes first ends the other. */
struct rivals {
	struct loop *loop;
	int fds[2][2];
	unsigned int calls, stale_calls;
	bool replace;
};

static void count_stale(void *context)
{
	struct rivals *rivals = context;

	rivals->stale_calls++;
}

static void end_other(struct rivals *rivals, unsigned int other)
{
	int *fds = rivals->fds[other];
	int number = fds[0];

	rivals->calls++;
	loop_unwatch(rivals->loop, number);
	close_pipe(fds);
	make_pipe(fds);
	/* Another pipe with the number of the one that has just been ready. */
	if (rivals->replace) {
		if (fds[0] != number)
			abort();
		loop_watch(rivals->loop, number, EPOLLIN, count_stale, rivals);
	}
	loop_unwatch(rivals->loop, rivals->fds[!other][0]);
	loop_after(rivals->loop, MS, stop, rivals->loop);
}

static void first_ready(void *context)
{
	end_other(context, 1);
}

static void second_ready(void *context)
{
	end_other(context, 0);
}

static void check_rivals(bool replace)
{
	struct loop loop;
	struct rivals rivals = { .loop = &loop, .replace = replace };

	open_loop(&loop);
	for (unsigned int i = 0; i < 2; i++) {
		make_pipe(rivals.fds[i]);
		write_byte(rivals.fds[i][1]);
		loop_watch(&loop, rivals.fds[i][0], EPOLLIN, i ? second_ready : first_ready, &rivals);
	}
	check(!loop_run(&loop) && rivals.calls == 1, "a descriptor that is unwatched is not called any more: %u calls",
	      rivals.calls);
	if (replace)
		check(!rivals.stale_calls, "nor is another that took its number");
	loop_close(&loop);
	close_pipe(rivals.fds[0]);
	close_pipe(rivals.fds[1]);
}

/* A callback whose context goes with its watch. */
struct guest {
	struct loop *loop;
	int fds[2];
};

static void leave(void *context)
{
	struct guest *guest = context;

	loop_unwatch(guest->loop, guest->fds[0]);
	close_pipe(guest->fds);
	free(guest);
}

static void check_guests(void)
{
	enum { GUESTS = 40 }; /* more than one round hands out */
	unsigned int before = count_fds();
	struct loop loop;

	open_loop(&loop);
	for (unsigned int i = 0; i < GUESTS; i++) {
		struct guest *guest = malloc(sizeof(*guest));

		guest->loop = &loop;
		make_pipe(guest->fds);
		write_byte(guest->fds[1]);
		loop_watch(&loop, guest->fds[0], EPOLLIN, leave, guest);
	}
	loop_after(&loop, MS, stop, &loop);
	loop_run(&loop);
	while (count_fds() > before + 3) { /* epoll, signals, timer */
		loop.stopping = false;
		loop_after(&loop, MS, stop, &loop);
		loop_run(&loop);
	}
	check(loop.n_ready == 0, "%d descriptors unwatch themselves", GUESTS);
	loop_close(&loop);
	check(count_fds() == before, "the loop closes all that is its own");
}

static void check_watch(void)
{
	unsigned int first = 0, second = 0;
	struct loop loop;
	int fds[2];

	make_pipe(fds);
	open_loop(&loop);
	write_byte(fds[1]);
	loop_watch(&loop, fds[0], EPOLLIN, count, &first);
	check(!loop_watch(&loop, fds[0], EPOLLIN, count, &second), "a second watch replaces the first");
	loop_after(&loop, MS, stop, &loop);
	loop_run(&loop);
	check(!first && second, "only its callback is called");
	loop.stopping = false;
	second = 0;
	check(!loop_watch(&loop, fds[0], 0, count, &second), "events can be changed to errors alone");
	loop_after(&loop, MS, stop, &loop);
	loop_run(&loop);
	check(!second, "and then no other comes");
	loop.stopping = false;
	loop_watch(&loop, fds[1], 0, stop, &loop);
	close(fds[0]);
	check(!loop_run(&loop), "a reader that goes is an error of the writing end");
	check(loop_watch(&loop, -1, EPOLLIN, count, &first) == -EBADF &&
		      loop_watch(&loop, 9999, EPOLLIN, count, &first) == -EBADF,
	      "a bad descriptor is refused");
	loop_unwatch(&loop, 9999);
	loop_unwatch(&loop, fds[1]);
	loop_unwatch(&loop, fds[1]);
	loop_close(&loop);
	close(fds[1]);
}

/* ---- regular files ---- */

struct reading {
	struct loop *loop;
	int fd, other_fd;
	unsigned int calls;
};

static void read_on(void *context)
{
	struct reading *reading = context;

	if (++reading->calls < 3)
		return;
	loop_unwatch(reading->loop, reading->fd);
	loop_unwatch(reading->loop, reading->other_fd);
}

static void check_files(void)
{
	FILE *files[2] = { tmpfile(), tmpfile() };
	int fds[2] = { fileno(files[0]), fileno(files[1]) };
	unsigned int n_sleeps = 0;
	struct loop loop;
	struct reading reading = { &loop, fds[0], fds[1], 0 };

	open_loop(&loop);
	loop_before_sleep(&loop, count, &n_sleeps);
	check(!loop_watch(&loop, fds[1], EPOLLIN, read_on, &reading) &&
		      !loop_watch(&loop, fds[0], EPOLLIN, read_on, &reading),
	      "files can be watched");
	check(!loop_watch(&loop, fds[0], EPOLLIN, read_on, &reading) && loop.n_ready == 2, "one twice is still one");
	loop_after(&loop, 20 * MS, stop, &loop);
	check(!loop_run(&loop) && reading.calls == 3, "they are always ready, until they are unwatched: %u calls",
	      reading.calls);
	check(n_sleeps < 20, "and the loop sleeps then: %u rounds", n_sleeps);

	loop.stopping = false;
	loop_watch(&loop, fds[0], EPOLLIN, count, &n_sleeps);
	loop_after(&loop, 5 * MS, stop, &loop);
	check(!loop_run(&loop), "a file that is always ready does not keep timers off");
	loop_close(&loop);
	fclose(files[0]);
	fclose(files[1]);
}

/* ---- before it sleeps ---- */

static void check_before_sleep(void)
{
	struct loop loop;

	open_loop(&loop);
	loop_before_sleep(&loop, stop, &loop);
	check(!loop_run(&loop), "a stop before the loop sleeps ends it without an event");
	loop_close(&loop);
	open_loop(&loop);
	loop_stop(&loop);
	check(!loop_run(&loop), "a loop that was stopped before it ran does not run");
	loop_close(&loop);
}

/* ---- signals: each in a child, which they may end ---- */

enum { RAN = 10, RAN_AND_CALLED = 11 };

static unsigned int hangups;

static void raise_all(const int *signals)
{
	for (; *signals; signals++)
		kill(getpid(), *signals);
}

struct signals {
	const char *what;
	bool on_hangup;
	int before[4], after[4]; /* loop_run(), each list ended by 0 */
	int status;              /* as of wait(2): an exit code << 8, or the signal that ended it */
};

static const struct signals signal_cases[] = {
	{ "SIGINT stops the loop", false, { SIGINT }, { 0 }, RAN << 8 },
	{ "SIGTERM stops the loop", false, { SIGTERM }, { 0 }, RAN << 8 },
	{ "SIGHUP stops a loop without a callback for it", false, { SIGHUP }, { 0 }, RAN << 8 },
	{ "SIGHUP goes to its callback", true, { SIGHUP }, { 0 }, RAN_AND_CALLED << 8 },
	{ "SIGHUP and SIGTERM both come", true, { SIGHUP, SIGTERM }, { 0 }, RAN_AND_CALLED << 8 },
	{ "a second SIGINT ends the process", false, { SIGINT }, { SIGINT }, SIGINT },
	{ "a second SIGTERM ends the process", false, { SIGTERM }, { SIGTERM }, SIGTERM },
	{ "a SIGTERM after a SIGINT ends the process", false, { SIGINT }, { SIGTERM }, SIGTERM },
	{ "two signals that came before the loop looked stop it", false, { SIGINT, SIGTERM }, { 0 }, RAN << 8 },
	{ "so do all three", false, { SIGHUP, SIGINT, SIGTERM }, { 0 }, RAN << 8 },
	{ "a SIGHUP after the stop does not end the process", true, { SIGTERM }, { SIGHUP }, RAN << 8 },
	{ "nor does it without a callback", false, { SIGTERM }, { SIGHUP }, RAN << 8 },
};

static void stop_later(void *context)
{
	loop_after(context, 20 * MS, stop, context);
}

static _Noreturn void run_signal_case(const struct signals *signals)
{
	struct loop loop;

	open_loop(&loop);
	if (signals->on_hangup)
		loop_on_hangup(&loop, count, &hangups);
	raise_all(signals->before);
	if (signals->before[0] == SIGHUP && signals->on_hangup)
		stop_later(&loop);
	if (loop_run(&loop))
		_exit(1);
	raise_all(signals->after);
	_exit(hangups ? RAN_AND_CALLED : RAN);
}

static void check_signals(void)
{
	for (size_t i = 0; i < sizeof(signal_cases) / sizeof(signal_cases[0]); i++) {
		pid_t child = fork();
		int status = 0;

		if (!child)
			run_signal_case(&signal_cases[i]);
		waitpid(child, &status, 0);
		check(status == signal_cases[i].status, "%s: status %#x", signal_cases[i].what, (unsigned int)status);
	}
}

static void check_closed_pipe(void)
{
	struct loop loop;
	int fds[2];

	make_pipe(fds);
	open_loop(&loop);
	close(fds[0]);
	check(write(fds[1], "x", 1) < 0 && errno == EPIPE, "a closed pipe is an error, and no signal");
	loop_close(&loop);
	close(fds[1]);
}

int main(void)
{
	alarm(60);
	/* Ignored by whom this is run by, perhaps: nohup, and shells for what runs in the background. */
	signal(SIGHUP, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	check_signals();
	check_timers();
	check_far_timers();
	check_rivals(false);
	check_rivals(true);
	check_guests();
	check_watch();
	check_files();
	check_before_sleep();
	check_closed_pipe();
	return finish_tests();
}
