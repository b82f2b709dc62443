/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which Go programs a tracer looks at: the processes of --pid, the file of --exe, or every one there is (--all).
 *
 * A target is a file. Files are told apart by device and inode, as uprobes are: many processes may run one, containers
 * included, whose files are opened as /proc/PID/exe. A path that is deployed anew is a new file, and found when a
 * process first runs it. Targets that nobody runs any more give way to new ones.
 *
 * A file that is written to loses its probes at once (inotify): where the old program had an instruction to stand on,
 * the new one may have the middle of another. It is looked through again when a process runs it.
 */
#ifndef OTB_GO_TARGETS_H
#define OTB_GO_TARGETS_H

#include <sys/types.h>

#include "common/bpf/tracer.h"
#include "common/cli/cli.h"
#include "common/go/binary.h"

enum { GO_TARGETS_MAX = 256, GO_PATHS_MAX = 16, GO_REFUSED_MAX = 1024 };

struct go_selection {
	const struct cli *cli;           /* --pid */
	const char *paths[GO_PATHS_MAX]; /* --exe */
	unsigned int n_paths;
	bool all; /* --all */
};

struct go_file { /* what tells files apart, and a changed one from itself */
	dev_t device;
	ino_t inode;
	struct timespec changed;
};

struct go_target {
	bool is_used;
	struct go_file file;
	int watch;               /* of inotify */
	struct go_binary binary; /* open, for names */
};

struct go_targets;

/* A program that is to be traced: attach to `path`, in the process `pid`, or in all where it is -1. `target` is its
 * index, and the same for every process that runs it. Returns whether there is anything to see; what is wrong has been
 * said, as an error if `loudly`. */
typedef bool go_attach_callback(void *tool, unsigned int target, const char *path, pid_t pid, bool loudly);
/* Nobody runs these targets any more: detach, and forget them. All at a time, for detaching waits. */
typedef void go_detach_callback(void *tool, const bool gone[GO_TARGETS_MAX]);
/* A process runs a target. */
typedef void go_process_callback(void *tool, unsigned int target, pid_t pid);

struct go_targets {
	const struct go_selection *selection;
	struct go_target targets[GO_TARGETS_MAX];
	struct go_file refused[GO_REFUSED_MAX]; /* files that are no Go programs, by a hash of their inode */
	go_attach_callback *on_attach;
	go_detach_callback *on_detach;
	go_process_callback *on_process;
	void *tool;
	uint64_t execs_missed; /* as last told */
	bool is_full;          /* and that has been said */
	int inotify_fd;        /* set by go_targets_start(): readable when go_targets_on_write() is due */
};

/* Opens the files of all processes of --pid, for who wants to know them before go_targets_start(), which says what is wrong.
 * False: not all, or there is no --pid. */
bool go_targets_open_pids(struct go_targets *targets);

/* Finds what is selected now. What is wrong has been said: a --pid process or --exe file that is no Go program. */
enum exit_code go_targets_start(struct go_targets *targets);

/* So many calls of execve() have been missed until now. If more than when it was told last: looks at every process whether
 * it is one to be traced. With --pid those that run no target any more have called it, which the tracer counts as their
 * end. */
void go_targets_catch_up(struct go_targets *targets, struct tracer *tracer, uint64_t execs_missed);

/* A process has called execve(): looks whether it is one to be traced. */
void go_targets_look(struct go_targets *targets, pid_t pid);

/* Drops the targets whose files have been written to. */
void go_targets_on_write(struct go_targets *targets);

void go_targets_close(struct go_targets *targets);

#endif
