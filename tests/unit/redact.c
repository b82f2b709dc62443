/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redaction: how it is written, masks, hashes against the test cases of RFC 4231 that a key of 16 bytes and a text allow,
 * keys from files and pipes.
 */
#include "cmd/otb-sample/redact.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cli/diag.h"
#include "tests/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- helpers ---- */

/* Reads a key; what it says on stderr is in `said`. */
static bool read_key_from(struct redact *redact, const char *path, char said[512])
{
	int messages = memfd_create("stderr", 0), saved = dup(STDERR_FILENO);

	if (dup2(messages, STDERR_FILENO) < 0)
		abort();
	bool good = redact_read_key(redact, path);
	dup2(saved, STDERR_FILENO);
	ssize_t n = pread(messages, said, 511, 0);
	said[n < 0 ? 0 : n] = '\0';
	close(saved);
	close(messages);
	return good;
}

/* The same out of a file in memory with this mode. */
static bool read_key_of_mode(struct redact *redact, const void *bytes, size_t length, mode_t mode, char said[512])
{
	char path[64];
	int fd = memfd_create("key", 0);

	if (write(fd, bytes, length) != (ssize_t)length || fchmod(fd, mode))
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	bool good = read_key_from(redact, path, said);
	close(fd);
	return good;
}

static bool read_key(struct redact *redact, const void *bytes, size_t length)
{
	char said[512];

	return read_key_of_mode(redact, bytes, length, 0600, said);
}

/* The line as it is redacted, to be freed; NULL: nothing of it is, or it is no record, or no memory. What it becomes must
 * be a record. */
static char *redact_text(struct redact *redact, const char *text)
{
	static struct json_names names;
	struct json_value values[JSON_NAMES_MAX];
	struct record_view record = { .length = strlen(text), .values = values };
	char *line = malloc(record.length + JSON_PADDING), *result = NULL;
	size_t offset;

	json_names_init(&names);
	record.line = line;
	memcpy(line, text, record.length);
	memset(line + record.length, '"', JSON_PADDING);
	line[record.length] = '\0';
	if (json_scan(&names, line, record.length, values, &record.brace) == JSON_OK &&
	    redact_concerns(redact, &record) && redact_line(redact, &record) &&
	    json_scan(&names, redact->line.bytes, redact->line.length, values, &offset) == JSON_OK)
		result = strdup(redact->line.bytes);
	free(line);
	return result;
}

/* ---- options ---- */

static void test_options(void)
{
	static const char *const good[] = { "a:mask", "b:mask:0:0",      "c:mask:1000:1000",
					    "d:hash", "user.email:omit", "e e:mask:02:3" };
	static const char *const bad[] = { "",
					   ":",
					   "a",
					   "a:",
					   ":mask",
					   "a:MASK",
					   "a:mask ",
					   "a: mask",
					   "a:mask:",
					   "a:mask:1",
					   "a:mask:1:",
					   "a:mask::1",
					   "a:mask:1:2:",
					   "a:mask:1:2 ",
					   "a:mask:+1:2",
					   "a:mask:-1:2",
					   "a:mask:1001:0",
					   "a:mask:0:1001",
					   "a:mask:1:x",
					   "a:mask:0x1:1",
					   "a:hash:",
					   "a:hash:sha1",
					   "a:omit:1",
					   "a:hide",
					   "a:b:mask",
					   "a:mask:99999999999999999999:1" };
	struct redact redact = { .n = 0 };

	for (size_t i = 0; i < COUNT(bad); i++)
		check(redact_parse(&redact, bad[i]) && !redact.n, "'%s' is no redaction", bad[i]);
	for (size_t i = 0; i < COUNT(good); i++)
		check(!redact_parse(&redact, good[i]) && redact.n == i + 1, "'%s' is one", good[i]);
	check(redact.list[0].how == REDACT_MASK && !redact.list[0].prefix && !redact.list[0].suffix &&
		      redact.list[2].prefix == 1000 && redact.list[2].suffix == 1000 &&
		      redact.list[3].how == REDACT_HASH && redact.list[4].how == REDACT_OMIT &&
		      !strcmp(redact.list[4].name, "user.email") && redact.list[5].prefix == 2 &&
		      redact.list[5].suffix == 3,
	      "they are taken as they are written");
	check(redact_parse(&redact, "a:omit") && redact_parse(&redact, "user_email:mask") && redact.n == COUNT(good),
	      "a field is redacted in one way");
	check(redact_parse(&redact, "a:mask:1:2") && !redact_parse(&redact, "f:mask") && !redact.list[6].prefix &&
		      !redact.list[6].suffix,
	      "and what is refused leaves nothing behind");
	redact_close(&redact);
}

static void test_many(void)
{
	struct redact redact = { .n = 0 };
	char text[JSON_NAME_LENGTH_MAX + 16];
	bool good = true;

	memset(text, 'a', sizeof(text));
	strcpy(text + JSON_NAME_LENGTH_MAX + 1, ":mask");
	check(redact_parse(&redact, text) && !redact.n, "a name may not be too long");
	strcpy(text + JSON_NAME_LENGTH_MAX, ":mask");
	check(!redact_parse(&redact, text) && redact.n == 1, "but as long as any");
	for (int i = 1; i < REDACTIONS_MAX; i++) {
		snprintf(text, sizeof(text), "field_%d:mask", i);
		good = good && !redact_parse(&redact, text);
	}
	check(good && redact_parse(&redact, "one_more:mask") && redact.n == REDACTIONS_MAX, "there may be %d of them",
	      REDACTIONS_MAX);
	redact_close(&redact);
}

static void test_needs_key(void)
{
	struct redact redact = { .n = 0 };

	redact_parse(&redact, "a:mask");
	redact_parse(&redact, "b:omit");
	check(!redact_needs_key(&redact), "a mask needs no key");
	redact_parse(&redact, "c:hash");
	check(redact_needs_key(&redact), "a hash needs one");
	redact_close(&redact);
}

/* ---- lines ---- */

static const struct line_case {
	const char *options;         /* separated by spaces */
	const char *line, *redacted; /* NULL: the record is not concerned */
} cases[] = {
	{ "a:mask", "{\"a\":\"secret\"}", "{\"a\":\"******\"}" },
	{ "a:mask", "{\"a\":\"\"}", "{\"a\":\"\"}" },
	{ "a:mask", "{\"b\":\"a\"}", NULL },
	{ "a:mask", "{}", NULL },
	{ "a:mask", "{\"b\":{\"a\":1}}", NULL },
	{ "a:mask", " { \"a\" : \"x\" , \"b\":\"a\" } \r", " { \"a\" : \"*\" , \"b\":\"a\" } \r" },
	{ "a:mask", "{\"aa\":1,\"a\":\"x\",\"\":2}", "{\"aa\":1,\"a\":\"*\",\"\":2}" },
	/* what stays of a mask */
	{ "a:mask:0:0", "{\"a\":\"secret\"}", "{\"a\":\"******\"}" },
	{ "a:mask:2:3", "{\"a\":\"0123456789\"}", "{\"a\":\"01*****789\"}" },
	{ "a:mask:2:3", "{\"a\":\"012345\"}", "{\"a\":\"01*345\"}" },
	{ "a:mask:2:3", "{\"a\":\"01234\"}", "{\"a\":\"*****\"}" },
	{ "a:mask:2:3", "{\"a\":\"0\"}", "{\"a\":\"*\"}" },
	{ "a:mask:2:3", "{\"a\":\"\"}", "{\"a\":\"\"}" },
	{ "a:mask:2:0", "{\"a\":\"0123\"}", "{\"a\":\"01**\"}" },
	{ "a:mask:0:2", "{\"a\":\"0123\"}", "{\"a\":\"**23\"}" },
	{ "a:mask:1000:1000", "{\"a\":\"0123\"}", "{\"a\":\"****\"}" },
	/* characters: of two, three and four bytes, escaped, halves of surrogate pairs */
	{ "a:mask", "{\"a\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}", "{\"a\":\"***\"}" },
	{ "a:mask:1:1", "{\"a\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}", "{\"a\":\"\xc3\xa9*\xf0\x9f\x98\x80\"}" },
	{ "a:mask:1:1", "{\"a\":\"\\u00e9\\u20ac\\ud83d\\ude00\"}", "{\"a\":\"\xc3\xa9*\xf0\x9f\x98\x80\"}" },
	{ "a:mask:1:1", "{\"a\":\"\\ud83d\\ud83d\\ude00\\ude00\"}", "{\"a\":\"\xef\xbf\xbd*\xef\xbf\xbd\"}" },
	{ "a:mask:1:1", "{\"a\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}", "{\"a\":\"\xef\xbf\xbd*\xef\xbf\xbd\"}" },
	{ "a:mask:2:2", "{\"a\":\"\\\"\\\\x\\n\\u0000\"}", "{\"a\":\"\\\"\\\\*\\n\\u0000\"}" },
	{ "a:mask:1:1", "{\"a\":\"\x7f--\xc2\x85\"}", "{\"a\":\"\\u007f**\\u0085\"}" },
	/* what is no string */
	{ "a:mask:1:2", "{\"a\":-123.5e6}", "{\"a\":\"-*****e6\"}" },
	{ "a:mask", "{\"a\":true,\"a\":false}", "{\"a\":\"****\",\"a\":\"*****\"}" },
	{ "a:mask:2:2", "{\"a\":{ \"b\":\"\\\"\xc3\xa9\" }}", "{\"a\":\"{ ********* }\"}" },
	{ "a:mask:2:3", "{\"a\":[\"\\n\",{}]}", "{\"a\":\"[\\\"****{}]\"}" },
	{ "a:mask", "{\"a\":null}", "{\"a\":null}" },
	{ "a:hash", "{\"a\":null,\"b\":1}", "{\"a\":null,\"b\":1}" },
	/* omitted */
	{ "a:omit", "{\"a\":1}", "{}" },
	{ "a:omit", "{\"a\":null,\"b\":2}", "{\"b\":2}" },
	{ "a:omit b:omit", "{ \"b\":2, \"c\":3, \"a\":1 }", "{ \"c\":3 }" },
	{ "a:omit b:mask", "{\"c\":1,\"a\":\"a\",\"b\":\"b\",\"a\":2}", "{\"c\":1,\"b\":\"*\"}" },
	/* all of a key, the last of which is all that the reader hands out */
	{ "a:mask", "{\"a\":\"one\",\"a\":null}", "{\"a\":\"***\",\"a\":null}" },
	{ "a:mask", "{\"a\":\"1\",\"\\u0061\":\"22\",\"b\":\"3\",\"a\":\"444\"}",
	  "{\"a\":\"*\",\"\\u0061\":\"**\",\"b\":\"3\",\"a\":\"***\"}" },
	/* both spellings */
	{ "u.e:mask", "{\"u.e\":\"1\",\"u_e\":\"22\",\"u\\u002ee\":\"333\",\"ue\":\"4\",\"u\":{\"e\":5}}",
	  "{\"u.e\":\"*\",\"u_e\":\"**\",\"u\\u002ee\":\"***\",\"ue\":\"4\",\"u\":{\"e\":5}}" },
	{ "u.e:mask", "{\"u_e\":\"22\"}", "{\"u_e\":\"**\"}" },
	{ "u_e:mask", "{\"u.e\":\"22\",\"u_e\":\"333\",\"u-e\":\"4\",\"u_e_\":\"5\",\"u_\":\"6\"}",
	  "{\"u.e\":\"**\",\"u_e\":\"***\",\"u-e\":\"4\",\"u_e_\":\"5\",\"u_\":\"6\"}" },
	{ ".e:mask", "{\"_e\":\"22\",\".e\":\"1\"}", "{\"_e\":\"**\",\".e\":\"*\"}" },
};

static void parse_options(struct redact *redact, const char *options)
{
	char *copy = strdup(options), *rest;

	for (char *option = strtok_r(copy, " ", &rest); option; option = strtok_r(NULL, " ", &rest))
		if (redact_parse(redact, option))
			abort();
	free(copy);
}

static void test_lines(void)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct redact redact = { .n = 0 };

		parse_options(&redact, cases[i].options);
		char *line = redact_text(&redact, cases[i].line);
		check(line && cases[i].redacted ? !strcmp(line, cases[i].redacted) : !line && !cases[i].redacted,
		      "%s: %s becomes %s", cases[i].options, cases[i].line,
		      cases[i].redacted ? cases[i].redacted : "nothing else");
		check(redact.redacted == (cases[i].redacted != NULL), "and is counted");
		free(line);
		redact_close(&redact);
	}
}

/* Zeros behind the length, and a long value does not stay in memory. */
static void test_padding(void)
{
	enum { LENGTH = 3 << 20 };
	struct redact redact = { .n = 0 };
	char *text = malloc(LENGTH + 32), zeros[JSON_PADDING] = { 0 };
	size_t length = (size_t)sprintf(text, "{\"a\":\"");

	redact_parse(&redact, "a:mask:1:1");
	memset(text + length, 'x', LENGTH);
	strcpy(text + length + LENGTH, "\"}");
	char *line = redact_text(&redact, text);
	check(line && strlen(line) == strlen(text) && !memcmp(line, "{\"a\":\"x****", 11) &&
		      !strcmp(line + length + LENGTH - 2, "*x\"}") &&
		      redact.line.capacity >= redact.line.length + JSON_PADDING &&
		      !memcmp(redact.line.bytes + redact.line.length, zeros, JSON_PADDING),
	      "a long value is masked, and the padding is there");
	free(line);
	free(redact_text(&redact, "{\"a\":\"0123456789012345678901234567890123456789\"}"));
	line = redact_text(&redact, "{\"a\":\"xyz\"}");
	check(line && !strcmp(line, "{\"a\":\"x*z\"}") && redact.line.capacity < LENGTH &&
		      redact.text.capacity < LENGTH,
	      "and a short one takes its memory away");
	check(!memcmp(redact.line.bytes + redact.line.length, zeros, JSON_PADDING),
	      "the padding of which is there too");
	free(line);
	free(text);
	redact_close(&redact);
}

/* A record that could not be redacted is not to be passed on: the value, or the line, may be what finds no memory. */
static void test_no_memory(void)
{
#ifdef __SANITIZE_ADDRESS__
	skip("a record that there is no memory for", "the sanitizer has an allocator of its own");
#else
	enum { LENGTH = 1 << 20 };
	static struct json_names names;
	static char text[LENGTH + JSON_PADDING];
	static const char *const values_of[] = { "{\"a\":\"%*d\"}", "{\"b\":\"%*d\",\"a\":1}" };
	struct json_value values[JSON_NAMES_MAX];
	struct record_view record = { .line = text, .values = values };
	struct redact redact = { .n = 0 };
	struct rlimit limit;

	redact_parse(&redact, "a:mask");
	json_names_init(&names);
	getrlimit(RLIMIT_AS, &limit);
	for (size_t i = 0; i < COUNT(values_of); i++) {
		record.length = (size_t)snprintf(text, LENGTH, values_of[i], LENGTH - 100, 1);
		bool good = json_scan(&names, text, record.length, values, &record.brace) == JSON_OK;
		setrlimit(RLIMIT_AS, &(struct rlimit){ 0, limit.rlim_max });
		bool redacted = redact_line(&redact, &record);
		setrlimit(RLIMIT_AS, &limit);
		check(good && !redacted && !redact.redacted, "a record that there is no memory for, place %zu", i + 1);
	}
	check(redact_line(&redact, &record) && redact.redacted == 1, "with memory it is redacted");
	redact_close(&redact);
#endif
}

/* ---- hashes ---- */

static bool hashes_to(struct redact *redact, const char *literal, const char *hex)
{
	char text[1024];

	snprintf(text, sizeof(text), "{\"c\":1,\"a\":%s}", literal);
	char *line = redact_text(redact, text);
	size_t start = strlen("{\"c\":1,\"a\":\"");
	bool good = line && strlen(line) == start + 64 + 2 && !strncmp(line + start, hex, strlen(hex)) &&
		    !strcmp(line + start + 64, "\"}");
	free(line);
	return good;
}

/* RFC 4231, sections 4.2, 4.6 (truncated to 128 bits), 4.7 and 4.8; the others have a key of 4 bytes, or no text. */
static void test_rfc_4231(void)
{
	static const struct {
		unsigned char byte;
		size_t length;
		const char *text, *hex;
	} vectors[] = {
		{ 0x0b, 20, "\"Hi There\"", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ 0x0c, 20, "\"Test With Truncation\"", "a3b6167473100ee06e0c796c2955552b" },
		{ 0xaa, 131, "\"Test Using Larger Than Block-Size Key - Hash Key First\"",
		  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
		{ 0xaa, 131,
		  "\"This is a test using a larger than block-size key and a larger than block-size data. The key needs to "
		  "be hashed before being used by the HMAC algorithm.\"",
		  "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
	};
	unsigned char key[131];

	for (size_t i = 0; i < COUNT(vectors); i++) {
		struct redact redact = { .n = 0 };

		redact_parse(&redact, "a:hash");
		memset(key, vectors[i].byte, vectors[i].length);
		check(read_key(&redact, key, vectors[i].length) &&
			      hashes_to(&redact, vectors[i].text, vectors[i].hex) &&
			      hashes_to(&redact, vectors[i].text, vectors[i].hex),
		      "%s of RFC 4231 is hashed, twice", vectors[i].text);
		redact_close(&redact);
	}
}

/* The hashes are of a few lines of Python around its own SHA-256, which is not libcrypto's. */
static void test_hashed_texts(void)
{
	static const struct {
		const char *literal, *hex;
	} texts[] = {
		{ "\"\"", "496dc93fa2d26eae500ec0bc37a122706b88f8963cebf0899d0245fae313e241" },
		{ "\"someone@example.com\"", "37094c20b6af91aac11339f1d599864fc8b6f9d464a44be359c4ea6880118b6d" },
		{ "\"some\\u006fne@example.com\"", "37094c20b6af91aac11339f1d599864fc8b6f9d464a44be359c4ea6880118b6d" },
		{ "\"\\u00e9\\u20ac\\ud83d\\ude00\"",
		  "45443b32ff8c61a70d56d11088d5e0cc5f1f07adf98a27e08cd1f203deb45b09" },
		{ "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
		  "45443b32ff8c61a70d56d11088d5e0cc5f1f07adf98a27e08cd1f203deb45b09" },
		{ "\"a\\\"\\\\\\n\\/\\u0000\"", "9181410f13e0a5590203e3702ef31e3ea0591ed622ab7f6c908381a7474e3473" },
		{ "\"\\udc00x\"", "2088c31b6d8cd51a823a0aa14cc578c030e74c14c5e80a288afa9442157ce666" },
		{ "\"\xef\xbf\xbdx\"", "2088c31b6d8cd51a823a0aa14cc578c030e74c14c5e80a288afa9442157ce666" },
		{ "-12.50e3", "fc45823abcc163037dd127271a7040827738656a974652a9893615c4929e1bf9" },
		{ "\"-12.50e3\"", "fc45823abcc163037dd127271a7040827738656a974652a9893615c4929e1bf9" },
		{ "true", "d3af9eb57408b54bafc0bcbfe2fd11d315c8c29753e669ef720860cd8286bb1c" },
		{ "{ \"b\":\"\\u00e9\" }", "83e37fabcfa9acceccc9950c1867564b332fb59b0609ee7dbb7d924b874fef1c" },
		{ "[1, 2]", "6d1a47e7b166c1d2d580d6dad21536fd828b427ff6c3d089b9709de256ae0f20" },
	};
	struct redact redact = { .n = 0 };

	redact_parse(&redact, "a:hash");
	check(read_key(&redact, "0123456789abcdef", 16), "a key of 16 bytes is read");
	for (size_t i = 0; i < COUNT(texts); i++)
		check(hashes_to(&redact, texts[i].literal, texts[i].hex), "%s is hashed", texts[i].literal);
	redact_close(&redact);
}

/* ---- keys ---- */

/* Both LF and CR LF, of which the LF alone is taken off; NULs; the shortest and the longest. */
static void test_key_bytes(void)
{
	static const struct {
		const char *key;
		size_t length;
		const char *hex; /* of "x" */
	} keys[] = {
		{ "0123456789abcdef", 16, "68f4d9c04881bab754f229e82dee00ccf8d9f6a7cf98125ac5e8254d6cd3cc3f" },
		{ "0123456789abcdef\n", 17, "68f4d9c04881bab754f229e82dee00ccf8d9f6a7cf98125ac5e8254d6cd3cc3f" },
		{ "0123456789abcdef\n\n", 18, "f78c81ac91287da8dff37765c0042b68842b77620b5200e5ec6e627573eb0100" },
		{ "0123456789abcdef\r\n", 18, "214a0cd48c0b4487453319c8a98aa55720a8200f168c88710577550c99d44005" },
		{ "\n123456789abcdef\n", 17, "9c36520df3e272affb9b0c28ab6fb49062c5d000076781e9c201d19c47813ee8" },
		{ "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16,
		  "4cbc96099a6467ce002461f10549b4898265ebe6188b45efacc44293516e62c4" },
	};

	for (size_t i = 0; i < COUNT(keys); i++) {
		struct redact redact = { .n = 0 };

		redact_parse(&redact, "a:hash");
		check(read_key(&redact, keys[i].key, keys[i].length) && hashes_to(&redact, "\"x\"", keys[i].hex),
		      "key %zu is taken byte for byte, without one LF", i + 1);
		redact_close(&redact);
	}
}

static bool takes_length(size_t length, const char *end)
{
	struct redact redact = { .n = 0 };
	char *key = malloc(length + 3);

	memset(key, 'k', length);
	strcpy(key + length, end);
	bool good = read_key(&redact, key, length + strlen(end));
	check(good == (redact.mac != NULL), "there is a key if it was taken");
	redact_close(&redact);
	free(key);
	return good;
}

static void test_key_lengths(void)
{
	struct redact redact = { .n = 0 };
	char longest[REDACT_KEY_MAX];

	check(!takes_length(0, "") && !takes_length(0, "\n") && !takes_length(4, "") && !takes_length(15, "") &&
		      !takes_length(15, "\n"),
	      "a key of less than 16 bytes is refused");
	check(takes_length(16, "") && takes_length(16, "\n") && takes_length(15, "\n\n"), "one of 16 is taken");
	check(takes_length(4096, "") && takes_length(4096, "\n") && takes_length(4095, "\n\n"), "one of 4096 is taken");
	check(!takes_length(4097, "") && !takes_length(4097, "\n") && !takes_length(4096, "\n\n") &&
		      !takes_length(100000, ""),
	      "one of more is refused");
	redact_parse(&redact, "a:hash");
	memset(longest, 'k', sizeof(longest));
	check(read_key(&redact, longest, sizeof(longest)) &&
		      hashes_to(&redact, "\"x\"", "4ac8b5bb7677213e897739f25a269a3408cffa267eed7d70569fd803c8941298"),
	      "all of it counts");
	check(!read_key(&redact, "", 0) && !redact.mac, "of two keys the last counts, and is none");
	redact_close(&redact);
}

static void test_key_permissions(void)
{
	static const struct {
		mode_t mode;
		bool warns;
	} modes[] = {
		{ 0600, false }, { 0400, false }, { 0622, false }, { 0640, true }, { 0604, true }, { 0644, true }
	};

	for (size_t i = 0; i < COUNT(modes); i++) {
		struct redact redact = { .n = 0 };
		char said[512];
		bool good = read_key_of_mode(&redact, "0123456789abcdef", 16, modes[i].mode, said);
		const char *warning = strstr(said, "others than its owner can read the key file");

		check(good && (modes[i].warns ? warning != NULL : !*said), "a key file of mode %o%s", modes[i].mode,
		      modes[i].warns ? ": a warning" : "");
		redact_close(&redact);
	}
}

static void test_key_places(void)
{
	static const struct {
		const char *path, *message;
	} refused[] = {
		{ "/", "neither a file nor a pipe" },
		{ "/dev/zero", "neither a file nor a pipe" },
		{ "/nonexistent/key", "No such file or directory" },
	};
	char said[512];
	struct redact redact = { .n = 0 };
	char path[64];
	int fds[2];

	redact_parse(&redact, "a:hash");
	if (pipe(fds) || write(fds[1], "01234567", 8) != 8)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	pid_t child = fork();
	if (!child) { /* the rest of it comes when the first half has been read */
		for (int left = 1; left && !ioctl(fds[1], FIONREAD, &left);)
			sched_yield();
		_exit(write(fds[1], "89abcdef\n", 9) != 9);
	}
	close(fds[1]);
	check(redact_read_key(&redact, path) &&
		      hashes_to(&redact, "\"x\"", "68f4d9c04881bab754f229e82dee00ccf8d9f6a7cf98125ac5e8254d6cd3cc3f"),
	      "a key comes through a pipe, in parts");
	waitpid(child, NULL, 0);
	close(fds[0]);
	for (size_t i = 0; i < COUNT(refused); i++) {
		check(!read_key_from(&redact, refused[i].path, said) && !redact.mac && strstr(said, refused[i].message),
		      "%s: %s", refused[i].path, refused[i].message);
	}
	redact_close(&redact);
}

int main(void)
{
	diag_init("redact", 0);
	test_options();
	test_many();
	test_needs_key();
	test_lines();
	test_padding();
	test_no_memory();
	test_rfc_4231();
	test_hashed_texts();
	test_key_bytes();
	test_key_lengths();
	test_key_permissions();
	test_key_places();
	return finish_tests();
}
