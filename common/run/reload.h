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
	struct file_watch watch;
	loop_callback *callback;
	void *context;
};

/* `reload` and `path` must outlive the session's run. A file that cannot be watched is told on stderr, and SIGHUP remains.
 * What the file is now counts as known. */
void reload_open(struct reload *reload, struct session *session, const char *path, loop_callback *callback,
		 void *context);

/* To be called when the session has run; a zeroed one has nothing to close. */
void reload_close(struct reload *reload);

#endif
