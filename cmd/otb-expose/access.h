/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may ask: a name and a password (RFC 7617), a bearer token (RFC 6750), either of the two, or anybody.
 *
 * Both come from files of one line, which are read once, at the start.
 */
#ifndef OTB_EXPOSE_ACCESS_H
#define OTB_EXPOSE_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

struct access {
	char *basic, *bearer; /* what must follow the scheme in Authorization; NULL: not asked for */
};

/* A whole file with a NUL behind it, which the caller frees. `kind` is what messages call it. NULL: said on stderr (it
 * cannot be read, is empty or longer than `size_max`, holds a NUL). */
char *file_read(const char *path, const char *kind, size_t size_max);

/* Either file may be NULL. False: said on stderr (the above; not one line; others than the owner may read or change it;
 * not USER:PASSWORD). */
bool access_open(struct access *access, const char *basic_file, const char *bearer_file);
void access_close(struct access *access);

/* Whether a request with this Authorization header, or without one (NULL), is let in. How long it takes tells nothing of
 * the secret but perhaps its length. */
bool access_allows(const struct access *access, const char *authorization);

#endif
