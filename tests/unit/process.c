/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc says: processes and threads, names of all kinds, containers, sockets. */
#include "common/host/process.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/tap.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* ---- processes, threads, names ---- */

static const char *const comms[] = {
	"plain",
	"",
	"fifteen letters",
	"a\nb",
	"\n",
	"ends with LF\n",
	"\xff\xfe\x80",
	"caf\xc3\xa9",
	"tab\there",
	"\x1b[31mred",
	"a) R 1 (b",
	"\\n",
	" ",
};

static void check_comms(void)
{
	char before[COMM_SIZE] = "";

	prctl(PR_GET_NAME, before);
	for (size_t i = 0; i < sizeof(comms) / sizeof(comms[0]); i++) {
		char comm[COMM_SIZE];

		memset(comm, '!', sizeof(comm));
		prctl(PR_SET_NAME, comms[i]);
		check(process_comm(getpid(), comm) && !strcmp(comm, comms[i]), "the comm '%s' is read as it is",
		      comms[i]);
	}
	prctl(PR_SET_NAME, before);
}

/* Runs in a thread that is not the leader. */
static void *check_thread(void *nothing)
{
	pid_t tid = gettid();
	char comm[COMM_SIZE] = "", name[32];

	prctl(PR_SET_NAME, "another");
	check(!process_exists(tid), "the id of a thread is no process");
	check(process_exists(getpid()), "its leader is");
	check(process_comm(getpid(), comm) && !strcmp(comm, "leader"), "the comm is the leader's: %s", comm);
	/* A name that looks like the line that tells a leader. */
	snprintf(name, sizeof(name), "\nTgid:\t%d\n", (int)tid);
	prctl(PR_SET_NAME, name);
	check(!process_exists(tid), "a thread does not become a process by its name");
	return nothing;
}

static void check_threads(void)
{
	char before[COMM_SIZE] = "";
	pthread_t thread;

	prctl(PR_GET_NAME, before);
	prctl(PR_SET_NAME, "leader");
	if (pthread_create(&thread, NULL, check_thread, NULL) || pthread_join(thread, NULL))
		check(false, "a thread can be started");
	prctl(PR_SET_NAME, before);
}

/* A comm may look like the fields behind it. */
static void check_start_time(void)
{
	uint64_t first = 0, now = 0, begun = 0;
	struct timespec boot;
	char before[COMM_SIZE] = "";

	prctl(PR_GET_NAME, before);
	check(process_start_time(1, &first) && process_start_time(getpid(), &begun) && first <= begun,
	      "a process has a start time");
	clock_gettime(CLOCK_BOOTTIME, &boot);
	check(begun / (uint64_t)sysconf(_SC_CLK_TCK) <= (uint64_t)boot.tv_sec, "which has been");
	prctl(PR_SET_NAME, ") R 1 2 3 (x) 4");
	check(process_start_time(getpid(), &now) && now == begun, "whatever its comm is");
	prctl(PR_SET_NAME, before);
}

/* A child that waits until its pipe is closed. */
static pid_t start_child(int *hold)
{
	int pipe_fds[2];
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC))
		abort();
	pid = fork();
	if (!pid) {
		char byte;

		close(pipe_fds[1]);
		_exit(read(pipe_fds[0], &byte, 1) != 0);
	}
	close(pipe_fds[0]);
	*hold = pipe_fds[1];
	return pid;
}

static void check_end(void)
{
	char comm[COMM_SIZE] = "kept", id[CONTAINER_ID_SIZE] = "kept";
	uint64_t start = 7;
	siginfo_t info;
	pid_t child;
	int hold;

	child = start_child(&hold);
	check(process_exists(child), "a child is a process");
	close(hold);
	waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
	check(process_comm(child, comm), "a zombie has a comm: %s", comm);
	check(!process_exists(child), "but is no process any more");
	waitpid(child, NULL, 0);
	strcpy(comm, "kept");
	check(!process_exists(child) && !process_comm(child, comm) && !process_container_id(child, id) &&
		      !process_holds_socket(child, 0, 1) && !strcmp(comm, "kept") && !strcmp(id, "kept"),
	      "a process that has ended is none");
	check(!process_start_time(child, &start) && start == 7, "nor has it a start time");
	check(!process_exists(0) && !process_exists(-1) && !process_exists(INT32_MAX), "nor are 0, -1 and INT32_MAX");
}

/* ---- containers ---- */

struct path {
	const char *what, *path, *id; /* NULL: none */
};

static const struct path paths[] = {
	{ "docker, cgroupfs, v1", "12:pids:/docker/" ID "\n11:memory:/docker/" ID "\n0::/docker/" ID "\n", ID },
	{ "docker, systemd, v2", "0::/system.slice/docker-" ID ".scope\n", ID },
	{ "docker, rootless", "0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" ID ".scope\n", ID },
	{ "containerd, cri, systemd",
	  "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod3c2b1a09_1234_5678_9abc_def012345678.slice/"
	  "cri-containerd-" ID ".scope\n",
	  ID },
	{ "containerd, cri, systemd, v1",
	  "3:cpu:/system.slice/containerd.service/kubepods-besteffort-pod3c2b1a09_1234.slice:cri-containerd:" ID "\n",
	  ID },
	{ "containerd, cgroupfs", "0::/kubepods/burstable/pod3c2b1a09-1234-5678-9abc-def012345678/" ID "\n", ID },
	{ "containerd, ctr", "0::/default/" ID "\n", ID },
	{ "cri-o", "0::/kubepods.slice/kubepods-podabc.slice/crio-" ID ".scope\n", ID },
	{ "cri-o, a cgroup below",
	  "0::/kubepods.slice/kubepods-podabc.slice/crio-" ID ".scope/container/system.slice\n", ID },
	{ "cri-o's monitor", "0::/machine.slice/crio-conmon-" ID ".scope\n", ID },
	{ "podman, systemd", "0::/machine.slice/libpod-" ID ".scope/container\n", ID },
	{ "podman, rootless",
	  "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope/container\n", ID },
	{ "podman, cgroupfs", "0::/libpod_parent/libpod-" ID "\n", ID },
	{ "a static pod, whose uid is 32 hex digits",
	  "0::/kubepods/burstable/pod0123456789abcdef0123456789abcdef/" ID "\n", ID },
	{ "docker in docker",
	  "0::/docker/ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff/docker/" ID "\n", ID },
	{ "no line end", "/docker/" ID, ID },
	{ "the id alone", ID, ID },
	{ "a service", "0::/system.slice/ssh.service\n", NULL },
	{ "the root", "0::/\n", NULL },
	{ "nothing", "", NULL },
	{ "63 digits", "0::/docker/123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n", NULL },
	{ "65 digits", "0::/docker/0" ID "\n", NULL },
	{ "128 digits", "0::/docker/" ID ID "\n", NULL },
	{ "a hex letter before it", "0::/docker-c" ID ".scope\n", NULL },
	{ "upper case", "0::/docker/0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF\n", NULL },
	{ "64 digits with a break", "0::/docker/0123456789abcdef0123456789abcdef-0123456789abcdef0123456789abcdef\n",
	  NULL },
	{ "a systemd invocation", "0::/system.slice/run-r0123456789abcdef0123456789abcdef.scope\n", NULL },
};

static void check_container_paths(void)
{
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char id[CONTAINER_ID_SIZE] = "kept";
		bool found = container_id_from_path(paths[i].path, id);

		check(found == !!paths[i].id && !strcmp(id, found ? paths[i].id : "kept"), "container id of %s: %s",
		      paths[i].what, found ? id : "none");
	}
}

static bool move_to_cgroup(const char *folder, pid_t pid)
{
	char path[256], text[32];
	bool moved;
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	snprintf(text, sizeof(text), "%d\n", (int)pid);
	moved = write(fd, text, strlen(text)) > 0;
	close(fd);
	return moved;
}

static void check_own_container(void)
{
	static const char *const folders[] = { "/sys/fs/cgroup/unified/docker-" ID ".scope",
					       "/sys/fs/cgroup/docker-" ID ".scope" };
	const char *what = "a process in a container's cgroup has its id";
	char id[CONTAINER_ID_SIZE] = "";
	const char *folder = NULL;
	pid_t child;
	int hold;

	for (unsigned int i = 0; i < 2 && !folder; i++)
		if (!mkdir(folders[i], 0755) || errno == EEXIST)
			folder = folders[i];
	if (!folder) {
		skip(what, "a cgroup cannot be made here");
		return;
	}
	child = start_child(&hold);
	if (move_to_cgroup(folder, child))
		check(process_container_id(child, id) && !strcmp(id, ID), "%s", what);
	else
		skip(what, "a process cannot be moved to a cgroup here");
	close(hold);
	waitpid(child, NULL, 0);
	rmdir(folder);
}

/* ---- sockets ---- */

static void check_sockets(void)
{
	int sockets[2];
	struct stat status, other;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) || fstat(sockets[0], &status) ||
	    fstat(sockets[1], &other))
		abort();
	check(process_holds_socket(getpid(), (unsigned int)sockets[0], status.st_ino), "a socket is held");
	check(!process_holds_socket(getpid(), (unsigned int)sockets[0], other.st_ino), "another inode is not");
	check(!process_holds_socket(getpid(), (unsigned int)sockets[0], status.st_ino / 10),
	      "nor one that begins alike");
	close(sockets[0]);
	close(sockets[1]);
	check(!process_holds_socket(getpid(), (unsigned int)sockets[0], status.st_ino), "nor a closed one");
	check(!process_holds_socket(getpid(), UINT32_MAX, status.st_ino), "nor one of a descriptor that cannot be");
}

int main(void)
{
	check_comms();
	check_threads();
	check_start_time();
	check_end();
	check_container_paths();
	check_own_container();
	check_sockets();
	return finish_tests();
}
