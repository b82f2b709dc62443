/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-expose/access.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cli/diag.h"

enum { SECRET_MAX = 4096 };

/* ---- files ---- */

/* Returns the number of bytes, at most `size`, or -1. */
static ssize_t read_all(int fd, char *bytes, size_t size)
{
	size_t length = 0;

	while (length < size) {
		ssize_t n = read(fd, bytes + length, size - length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (!n)
			break;
		length += (size_t)n;
	}
	return (ssize_t)length;
}

/* What is wrong with it as a text, or NULL. */
static const char *find_fault(const char *text, size_t length, size_t size_max)
{
	if (!length)
		return "is empty";
	if (length > size_max)
		return "is too long";
	return memchr(text, '\0', length) ? "is no text" : NULL;
}

static char *descriptor_read(int fd, const char *path, const char *kind, size_t size_max)
{
	char *text = malloc(size_max + 2); /* a byte more than allowed, and a NUL */
	ssize_t length = text ? read_all(fd, text, size_max + 1) : -1;
	const char *fault = length < 0 ? NULL : find_fault(text, (size_t)length, size_max);

	if (length < 0)
		diag_print_errno(DIAG_ERROR, text ? errno : ENOMEM, "cannot read the %s '%s'", kind, path);
	if (fault)
		diag_print(DIAG_ERROR, "the %s '%s' %s", kind, path, fault);
	if (length < 0 || fault) {
		free(text);
		return NULL;
	}
	text[length] = '\0';
	return text;
}

static int file_open(const char *path, const char *kind)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		diag_print_errno(DIAG_ERROR, errno, "cannot open the %s '%s'", kind, path);
	return fd;
}

char *file_read(const char *path, const char *kind, size_t size_max)
{
	int fd = file_open(path, kind);
	char *text = fd < 0 ? NULL : descriptor_read(fd, path, kind, size_max);

	if (fd >= 0)
		close(fd);
	return text;
}

static bool check_private(int fd, const char *path, const char *kind)
{
	struct stat status;

	if (fstat(fd, &status)) {
		diag_print_errno(DIAG_ERROR, errno, "cannot look at the %s '%s'", kind, path);
		return false;
	}
	if (status.st_mode & (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)) {
		diag_print(DIAG_ERROR, "the %s '%s' is open to others than its owner; chmod 600 makes it private", kind,
			   path);
		return false;
	}
	return true;
}

/* Takes the end of the line off. */
static bool check_line(char *text, const char *path, const char *kind)
{
	size_t length = strcspn(text, "\r\n");
	const char *rest = text + length + (text[length] == '\r');

	if (!length || (*rest && strcmp(rest, "\n") != 0)) {
		diag_print(DIAG_ERROR, "the %s '%s' %s", kind, path,
			   length ? "has more than one line" : "begins with an empty line");
		return false;
	}
	text[length] = '\0';
	return true;
}

static void secret_free(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

/* The one line of a file of secrets. */
static char *secret_read(const char *path, const char *kind)
{
	int fd = file_open(path, kind);
	char *secret = NULL;

	if (fd >= 0 && check_private(fd, path, kind))
		secret = descriptor_read(fd, path, kind, SECRET_MAX);
	if (fd >= 0)
		close(fd);
	if (secret && !check_line(secret, path, kind)) {
		secret_free(secret);
		return NULL;
	}
	return secret;
}

/* ---- what a header must say ---- */

/* RFC 4648, section 4. NULL: no memory. */
static char *base64_encode(const char *text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t length = strlen(text);
	char *encoded = calloc(1, (length + 2) / 3 * 4 + 1), *end = encoded;

	for (size_t i = 0; encoded && i < length; i += 3) {
		uint32_t bits = (uint32_t)(unsigned char)text[i] << 16;

		if (i + 1 < length)
			bits |= (uint32_t)(unsigned char)text[i + 1] << 8;
		if (i + 2 < length)
			bits |= (unsigned char)text[i + 2];
		*end++ = digits[bits >> 18];
		*end++ = digits[bits >> 12 & 63];
		*end++ = i + 1 < length ? digits[bits >> 6 & 63] : '=';
		*end++ = i + 2 < length ? digits[bits & 63] : '=';
	}
	return encoded;
}

static char *basic_read(const char *path)
{
	static const char kind[] = "file of a user's password";
	char *secret = secret_read(path, kind), *basic = NULL;

	if (!secret)
		return NULL;
	if (!strchr(secret, ':')) {
		diag_print(DIAG_ERROR, "the %s '%s' is not USER:PASSWORD", kind, path);
	} else {
		basic = base64_encode(secret);
		if (!basic)
			diag_print_errno(DIAG_ERROR, ENOMEM, "cannot take the %s '%s'", kind, path);
	}
	secret_free(secret);
	return basic;
}

bool access_open(struct access *access, const char *basic_file, const char *bearer_file)
{
	*access = (struct access){ NULL, NULL };
	if (basic_file)
		access->basic = basic_read(basic_file);
	if (bearer_file && (access->basic || !basic_file))
		access->bearer = secret_read(bearer_file, "file of the bearer token");
	return (access->basic || !basic_file) && (access->bearer || !bearer_file);
}

void access_close(struct access *access)
{
	secret_free(access->basic);
	secret_free(access->bearer);
	*access = (struct access){ NULL, NULL };
}

/* Every character of what is given is looked at, however early it differs; volatile keeps the compiler from seeing that
 * the answer is known before. */
static bool equals_secret(const char *given, const char *secret)
{
	size_t given_length = strlen(given), length = strlen(secret);
	volatile unsigned char difference = given_length != length;

	for (size_t i = 0; i < given_length; i++)
		difference |= (unsigned char)(given[i] ^ secret[length ? i % length : 0]);
	return !difference;
}

/* What stands behind the scheme, whose case does not matter, or NULL. */
static const char *find_credentials(const char *authorization, const char *scheme)
{
	size_t length = strlen(scheme);

	if (strncasecmp(authorization, scheme, length) != 0 || authorization[length] != ' ')
		return NULL;
	return authorization + length + strspn(authorization + length, " ");
}

static bool allows_by(const char *scheme, const char *secret, const char *authorization)
{
	const char *given = secret && authorization ? find_credentials(authorization, scheme) : NULL;

	return given && equals_secret(given, secret);
}

bool access_allows(const struct access *access, const char *authorization)
{
	if (!access->basic && !access->bearer)
		return true;
	return allows_by("Basic", access->basic, authorization) || allows_by("Bearer", access->bearer, authorization);
}
