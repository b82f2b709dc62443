/* SPDX-License-Identifier: Apache-2.0 */
/* Names of services: environments good and bad, processes that run, end, change and follow each other with one pid. */
#include "cmd/otb-trace/service.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/host/process.h"
#include "tests/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ATTRIBUTES "OTEL_RESOURCE_ATTRIBUTES="

/* ---- environments ---- */

/* '|' stands for NUL. */
static const struct {
	const char *environment, *name; /* NULL: none */
} environments[] = {
	{ "OTEL_SERVICE_NAME=shop|", "shop" },
	{ "A=1|OTEL_SERVICE_NAME=shop|B=2|", "shop" },
	{ "OTEL_SERVICE_NAME=a=b%20c, d|", "a=b%20c, d" },
	{ "OTEL_SERVICE_NAME=a|OTEL_SERVICE_NAME=b|", "a" },
	{ ATTRIBUTES "service.name=shop|", "shop" },
	{ ATTRIBUTES "service.name=a|OTEL_SERVICE_NAME=b|", "b" },
	{ ATTRIBUTES "service.name=a|OTEL_SERVICE_NAME=|", "a" },
	{ ATTRIBUTES "service.version=1,service.name=shop,x=y|", "shop" },
	{ ATTRIBUTES " x = y , service.name\t=  my shop ,|", "my shop" },
	{ ATTRIBUTES "service.name=caf%C3%A9%2c%3d%25|", "caf\xc3\xa9,=%" },
	{ ATTRIBUTES "service%2Ename=shop|", "shop" },
	{ ATTRIBUTES "service.name=a=b|", "a=b" },
	{ ATTRIBUTES "service.name=a,service.name=b|", "b" },
	{ ATTRIBUTES "x=,service.name=a|", "a" },
	{ ATTRIBUTES ",,service.name=a,,|", "a" },
	/* None. */
	{ "", NULL },
	{ "|||", NULL },
	{ "OTEL_SERVICE_NAME|", NULL },
	{ "OTEL_SERVICE_NAME=|", NULL },
	{ "OTEL_SERVICE_NAMES=a|", NULL },
	{ "XOTEL_SERVICE_NAME=a|", NULL },
	{ "OTEL_SERVICE_NAME=cut", NULL },
	{ ATTRIBUTES "|", NULL },
	{ ATTRIBUTES "service.name=|", NULL },
	{ ATTRIBUTES "service.names=a|", NULL },
	{ ATTRIBUTES "service.nam=a|", NULL },
	{ ATTRIBUTES "service.name=a", NULL },
	/* An error in the list. */
	{ ATTRIBUTES "service.name=a,x|", NULL },
	{ ATTRIBUTES "service.name=a,=x|", NULL },
	{ ATTRIBUTES "service.name=a,x=%|", NULL },
	{ ATTRIBUTES "service.name=a,x=%4|", NULL },
	{ ATTRIBUTES "service.name=a,x=%4g|", NULL },
	{ ATTRIBUTES "service.name=a%00b|", NULL },
};

static void test_environments(void)
{
	for (size_t i = 0; i < COUNT(environments); i++) {
		size_t length = strlen(environments[i].environment);
		char *copy = malloc(length ? length : 1), name[SERVICE_NAME_SIZE] = "";

		if (!copy)
			abort();
		for (size_t j = 0; j < length; j++)
			copy[j] = environments[i].environment[j] == '|' ? '\0' : environments[i].environment[j];
		bool found = service_name_of_environment(copy, length, name);
		check(found == !!environments[i].name && (!found || !strcmp(name, environments[i].name)), "%s: %s",
		      environments[i].environment, found ? name : "none");
		free(copy);
	}
}

static void test_long_names(void)
{
	static const char *const variables[] = { "OTEL_SERVICE_NAME=", ATTRIBUTES "service.name=" };

	for (size_t i = 0; i < COUNT(variables); i++) {
		char environment[1024] = "", name[SERVICE_NAME_SIZE];
		size_t length = strlen(variables[i]);

		memcpy(environment, variables[i], length);
		memset(environment + length, 'a', SERVICE_NAME_SIZE - 2);
		memcpy(environment + length + SERVICE_NAME_SIZE - 2, "\xc3\xa9", 2);
		check(service_name_of_environment(environment, sizeof(environment), name) &&
			      strlen(name) == SERVICE_NAME_SIZE - 2,
		      "%s: a name that is too long is cut at a character", variables[i]);
		environment[length + SERVICE_NAME_SIZE - 2] = 'b';
		environment[length + SERVICE_NAME_SIZE - 1] = '\0';
		check(service_name_of_environment(environment, sizeof(environment), name) &&
			      strlen(name) == SERVICE_NAME_SIZE - 1,
		      "%s: one that fits is not", variables[i]);
	}
}

/* ---- processes ---- */

struct child {
	pid_t pid;
	int in, out; /* its standard input and output */
};

static pid_t fork_with_pid(pid_t pid)
{
	struct clone_args arguments = { .exit_signal = SIGCHLD,
					.set_tid = (uint64_t)(uintptr_t)&pid,
					.set_tid_size = 1 };

	return pid ? (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments)) : fork();
}

/* Starts a program that copies a line of its input: it has begun when the line comes back. `pid`: 0 for any. */
static struct child start(pid_t pid, const char *const arguments[], const char *const environment[])
{
	int in[2], out[2];
	struct child child;
	char byte;

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		abort();
	child = (struct child){ .pid = fork_with_pid(pid), .in = in[1], .out = out[0] };
	if (!child.pid) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execve(arguments[0], (char *const *)arguments, (char *const *)environment);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	if (child.pid > 0 && (write(child.in, "\n", 1) != 1 || read(child.out, &byte, 1) != 1))
		abort();
	return child;
}

static struct child start_cat(pid_t pid, const char *variable)
{
	static const char *const cat[] = { "/bin/cat", NULL };
	const char *environment[] = { "A=1", variable, NULL };

	return start(pid, cat, environment);
}

static void end(struct child child)
{
	close(child.in);
	close(child.out);
	if (child.pid > 0)
		waitpid(child.pid, NULL, 0);
}

static bool name_is(struct services *services, pid_t pid, uint64_t start_ns, const char *expected)
{
	const char *name = service_name(services, pid, start_ns);

	return expected ? name && !strcmp(name, expected) : !name;
}

static uint64_t start_of(const struct services *services, pid_t pid)
{
	uint64_t ticks = 0;

	process_start_time(pid, &ticks);
	return ticks * services->tick_ns + services->tick_ns / 2;
}

static void test_processes(struct services *services)
{
	struct child named = start_cat(0, "OTEL_SERVICE_NAME=shop"), nameless = start_cat(0, "B=2");
	uint64_t start_ns = start_of(services, named.pid);

	check(name_is(services, named.pid, 0, "shop"), "a process has the name of its environment");
	check(name_is(services, nameless.pid, 0, "cat"), "or else its comm");
	check(name_is(services, named.pid, start_ns, "shop"), "it is known by its start time");
	check(name_is(services, named.pid, start_ns - services->tick_ns, NULL), "one that started before is another");
	check(name_is(services, named.pid, start_ns + services->tick_ns, NULL), "as is one that started later");
	end(named);
	end(nameless);
	check(name_is(services, named.pid, start_ns, "shop"), "the name outlives the process");
	check(name_is(services, named.pid, 0, NULL), "unless it is asked for who has the pid");
	service_forget(services, named.pid);
	check(name_is(services, named.pid, start_ns, NULL), "what is forgotten is looked up again");
	check(name_is(services, 0, 0, NULL) && name_is(services, 0, 1, NULL) && name_is(services, -1, 0, NULL) &&
		      name_is(services, INT32_MAX, 1, NULL),
	      "0, -1 and INT32_MAX are no processes");
}

/* What stands beyond the bound is not read. */
static void test_huge_environment(struct services *services)
{
	static const char *const cat[] = { "/bin/cat", NULL };
	static char filler[100000];
	const char *first[] = { "OTEL_SERVICE_NAME=shop", filler, filler, filler, filler, NULL };
	const char *last[] = { filler, filler, filler, filler, "OTEL_SERVICE_NAME=shop", NULL };

	memset(filler, 'x', sizeof(filler) - 1);
	struct child one = start(0, cat, first), other = start(0, cat, last);
	check(name_is(services, one.pid, 0, "shop"), "a name at the start of a huge environment is found");
	check(name_is(services, other.pid, 0, "cat"), "one far behind is not looked for");
	end(one);
	end(other);
}

static void test_execve(struct services *services)
{
	static const char *const shell[] = { "/bin/sh", "-c",
					     "read x; echo; read y; OTEL_SERVICE_NAME=after exec /bin/cat", NULL };
	static const char *const environment[] = { "OTEL_SERVICE_NAME=before", NULL };
	struct child child = start(0, shell, environment);
	bool is_before = name_is(services, child.pid, 0, "before");
	char byte;

	if (write(child.in, "\n\n", 2) != 2 || read(child.out, &byte, 1) != 1)
		abort();
	service_forget(services, child.pid);
	check(is_before && name_is(services, child.pid, 0, "after"), "after execve() the name is a new one");
	end(child);
}

/* Of a process of another user its comm is all there is to see. */
static void test_unreadable(void)
{
	struct child child = start_cat(0, "OTEL_SERVICE_NAME=secret");
	int status = 1;
	pid_t reader = geteuid() ? 0 : fork();

	if (!geteuid() && !reader) {
		struct services services;

		_exit(setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534) || services_open(&services) ||
		      !name_is(&services, child.pid, 0, "cat"));
	}
	if (reader > 0) {
		waitpid(reader, &status, 0);
		check(!status, "an environment that cannot be read gives no name");
	} else {
		skip("an environment that cannot be read gives no name", "needs root");
	}
	end(child);
}

/* Process after process with one pid. */
static void test_reused_pid(struct services *services)
{
	const char *what = "a pid that is used again has its new name";
	const struct timespec two_ticks = { .tv_nsec = 20000000 };
	struct child first = start_cat(0, "OTEL_SERVICE_NAME=first");
	bool is_first = name_is(services, first.pid, 0, "first");
	uint64_t start_ns = start_of(services, first.pid);

	end(first);
	nanosleep(&two_ticks, NULL); /* else they start in the same one */
	struct child second = start_cat(first.pid, "OTEL_SERVICE_NAME=second");
	if (second.pid < 0) {
		skip(what, "a pid cannot be chosen here");
	} else {
		check(is_first && name_is(services, first.pid, start_ns, "first") &&
			      name_is(services, second.pid, start_of(services, second.pid), "second"),
		      "%s", what);
		check(name_is(services, first.pid, start_ns, NULL) && name_is(services, second.pid, 0, "second"),
		      "and a late event of the process before has none");
	}
	end(second);
}

/* More processes of one set than it has room for. */
static void test_full_set(struct services *services)
{
	const char *what = "in a full set the oldest give way";
	struct child children[SERVICE_WAYS + 2];
	uint64_t start_ns[SERVICE_WAYS + 2];
	size_t n = 0;
	bool is_good = true;

	children[0] = start_cat(0, "OTEL_SERVICE_NAME=same");
	for (pid_t pid = children[0].pid; n + 1 < COUNT(children) && pid > SERVICE_SETS;) {
		pid -= SERVICE_SETS;
		children[n + 1] = start_cat(pid, "OTEL_SERVICE_NAME=same");
		if (children[n + 1].pid > 0)
			n++;
		else
			end(children[n + 1]);
	}
	for (size_t i = 0; i <= n; i++) {
		start_ns[i] = start_of(services, children[i].pid);
		name_is(services, children[i].pid, start_ns[i], "same");
	}
	for (size_t i = 0; i <= n; i++)
		end(children[i]);
	for (size_t i = 0; i <= n; i++)
		is_good &= name_is(services, children[i].pid, start_ns[i], i < 2 ? NULL : "same");
	if (n <= SERVICE_WAYS)
		skip(what, "pids cannot be chosen here");
	else
		check(is_good, "%s", what);
}

int main(void)
{
	struct services services;

	test_environments();
	test_long_names();
	if (services_open(&services))
		abort();
	test_processes(&services);
	test_huge_environment(&services);
	test_execve(&services);
	test_unreadable();
	test_reused_pid(&services);
	test_full_set(&services);
	services_close(&services);
	return finish_tests();
}
