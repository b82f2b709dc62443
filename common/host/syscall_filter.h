/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which system calls a program may make from now on to its end: a seccomp filter (seccomp(2)), against whoever takes the
 * program over through the data it reads.
 *
 * What is on the list is allowed. Calls that no tool makes, and that serve to start programs, to reach the network, to
 * change other processes or to get out of a namespace, end the process (SIGSYS). All others fail with ENOSYS, as on a
 * kernel that does not have them: where the C library or a kernel of tomorrow brings a newer call, there is an older one to
 * fall back on, and a tool that watches over a service does not die of an update.
 */
#ifndef OTB_SYSCALL_FILTER_H
#define OTB_SYSCALL_FILTER_H

/* What all may do, always: read files, also of other processes, write to what is open, wait, allocate memory that is not
 * executable, and have threads. And for these uses: */
enum syscall_use {
	SYSCALLS_BPF = 1 << 0,            /* maps, programs, links and iterators of bpf(2) that are there */
	SYSCALLS_ATTACH = 1 << 1,         /* attaching programs that are loaded to more places */
	SYSCALLS_ATTACH_BY_PERF = 1 << 2, /* by perf_event_open(2) */
	SYSCALLS_SERVE = 1 << 3,          /* taking and answering connections at a socket that listens */
	SYSCALLS_APPEND = 1 << 4,         /* opening files to append to them */
	SYSCALLS_UNLINK = 1 << 5,         /* removing a pin */
};

/* Applies the filter to this thread and all it starts; with it comes no_new_privs. Where the kernel has no seccomp, or the
 * one who started us forbids it, nothing changes, which -v says. */
void syscall_filter_apply(unsigned int uses);

#endif
