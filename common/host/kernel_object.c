/* SPDX-License-Identifier: Apache-2.0 */
#include "common/host/kernel_object.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <mntent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/cli/diag.h"
#include "common/cli/parse.h"

bool cgroup_id_from_path(const char *path, uint64_t *id)
{
	struct statfs fs;
	struct stat status;

	if (stat(path, &status) || statfs(path, &fs)) {
		diag_print_errno(DIAG_ERROR, errno, "--cgroup: cannot use '%s'", path);
		return false;
	}
	if (!S_ISDIR(status.st_mode) || fs.f_type != CGROUP2_SUPER_MAGIC) {
		diag_print(DIAG_ERROR,
			   "--cgroup: '%s' is not a directory of a cgroup2 file system (see 'mount -t cgroup2')", path);
		return false;
	}
	*id = status.st_ino;
	return true;
}

/* The mount point of cgroup2: /sys/fs/cgroup, or /sys/fs/cgroup/unified on hybrid systems. */
static bool find_cgroup_mount(char *path, size_t size)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *entry;
	bool found = false;

	if (!mounts)
		return false;
	while (!found && (entry = getmntent(mounts))) {
		if (strcmp(entry->mnt_type, "cgroup2"))
			continue;
		snprintf(path, size, "%s", entry->mnt_dir);
		found = true;
	}
	endmntent(mounts);
	return found;
}

/* A file handle of kernfs is the 64-bit id: FILEID_KERNFS, include/linux/exportfs.h */
static int open_cgroup(const char *mount, uint64_t id)
{
	struct {
		struct file_handle handle;
		uint64_t id;
	} file = { { .handle_bytes = sizeof(id), .handle_type = 0xfe }, id };
	int mount_fd = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (mount_fd < 0)
		return -1;
	fd = open_by_handle_at(mount_fd, &file.handle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(mount_fd);
	return fd;
}

bool cgroup_path_from_id(uint64_t id, char *path, size_t size)
{
	char mount[256], link[64], full[4096];
	ssize_t n;
	int fd;

	if (!find_cgroup_mount(mount, sizeof(mount)))
		return false;
	fd = open_cgroup(mount, id);
	if (fd < 0)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, full, sizeof(full) - 1);
	close(fd);
	if (n < 0)
		return false;
	full[n] = '\0';
	if (strncmp(full, mount, strlen(mount)))
		return false;
	snprintf(path, size, "%s", full[strlen(mount)] ? full + strlen(mount) : "/");
	return true;
}

static bool netns_from_path(const char *path, uint64_t *inode)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool is_netns;

	if (fd < 0) {
		diag_print_errno(DIAG_ERROR, errno, "--netns: cannot use '%s'", path);
		return false;
	}
	is_netns = ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET && !fstat(fd, &status);
	close(fd);
	if (!is_netns) {
		diag_print(DIAG_ERROR,
			   "--netns: '%s' is not a network namespace (try /proc/PID/ns/net or /run/netns/NAME)", path);
		return false;
	}
	*inode = status.st_ino;
	return true;
}

/* As lsns does: a namespace is there if a process is in it or its file is mounted. */
static bool netns_is_mounted(uint64_t inode)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char line[4096], wanted[64];
	bool found = false;

	if (!mounts)
		return false;
	snprintf(wanted, sizeof(wanted), " net:[%llu] ", (unsigned long long)inode);
	while (!found && fgets(line, sizeof(line), mounts))
		found = strstr(line, wanted);
	fclose(mounts);
	return found;
}

static bool netns_has_process(uint64_t inode)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	bool found = false;

	if (!proc)
		return false;
	while (!found && (entry = readdir(proc))) {
		char path[300];
		struct stat status;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", entry->d_name);
		found = !stat(path, &status) && status.st_ino == inode;
	}
	closedir(proc);
	return found;
}

bool netns_inode_from_text(const char *text, uint64_t *inode)
{
	uint64_t number;

	if (!parse_uint(text, 1, UINT32_MAX, &number))
		return netns_from_path(text, inode);
	if (!netns_has_process(number) && !netns_is_mounted(number)) {
		diag_print(DIAG_ERROR, "--netns: there is no network namespace %s (see 'lsns -t net')", text);
		return false;
	}
	*inode = number;
	return true;
}
