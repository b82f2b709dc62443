/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that is to be read again: replaced, written anew, told by SIGHUP.
 *
 * A session that does not end is ended by SIGALRM.
 */
#include "common/run/reload.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/diag.h"
#include "tests/unit/tap.h"

enum { MS = 1000000 };

static char folder[] = "/tmp/otb-reload-XXXXXX";
static char path[64], new_path[64], link_path[64];
static const struct cli cli = { .program = "test", .ready_fd = -1 };

struct bench {
	struct session session;
	struct reload reload;
	unsigned int calls, ticks;
};

/* ---- helpers ---- */

static void write_file(const char *to, const char *text)
{
	int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd))
		abort();
}

static void replace(const char *from, const char *to)
{
	if (rename(from, to))
		abort();
}

static void on_reload(void *context)
{
	struct bench *bench = context;

	bench->calls++;
	loop_stop(&bench->session.loop);
}

static void on_tick(void *context)
{
	struct bench *bench = context;

	if (++bench->ticks == 3)
		loop_stop(&bench->session.loop);
}

static void begin_bench(struct bench *bench, const char *watched)
{
	*bench = (struct bench){ .calls = 0 };
	reload_open(&bench->reload, watched);
}

static void start_bench(struct bench *bench)
{
	if (session_open(&bench->session, &cli) != EXIT_DONE)
		abort();
	reload_start(&bench->reload, &bench->session, on_reload, bench);
}

static void open_bench(struct bench *bench, const char *watched)
{
	begin_bench(bench, watched);
	start_bench(bench);
}

static void close_bench(struct bench *bench)
{
	reload_close(&bench->reload);
	if (session_close(&bench->session) != EXIT_DONE)
		abort();
}

static unsigned int count_fds(void)
{
	DIR *fds = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(fds))
		n++;
	closedir(fds);
	return n;
}

/* ---- tests ---- */

static void replace_it(void)
{
	write_file(new_path, "new");
	replace(new_path, path);
}

static void write_anew(void)
{
	write_file(path, "newer");
}

static void take_away(void)
{
	unlink(path);
	write_file(path, "it is there again");
}

static void test_change(const char *what, void (*change)(void))
{
	struct bench bench;
	unsigned int n_fds = count_fds();

	write_file(path, "old");
	open_bench(&bench, path);
	change();
	session_run(&bench.session);
	check(bench.calls == 1, "called when it %s", what);
	close_bench(&bench);
	check(count_fds() == n_fds, "closed, it leaves nothing open");
}

/* A new file in the folder is an event, but none of this file. */
static void test_others(void)
{
	struct bench bench;

	open_bench(&bench, path);
	write_file(new_path, "another");
	if (loop_every(&bench.session.loop, MS, on_tick, &bench))
		abort();
	session_run(&bench.session);
	struct pollfd events = { .fd = bench.reload.watch.fd, .events = POLLIN };
	check(!bench.calls && bench.ticks == 3 && poll(&events, 1, 0) == 0, "not called for its neighbours");
	close_bench(&bench);
}

static void test_early(void)
{
	struct bench bench;

	write_file(path, "as it is read");
	begin_bench(&bench, path);
	write_file(path, "changed while the program sets up");
	start_bench(&bench);
	session_run(&bench.session);
	check(bench.calls == 1, "called for what changed before the session began");
	close_bench(&bench);
}

/* As Kubernetes does it: what the link leads to stays as it is. */
static void test_link(void)
{
	char next_path[64];
	struct bench bench;

	snprintf(next_path, sizeof(next_path), "%s/next", folder);
	if (symlink(path, link_path) || symlink(new_path, next_path))
		abort();
	open_bench(&bench, link_path);
	replace(next_path, link_path);
	session_run(&bench.session);
	check(bench.calls == 1, "called when a link is turned over");
	close_bench(&bench);
}

static void test_hangup(void)
{
	struct bench bench;

	open_bench(&bench, path);
	kill(getpid(), SIGHUP);
	session_run(&bench.session);
	check(bench.calls == 1, "called for a SIGHUP, changed or not");
	close_bench(&bench);
}

static void test_unwatched(void)
{
	static char endless[2 * PATH_MAX], said[3 * PATH_MAX];
	int fds[2], old = dup(STDERR_FILENO);
	struct bench bench;

	memset(endless, 'x', sizeof(endless) - 1);
	if (pipe(fds) || dup2(fds[1], STDERR_FILENO) < 0)
		abort();
	open_bench(&bench, endless);
	if (dup2(old, STDERR_FILENO) < 0 || close(fds[1]) || read(fds[0], said, sizeof(said) - 1) < 0)
		abort();
	check(strstr(said, "test: cannot watch 'xxx"), "what cannot be watched is told: %s", said);
	kill(getpid(), SIGHUP);
	session_run(&bench.session);
	check(bench.calls == 1, "and is read again for a SIGHUP");
	close_bench(&bench);
	close(fds[0]);
	close(old);
}

static void test_zeroed(void)
{
	struct reload reload = { .callback = NULL };

	reload_close(&reload);
	check(fcntl(STDIN_FILENO, F_GETFD) >= 0, "a zeroed one has nothing to close");
}

int main(void)
{
	if (!mkdtemp(folder))
		abort();
	snprintf(path, sizeof(path), "%s/file", folder);
	snprintf(new_path, sizeof(new_path), "%s/new", folder);
	snprintf(link_path, sizeof(link_path), "%s/link", folder);
	diag_init("test", 0);
	signal(SIGHUP, SIG_DFL);
	alarm(60);
	test_change("is replaced", replace_it);
	test_change("is written anew", write_anew);
	test_change("was gone for a moment", take_away);
	test_others();
	test_early();
	test_link();
	test_hangup();
	test_unwatched();
	test_zeroed();
	unlink(path);
	unlink(new_path);
	unlink(link_path);
	rmdir(folder);
	return finish_tests();
}
