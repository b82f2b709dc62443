/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file for node_exporter's textfile collector, which reads every *.prom of a directory at any time: so it is replaced
 * as a whole, by rename(2). A failure leaves the old file as it was, and nothing beside it.
 */
#ifndef OTB_EXPOSE_TEXTFILE_H
#define OTB_EXPOSE_TEXTFILE_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the file can be written as far as can be told beforehand: its directory is writable, and what has its name is
 * not a device or a directory. Says why not. Warns of a name that the collector would not read. */
bool textfile_check(const char *path);

/* Replaces the file (mode 0644), and returns once it is on the disk. Says what failed. */
bool textfile_write(const char *path, const char *bytes, size_t length);

#endif
