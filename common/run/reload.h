/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Says when a file is to be read again: it has been replaced or written anew (common/host/file_watch.h), or SIGHUP has
 * come. Between two events of the loop, as all callbacks.
 */
#ifndef OTB_RELOAD_H
#define OTB_RELOAD_H

#include "common/host/file_watch.h"
#include "common/run/session.h"

struct reload {
	struct file_watch watch; /* path NULL: not open */
	int error;               /* why the file cannot be watched; 0: it is */
	loop_callback *callback;
	void *context;
};

/* To be called before the file is read, so that no change behind that is missed. `path` must outlive the session's run. */
void reload_open(struct reload *reload, const char *path);

/* Calls back from now on. A file that cannot be watched is told on stderr, and SIGHUP remains. */
void reload_start(struct reload *reload, struct session *session, loop_callback *callback, void *context);

/* To be called when the session has run; a zeroed one has nothing to close. */
void reload_close(struct reload *reload);

#endif
