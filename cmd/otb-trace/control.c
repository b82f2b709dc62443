/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-trace/control.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cli/diag.h"

/* An array of one u64. bpf_obj_get() takes programs and links as well, of which this fails. */
static bool is_control_map(int fd)
{
	struct bpf_map_info info = { .type = 0 };
	uint32_t size = sizeof(info);

	return !bpf_obj_get_info_by_fd(fd, &info, &size) && info.type == BPF_MAP_TYPE_ARRAY &&
	       info.key_size == sizeof(uint32_t) && info.value_size == sizeof(uint64_t) && info.max_entries == 1;
}

enum exit_code control_open(struct control *control, struct bpf_map *map, const char *path)
{
	int fd;

	*control = (struct control){ .path = path };
	if (!path)
		return EXIT_DONE;
	fd = bpf_obj_get(path);
	if (fd == -ENOENT)
		return EXIT_DONE;
	if (fd < 0) {
		diag_print_errno(DIAG_ERROR, fd,
				 "--control: cannot open '%s', which has to be ours, in a folder that is", path);
		return EXIT_CANNOT_OBSERVE;
	}
	control->is_taken = is_control_map(fd) && !bpf_map__reuse_fd(map, fd);
	close(fd);
	if (control->is_taken)
		return EXIT_DONE;
	diag_print(DIAG_ERROR, "--control: '%s' is something else than a map of ours", path);
	return EXIT_CANNOT_OBSERVE;
}

enum exit_code control_pin(struct control *control, struct bpf_map *map, uint64_t threshold, bool is_given)
{
	const uint32_t key = 0;
	int error = 0;

	if (!control->is_taken || is_given)
		error = bpf_map_update_elem(bpf_map__fd(map), &key, &threshold, BPF_ANY);
	if (!error && control->path && !control->is_taken)
		error = bpf_obj_pin(bpf_map__fd(map), control->path);
	if (!error && control->path && chmod(control->path, S_IRUSR | S_IWUSR))
		error = -errno;
	if (error) {
		diag_print_errno(
			DIAG_ERROR, error,
			"--control: cannot pin a map at '%s', which has to be in a BPF file system (mount -t bpf bpf "
			"/sys/fs/bpf)",
			control->path ? control->path : "");
		return EXIT_CANNOT_OBSERVE;
	}
	control->is_pinned = control->path;
	return EXIT_DONE;
}

void control_close(struct control *control)
{
	if (control->is_pinned)
		unlink(control->path);
	control->is_pinned = false;
}
