/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file for node_exporter's textfile collector, which reads every *.prom of a directory at any time: so it is replaced
 * as a whole, by rename(2). A failure leaves the old file as it was, and nothing beside it.
 *
 *	lock = textfile_lock(path);
 *	textfile_read(path, &bytes, &length);
 *	...
 *	textfile_write(path, bytes, length, &replaced);
 *	textfile_unlock(lock);
 */
#ifndef OTB_EXPOSE_TEXTFILE_H
#define OTB_EXPOSE_TEXTFILE_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the file can be written as far as can be told beforehand: its directory is readable and writable, and what has
 * its name is not a device or a directory. Says why not. Warns of a name that the collector would not read. */
bool textfile_check(const char *path);

/* Keeps other writers of files in that directory off (flock(2) of the directory, which leaves nothing behind), for which
 * it waits two seconds at most. Returns a descriptor, or -1, and has said why. */
int textfile_lock(const char *path);
void textfile_unlock(int lock);

/* Reads the file; there being none is as an empty one. *bytes is to be freed. False: said. */
bool textfile_read(const char *path, char **bytes, size_t *length);

/* Replaces the file (mode 0644), and returns once it is on the disk. Says what failed; *replaced becomes whether the file is
 * the new one, which it may be all the same. Needs the lock. */
bool textfile_write(const char *path, const char *bytes, size_t length, bool *replaced);

#endif
