/* SPDX-License-Identifier: Apache-2.0 */
#include "common/go/binary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "common/go/buildinfo.h"
#include "common/go/pclntab.h"

const char *go_binary_take(struct go_binary *binary, int fd)
{
	const char *error;
	bool is_go;

	*binary = (struct go_binary){ 0 };
	error = image_open(&binary->image, fd);
	if (error)
		return error;
	is_go = buildinfo_find(&binary->image, &binary->version);
	error = pclntab_find(binary);
	if (!error)
		return NULL;
	if (!is_go)
		return "is not a Go program";
	if (binary->version.minor && binary->version.minor < 16)
		return "is a Go program of a release before 1.16";
	return error;
}

const char *go_binary_open(struct go_binary *binary, const char *path)
{
	/* Not to wait for a writer, should it be a FIFO. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	*binary = (struct go_binary){ .image.fd = -1 };
	if (fd >= 0)
		return go_binary_take(binary, fd);
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		return "does not exist";
	case EACCES:
	case EPERM:
		return "may not be read";
	default:
		return "cannot be opened";
	}
}

const char *go_binary_convention(const struct go_binary *binary)
{
	bool is_arm64 = binary->image.machine == IMAGE_ARM64;

	if (!binary->version.minor || binary->version.minor >= (is_arm64 ? GO_MINOR_MIN_ARM64 : GO_MINOR_MIN))
		return NULL;
	return is_arm64 ? "is built for arm64 with a Go before 1.18, which passes arguments another way"
			: "is built with a Go before 1.17, which passes arguments another way";
}

void go_binary_close(struct go_binary *binary)
{
	image_close(&binary->image);
}

void go_binary_path(const struct go_binary *binary, char path[GO_PATH_SIZE])
{
	snprintf(path, GO_PATH_SIZE, "/proc/self/fd/%d", binary->image.fd);
}
