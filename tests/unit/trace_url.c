/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and ports of authorities and peers, and URLs that hold no secrets. */
#include "cmd/otb-trace/url.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *authority, *scheme, *address;
	unsigned int port;
} authorities[] = {
	{ "example.com", "http", "example.com", 80 },
	{ "example.com", "https", "example.com", 443 },
	{ "example.com", "HTTPS", "example.com", 443 },
	{ "example.com", "wss", "example.com", 443 },
	{ "example.com", "", "example.com", 0 },
	{ "example.com", "dns", "example.com", 0 },
	{ "example.com:8080", "http", "example.com", 8080 },
	{ "example.com:", "http", "example.com", 80 },
	{ "10.1.2.3:1", "http", "10.1.2.3", 1 },
	{ "a_b:65535", "http", "a_b", 65535 },
	{ "caf\xc3\xa9.fr", "http", "caf\xc3\xa9.fr", 80 },
	{ "[::1]", "http", "::1", 80 },
	{ "[::1]:", "https", "::1", 443 },
	{ "[2001:db8::1]:8443", "https", "2001:db8::1", 8443 },
	{ "[fe80::1%25eth0]:80", "http", "fe80::1%25eth0", 80 },
	{ "user:secret@example.com:81", "http", "example.com", 81 },
	{ "user:se@cret@example.com", "http", "example.com", 80 },
	/* One part only. */
	{ "example.com:http", "http", "example.com", 0 },
	{ "example.com:0", "http", "example.com", 0 },
	{ "example.com:65536", "http", "example.com", 0 },
	{ "example.com:99999999999999999999", "http", "example.com", 0 },
	{ "example.com:-1", "http", "example.com", 0 },
	{ "example.com: 80", "http", "example.com", 0 },
	{ ":8080", "http", "", 8080 },
	{ "a b:8080", "http", "", 8080 },
	{ "a/b:8080", "http", "", 8080 },
	{ "[::g]:8080", "http", "", 8080 },
	{ "[10.1.2.3]:8080", "http", "", 8080 },
	{ "[fe80::1%]:8080", "http", "", 8080 },
	/* None. */
	{ "", "http", "", 0 },
	{ ":", "http", "", 0 },
	{ "user@", "http", "", 0 },
	{ "::1", "http", "", 0 },
	{ "a:1:2", "http", "", 0 },
	{ "[::1", "http", "", 0 },
	{ "[::1]8080", "http", "", 0 },
	{ "[", "http", "", 0 },
	{ "[]", "http", "", 0 },
	{ "a\nb", "http", "", 0 },
	{ "<script>", "http", "", 0 },
};

static const struct {
	const char *peer, *address;
	unsigned int port;
} peers[] = {
	{ "192.0.2.1:34567", "192.0.2.1", 34567 },
	{ "[::1]:80", "::1", 80 },
	{ "[fe80::1%eth0]:80", "fe80::1%eth0", 80 },
	{ "[::ffff:192.0.2.1]:80", "::ffff:192.0.2.1", 80 },
	{ "192.0.2.1:0", "192.0.2.1", 0 },
	{ "/run/a b.sock", "/run/a b.sock", 0 },
	{ "@abstract", "@abstract", 0 },
	{ "@", "", 0 },
	{ "", "", 0 },
	{ "192.0.2.1", "", 0 },
	{ "192.0.2.256:80", "", 0 },
	{ "192.0.2.1.5:80", "", 0 },
	{ "[::1]", "", 0 },
	{ "::1:80", "", 0 },
	{ "pipe", "", 0 },
	{ "bufconn:80", "", 0 },
	{ "[fe80::1%a b]:80", "", 0 },
	{ "[00000000000000000000000000000000000000000000000000::1]:80", "", 0 },
};

static const struct {
	const char *scheme, *host, *path, *url;
} urls[] = {
	{ "http", "example.com", "/a/b", "http://example.com/a/b" },
	{ "https", "example.com:8443", "/", "https://example.com:8443/" },
	{ "https", "example.com", "", "https://example.com/" },
	{ "http", "[::1]:80", "a", "http://[::1]:80/a" },
	{ "http", "user:secret@example.com", "/a", "http://example.com/a" },
	{ "http", "h", "/a b?c#d\"<>\\^`{|}", "http://h/a%20b%3Fc%23d%22%3C%3E%5C%5E%60%7B%7C%7D" },
	{ "http", "h", "/-._~!$&'()*+,;=:@", "http://h/-._~!$&'()*+,;=:@" },
	{ "http", "h", "/caf\xc3\xa9\n\x7f", "http://h/caf%C3%A9%0A%7F" },
	{ "http", "h", "/a%2Fb%2f%zz%4", "http://h/a%2Fb%2f%25zz%254" },
	{ "http", "h", "*", "http://h/*" },
	{ "http", "h:", "/", "http://h:/" },
	{ "git+ssh", "h", "/", "git+ssh://h/" },
	/* No scheme or no host: no URL. */
	{ "", "h", "/", "" },
	{ "1http", "h", "/", "" },
	{ "ht tp", "h", "/", "" },
	{ "http", "", "/", "" },
	{ "http", ":80", "/", "" },
	{ "http", "h/a?secret", "/", "" },
	{ "http", "h:port", "/", "" },
	{ "http", "[::1", "/", "" },
	{ "http", "user@", "/", "" },
};

/* In a block of its own, with nothing behind. */
static char *copy_of(const char *text)
{
	size_t length = strlen(text);
	char *copy = malloc(length ? length : 1);

	if (!copy)
		abort();
	memcpy(copy, text, length);
	return copy;
}

static bool address_is(struct address address, const char *text, unsigned int port)
{
	return address.length == strlen(text) && (!address.length || !memcmp(address.text, text, address.length)) &&
	       address.port == port;
}

static void test_addresses(void)
{
	for (size_t i = 0; i < COUNT(authorities); i++) {
		char *authority = copy_of(authorities[i].authority), *scheme = copy_of(authorities[i].scheme);
		struct address address = address_of_authority(authority, strlen(authorities[i].authority), scheme,
							      strlen(authorities[i].scheme));

		check(address_is(address, authorities[i].address, authorities[i].port),
		      "authority '%s' of '%s': '%.*s' %u", authorities[i].authority, authorities[i].scheme,
		      (int)address.length, address.text, address.port);
		free(authority);
		free(scheme);
	}
	for (size_t i = 0; i < COUNT(peers); i++) {
		char *peer = copy_of(peers[i].peer);
		struct address address = address_of_peer(peer, strlen(peers[i].peer));

		check(address_is(address, peers[i].address, peers[i].port), "peer '%s': '%.*s' %u", peers[i].peer,
		      (int)address.length, address.text, address.port);
		free(peer);
	}
	check(!address_of_peer("1.2.3.4\0:80", 11).length, "a NUL ends no address");
	check(!address_of_authority("a\0:80", 5, "", 0).length, "nor a host");
}

static void test_urls(void)
{
	char url[URL_SIZE];

	for (size_t i = 0; i < COUNT(urls); i++) {
		char *scheme = copy_of(urls[i].scheme), *host = copy_of(urls[i].host), *path = copy_of(urls[i].path);
		size_t length = url_full(scheme, strlen(urls[i].scheme), host, strlen(urls[i].host), path,
					 strlen(urls[i].path), true, url);

		check(length == strlen(urls[i].url) && !strcmp(url, urls[i].url), "'%s', not '%s'", urls[i].url, url);
		free(scheme);
		free(host);
		free(path);
	}
	url_full("http", 4, "h", 1, "/a%2Fb%zz%4", 11, false, url);
	check(!strcmp(url, "http://h/a%252Fb%25zz%254"), "a decoded path has no escapes: '%s'", url);
}

static void test_raw_paths(void)
{
	static const struct {
		const char *raw, *path;
		bool is_cut, is_raw;
	} paths[] = {
		{ "/a%2Fb", "/a/b", false, true },
		{ "/a%2fb%00", "/a/b\1", false, false },
		{ "/a%2Fb", "/v2/b", false, false },
		{ "/a%2Fb", "/a/b/c", false, false },
		{ "/a%2Fb/c", "/a/b", false, false },
		{ "/a%2Fb", "/a/b/c", true, true },
		{ "/a%2", "/a/b", true, true },
		{ "/a%2", "/a/b", false, false },
		{ "/a%zz", "/a%zz", false, false },
		{ "", "", false, false },
		{ "", "/a", true, false },
	};

	for (size_t i = 0; i < COUNT(paths); i++) {
		char *raw = copy_of(paths[i].raw), *path = copy_of(paths[i].path);

		check(url_is_raw_path(raw, strlen(paths[i].raw), paths[i].is_cut, path, strlen(paths[i].path)) ==
			      paths[i].is_raw,
		      "'%s' is %sthe path '%s'", paths[i].raw, paths[i].is_raw ? "" : "not ", paths[i].path);
		free(raw);
		free(path);
	}
}

static void test_long_urls(void)
{
	static char path[2 * URL_SIZE];
	char url[URL_SIZE];
	bool is_good = true;

	memset(path, 'a', sizeof(path));
	check(url_full("http", 4, "h", 1, path, sizeof(path), true, url) == URL_SIZE - 1 && strlen(url) == URL_SIZE - 1,
	      "a long path is cut");
	memset(path, ' ', sizeof(path));
	for (size_t i = 0; i < 3; i++) {
		char host[] = "hhh";
		size_t length = url_full("http", 4, host, i + 1, path, sizeof(path), true, url);

		is_good &= length > URL_SIZE - 4 && length < URL_SIZE && !strcmp(url + length - 3, "%20");
	}
	check(is_good, "but not within an escape");
	memset(path, 'h', sizeof(path));
	check(!url_full("http", 4, path, sizeof(path), "/", 1, true, url) && !*url,
	      "a host that is too long gives no URL");
}

int main(void)
{
	test_addresses();
	test_urls();
	test_raw_paths();
	test_long_urls();
	return finish_tests();
}
