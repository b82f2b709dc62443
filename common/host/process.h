/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc says of a process. Processes come and go: every function may find that there is none any more, and
 * returns false then. Pids are those of /proc, that is of the pid namespace it was mounted in.
 */
#ifndef OTB_PROCESS_H
#define OTB_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { COMM_SIZE = 16, CONTAINER_ID_SIZE = 65 };

/* Whether `pid` is a process: the leader of its thread group. One that has ended is none, though its parent may not have
 * asked for it yet. */
bool process_exists(pid_t pid);

/* Whether we may read its program and its environment, as its own user may: what CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH are
 * for otherwise. True of one that has neither. */
bool process_is_open(pid_t pid);

/* The name of the thread-group leader, as bytes that need not be UTF-8, NUL-terminated. */
bool process_comm(pid_t pid, char comm[COMM_SIZE]);

/* When it started: clock ticks (sysconf(_SC_CLK_TCK) a second) since boot. With its pid it tells a process from another one
 * that had the pid before, or will have it. */
bool process_start_time(pid_t pid, uint64_t *ticks);

/* The id of the container it runs in, as its cgroup's path has it: the last run of exactly 64 hex digits. */
bool process_container_id(pid_t pid, char id[CONTAINER_ID_SIZE]);

/* Whether descriptor `fd` of the process is the socket with this inode. */
bool process_holds_socket(pid_t pid, unsigned int fd, uint64_t inode);

/* The inode number of the network namespace it is in. */
bool process_netns(pid_t pid, uint64_t *inode);

/* A TCP counter of that namespace, by the name that /proc/net/snmp has for it. */
bool process_tcp_counter(pid_t pid, const char *name, uint64_t *value);

/* The last run of exactly 64 hex digits in `path` (Docker, containerd, CRI-O and Podman all name cgroups so). */
bool container_id_from_path(const char *path, char id[CONTAINER_ID_SIZE]);

#endif
