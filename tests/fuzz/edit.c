/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edits and redactions of any record: what comes of it is a record again, to the scanner, and to jansson where that took the
 * first one; and every other member stays byte for byte. The first byte of the input says what becomes of which member.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/otb-sample/redact.h"
#include "common/cli/diag.h"
#include "common/record/json_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const options[] = { "a:mask", "b:mask:1:2", "c:hash", "d:omit", "e.f:mask:2:0" };

enum { N_OPTIONS = sizeof(options) / sizeof(options[0]) };

static struct redact redact;
static struct json_names names;
static struct json_value values[JSON_NAMES_MAX];

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void set_up(void)
{
	char path[64];
	int fd = memfd_create("key", 0);

	diag_init("fuzz", -1);
	require(write(fd, "0123456789abcdef", 16) == 16);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	require(redact_read_key(&redact, path));
	close(fd);
	for (size_t i = 0; i < N_OPTIONS; i++)
		require(!redact_parse(&redact, options[i]));
	json_names_init(&names);
}

/* ---- what the members are to become ---- */

/* Two bits for each of four members, and again: half of them stay. */
static enum edit_verdict verdict_of(uint8_t choice, unsigned int i)
{
	static const enum edit_verdict verdicts[] = { EDIT_KEEP, EDIT_KEEP, EDIT_REPLACE, EDIT_OMIT };

	return verdicts[choice >> 2 * (i % 4) & 3];
}

struct editor {
	uint8_t choice;
	unsigned int next;
};

static enum edit_verdict judge(void *context, const char *text, const struct json_value *key,
			       const struct json_value *value, struct buffer *out)
{
	struct editor *editor = context;
	enum edit_verdict verdict = verdict_of(editor->choice, editor->next++);

	(void)key;
	if (verdict == EDIT_REPLACE) /* with bytes of any kind that are valid UTF-8 */
		edit_add_string(out, text + value->start, value->length);
	return verdict;
}

/* The same of redact, by its own way to compare names. */
static enum edit_verdict redaction_of(const char *text, const struct json_value *key, const struct json_value *value)
{
	if (json_key_equals(text, key, "d"))
		return EDIT_OMIT;
	for (const char *const *name = (const char *const[]){ "a", "b", "c", "e.f", "e_f", NULL }; *name; name++)
		if (json_key_equals(text, key, *name))
			return value->type == VALUE_NULL ? EDIT_KEEP : EDIT_REPLACE;
	return EDIT_KEEP;
}

/* ---- what they became ---- */

struct line {
	char *text; /* with its padding, in a block of its own, so that ASan sees a read beyond */
	size_t length, brace;
	struct json_value root;
};

static bool scan(struct line *line, const void *bytes, size_t length)
{
	*line = (struct line){ .text = malloc(length + JSON_PADDING), .length = length };
	memcpy(line->text, bytes, length);
	memset(line->text + length, 0xff, JSON_PADDING);
	line->text[length] = '\0';
	if (json_scan(&names, line->text, length, values, &line->brace) != JSON_OK)
		return false;
	line->root.type = VALUE_OBJECT;
	line->root.start = (uint32_t)strspn(line->text, " \t\r\n");
	line->root.length = (uint32_t)(line->brace + 1 - line->root.start);
	return true;
}

static bool is_json(const char *text, size_t length)
{
	json_t *tree = json_loadb(text, length, JSON_ALLOW_NUL, NULL);

	json_decref(tree);
	return tree;
}

static size_t end_of(const struct json_value *value)
{
	return value->start + value->length + (value->type == VALUE_STRING);
}

static void require_members(const struct line *from, const struct line *to, const struct editor *editor, bool appended)
{
	struct json_walk in, out;
	struct json_value key, value, made_key, made;

	json_walk_open(&in, from->text, &from->root);
	json_walk_open(&out, to->text, &to->root);
	for (unsigned int i = 0; json_walk_member(&in, &key, &value); i++) {
		enum edit_verdict verdict =
			editor ? verdict_of(editor->choice, i) : redaction_of(from->text, &key, &value);

		if (verdict == EDIT_OMIT)
			continue;
		require(json_walk_member(&out, &made_key, &made));
		/* the key and what is between it and its value, or all of the member */
		size_t length =
			(verdict == EDIT_KEEP ? end_of(&value) : value.start - (value.type == VALUE_STRING)) - key.key;
		require(end_of(&made) - made_key.key >= length &&
			!memcmp(from->text + key.key, to->text + made_key.key, length));
		require(verdict == EDIT_KEEP ? end_of(&made) - made_key.key == length : made.type == VALUE_STRING);
	}
	require(json_walk_member(&out, &made_key, &made) == appended);
	require(!appended || !json_walk_member(&out, &made_key, &made));
}

/* The result is to be a record whose members are as they should be, with the same around it. */
static void require_record(const struct line *from, const struct buffer *buffer, const struct editor *editor,
			   bool appended)
{
	struct line to;

	require(!buffer->failed && scan(&to, buffer->bytes, buffer->length));
	require(from->root.start == to.root.start && from->length - from->brace == to.length - to.brace &&
		!memcmp(from->text + from->brace, to.text + to.brace, to.length - to.brace));
	require(is_json(buffer->bytes, buffer->length) || !is_json(from->text, from->length));
	require_members(from, &to, editor, appended);
	free(to.text);
}

static void edit(const struct line *from, uint8_t choice)
{
	struct buffer buffer = { .bytes = NULL };

	for (int appends = 0; appends < 2; appends++) {
		struct edit_line line = edit_begin(from->text, from->length, from->brace);
		struct editor editor = { .choice = choice };

		buffer_reset(&buffer);
		edit_members(&buffer, &line, judge, &editor);
		if (appends)
			edit_append(&buffer, &line, "new", "\"fd70a\"");
		edit_end(&buffer, &line);
		require_record(from, &buffer, &editor, appends);
	}
	buffer_clear(&buffer);
}

/* Masks are no longer than what they mask, and no secret is left. */
static void require_redacted(const struct buffer *buffer)
{
	struct line line;
	struct json_walk walk;
	struct json_value key, value;

	require(scan(&line, buffer->bytes, buffer->length));
	json_walk_open(&walk, line.text, &line.root);
	while (json_walk_member(&walk, &key, &value)) {
		const char *text = line.text + value.start;

		require(!json_key_equals(line.text, &key, "d"));
		if (json_key_equals(line.text, &key, "a") && value.type != VALUE_NULL)
			require(value.type == VALUE_STRING && strspn(text, "*") >= value.length);
		if (json_key_equals(line.text, &key, "c") && value.type != VALUE_NULL)
			require(value.type == VALUE_STRING && value.length == 64 &&
				strspn(text, "0123456789abcdef") == 64);
	}
	free(line.text);
}

static void redact_record(const struct line *from)
{
	struct record_view record = {
		.line = from->text, .length = from->length, .brace = from->brace, .values = values
	};

	require(json_scan(&names, from->text, from->length, values, &record.brace) == JSON_OK);
	bool concerned = redact_concerns(&redact, &record);
	require(redact_line(&redact, &record));
	for (size_t i = 0; i < JSON_PADDING; i++)
		require(!redact.line.bytes[redact.line.length + i]);
	require(concerned ||
		(redact.line.length == from->length && !memcmp(redact.line.bytes, from->text, from->length)));
	require_record(from, &redact.line, NULL, false);
	require_redacted(&redact.line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct line line;

	if (!size)
		return 0;
	if (!redact.n)
		set_up();
	if (scan(&line, data + 1, size - 1)) {
		edit(&line, data[0]);
		redact_record(&line);
	}
	free(line.text);
	return 0;
}
