/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses in the texts of a traced program: the parts of a URL, a Host header or :authority, the address of a peer.
 * The texts are bytes with a length and may hold anything; what is not of the form is left out, each part by itself.
 * RFC 3986 3.2 (authority), 3.3 (path); Go net.TCPAddr.String(), net.UnixAddr.String().
 */
#ifndef OTB_TRACE_URL_H
#define OTB_TRACE_URL_H

#include <stdbool.h>
#include <stddef.h>

enum { URL_SIZE = 2048 };

struct address {
	const char *text;  /* a part of what was parsed; IPv6 without brackets */
	size_t length;     /* 0: not known */
	unsigned int port; /* 0: not known */
};

/* server.address and server.port of an authority, "host", "host:port", "[::1]:port". Without a port it is the scheme's
 * (http, https, ws, wss; a length of 0: none), but not where there is something else in its place. User information,
 * which an authority may have though a Host header may not, is skipped. */
struct address address_of_authority(const char *authority, size_t length, const char *scheme, size_t scheme_length);

/* network.peer.address and .port of what Go calls RemoteAddr: "192.0.2.1:80", "[fe80::1%eth0]:80" (with its zone), the
 * path of a Unix socket or "@name", and "@" for one without a name, which gives nothing. */
struct address address_of_peer(const char *peer, size_t length);

/* url.full of a client's request: "scheme://host/path", without user information, query and fragment. `path` is Go's
 * URL.Path, or RawPath where that is set: then `is_raw`, and an escape stays. Bytes that a path cannot have are
 * percent-encoded. Returns the length, and writes a NUL behind it; cut where there is no room, but not within an escape.
 * 0: scheme or host is missing or none. */
size_t url_full(const char *scheme, size_t scheme_length, const char *host, size_t host_length, const char *path,
		size_t path_length, bool is_raw, char url[URL_SIZE]);

/* Whether a path as it was written (URL.RawPath) is the path (URL.Path), which is what counts: a program may have set
 * another one. Of one that `is_cut` it may be the beginning. */
bool url_is_raw_path(const char *raw, size_t raw_length, bool is_cut, const char *path, size_t path_length);

#endif
