/* SPDX-License-Identifier: Apache-2.0 */
#include "common/host/syscall_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "common/cli/diag.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* The kernel looks at 32 bits of most arguments, and the others may be anything. */
#define WORD UINT32_MAX

/* ---- what is allowed ---- */

static const struct {
	int call;
	unsigned int use; /* 0: any */
} calls[] = {
	/* what is open */
	{ SCMP_SYS(read), 0 },
	{ SCMP_SYS(pread64), 0 },
	{ SCMP_SYS(readv), 0 },
	{ SCMP_SYS(write), 0 },
	{ SCMP_SYS(writev), 0 },
	{ SCMP_SYS(pwritev2), 0 },
	{ SCMP_SYS(lseek), 0 },
	{ SCMP_SYS(fcntl), 0 },
	{ SCMP_SYS(close), 0 },
	/* files and folders */
	{ SCMP_SYS(stat), 0 },
	{ SCMP_SYS(lstat), 0 },
	{ SCMP_SYS(fstat), 0 },
	{ SCMP_SYS(newfstatat), 0 },
	{ SCMP_SYS(statx), 0 },
	{ SCMP_SYS(statfs), 0 },
	{ SCMP_SYS(fstatfs), 0 },
	{ SCMP_SYS(access), 0 },
	{ SCMP_SYS(faccessat), 0 },
	{ SCMP_SYS(faccessat2), 0 },
	{ SCMP_SYS(readlink), 0 },
	{ SCMP_SYS(readlinkat), 0 },
	{ SCMP_SYS(getdents64), 0 },
	{ SCMP_SYS(getcwd), 0 },
	{ SCMP_SYS(inotify_add_watch), 0 },
	{ SCMP_SYS(inotify_rm_watch), 0 },
	{ SCMP_SYS(unlink), SYSCALLS_UNLINK },
	{ SCMP_SYS(unlinkat), SYSCALLS_UNLINK },
	/* waiting, and time */
	{ SCMP_SYS(epoll_wait), 0 },
	{ SCMP_SYS(epoll_pwait), 0 },
	{ SCMP_SYS(epoll_ctl), 0 },
	{ SCMP_SYS(poll), 0 },
	{ SCMP_SYS(ppoll), 0 },
	{ SCMP_SYS(timerfd_create), 0 },
	{ SCMP_SYS(timerfd_settime), 0 },
	{ SCMP_SYS(clock_gettime), 0 },
	{ SCMP_SYS(gettimeofday), 0 },
	{ SCMP_SYS(time), 0 },
	{ SCMP_SYS(clock_nanosleep), 0 },
	{ SCMP_SYS(nanosleep), 0 },
	{ SCMP_SYS(restart_syscall), 0 },
	/* memory */
	{ SCMP_SYS(brk), 0 },
	{ SCMP_SYS(mremap), 0 },
	{ SCMP_SYS(munmap), 0 },
	{ SCMP_SYS(madvise), 0 },
	{ SCMP_SYS(getrandom), 0 },
	/* questions about the machine and ourselves, whose askers expect an answer always */
	{ SCMP_SYS(sysinfo), 0 },
	{ SCMP_SYS(uname), 0 },
	{ SCMP_SYS(getuid), 0 },
	{ SCMP_SYS(geteuid), 0 },
	{ SCMP_SYS(getgid), 0 },
	{ SCMP_SYS(getegid), 0 },
	/* signals and threads, of our own */
	{ SCMP_SYS(rt_sigaction), 0 },
	{ SCMP_SYS(rt_sigprocmask), 0 },
	{ SCMP_SYS(rt_sigreturn), 0 },
	{ SCMP_SYS(sigaltstack), 0 },
	{ SCMP_SYS(futex), 0 },
	{ SCMP_SYS(rseq), 0 },
	{ SCMP_SYS(set_robust_list), 0 },
	{ SCMP_SYS(sched_getaffinity), 0 },
	{ SCMP_SYS(sched_yield), 0 },
	{ SCMP_SYS(getpid), 0 },
	{ SCMP_SYS(gettid), 0 },
	{ SCMP_SYS(exit), 0 },
	{ SCMP_SYS(exit_group), 0 },
	/* tracers */
	{ SCMP_SYS(perf_event_open), SYSCALLS_ATTACH_BY_PERF },
	/* servers */
	{ SCMP_SYS(accept), SYSCALLS_SERVE },
	{ SCMP_SYS(accept4), SYSCALLS_SERVE },
	{ SCMP_SYS(recvfrom), SYSCALLS_SERVE },
	{ SCMP_SYS(recvmsg), SYSCALLS_SERVE },
	{ SCMP_SYS(sendto), SYSCALLS_SERVE },
	{ SCMP_SYS(sendmsg), SYSCALLS_SERVE },
	{ SCMP_SYS(setsockopt), SYSCALLS_SERVE },
	{ SCMP_SYS(getsockopt), SYSCALLS_SERVE },
	{ SCMP_SYS(getsockname), SYSCALLS_SERVE },
	{ SCMP_SYS(getpeername), SYSCALLS_SERVE },
	{ SCMP_SYS(shutdown), SYSCALLS_SERVE },
#ifdef __SANITIZE_ADDRESS__
	/* AddressSanitizer looks for leaks by a process of its own, which stops and reads this one, and starts a program to
	 * name the places of what it finds; and what is built in to measure writes its files at the end. */
	{ SCMP_SYS(clone), 0 },
	{ SCMP_SYS(dup2), 0 },
	{ SCMP_SYS(execve), 0 },
	{ SCMP_SYS(ftruncate), 0 },
	{ SCMP_SYS(getdents), 0 },
	{ SCMP_SYS(getppid), 0 },
	{ SCMP_SYS(kill), 0 },
	{ SCMP_SYS(mkdir), 0 },
	{ SCMP_SYS(open), 0 },
	{ SCMP_SYS(openat), 0 },
	{ SCMP_SYS(pipe), 0 },
	{ SCMP_SYS(pipe2), 0 },
	{ SCMP_SYS(prctl), 0 },
	{ SCMP_SYS(prlimit64), 0 },
	{ SCMP_SYS(ptrace), 0 },
	{ SCMP_SYS(wait4), 0 },
#endif
};

enum {
	FILE_FLAGS = O_ACCMODE | O_CREAT | O_TRUNC,
	APPEND_FLAGS = O_WRONLY | O_CREAT | O_APPEND,
	THREAD_FLAGS = CLONE_VM | CLONE_THREAD,
};

/* Those whose numbers say whether they are harmless: allowed where argument & mask == value. */
static const struct {
	int call;
	unsigned int use, argument;
	uint64_t mask, value;
} calls_like[] = {
	/* No file is written to that was not open before, whatever its owner, who may be root, might do. */
	{ SCMP_SYS(open), 0, 1, FILE_FLAGS, O_RDONLY },
	{ SCMP_SYS(openat), 0, 2, FILE_FLAGS, O_RDONLY },
	{ SCMP_SYS(open_by_handle_at), SYSCALLS_BPF, 2, FILE_FLAGS, O_RDONLY },
	{ SCMP_SYS(open), SYSCALLS_APPEND, 1, FILE_FLAGS | O_APPEND, APPEND_FLAGS },
	{ SCMP_SYS(openat), SYSCALLS_APPEND, 2, FILE_FLAGS | O_APPEND, APPEND_FLAGS },
	/* Nothing becomes code. */
	{ SCMP_SYS(mmap), 0, 2, PROT_EXEC, 0 },
	{ SCMP_SYS(mprotect), 0, 2, PROT_EXEC, 0 },
	/* A thread and no process. clone3() hides its flags in memory: the C library takes clone() where there is none. */
	{ SCMP_SYS(clone), 0, 0, THREAD_FLAGS, THREAD_FLAGS },
	{ SCMP_SYS(ioctl), 0, 1, WORD, TCGETS },
	{ SCMP_SYS(ioctl), 0, 1, WORD, TIOCGWINSZ },
	{ SCMP_SYS(ioctl), 0, 1, WORD, FIONREAD },
	{ SCMP_SYS(bpf), SYSCALLS_BPF, 0, WORD, BPF_MAP_LOOKUP_ELEM },
	{ SCMP_SYS(bpf), SYSCALLS_BPF, 0, WORD, BPF_MAP_UPDATE_ELEM },
	{ SCMP_SYS(bpf), SYSCALLS_BPF, 0, WORD, BPF_MAP_DELETE_ELEM },
	{ SCMP_SYS(bpf), SYSCALLS_BPF, 0, WORD, BPF_MAP_GET_NEXT_KEY },
	{ SCMP_SYS(bpf), SYSCALLS_BPF, 0, WORD, BPF_OBJ_GET_INFO_BY_FD },
	{ SCMP_SYS(bpf), SYSCALLS_BPF, 0, WORD, BPF_ITER_CREATE },
	{ SCMP_SYS(ioctl), SYSCALLS_BPF, 1, WORD, PERF_EVENT_IOC_DISABLE },
	{ SCMP_SYS(bpf), SYSCALLS_ATTACH, 0, WORD, BPF_LINK_CREATE },
	/* Before the first perf event libbpf loads a program, to learn whether the kernel has links for them. */
	{ SCMP_SYS(bpf), SYSCALLS_ATTACH_BY_PERF, 0, WORD, BPF_PROG_LOAD },
	{ SCMP_SYS(ioctl), SYSCALLS_ATTACH_BY_PERF, 1, WORD, PERF_EVENT_IOC_ENABLE },
	{ SCMP_SYS(ioctl), SYSCALLS_ATTACH_BY_PERF, 1, WORD, PERF_EVENT_IOC_SET_BPF },
};

/* ---- what is not even tried ---- */

static const int fatal_calls[] = {
#ifndef __SANITIZE_ADDRESS__
	SCMP_SYS(execve),
	SCMP_SYS(kill),
	SCMP_SYS(ptrace),
#endif
	SCMP_SYS(bind),
	SCMP_SYS(connect),
	SCMP_SYS(execveat),
	SCMP_SYS(finit_module),
	SCMP_SYS(fork),
	SCMP_SYS(init_module),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(kexec_load),
	SCMP_SYS(mount),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(pidfd_send_signal),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(setns),
	SCMP_SYS(socket),
	SCMP_SYS(unshare),
	SCMP_SYS(vfork),
};

/* ---- the filter ---- */

static bool is_used(unsigned int use, unsigned int uses)
{
	return !use || (use & uses);
}

/* Not every processor has every call: for those the library says EDOM. */
static int add(scmp_filter_ctx filter, uint32_t action, int call, unsigned int n, const struct scmp_arg_cmp *arguments)
{
	int error = seccomp_rule_add_array(filter, action, call, n, arguments);

	return error == -EDOM ? 0 : error;
}

static int allow(scmp_filter_ctx filter, unsigned int uses)
{
	int error = 0;

	for (size_t i = 0; i < N(calls) && !error; i++)
		if (is_used(calls[i].use, uses))
			error = add(filter, SCMP_ACT_ALLOW, calls[i].call, 0, NULL);
	for (size_t i = 0; i < N(calls_like) && !error; i++) {
		const struct scmp_arg_cmp argument = { calls_like[i].argument, SCMP_CMP_MASKED_EQ, calls_like[i].mask,
						       calls_like[i].value };

		if (is_used(calls_like[i].use, uses))
			error = add(filter, SCMP_ACT_ALLOW, calls_like[i].call, 1, &argument);
	}
	return error;
}

/* abort() sends a signal to its own thread: to this process and no other. */
static int allow_abort(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp self = { 0, SCMP_CMP_MASKED_EQ, WORD, (uint64_t)getpid() };

	return add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &self);
}

static int refuse(scmp_filter_ctx filter)
{
	int error = 0;

	for (size_t i = 0; i < N(fatal_calls) && !error; i++)
		error = add(filter, SCMP_ACT_KILL_PROCESS, fatal_calls[i], 0, NULL);
	return error;
}

/* Before 5.16 a filter also switched a mitigation against speculative execution on, which is for those that run foreign
 * code beside their secrets, and slows all else down. A tree of comparisons instead of a list of them: what has
 * arguments to look at is not in the kernel's cache of calls. */
static int tune(scmp_filter_ctx filter)
{
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
}

void syscall_filter_apply(unsigned int uses)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int error = filter ? tune(filter) : -ENOMEM;

	if (!error)
		error = allow(filter, uses);
	if (!error)
		error = allow_abort(filter);
	if (!error)
		error = refuse(filter);
	if (!error)
		error = seccomp_load(filter);
	/* The library tells what it tried last, which is not why. */
	if (error)
		diag_print(DIAG_INFO,
			   "going on without a filter of system calls: the kernel, or the one who started us, "
			   "allows none (seccomp)");
	seccomp_release(filter);
}
