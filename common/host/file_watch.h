/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches a file for being replaced or written anew (inotify): by an editor, by rename(2), by a symbolic link that is
 * turned over on the way to it, as Kubernetes does for ConfigMaps.
 */
#ifndef OTB_FILE_WATCH_H
#define OTB_FILE_WATCH_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

/* Opens a regular file to be read, and nothing that could keep us waiting: NULL with errno set, EINVAL where it is a pipe
 * or a device. */
FILE *file_open_regular(const char *path);

struct file_watch {
	const char *path; /* not its own */
	int fd;           /* readable when file_watch_changed() is due; -1: none */
	struct stat last;
};

/* Returns 0 or a negative errno; file_watch_close() is due all the same. What the file is now counts as known. */
int file_watch_open(struct file_watch *watch, const char *path);

/* Takes what is to be read, and says whether the path leads to other contents than when it was asked last. */
bool file_watch_changed(struct file_watch *watch);
void file_watch_close(struct file_watch *watch);

#endif
