/* SPDX-License-Identifier: Apache-2.0 */
#include "common/go/targets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cli/diag.h"

enum { PROC_PATH_SIZE = 32, NOT_FOUND = GO_TARGETS_MAX };

/* ---- files ---- */

static void exe_path(char path[PROC_PATH_SIZE], pid_t pid)
{
	snprintf(path, PROC_PATH_SIZE, "/proc/%d/exe", (int)pid);
}

static bool file_identify(const char *path, struct go_file *file)
{
	struct stat status;

	if (stat(path, &status))
		return false;
	*file = (struct go_file){ status.st_dev, status.st_ino, status.st_mtim };
	return true;
}

static bool file_is_same(const struct go_file *a, const struct go_file *b)
{
	return a->device == b->device && a->inode == b->inode;
}

/* The same, with the same contents. (The time of change would rise with every link that is made or removed.) */
static bool file_equals(const struct go_file *a, const struct go_file *b)
{
	return file_is_same(a, b) && a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static struct go_file *refused_slot(struct go_targets *targets, const struct go_file *file)
{
	return &targets->refused[(file->inode ^ file->device) % GO_REFUSED_MAX];
}

/* ---- targets ---- */

static unsigned int target_find(const struct go_targets *targets, const struct go_file *file)
{
	unsigned int i = 0;

	while (i < GO_TARGETS_MAX && !(targets->targets[i].is_used && file_is_same(&targets->targets[i].file, file)))
		i++;
	return i;
}

static void targets_drop(struct go_targets *targets, const bool gone[GO_TARGETS_MAX])
{
	targets->on_detach(targets->tool, gone);
	for (unsigned int i = 0; i < GO_TARGETS_MAX; i++) {
		if (!gone[i])
			continue;
		inotify_rm_watch(targets->inotify_fd, targets->targets[i].watch);
		go_binary_close(&targets->targets[i].binary);
		targets->targets[i].is_used = false;
	}
}

static void target_drop(struct go_targets *targets, unsigned int index)
{
	bool gone[GO_TARGETS_MAX] = { false };

	gone[index] = true;
	targets_drop(targets, gone);
}

/* The next process in a /proc that is being read; 0 at its end. */
static pid_t next_process(DIR *proc)
{
	struct dirent *entry;

	while ((entry = readdir(proc))) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (pid > 0 && !*end)
			return (pid_t)pid;
	}
	return 0;
}

/* Drops the targets that no process runs. */
static void targets_sweep(struct go_targets *targets)
{
	bool runs[GO_TARGETS_MAX + 1] = { false }, gone[GO_TARGETS_MAX];
	DIR *proc = opendir("/proc");
	pid_t pid;

	if (!proc)
		return;
	while ((pid = next_process(proc))) {
		char path[PROC_PATH_SIZE];
		struct go_file file;

		exe_path(path, pid);
		if (file_identify(path, &file))
			runs[target_find(targets, &file)] = true;
	}
	closedir(proc);
	for (unsigned int i = 0; i < GO_TARGETS_MAX; i++)
		gone[i] = targets->targets[i].is_used && !runs[i];
	targets_drop(targets, gone);
}

static unsigned int target_make_room(struct go_targets *targets)
{
	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < GO_TARGETS_MAX; i++) {
			if (targets->targets[i].is_used)
				continue;
			targets->is_full = false;
			return i;
		}
		targets_sweep(targets);
	}
	return NOT_FOUND;
}

/* Once, until there is room again. */
static void say_full(struct go_targets *targets, const char *path)
{
	if (!targets->is_full)
		diag_print(DIAG_WARN, "not tracing '%s', nor what else is started: %d Go programs run already", path,
			   GO_TARGETS_MAX);
	targets->is_full = true;
}

static void say_about_version(const struct go_binary *binary, const char *path)
{
	const struct go_version *version = &binary->version;

	if (!version->minor)
		diag_print(DIAG_WARN, "'%s' does not say which Go built it: trying with what fits Go 1.%d", path,
			   GO_MINOR_MAX);
	else if (version->minor > GO_MINOR_MAX)
		diag_print(DIAG_WARN,
			   "'%s' is built with %s, which is newer than this program: trying with what fits Go 1.%d",
			   path, version->text, GO_MINOR_MAX);
}

/* Remembers a file that is not worth another look; not where only the process has gone, or we have no descriptor. */
static void refuse(struct go_targets *targets, const struct go_file *file, const char *path)
{
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return;
	close(fd);
	*refused_slot(targets, file) = *file;
}

/* What is wrong with a program that could be read; NULL: nothing. */
static const char *binary_check(const struct go_binary *binary)
{
	const bool is_arm64 = binary->image.machine == IMAGE_ARM64;

#if defined(__aarch64__)
	if (!is_arm64)
		return "is a program for amd64, which this machine is not";
#else
	if (is_arm64)
		return "is a program for arm64, which this machine is not";
#endif
	return go_binary_convention(binary);
}

/* Whether an open file is the one that was identified, and nobody has written to it since: a process may have become another
 * program meanwhile. */
static bool is_still(const struct go_binary *binary, const struct go_file *file)
{
	char path[GO_PATH_SIZE];
	struct go_file now;

	go_binary_path(binary, path);
	return file_identify(path, &now) && file_equals(&now, file);
}

/* Opens the file of a new target. The index, or NOT_FOUND; what is wrong has been said if `loudly`. */
static unsigned int target_add(struct go_targets *targets, const struct go_file *file, const char *path, bool loudly)
{
	struct go_binary binary;
	const char *wrong = go_binary_open(&binary, path);
	char own_path[GO_PATH_SIZE];
	struct go_target *target;
	unsigned int index;

	if (!wrong)
		wrong = binary_check(&binary);
	if (binary.image.fd >= 0 && !is_still(&binary, file))
		wrong = "has become another program, or is being written to";
	else if (wrong)
		refuse(targets, file, path);
	if (wrong) {
		diag_print(loudly ? DIAG_ERROR : DIAG_DEBUG, "'%s' %s", path, wrong);
		go_binary_close(&binary);
		return NOT_FOUND;
	}
	index = target_make_room(targets);
	if (index == NOT_FOUND) {
		say_full(targets, path);
		go_binary_close(&binary);
		return NOT_FOUND;
	}
	target = &targets->targets[index];
	target->binary = binary;
	target->file = *file;
	go_binary_path(&binary, own_path);
	target->watch = inotify_add_watch(targets->inotify_fd, own_path, IN_MODIFY);
	target->is_used = true;
	say_about_version(&target->binary, path);
	return index;
}

/* Traces the file at `path`: in one process, or in every one that runs it. */
static bool target_trace(struct go_targets *targets, const char *path, pid_t pid, bool loudly)
{
	struct go_file file;
	unsigned int index;
	bool is_new;

	if (!file_identify(path, &file)) {
		diag_print_errno(loudly ? DIAG_ERROR : DIAG_DEBUG, errno, "cannot open '%s'", path);
		return false;
	}
	if (!loudly && file_equals(refused_slot(targets, &file), &file))
		return false;
	index = target_find(targets, &file);
	/* Written anew in place: a probe of the old program could stand in the middle of an instruction of the new one. */
	if (index != NOT_FOUND && !file_equals(&targets->targets[index].file, &file)) {
		target_drop(targets, index);
		index = NOT_FOUND;
	}
	is_new = index == NOT_FOUND;
	if (is_new)
		index = target_add(targets, &file, path, loudly);
	if (index == NOT_FOUND)
		return false;
	if ((is_new || pid > 0) && !targets->on_attach(targets->tool, index, path, pid, loudly)) {
		refuse(targets, &file, path);
		if (is_new)
			target_drop(targets, index);
		return false;
	}
	return true;
}

/* ---- selection ---- */

/* Whether a process runs a file of --exe: that very file, or in its own root one of that path, which may have been
 * deployed anew since. */
static bool process_is_of_paths(const struct go_selection *selection, const char *exe)
{
	static const char deleted[] = " (deleted)";
	struct go_file file, wanted;
	char link[4096];
	ssize_t length = readlink(exe, link, sizeof(link) - 1);

	if (length < 0 || !file_identify(exe, &file))
		return false;
	link[length] = '\0';
	if ((size_t)length > strlen(deleted) && !strcmp(link + length - strlen(deleted), deleted))
		link[(size_t)length - strlen(deleted)] = '\0';
	for (unsigned int i = 0; i < selection->n_paths; i++)
		if (!strcmp(link, selection->paths[i]) ||
		    (file_identify(selection->paths[i], &wanted) && file_equals(&file, &wanted)))
			return true;
	return false;
}

/* Whether a process runs a target. */
static bool targets_have(const struct go_targets *targets, pid_t pid)
{
	char path[PROC_PATH_SIZE];
	struct go_file file;

	exe_path(path, pid);
	return file_identify(path, &file) && target_find(targets, &file) != NOT_FOUND;
}

void go_targets_look(struct go_targets *targets, pid_t pid)
{
	char path[PROC_PATH_SIZE];
	struct go_file file;
	unsigned int index;

	exe_path(path, pid);
	if (!targets->selection->all && !process_is_of_paths(targets->selection, path))
		return;
	if (!target_trace(targets, path, -1, false) || !file_identify(path, &file))
		return;
	index = target_find(targets, &file);
	if (index != NOT_FOUND)
		targets->on_process(targets->tool, index, pid);
}

/* Looks at every process whether it is one to be traced. */
static void targets_scan(struct go_targets *targets)
{
	DIR *proc = opendir("/proc");
	pid_t pid;

	if (!proc) {
		diag_print_errno(DIAG_WARN, errno,
				 "cannot read '/proc': only programs that start from now on are seen");
		return;
	}
	while ((pid = next_process(proc)))
		go_targets_look(targets, pid);
	closedir(proc);
}

void go_targets_catch_up(struct go_targets *targets, struct tracer *tracer, uint64_t execs_missed)
{
	const struct cli *cli = targets->selection->cli;

	if (execs_missed == targets->execs_missed)
		return;
	targets->execs_missed = execs_missed;
	if (!cli->n_pids)
		targets_scan(targets);
	for (unsigned int i = 0; i < cli->n_pids; i++)
		if (!targets_have(targets, cli->pids[i]))
			tracer_forget_pid(tracer, cli->pids[i]);
}

static bool trace_pid(struct go_targets *targets, pid_t pid)
{
	char path[PROC_PATH_SIZE];
	struct go_file file;

	exe_path(path, pid);
	if (!target_trace(targets, path, pid, true))
		return false;
	if (file_identify(path, &file))
		targets->on_process(targets->tool, target_find(targets, &file), pid);
	return true;
}

/* A path that is only there in containers is no file here. */
static bool path_is_run(const char *path)
{
	const struct go_selection one = { .paths = { path }, .n_paths = 1 };
	DIR *proc = opendir("/proc");
	bool found = false;
	pid_t pid;

	while (proc && !found && (pid = next_process(proc))) {
		char exe[PROC_PATH_SIZE];

		exe_path(exe, pid);
		found = process_is_of_paths(&one, exe);
	}
	if (proc)
		closedir(proc);
	return found;
}

/* Some ten descriptors for each target, and shells give 1,024. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void targets_open(struct go_targets *targets)
{
	if (targets->inotify_fd)
		return;
	raise_descriptors();
	targets->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
}

bool go_targets_open_pids(struct go_targets *targets)
{
	const struct cli *cli = targets->selection->cli;

	targets_open(targets);
	for (unsigned int i = 0; i < cli->n_pids; i++) {
		char path[PROC_PATH_SIZE];
		struct go_file file;

		exe_path(path, cli->pids[i]);
		if (!file_identify(path, &file))
			return false;
		if (target_find(targets, &file) == NOT_FOUND && target_add(targets, &file, path, false) == NOT_FOUND)
			return false;
	}
	return cli->n_pids;
}

enum exit_code go_targets_start(struct go_targets *targets)
{
	const struct go_selection *selection = targets->selection;

	targets_open(targets);
	for (unsigned int i = 0; i < selection->cli->n_pids; i++)
		if (!trace_pid(targets, selection->cli->pids[i]))
			return EXIT_CANNOT_OBSERVE;
	for (unsigned int i = 0; i < selection->n_paths; i++) {
		if (access(selection->paths[i], F_OK) && path_is_run(selection->paths[i]))
			continue;
		if (!target_trace(targets, selection->paths[i], -1, true))
			return EXIT_CANNOT_OBSERVE;
	}
	if (selection->all || selection->n_paths)
		targets_scan(targets);
	return EXIT_DONE;
}

static void drop_by_watch(struct go_targets *targets, int watch)
{
	for (unsigned int i = 0; i < GO_TARGETS_MAX; i++) {
		if (!targets->targets[i].is_used || targets->targets[i].watch != watch)
			continue;
		diag_print(DIAG_INFO, "a traced program's file is written to: its probes are taken out");
		target_drop(targets, i);
	}
}

void go_targets_on_write(struct go_targets *targets)
{
	_Alignas(struct inotify_event) char events[4096];
	ssize_t size;

	while ((size = read(targets->inotify_fd, events, sizeof(events))) > 0) {
		for (const char *at = events; at < events + size;) {
			const struct inotify_event *event = (const struct inotify_event *)at;

			if (event->mask & IN_MODIFY)
				drop_by_watch(targets, event->wd);
			at += sizeof(*event) + event->len;
		}
	}
}

void go_targets_close(struct go_targets *targets)
{
	for (unsigned int i = 0; i < GO_TARGETS_MAX; i++)
		if (targets->targets[i].is_used)
			target_drop(targets, i);
	if (targets->inotify_fd > 0)
		close(targets->inotify_fd);
}
