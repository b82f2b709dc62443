/* SPDX-License-Identifier: Apache-2.0 */
#include "common/run/reload.h"

#include <sys/epoll.h>

#include "common/cli/diag.h"

static void on_event(void *context)
{
	struct reload *reload = context;

	if (file_watch_changed(&reload->watch))
		reload->callback(reload->context);
}

void reload_open(struct reload *reload, const char *path)
{
	reload->error = file_watch_open(&reload->watch, path);
}

void reload_start(struct reload *reload, struct session *session, loop_callback *callback, void *context)
{
	int error = reload->error;

	reload->callback = callback;
	reload->context = context;
	session_on_hangup(session, callback, context);
	if (!error)
		error = loop_watch(&session->loop, reload->watch.fd, EPOLLIN, on_event, reload);
	if (error)
		diag_print_errno(DIAG_WARN, error, "cannot watch '%s': SIGHUP reads it again", reload->watch.path);
}

void reload_close(struct reload *reload)
{
	if (reload->watch.path)
		file_watch_close(&reload->watch);
	reload->watch.path = NULL;
}
