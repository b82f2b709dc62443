/* SPDX-License-Identifier: Apache-2.0 */
#include "common/host/file_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "common/cli/diag.h"

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

/* ---- the way to a file ---- */

/* A path on which some names have been looked up: `folder` is free of links and ends with a slash. */
struct way {
	char folder[PATH_MAX];
	char path[PATH_MAX]; /* the folder and the name in it */
	char rest[PATH_MAX]; /* what is still to be looked up */
	unsigned int links;
};

/* Goes on with a path, and behind it with what was still to be looked up. False: too long. */
static bool way_turn(struct way *way, const char *path, size_t length)
{
	size_t rest = strlen(way->rest) + 1;

	if (length + rest > sizeof(way->rest))
		return false;
	memmove(way->rest + length, way->rest, rest);
	memcpy(way->rest, path, length);
	if (*way->rest == '/')
		memcpy(way->folder, "/", sizeof("/"));
	return true;
}

/* Takes the next name. False: there is none, or it is too long. */
static bool way_next(struct way *way)
{
	const char *name = way->rest + strspn(way->rest, "/");
	size_t length = strcspn(name, "/");
	int size = snprintf(way->path, sizeof(way->path), "%s%.*s", way->folder, (int)length, name);

	memmove(way->rest, name + length, strlen(name + length) + 1);
	return length && size < PATH_MAX;
}

static bool way_is_last(const struct way *way)
{
	return !way->rest[strspn(way->rest, "/")];
}

/* Goes on in the folder, or where the link leads to. False: it is a file, or one link too many. */
static bool way_enter(struct way *way, const struct stat *status)
{
	char target[PATH_MAX];
	ssize_t length;

	if (S_ISDIR(status->st_mode))
		return snprintf(way->folder, sizeof(way->folder), "%s/", way->path) < PATH_MAX;
	if (!S_ISLNK(status->st_mode) || way->links++ == FILE_WATCH_LINKS_MAX)
		return false;
	length = readlink(way->path, target, sizeof(target));
	return length > 0 && way_turn(way, target, (size_t)length);
}

/* ---- watching it ---- */

/* That the folder goes away with what it holds need not be asked for: the watch ends then, which is an event too. */
static const uint32_t folder_events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_MOVE_SELF;
static const uint32_t file_events = IN_CLOSE_WRITE;

/* What has gone in the meantime has been replaced in a folder that is watched. */
static void add_watch(struct file_watch *watch, const char *path, uint32_t events, const char *name)
{
	int number = inotify_add_watch(watch->fd, path, events);
	size_t length = strcspn(name, "/");

	if (number < 0 && errno != ENOENT && !watch->error)
		watch->error = -errno;
	if (number < 0 || watch->n_watches == FILE_WATCHES_MAX || length > NAME_MAX)
		return;
	watch->watches[watch->n_watches].number = number;
	memcpy(watch->watches[watch->n_watches].name, name, length);
	watch->watches[watch->n_watches].name[length] = '\0';
	watch->n_watches++;
}

/* Watches what the next name on the way depends on, and goes there. False: there is no way on. */
static bool watch_name(struct file_watch *watch, struct way *way)
{
	struct stat status;

	if (!way_is_last(way) && !lstat(way->path, &status) && S_ISDIR(status.st_mode))
		return way_enter(way, &status);
	/* Watched before it is looked at, so that nothing comes in between. */
	add_watch(watch, way->folder, folder_events, way->path + strlen(way->folder));
	if (lstat(way->path, &status))
		return false;
	if (S_ISREG(status.st_mode))
		add_watch(watch, way->path, file_events, "");
	return way_enter(way, &status);
}

static void watch_way(struct file_watch *watch)
{
	struct way way = { .folder = "./" };

	if (!way_turn(&way, watch->path, strlen(watch->path)))
		watch->error = -ENAMETOOLONG;
	while (way_next(&way) && watch_name(watch, &way))
		;
}

static bool has_watch(const struct file_watch *watch, int number)
{
	for (unsigned int i = 0; i < watch->n_watches; i++)
		if (watch->watches[i].number == number)
			return true;
	return false;
}

/* The way as it is now, and not as it was. */
static void watch_anew(struct file_watch *watch, const struct file_watch *old)
{
	watch->n_watches = 0;
	watch->error = 0;
	watch_way(watch);
	for (unsigned int i = 0; i < old->n_watches; i++)
		if (!has_watch(watch, old->watches[i].number))
			inotify_rm_watch(watch->fd, old->watches[i].number);
	if (watch->n_watches && watch->error && watch->error != old->error)
		diag_print_errno(DIAG_WARN, watch->error, "cannot watch all of the way to '%s'", watch->path);
}

int file_watch_open(struct file_watch *watch, const char *path)
{
	const struct file_watch none = { .n_watches = 0 };

	*watch = (struct file_watch){ .path = path, .fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK) };
	if (watch->fd < 0)
		return -errno;
	watch_anew(watch, &none);
	if (stat(path, &watch->last))
		memset(&watch->last, 0, sizeof(watch->last));
	return watch->n_watches ? 0 : watch->error;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* ---- events ---- */

/* Whether an event is of a name on the way. One without a name is of the file itself, of a folder that has gone, or, with
 * the number -1, says that some were lost. */
static bool is_of_way(const struct file_watch *watch, const struct inotify_event *event)
{
	bool found = event->wd < 0;

	for (unsigned int i = 0; i < watch->n_watches && !found; i++)
		found = watch->watches[i].number == event->wd &&
			(!event->len || !strcmp(watch->watches[i].name, event->name));
	return found;
}

/* All that has happened to the way, by its bits. */
static uint32_t read_events(const struct file_watch *watch)
{
	_Alignas(struct inotify_event) char bytes[4096];
	uint32_t happened = 0;
	ssize_t length;

	while ((length = read(watch->fd, bytes, sizeof(bytes))) > 0)
		for (char *at = bytes; at < bytes + length;) {
			const struct inotify_event *event = (const struct inotify_event *)at;

			if (is_of_way(watch, event))
				happened |= event->mask;
			at += sizeof(*event) + event->len;
		}
	return happened;
}

/* Whether the file is one that somebody has just begun to write, and will close some time: it is new, in the place of one
 * before it. A new link to a file, or another name of one, leads to something whole. */
static bool is_begun(const struct file_watch *watch, const struct file_watch *old, uint32_t happened,
		     const struct stat *status)
{
	unsigned int last = watch->n_watches - 2; /* the folder; the file comes behind */

	return (happened & IN_CREATE) && !(happened & (IN_CLOSE_WRITE | IN_MOVED_TO)) && status->st_nlink == 1 &&
	       watch->n_watches >= 2 && last < old->n_watches &&
	       watch->watches[last].number == old->watches[last].number &&
	       !strcmp(watch->watches[last].name, old->watches[last].name);
}

bool file_watch_changed(struct file_watch *watch)
{
	const struct file_watch old = *watch;
	uint32_t happened = read_events(watch);
	struct stat now;
	bool changed;

	if (!happened)
		return false;
	watch_anew(watch, &old);
	/* Gone for a moment, on the way to something new. */
	if (stat(watch->path, &now) || is_begun(watch, &old, happened, &now))
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
