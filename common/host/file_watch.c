/* SPDX-License-Identifier: Apache-2.0 */
#include "common/host/file_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

FILE *file_open_regular(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), error = EINVAL;
	struct stat status;
	FILE *stream;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &status) && S_ISREG(status.st_mode)) {
		stream = fdopen(fd, "r");
		if (stream)
			return stream;
		error = errno;
	}
	close(fd);
	errno = error;
	return NULL;
}

int file_watch_open(struct file_watch *watch, const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];

	*watch = (struct file_watch){ .path = path, .fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK) };
	if (watch->fd < 0)
		return -errno;
	if (stat(path, &watch->last))
		memset(&watch->last, 0, sizeof(watch->last));
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	/* Of the folder, for the file itself goes away when another takes its name. */
	return inotify_add_watch(watch->fd, folder, IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE) < 0 ? -errno : 0;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

bool file_watch_changed(struct file_watch *watch)
{
	_Alignas(struct inotify_event) char events[4096];
	struct stat now;
	bool changed;

	while (read(watch->fd, events, sizeof(events)) > 0)
		;
	/* Gone for a moment, on the way to something new. */
	if (stat(watch->path, &now))
		return false;
	changed = !is_same(&now, &watch->last);
	watch->last = now;
	return changed;
}

void file_watch_close(struct file_watch *watch)
{
	if (watch->fd >= 0)
		close(watch->fd);
	watch->fd = -1;
}
