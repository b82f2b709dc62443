/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/control.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "common/cli/diag.h"
#include "common/host/clock.h"

enum { TRIES_MS = 5000, TRY_EVERY_MS = 20 };

static const uint64_t MILLISECOND_NS = 1000000;

static bool is_to_end(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM);
}

/* -errno, or the descriptor of what is pinned there. */
static int wait_for(const char *path)
{
	const struct timespec pause = { .tv_nsec = TRY_EVERY_MS * 1000000L };
	uint64_t deadline_ns = clock_monotonic_ns() + TRIES_MS * MILLISECOND_NS;
	int fd;

	while ((fd = bpf_obj_get(path)) == -ENOENT && clock_monotonic_ns() < deadline_ns && !is_to_end())
		nanosleep(&pause, NULL);
	return fd;
}

/* bpf_obj_get() takes programs and links as well, of which this fails. */
static bool is_control_map(int fd)
{
	struct bpf_map_info info = { .type = 0 };
	uint32_t size = sizeof(info);

	return !bpf_obj_get_info_by_fd(fd, &info, &size) && info.type == BPF_MAP_TYPE_ARRAY &&
	       info.key_size == sizeof(uint32_t) && info.value_size == sizeof(uint64_t) && info.max_entries == 1;
}

bool control_open(struct control *control, const char *path)
{
	*control = (struct control){ .path = path, .fd = wait_for(path) };
	if (control->fd == -ENOENT && is_to_end())
		return true;
	if (control->fd == -ENOENT)
		diag_print(DIAG_ERROR, "no map at '%s' after %d seconds: is otb-trace --control running?", path,
			   TRIES_MS / 1000);
	else if (control->fd == -EPERM || control->fd == -EACCES)
		diag_print_errno(DIAG_ERROR, control->fd,
				 "cannot open the map '%s', which takes root, or CAP_BPF and the right to write to it",
				 path);
	else if (control->fd < 0)
		diag_print_errno(DIAG_ERROR, control->fd, "cannot open the map '%s'", path);
	else if (!is_control_map(control->fd))
		diag_print(DIAG_ERROR, "'%s' is no map of otb-trace --control: an array of one 64-bit value", path);
	else
		return true;
	control_close(control);
	return false;
}

void control_close(struct control *control)
{
	if (control->fd >= 0)
		close(control->fd);
	control->fd = -1;
}

void control_write(struct control *control, uint64_t threshold)
{
	const uint32_t key = 0;
	int error;

	if (control->fd < 0 || (control->has_written && control->written == threshold))
		return;
	error = bpf_map_update_elem(control->fd, &key, &threshold, BPF_ANY);
	control->has_written = !error;
	control->written = threshold;
	if (error && !control->has_failed)
		diag_print_errno(DIAG_WARN, error, "cannot write to the map '%s'", control->path);
	control->has_failed = error;
}
