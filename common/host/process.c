/* SPDX-License-Identifier: Apache-2.0 */
#include "common/host/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads /proc/PID/NAME, at most size - 1 bytes, and ends it with a NUL. */
static bool read_proc(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, size - 1);
	close(fd);
	if (n < 0)
		return false;
	text[n] = '\0';
	return true;
}

/* A leader that has ended is a zombie, too, as long as other threads of the process go on. */
static bool is_zombie(const char *status)
{
	return strstr(status, "\nState:\tZ") && strstr(status, "\nThreads:\t1\n");
}

bool process_exists(pid_t pid)
{
	char status[4096];
	char wanted[32];

	/* /proc/TID answers for every thread; only a leader's Tgid is its own id. */
	snprintf(wanted, sizeof(wanted), "\nTgid:\t%d\n", (int)pid);
	return read_proc(pid, "status", status, sizeof(status)) && strstr(status, wanted) && !is_zombie(status);
}

static bool may_read(pid_t pid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno != EACCES && errno != EPERM;
	close(fd);
	return true;
}

bool process_is_open(pid_t pid)
{
	return may_read(pid, "exe") && may_read(pid, "environ");
}

bool process_comm(pid_t pid, char comm[COMM_SIZE])
{
	char text[64];
	size_t length;

	if (!read_proc(pid, "comm", text, sizeof(text)))
		return false;
	length = strlen(text);
	if (length && text[length - 1] == '\n')
		length--;
	if (length >= COMM_SIZE)
		length = COMM_SIZE - 1;
	memcpy(comm, text, length);
	comm[length] = '\0';
	return true;
}

/* Field 22 of proc_pid_stat(5). The second is the comm in parentheses, which may hold any of them itself. */
bool process_start_time(pid_t pid, uint64_t *ticks)
{
	enum { FIELD_BEHIND_COMM = 3, FIELD_START_TIME = 22 };
	char text[1024], *at, *end;

	if (!read_proc(pid, "stat", text, sizeof(text)))
		return false;
	at = strrchr(text, ')');
	for (int field = FIELD_BEHIND_COMM - 1; at && field < FIELD_START_TIME; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return false;
	*ticks = strtoull(at + 1, &end, 10);
	return end > at + 1;
}

bool container_id_from_path(const char *path, char id[CONTAINER_ID_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	bool found = false;

	while (*path) {
		size_t run = strspn(path, hex);

		if (run == CONTAINER_ID_SIZE - 1) {
			memcpy(id, path, run);
			id[run] = '\0';
			found = true;
		}
		path += run ? run : strcspn(path, hex);
	}
	return found;
}

bool process_container_id(pid_t pid, char id[CONTAINER_ID_SIZE])
{
	char text[8192];

	return read_proc(pid, "cgroup", text, sizeof(text)) && container_id_from_path(text, id);
}

bool process_holds_socket(pid_t pid, unsigned int fd, uint64_t inode)
{
	char path[64], target[64], wanted[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd/%u", (int)pid, fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	snprintf(wanted, sizeof(wanted), "socket:[%llu]", (unsigned long long)inode);
	return !strcmp(target, wanted);
}

bool process_netns(pid_t pid, uint64_t *inode)
{
	char path[64];
	struct stat status;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	if (stat(path, &status))
		return false;
	*inode = status.st_ino;
	return true;
}

/* A protocol has two lines, "Tcp: NAME NAME..." and "Tcp: VALUE VALUE...": their words are taken in step. */
bool process_tcp_counter(pid_t pid, const char *name, uint64_t *value)
{
	char text[8192], *names, *values, *word;

	if (!read_proc(pid, "net/snmp", text, sizeof(text)))
		return false;
	names = strstr(text, "\nTcp: ");
	values = names ? strstr(names + 1, "\nTcp: ") : NULL;
	if (!values)
		return false;
	*values++ = '\0';
	values[strcspn(values, "\n")] = '\0';
	while ((word = strsep(&names, " ")) && strcmp(word, name))
		strsep(&values, " ");
	if (!word || !values)
		return false;
	*value = strtoull(values, NULL, 10);
	return true;
}
