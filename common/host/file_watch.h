/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches a file for being replaced or written anew (inotify): in place, by rename(2), by a symbolic link that is turned
 * over anywhere on the way to it, as Kubernetes does for ConfigMaps (pkg/volume/util/atomic_writer.go).
 *
 * The way is followed name by name, as path_resolution(7) says, and each folder on it that holds a link is watched, the
 * last folder, and the file itself, which may have other names or be mounted alone into a container. Where the way ends
 * too early, the folder is watched that it ends in. What is not seen is that a folder further up is moved or mounted
 * over, and what other machines do to a network file system.
 */
#ifndef OTB_FILE_WATCH_H
#define OTB_FILE_WATCH_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

/* Opens a regular file to be read, and nothing that could keep us waiting: NULL with errno set, EINVAL where it is a pipe
 * or a device. */
FILE *file_open_regular(const char *path);

/* As many links as the kernel follows (MAXSYMLINKS, include/linux/namei.h); the last folder and the file come behind. */
enum { FILE_WATCH_LINKS_MAX = 40, FILE_WATCHES_MAX = FILE_WATCH_LINKS_MAX + 2 };

struct file_watch {
	const char *path; /* not its own */
	int fd;           /* readable when file_watch_changed() is due; -1: none */
	struct {
		int number;              /* inotify's; one may stand here twice */
		char name[NAME_MAX + 1]; /* in that folder; "": it is the file itself */
	} watches[FILE_WATCHES_MAX];     /* in the order of the way */
	unsigned int n_watches;
	int error; /* why not all of the way is watched; 0: it is */
	struct stat last;
};

/* Returns 0, or a negative errno where nothing can be watched; file_watch_close() is due all the same. What the file is
 * now counts as known, and there may be none. Where only a part of the way can be watched, that is said. */
int file_watch_open(struct file_watch *watch, const char *path);

/* Takes what is to be read, watches the way as it is now, and says whether the path leads to other contents than when it
 * was asked last. A file that is being written counts once it is closed, whatever else happens around it. */
bool file_watch_changed(struct file_watch *watch);
void file_watch_close(struct file_watch *watch);

#endif
