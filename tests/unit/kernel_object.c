/* SPDX-License-Identifier: Apache-2.0 */
/* Cgroups and network namespaces, real ones; needs root. */
#include "common/host/kernel_object.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cli/diag.h"
#include "tests/unit/tap.h"

#define UNTOUCHED UINT64_C(0xdeadbeefcafe)

/* ---- cgroups ---- */

static char mount_point[64], folder[128];

static bool find_mount(void)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	struct statfs fs;

	for (unsigned int i = 0; i < 2; i++) {
		if (statfs(places[i], &fs) || fs.f_type != CGROUP2_SUPER_MAGIC)
			continue;
		snprintf(mount_point, sizeof(mount_point), "%s", places[i]);
		snprintf(folder, sizeof(folder), "%s/otb-unit-%d", mount_point, (int)getpid());
		return true;
	}
	return false;
}

/* A cgroup of this name below ours leads to its id, and the id back to it. */
static void check_cgroup(const char *name)
{
	char path[1024], back[1024] = "";
	struct stat status;
	uint64_t id = UNTOUCHED;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (mkdir(path, 0755) || stat(path, &status)) {
		check(false, "a cgroup named '%.40s' can be made", name);
		return;
	}
	check(cgroup_id_from_path(path, &id) && id == status.st_ino, "the id of '%.40s' is its inode", name);
	check(cgroup_path_from_id(id, back, sizeof(back)) && !strcmp(back, path + strlen(mount_point)),
	      "and leads back: %.80s", back);
	rmdir(path);
	check(!cgroup_path_from_id(id, back, sizeof(back)), "and to nothing once it is removed");
}

static void check_long_name(void)
{
	char name[256];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	check_cgroup(name);
}

static void check_ids(void)
{
	static const uint64_t ids[] = { 0, UINT64_MAX, UINT64_C(1) << 63, 0xffffff };
	char path[64] = "", file[256];
	struct stat status;
	uint64_t id = 0;

	check(cgroup_id_from_path(mount_point, &id) && cgroup_path_from_id(id, path, sizeof(path)) &&
		      !strcmp(path, "/"),
	      "the root is '/': %s", path);
	for (unsigned int i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		check(!cgroup_path_from_id(ids[i], path, sizeof(path)), "no cgroup has the id %" PRIx64, ids[i]);
	snprintf(file, sizeof(file), "%s/cgroup.procs", folder);
	check(!stat(file, &status) && !cgroup_path_from_id(status.st_ino, path, sizeof(path)),
	      "nor that of a file in one");
	memset(path, '!', sizeof(path));
	check(cgroup_id_from_path(folder, &id) && cgroup_path_from_id(id, path, 5) && !strcmp(path, "/otb") &&
		      path[5] == '!',
	      "a path is cut where there is no room");
}

static void check_no_cgroups(void)
{
	char file[256];
	const char *const others[] = { "", "/nowhere", "/", "/proc", "/etc/passwd", "/sys/fs/cgroup/cpu", file };

	snprintf(file, sizeof(file), "%s/cgroup.procs", folder);
	for (unsigned int i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		uint64_t id = UNTOUCHED;

		check(!cgroup_id_from_path(others[i], &id) && id == UNTOUCHED, "'%s' is no cgroup", others[i]);
	}
}

static void check_cgroups(void)
{
	if (!find_mount() || mkdir(folder, 0755)) {
		skip("cgroup ids", "a cgroup cannot be made here");
		return;
	}
	check_cgroup("simple");
	check_cgroup("with space and \\backslash");
	check_cgroup("\xff\xfe not UTF-8");
	check_cgroup("gone (deleted)");
	check_long_name();
	check_ids();
	check_no_cgroups();
	rmdir(folder);
}

/* ---- network namespaces ---- */

static uint64_t inode_of(const char *path)
{
	struct stat status;

	return stat(path, &status) ? 0 : status.st_ino;
}

static bool is_found_as(const char *text, uint64_t expected)
{
	uint64_t inode = UNTOUCHED;

	return netns_inode_from_text(text, &inode) && inode == expected;
}

static bool number_is_found(uint64_t inode)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, inode);
	return is_found_as(text, inode);
}

static void check_own_netns(void)
{
	static const char *const others[] = {
		"",
		"0",
		"1",
		"-1",
		"+1",
		"4026531840x",
		"4294967296",
		"99999999999999999999",
		"/nowhere",
		"/",
		"/dev/null",
		"/proc/self/ns/mnt",
		"/proc/self/ns/user",
		"/etc/passwd",
		"net:[4026531840]",
	};
	uint64_t own = inode_of("/proc/self/ns/net");
	char path[64];

	check(is_found_as("/proc/self/ns/net", own), "the own namespace by its path: %" PRIu64, own);
	check(number_is_found(own), "and by its number");
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)getpid());
	check(is_found_as(path, own), "and by the path of a process");
	for (unsigned int i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		uint64_t inode = UNTOUCHED;

		check(!netns_inode_from_text(others[i], &inode) && inode == UNTOUCHED, "'%s' is no network namespace",
		      others[i]);
	}
}

/* In a child of its own: bit 0 when a namespace that only a process holds is found, bit 1 when one is that only a
 * mounted file holds, bit 2 when one that has neither is not. -1: it cannot be made here. */
static int look_for_other_netns(void)
{
	char file[] = "/tmp/otb-netns-XXXXXX";
	int first = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int file_fd, found;
	uint64_t other;

	if (first < 0 || unshare(CLONE_NEWNET | CLONE_NEWNS) || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL))
		return -1;
	file_fd = mkstemp(file);
	if (file_fd < 0)
		return -1;
	close(file_fd);
	other = inode_of("/proc/self/ns/net");
	found = number_is_found(other) ? 1 : 0;
	if (!mount("/proc/self/ns/net", file, "none", MS_BIND, NULL) && !setns(first, CLONE_NEWNET)) {
		found |= number_is_found(other) && is_found_as(file, other) ? 2 : 0;
		umount(file);
		found |= number_is_found(other) ? 0 : 4;
	} else {
		found = -1;
	}
	unlink(file);
	return found;
}

static void check_other_netns(void)
{
	pid_t child = fork();
	int status = 0;

	if (!child)
		_exit(look_for_other_netns() & 0xff);
	waitpid(child, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 0xff) {
		skip("other network namespaces", "none can be made here");
		return;
	}
	check(WEXITSTATUS(status) & 1, "a namespace that a process is in is found by its number");
	check(WEXITSTATUS(status) & 2, "one that is only mounted is found by number and path");
	check(WEXITSTATUS(status) & 4, "one that has neither is not found");
}

int main(void)
{
	diag_init("kernel_object", 0);
	if (geteuid()) {
		skip("cgroups and network namespaces", "needs root");
		return finish_tests();
	}
	check_cgroups();
	check_own_netns();
	check_other_netns();
	return finish_tests();
}
