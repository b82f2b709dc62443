/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server of --listen, by libmicrohttpd, in the program's own event loop and thread: /metrics, /healthz and /.
 *
 * A page is made when it is asked for, in the format that the Accept header prefers, and shared by all that ask within
 * PAGE_SHARED_MS, so that many scrapers cost as much as few. What a client does or leaves undone holds up nobody else:
 * there is a limit on connections, on the size of what one sends, and on the time it may take. Where there are nearly as
 * many as there may be, a new one ends the one that has been waited for longest. Where pages that are being sent take too much
 * memory, the connections that take older ones are ended.
 */
#ifndef OTB_EXPOSE_HTTP_H
#define OTB_EXPOSE_HTTP_H

#include <sys/socket.h>

#include "common/cli/loop.h"
#include "common/metrics/exposition.h"

enum {
	HTTP_CONNECTIONS_MAX = 1100,
	HTTP_TIMEOUT_SECONDS = 20,    /* without a byte in either direction */
	HTTP_REQUEST_SECONDS = 30,    /* from the connection, or the answer before, to the whole request */
	HTTP_ANSWER_SECONDS = 60,     /* to take the whole answer */
	HTTP_REQUEST_MAX = 32 * 1024, /* bytes of a request's line and headers */
	HTTP_HELD_MAX = 64 << 20,     /* bytes of pages that are being sent, */
	HTTP_HELD_PAGES = 8,          /* or so many of them, if that is more */
	PAGE_SHARED_MS = 50,
};

struct http_options {
	struct sockaddr_storage address; /* IPv4 or IPv6 */
	socklen_t address_size;
	bool any_port;           /* its port is 0: any that is free, which is said on stderr */
	const char *certificate; /* PEM files; both or none. TLS 1.2 and 1.3 */
	const char *key;
	const char *basic_file;  /* one line, user:password */
	const char *bearer_file; /* one line, the token */
};

/* Makes the page in page->format. False: no memory. */
typedef bool http_page_callback(void *context, struct page *page);

struct http_server;

/* Starts to serve. NULL: said on stderr what is wrong (a port in use, a certificate that is none, a file of secrets that
 * others may read). The options' strings need not stay. */
struct http_server *http_open(const struct http_options *options, struct loop *loop, http_page_callback *make_page,
			      void *context);

/* Ends every connection. NULL is allowed. */
void http_close(struct http_server *server);

struct http_counts {         /* what it has to tell of itself */
	uint64_t scrapes;    /* pages sent, or begun */
	double last_seconds; /* to make the last page */
};

struct http_counts http_counts(const struct http_server *server);

#endif
