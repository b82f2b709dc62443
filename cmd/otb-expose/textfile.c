/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-expose/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cli/diag.h"
#include "common/host/file_watch.h"

enum { LOCK_PAUSE_MS = 10, LOCK_WAIT_MS = 2000, READ_FIRST = 64 * 1024 };

/* "DIRECTORY/" of a path, "./" where it names none; false: too long. */
static bool directory_of(const char *path, char directory[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	int length = slash ? (int)(slash + 1 - path) : 2;

	return snprintf(directory, PATH_MAX, "%.*s", length, slash ? path : "./") < PATH_MAX;
}

static bool fail(const char *path, int error)
{
	diag_print_errno(DIAG_ERROR, error, "cannot write '%s'", path);
	return false;
}

bool textfile_check(const char *path)
{
	char directory[PATH_MAX];
	struct stat status;
	size_t length = strlen(path);

	if (!directory_of(path, directory))
		return fail(path, ENAMETOOLONG);
	if (!stat(path, &status) && !S_ISREG(status.st_mode)) {
		diag_print(DIAG_ERROR, "cannot write '%s': not a regular file", path);
		return false;
	}
	if (path[length - 1] == '/')
		return fail(path, EISDIR);
	/* Reading it is not for the file, but for the lock, and for putting the new name on the disk. */
	if (access(directory, R_OK | W_OK | X_OK))
		return fail(path, errno);
	if (length < strlen(".prom") || strcmp(path + length - strlen(".prom"), ".prom"))
		diag_print(DIAG_WARN, "node_exporter does not read '%s': its name does not end in .prom", path);
	return true;
}

static bool write_all(int fd, const char *bytes, size_t length)
{
	while (length) {
		ssize_t n = write(fd, bytes, length);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			bytes += n;
			length -= (size_t)n;
		}
	}
	return true;
}

/* Only this puts the new name itself on the disk. File systems that cannot do it for a directory say EINVAL. */
static bool sync_directory(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool synced = fd >= 0 && (!fsync(fd) || errno == EINVAL);
	int error = errno;

	if (fd >= 0)
		close(fd);
	errno = error;
	return synced;
}

int textfile_lock(const char *path)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_MS * 1000000L };
	char directory[PATH_MAX];
	int fd = directory_of(path, directory) ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd < 0) {
		fail(path, errno);
		return -1;
	}
	for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB); waited += LOCK_PAUSE_MS) {
		if (errno != EWOULDBLOCK || waited >= LOCK_WAIT_MS) {
			diag_print_errno(DIAG_ERROR, errno, "cannot write '%s': its directory is locked", path);
			close(fd);
			return -1;
		}
		nanosleep(&pause, NULL);
	}
	return fd;
}

void textfile_unlock(int lock)
{
	close(lock);
}

bool textfile_read(const char *path, char **bytes, size_t *length)
{
	FILE *stream = file_open_regular(path);
	size_t capacity = 0, n;

	*bytes = NULL;
	*length = 0;
	if (!stream && errno == ENOENT)
		return true;
	while (stream) {
		char *larger = *length < capacity ? *bytes : realloc(*bytes, capacity = 2 * capacity + READ_FIRST);

		if (!larger)
			break;
		*bytes = larger;
		n = fread(larger + *length, 1, capacity - *length, stream);
		*length += n;
		if (!n && !ferror(stream)) {
			fclose(stream);
			return true;
		}
		if (!n)
			break;
	}
	diag_print_errno(DIAG_ERROR, errno, "cannot read '%s'", path);
	if (stream)
		fclose(stream);
	return false;
}

/* Of one name, so that what a killed writer left behind is gone with the next one: there is a lock. Not *.prom, so that
 * nobody reads it. */
static bool temporary_of(const char *path, const char *directory, char temporary[PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	return snprintf(temporary, PATH_MAX, "%s.%s.otb-expose", directory, slash ? slash + 1 : path) < PATH_MAX;
}

bool textfile_write(const char *path, const char *bytes, size_t length, bool *replaced)
{
	char temporary[PATH_MAX], directory[PATH_MAX];

	*replaced = false;
	if (!directory_of(path, directory) || !temporary_of(path, directory, temporary))
		return fail(path, ENAMETOOLONG);
	unlink(temporary);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(path, errno);
	bool written = write_all(fd, bytes, length) && !fchmod(fd, 0644) && !fsync(fd);
	int error = errno;
	if (close(fd) && written) {
		written = false;
		error = errno;
	}
	if (written && rename(temporary, path)) {
		written = false;
		error = errno;
	}
	if (!written) {
		unlink(temporary);
		return fail(path, error);
	}
	*replaced = true;
	return sync_directory(directory) || fail(path, errno);
}
