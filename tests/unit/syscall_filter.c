/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel answers to system calls behind the filter. Each is made by a child of its own, which a call that is not
 * to be made at all ends.
 */
#include "common/host/syscall_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cli/diag.h"
#include "tests/unit/tap.h"

#ifdef __SANITIZE_ADDRESS__
enum { IS_SANITIZED = 1 };
#else
enum { IS_SANITIZED = 0 };
#endif

enum { TRACER = SYSCALLS_BPF, ATTACHER = SYSCALLS_BPF | SYSCALLS_ATTACH };
enum {
	PERF = ATTACHER | SYSCALLS_ATTACH_BY_PERF,
	SERVER = SYSCALLS_SERVE,
	LOGGER = SYSCALLS_APPEND,
	PINNER = SYSCALLS_UNLINK
};

static char file[] = "/tmp/otb-syscalls-XXXXXX";

struct call {
	long number, arguments[6];
};

/* ---- helpers ---- */

static int child_wait(pid_t child)
{
	int status;

	if (child < 0 || waitpid(child, &status, 0) != child)
		abort();
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* What comes of a function in a child: its exit status, or a signal's number, negative. */
static int in_child(int (*function)(const void *context), unsigned int uses, const void *context)
{
	pid_t child = fork();

	if (!child) {
		syscall_filter_apply(uses);
		_exit(function(context));
	}
	return child_wait(child);
}

/* The errno, 0: done. */
static int make_call(const void *context)
{
	const struct call *call = context;
	const long *a = call->arguments;

	return syscall(call->number, a[0], a[1], a[2], a[3], a[4], a[5]) < 0 ? errno : 0;
}

static void expect(int expected, unsigned int uses, const char *what, struct call call)
{
	int got = in_child(make_call, uses, &call);

	check(got == expected, "%s, with uses %#x: %d, expected %d", what, uses, got, expected);
}

/* A call that is allowed, and wrong: anything but what the filter says. */
static void expect_allowed(unsigned int uses, const char *what, struct call call)
{
	int got = in_child(make_call, uses, &call);

	check(got >= 0 && got != ENOSYS, "%s, with uses %#x, is allowed: %d", what, uses, got);
}

static void expect_refused(unsigned int uses, const char *what, struct call call)
{
	expect(ENOSYS, uses, what, call);
}

#define CALL(name, ...) #name, ((struct call){ SYS_##name, { __VA_ARGS__ } })

/* ---- what ends the process ---- */

static void test_fatal_calls(void)
{
	static const struct {
		const char *name;
		long number;
		bool is_sanitizers;
	} fatal[] = {
		{ "execve", SYS_execve, true },
		{ "execveat", SYS_execveat, false },
		{ "ptrace", SYS_ptrace, true },
		{ "process_vm_readv", SYS_process_vm_readv, false },
		{ "process_vm_writev", SYS_process_vm_writev, false },
		{ "kill", SYS_kill, true },
		{ "pidfd_send_signal", SYS_pidfd_send_signal, false },
		{ "pidfd_getfd", SYS_pidfd_getfd, false },
		{ "socket", SYS_socket, false },
		{ "connect", SYS_connect, false },
		{ "bind", SYS_bind, false },
#ifdef SYS_fork
		{ "fork", SYS_fork, false },
		{ "vfork", SYS_vfork, false },
#endif
		{ "setns", SYS_setns, false },
		{ "unshare", SYS_unshare, false },
		{ "mount", SYS_mount, false },
		{ "init_module", SYS_init_module, false },
		{ "finit_module", SYS_finit_module, false },
		{ "kexec_load", SYS_kexec_load, false },
		{ "io_uring_setup", SYS_io_uring_setup, false },
	};

	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++) {
		if (IS_SANITIZED && fatal[i].is_sanitizers) {
			skip(fatal[i].name, "the sanitizers' own run-time does it");
			continue;
		}
		expect(-SIGSYS, 0, fatal[i].name, (struct call){ fatal[i].number, { 0 } });
		expect(-SIGSYS, PERF | SERVER | LOGGER | PINNER, fatal[i].name,
		       (struct call){ fatal[i].number, { 0 } });
	}
}

#ifdef __x86_64__
/* getpid() by the ABI of i386, whose numbers are others: 20 is writev() here. */
static int call_by_32_bits(const void *context)
{
	long result = 20;

	(void)context;
	__asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
	return result > 0 ? 0 : 2;
}

static bool has_32_bits(void)
{
	pid_t child = fork();

	if (!child)
		_exit(call_by_32_bits(NULL));
	return !child_wait(child);
}

static void test_other_abis(void)
{
	enum { X32 = 0x40000000 };

	expect(-SIGSYS, 0, "getpid by x32", (struct call){ X32 | SYS_getpid, { 0 } });
	if (has_32_bits())
		check(in_child(call_by_32_bits, 0, NULL) == -SIGSYS, "a call by 32 bits ends the process");
	else
		skip("a call by 32 bits", "the kernel has none");
}
#else
static void test_other_abis(void)
{
}
#endif

/* ---- what is not there ---- */

static void test_other_calls(void)
{
	long path = (long)file;

	expect_refused(0, CALL(truncate, path, 0));
	expect_refused(0, CALL(fchmodat, AT_FDCWD, path, 0777));
	expect_refused(0, CALL(fchownat, AT_FDCWD, path, 1, 1, 0));
	expect_refused(0, CALL(renameat2, AT_FDCWD, path, AT_FDCWD, path, 0));
	expect_refused(0, CALL(symlinkat, path, AT_FDCWD, path));
	expect_refused(0, CALL(setuid, 0));
	expect_refused(0, CALL(memfd_create, path, 0));
	expect_refused(0, CALL(socketpair, 1, 1, 0));
	expect_refused(0, CALL(pidfd_open, getpid(), 0));
	expect_refused(0, CALL(sethostname, path, 1));
	expect_refused(0, CALL(openat2, AT_FDCWD, path, 0, 0));
	/* One that no kernel has. */
	expect_refused(0, "the call 100000", (struct call){ 100000, { 0 } });
}

static void test_uses(void)
{
	/* An output that has to do without falls back on write(), which may block: nobody would notice. */
	expect_allowed(0, CALL(pwritev2, -1));
	expect_refused(0, CALL(bpf, BPF_MAP_LOOKUP_ELEM));
	expect_allowed(TRACER, CALL(bpf, BPF_MAP_LOOKUP_ELEM));
	expect_allowed(TRACER, CALL(bpf, BPF_OBJ_GET_INFO_BY_FD));
	expect_allowed(TRACER, CALL(bpf, BPF_ITER_CREATE));
	expect_refused(TRACER, CALL(bpf, BPF_LINK_CREATE));
	expect_refused(TRACER, CALL(perf_event_open, 0));
	expect_refused(TRACER, CALL(accept4, -1));
	expect_allowed(ATTACHER, CALL(bpf, BPF_LINK_CREATE));
	expect_refused(ATTACHER, CALL(bpf, BPF_PROG_LOAD));
	expect_refused(ATTACHER, CALL(perf_event_open, 0));
	expect_refused(ATTACHER, CALL(ioctl, -1, PERF_EVENT_IOC_SET_BPF));
	expect_allowed(PERF, CALL(perf_event_open, 0));
	expect_allowed(PERF, CALL(bpf, BPF_PROG_LOAD));
	expect_allowed(PERF, CALL(ioctl, -1, PERF_EVENT_IOC_SET_BPF));
	for (long command = BPF_MAP_CREATE; command <= BPF_PROG_BIND_MAP; command++)
		if (command == BPF_MAP_CREATE || command == BPF_OBJ_PIN || command == BPF_OBJ_GET ||
		    command == BPF_PROG_ATTACH || command == BPF_RAW_TRACEPOINT_OPEN ||
		    command == BPF_MAP_GET_FD_BY_ID || command == BPF_PROG_GET_FD_BY_ID || command == BPF_LINK_UPDATE)
			expect_refused(PERF, CALL(bpf, command));
	expect_allowed(SERVER, CALL(accept4, -1));
	expect_allowed(SERVER, CALL(sendto, -1));
	expect_refused(SERVER, CALL(bpf, BPF_MAP_LOOKUP_ELEM));
	expect_refused(0, CALL(unlinkat, AT_FDCWD, (long)"", 0));
	expect_allowed(PINNER, CALL(unlinkat, AT_FDCWD, (long)"", 0));
	expect_refused(0, CALL(ioctl, 0, TIOCSTI, (long)"x"));
}

/* ---- arguments ---- */

static void expect_open(unsigned int uses, const char *what, int flags, int expected)
{
	const struct call call = { SYS_openat, { AT_FDCWD, (long)file, flags, 0600 } };

	if (IS_SANITIZED && expected)
		skip(what, "what is built in to measure writes files");
	else
		expect(expected, uses, what, call);
}

static void test_files(void)
{
	expect_open(0, "a file to read", O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
	expect_open(0, "a path", O_PATH, 0);
	expect_open(0, "a file to write", O_WRONLY, ENOSYS);
	expect_open(0, "a file to read and write", O_RDWR, ENOSYS);
	expect_open(0, "a file to make", O_RDONLY | O_CREAT, ENOSYS);
	expect_open(0, "a file to empty", O_RDONLY | O_TRUNC, ENOSYS);
	expect_open(0, "a file to append to", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, ENOSYS);
	expect_open(LOGGER, "a file to append to", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0);
	expect_open(LOGGER, "a file to read", O_RDONLY, 0);
	expect_open(LOGGER, "a file to write", O_WRONLY | O_CREAT, ENOSYS);
	expect_open(LOGGER, "a file to append to and empty", O_WRONLY | O_CREAT | O_APPEND | O_TRUNC, ENOSYS);
	expect_open(LOGGER, "a file to append to and read", O_RDWR | O_CREAT | O_APPEND, ENOSYS);
}

static void test_memory(void)
{
	enum { SIZE = 4096 };
	void *page = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	expect(0, 0, CALL(mmap, 0, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	expect_refused(0, CALL(mmap, 0, SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	expect(0, 0, CALL(mprotect, (long)page, SIZE, PROT_READ));
	expect_refused(0, CALL(mprotect, (long)page, SIZE, PROT_READ | PROT_EXEC));
	expect_refused(0, CALL(pkey_mprotect, (long)page, SIZE, PROT_READ | PROT_EXEC, -1));
	munmap(page, SIZE);
}

static void *increment(void *context)
{
	++*(int *)context;
	return NULL;
}

static int run_thread(const void *context)
{
	pthread_t thread;
	int n = 0;

	(void)context;
	if (pthread_create(&thread, NULL, increment, &n) || pthread_join(thread, NULL))
		return 2;
	return n == 1 ? 0 : 3;
}

static int call_abort(const void *context)
{
	(void)context;
	abort();
}

static void test_processes(void)
{
	check(!in_child(run_thread, 0, NULL), "a thread");
	if (IS_SANITIZED)
		skip("a process", "the sanitizers' own run-time begins one");
	else
		expect_refused(0, CALL(clone, SIGCHLD));
	expect_refused(0, CALL(clone3, 0, 0));
	expect_refused(0, CALL(tgkill, getpid(), getpid(), 0));
	check(in_child(call_abort, 0, NULL) == -SIGABRT, "abort() ends the process as it always does");
}

/* ---- the kernel's word, and a kernel without ---- */

static int read_status(const void *context)
{
	char status[4096], *line;
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, status, sizeof(status) - 1);

	if (n <= 0)
		return 2;
	status[n] = '\0';
	line = strstr(status, context);
	return line ? line[strlen(context)] - '0' : 3;
}

static void test_status(void)
{
	check(in_child(read_status, 0, "\nSeccomp:\t") == 2, "the kernel says that there is a filter");
	check(in_child(read_status, 0, "\nNoNewPrivs:\t") == 1, "and that nothing brings privileges back");
}

/* As a container's run-time that allows no filter but its own; what was said goes to a pipe. */
static void be_refused(int said)
{
	const struct scmp_arg_cmp is_filter = { 0, SCMP_CMP_EQ, PR_SET_SECCOMP, 0 };
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	if (!filter || dup2(said, STDERR_FILENO) < 0 ||
	    seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(seccomp), 0) ||
	    seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prctl), 1, is_filter) || seccomp_load(filter))
		_exit(2);
	diag_init("test", 1);
	syscall_filter_apply(0);
	_exit(syscall(SYS_getppid) > 0 && !access(file, W_OK) && syscall(SYS_getuid) >= 0 ? 0 : 1);
}

static void test_refused(void)
{
	int said[2], status = 0;
	char text[256] = "";
	pid_t child;

	if (pipe(said))
		abort();
	child = fork();
	if (!child)
		be_refused(said[1]);
	close(said[1]);
	check(waitpid(child, &status, 0) == child && !status, "where no filter may be set, all goes on: %d", status);
	check(read(said[0], text, sizeof(text) - 1) > 0 && strstr(text, "seccomp"), "and -v says so: %s", text);
	close(said[0]);
}

int main(void)
{
	int fd = mkstemp(file);

	if (fd < 0)
		abort();
	close(fd);
	diag_init("test", 0);
	test_status();
	test_fatal_calls();
	test_other_abis();
	test_other_calls();
	test_uses();
	test_files();
	test_memory();
	test_processes();
	test_refused();
	unlink(file);
	return finish_tests();
}
