/* SPDX-License-Identifier: Apache-2.0 */
/* Files of rules: what is read of them, and what is said of those that are wrong, and where. */
#include "common/rule/rules_file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/diag.h"
#include "tests/unit/tap.h"

static char path[] = "/tmp/otb-rules-XXXXXX";
static char said_path[] = "/tmp/otb-said-XXXXXX"; /* stderr */

/* ---- helpers ---- */

static void write_file(const char *bytes, size_t length)
{
	FILE *stream = fopen(path, "w");

	if (!stream || fwrite(bytes, 1, length, stream) != length || fclose(stream))
		abort();
}

/* What has been said since the last call, without the program's and the file's name. */
static const char *take_said(void)
{
	static char said[1024];
	ssize_t length = pread(STDERR_FILENO, said, sizeof(said) - 1, 0);
	char *place;

	if (length < 0 || ftruncate(STDERR_FILENO, 0) || lseek(STDERR_FILENO, 0, SEEK_SET))
		abort();
	said[length] = '\0';
	place = strstr(said, path);
	return place ? place + strlen(path) : said;
}

static bool read_text(struct rules_file *file, const char *text, struct rules_file_switch *switches, unsigned int n)
{
	write_file(text, strlen(text));
	return rules_file_open(file, path, switches, n);
}

/* ---- good ones ---- */

static void check_rules(const char *text, const char *first, const char *second)
{
	const char *const expected[] = { first, second };
	struct rules_file file;
	bool passed = read_text(&file, text, NULL, 0) && file.n_rules == (unsigned int)!!first + !!second;

	for (unsigned int i = 0; passed && i < file.n_rules; i++)
		passed = !strcmp(file.rules[i].text, expected[i]);
	check(passed && !*take_said(), "%s is read", text);
	rules_file_close(&file);
}

static void test_rules(void)
{
	check_rules("{}", NULL, NULL);
	check_rules(" \r\n\t{ } \n", NULL, NULL);
	check_rules("{\"rules\": []}", NULL, NULL);
	check_rules("{\"rules\": [\"a: * -> 1\"]}\n", "a: * -> 1", NULL);
	check_rules("{\"rules\": [\"\", \"x\"]}", "", "x");
	check_rules("{\"r\\u0075les\": [\"\\u0061\\\"\\\\\\n\xc3\xa9\\u00e9\", \"\\ud83d\\ude00\"]}",
		    "a\"\\\n\xc3\xa9\xc3\xa9", "\xf0\x9f\x98\x80");
}

static void test_switches(void)
{
	struct rules_file_switch switches[] = { { "one", true }, { "two", false }, { "three", true } };
	struct rules_file file;

	check(read_text(&file, "{}", switches, 3) && switches[0].on && !switches[1].on && switches[2].on,
	      "switches that the file has not stay as they are");
	rules_file_close(&file);
	check(read_text(&file, "{\"two\": true, \"rules\": [\"x\"], \"one\": false}", switches, 3) && !switches[0].on &&
		      switches[1].on && switches[2].on && file.n_rules == 1,
	      "others are set");
	rules_file_close(&file);
	check(!*take_said(), "nothing is said");
}

/* ---- bad ones ---- */

static void check_bytes(const char *bytes, size_t length, const char *expected, unsigned int n_switches)
{
	struct rules_file_switch switches[] = { { "one", true }, { "two", true }, { "three", true } };
	struct rules_file file;

	write_file(bytes, length);
	bool is_read = rules_file_open(&file, path, switches, n_switches);
	const char *said = take_said();
	check(!is_read && !strcmp(said, expected), "'%.*s' is refused: %s", (int)(length < 80 ? length : 80), bytes,
	      said);
	rules_file_close(&file);
}

static void check_wrong(const char *text, const char *expected, unsigned int n_switches)
{
	check_bytes(text, strlen(text), expected, n_switches);
}

static void test_wrong(void)
{
	check_wrong("[]", ":1:1: expected an object\n", 1);
	check_wrong("{\"rules\": {}}", ":1:11: 'rules' is a list of rules in quotes\n", 1);
	check_wrong("{\"rules\": [\n 17]}", ":2:2: expected a rule in quotes\n", 1);
	check_wrong("{\"one\": 1}", ":1:9: 'one' is true or false\n", 1);
	check_wrong("{\"one\": true,\n\"two\": null}", ":2:8: 'two' is true or false\n", 2);
	check_wrong("{\n \"rule\": []}", ":2:3: there is no such member: expected 'rules'\n", 0);
	check_wrong("{\"two\": true}", ":1:3: there is no such member: expected 'rules' or 'one'\n", 1);
	check_wrong("{\"x\": 1}", ":1:3: there is no such member: expected 'rules', 'one', 'two' or 'three'\n", 3);
	/* The words are jansson's, whose versions differ. */
	struct rules_file file;
	check(!read_text(&file, "{\"rules\": [\n", NULL, 0) && !strncmp(take_said(), ":2:1: ", 6),
	      "a torn file is refused");
	rules_file_close(&file);
	check(!read_text(&file, "{\"rules\": [\"a\\u0000b\"]}", NULL, 0) && !strncmp(take_said(), ":1:", 3),
	      "a NUL in a rule is refused");
	rules_file_close(&file);
	check(!read_text(&file, "{\"rules\": [],\n \"rules\": []}", NULL, 0) && !strncmp(take_said(), ":2:", 3),
	      "a member that is there twice is refused");
	rules_file_close(&file);
}

/* A list within 64 others is more than the scanner of records takes. */
static void test_depth(void)
{
	enum { DEPTH = 64 };
	char text[2 * DEPTH + 32] = "{\"rules\":";
	size_t length = strlen(text);

	memset(text + length, '[', DEPTH);
	memset(text + length + DEPTH, ']', DEPTH);
	strcpy(text + length + 2 * DEPTH, "}");
	check_wrong(text, ":1:73: nested too deeply\n", 0);
}

static void test_limits(void)
{
	enum { TOO_LARGE = 4 * 1024 * 1024 };
	char *bytes = calloc(1, TOO_LARGE);
	struct rules_file file;

	if (!bytes)
		abort();
	memset(bytes, ' ', TOO_LARGE);
	memcpy(bytes + TOO_LARGE - 2, "{}", 2);
	check_bytes(bytes, TOO_LARGE, ":1:1: too large for rules\n", 0);
	write_file(bytes + 1, TOO_LARGE - 1);
	check(rules_file_open(&file, path, NULL, 0) && !*take_said(), "one of a byte less is read");
	rules_file_close(&file);
	free(bytes);
	check(!rules_file_open(&file, "/dev/null", NULL, 0) && strstr(take_said(), "cannot open '/dev/null': Invalid"),
	      "a device is refused");
	rules_file_close(&file);
	check(!rules_file_open(&file, "/tmp/otb-none/none", NULL, 0) && strstr(take_said(), "No such file"),
	      "a file that is not there is");
	rules_file_close(&file);
}

/* ---- rules that the program does not like ---- */

static void check_place(const char *text, unsigned int rule, size_t column, const char *expected)
{
	struct rules_file file;

	if (!read_text(&file, text, NULL, 0))
		abort();
	rules_file_complain(&file, rule, column, "wrong");
	const char *said = take_said();
	check(!strcmp(said, expected), "column %zu of rule %u in %s: %s", column, rule, text, said);
	rules_file_close(&file);
}

static void test_places(void)
{
	check_place("{\"rules\": [\"abc\"]}", 0, 1, ":1:13: wrong\n");
	check_place("{\"rules\": [\"abc\"]}", 0, 3, ":1:15: wrong\n");
	check_place("{\"rules\": [\"abc\"]}", 0, 4, ":1:16: wrong\n"); /* where something is missing */
	check_place("{\"rules\": [\"abc\",\n\t\"def\"]}", 1, 2, ":2:4: wrong\n");
	check_place("{\"rules\": [\"\\u0061\\\"\\\\c\"]}", 0, 4, ":1:23: wrong\n");
	check_place("{\"rules\": [\"\\u00e9\xc3\xa9x\"]}", 0, 5, ":1:21: wrong\n");
	check_place("{\"rules\": [\"\\ud83d\\ude00x\"]}", 0, 5, ":1:25: wrong\n");
}

int main(void)
{
	int fd = mkstemp(path), said_fd = mkstemp(said_path);

	if (fd < 0 || said_fd < 0 || dup2(said_fd, STDERR_FILENO) < 0)
		abort();
	close(fd);
	close(said_fd);
	diag_init("test", 0);
	test_rules();
	test_switches();
	test_wrong();
	test_depth();
	test_limits();
	test_places();
	unlink(path);
	unlink(said_path);
	return finish_tests();
}
