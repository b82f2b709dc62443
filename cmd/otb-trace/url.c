/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-trace/url.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "common/record/json.h"

/* ---- ports ---- */

static unsigned int default_port(const char *scheme, size_t length)
{
	static const struct {
		const char *scheme;
		unsigned int port;
	} known[] = { { "http", 80 }, { "https", 443 }, { "ws", 80 }, { "wss", 443 } };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i].scheme) == length && !strncasecmp(scheme, known[i].scheme, length))
			return known[i].port;
	return 0;
}

/* 1 to 65535 in decimal digits, else 0. */
static unsigned int parse_port(const char *text, size_t length)
{
	unsigned int port = 0;

	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		port = port * 10 + (unsigned int)(text[i] - '0');
		if (port > 65535)
			return 0;
	}
	return port;
}

/* ---- hosts ---- */

/* Letters, digits and what names of hosts are made of; bytes above ASCII, which are in names that are not encoded yet. */
static bool is_host_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80 ||
	       (c && strchr("-._~!$&'()*+,;=%", c));
}

static bool is_host(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!is_host_byte(text[i]))
			return false;
	return length;
}

static bool is_ip(int family, const char *text, size_t length)
{
	char copy[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (!length || length >= sizeof(copy) || memchr(text, '\0', length))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	return inet_pton(family, copy, &address) == 1;
}

/* An IPv6 address, perhaps with a zone, which begins with a '%' (in URLs "%25", RFC 6874). */
static bool is_ipv6(const char *text, size_t length)
{
	const char *zone = memchr(text, '%', length);

	if (zone && !is_host(zone + 1, (size_t)(text + length - zone - 1)))
		return false;
	return is_ip(AF_INET6, text, zone ? (size_t)(zone - text) : length);
}

/* ---- authorities ---- */

struct authority {
	const char *host; /* without brackets */
	size_t host_length;
	const char *port; /* NULL: there is none, not even a colon */
	size_t port_length;
	bool has_brackets;
};

static void split_port(const char *colon, const char *end, struct authority *authority)
{
	if (colon == end)
		return;
	authority->port = colon + 1;
	authority->port_length = (size_t)(end - colon - 1);
}

/* False: it cannot be told what is what. */
static bool split_authority(const char *text, size_t length, struct authority *authority)
{
	const char *end = text + length, *close, *colon;

	*authority = (struct authority){ .host = text };
	if (length && *text == '[') {
		close = memchr(text, ']', length);
		if (!close || (close + 1 < end && close[1] != ':'))
			return false;
		authority->host++;
		authority->host_length = (size_t)(close - authority->host);
		authority->has_brackets = true;
		split_port(close + 1, end, authority);
		return true;
	}
	colon = length ? memchr(text, ':', length) : NULL;
	authority->host_length = colon ? (size_t)(colon - text) : length;
	split_port(colon ? colon : end, end, authority);
	return !colon ||
	       !memchr(colon + 1, ':', (size_t)(end - colon - 1)); /* IPv6 without brackets: which is the port? */
}

static const char *skip_user(const char *text, size_t *length)
{
	const char *at = *length ? memrchr(text, '@', *length) : NULL;

	if (!at)
		return text;
	*length -= (size_t)(at + 1 - text);
	return at + 1;
}

static bool has_good_host(const struct authority *authority)
{
	return authority->has_brackets ? is_ipv6(authority->host, authority->host_length)
				       : is_host(authority->host, authority->host_length);
}

struct address address_of_authority(const char *authority, size_t length, const char *scheme, size_t scheme_length)
{
	struct address address = { .length = 0 };
	struct authority parts;

	authority = skip_user(authority, &length);
	if (!length || !split_authority(authority, length, &parts))
		return address;
	if (has_good_host(&parts)) {
		address.text = parts.host;
		address.length = parts.host_length;
	}
	if (parts.port_length)
		address.port = parse_port(parts.port, parts.port_length);
	else if (address.length)
		address.port = default_port(scheme, scheme_length);
	return address;
}

struct address address_of_peer(const char *peer, size_t length)
{
	struct address address = { .length = 0 };
	struct authority parts;

	if (!length || (length == 1 && *peer == '@'))
		return address;
	if (*peer == '/' || *peer == '@')
		return (struct address){ .text = peer, .length = length };
	if (!split_authority(peer, length, &parts) || !parts.port)
		return address;
	if (parts.has_brackets ? is_ipv6(parts.host, parts.host_length)
			       : is_ip(AF_INET, parts.host, parts.host_length)) {
		address.text = parts.host;
		address.length = parts.host_length;
		address.port = parse_port(parts.port, parts.port_length);
	}
	return address;
}

/* ---- URLs ---- */

struct writer {
	char *out;
	size_t length, capacity;
};

/* All of it or nothing. */
static bool write_bytes(struct writer *writer, const char *bytes, size_t length)
{
	if (length > writer->capacity - writer->length)
		return false;
	memcpy(writer->out + writer->length, bytes, length);
	writer->length += length;
	return true;
}

static bool is_hex(char c)
{
	return json_hex_digit(c) >= 0;
}

bool url_is_raw_path(const char *raw, size_t raw_length, bool is_cut, const char *path, size_t path_length)
{
	size_t n = 0;

	for (size_t i = 0; i < raw_length; i++, n++) {
		char c = raw[i];

		if (c == '%') {
			if (raw_length - i <= 2)
				return is_cut;
			if (!is_hex(raw[i + 1]) || !is_hex(raw[i + 2]))
				return false;
			c = (char)(json_hex_digit(raw[i + 1]) << 4 | json_hex_digit(raw[i + 2]));
			i += 2;
		}
		if (n == path_length || path[n] != c)
			return false;
	}
	return raw_length && (is_cut || n == path_length);
}

/* RFC 3986: pchar without escapes, and the slash. */
static bool is_path_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("/-._~!$&'()*+,;=:@", c));
}

static void write_path(struct writer *writer, const char *path, size_t length, bool is_raw)
{
	static const char digits[] = "0123456789ABCDEF";
	bool fits = true;

	for (size_t i = 0; i < length && fits; i++) {
		unsigned char c = (unsigned char)path[i];
		char escape[3] = { '%', digits[c >> 4], digits[c & 15] };

		if (is_path_byte(path[i])) {
			fits = write_bytes(writer, path + i, 1);
		} else if (is_raw && c == '%' && length - i > 2 && is_hex(path[i + 1]) && is_hex(path[i + 2])) {
			fits = write_bytes(writer, path + i, 3);
			i += 2;
		} else {
			fits = write_bytes(writer, escape, sizeof(escape));
		}
	}
}

/* RFC 3986 3.1. */
static bool is_scheme(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		char c = (char)(text[i] | 0x20);
		bool is_letter = c >= 'a' && c <= 'z';

		if (!is_letter && (!i || !((text[i] >= '0' && text[i] <= '9') || (text[i] && strchr("+-.", text[i])))))
			return false;
	}
	return length;
}

size_t url_full(const char *scheme, size_t scheme_length, const char *host, size_t host_length, const char *path,
		size_t path_length, bool is_raw, char url[URL_SIZE])
{
	struct writer writer = { .out = url, .capacity = URL_SIZE - 1 };
	struct authority parts;

	url[0] = '\0';
	host = skip_user(host, &host_length);
	if (!is_scheme(scheme, scheme_length) || !host_length || !split_authority(host, host_length, &parts) ||
	    !has_good_host(&parts) || (parts.port_length && !parse_port(parts.port, parts.port_length)) ||
	    scheme_length + strlen("://") + host_length > writer.capacity)
		return 0;
	write_bytes(&writer, scheme, scheme_length);
	write_bytes(&writer, "://", strlen("://"));
	write_bytes(&writer, host, host_length);
	if (!path_length || *path != '/')
		write_bytes(&writer, "/", 1);
	write_path(&writer, path, path_length, is_raw);
	url[writer.length] = '\0';
	return writer.length;
}
