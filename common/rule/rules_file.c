/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rule/rules_file.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/diag.h"
#include "common/host/file_watch.h"
#include "common/record/json.h"
#include "common/record/json_walk.h"

enum { FILE_MAX = 4 * 1024 * 1024 };

/* ---- what is wrong, and where ---- */

/* Lines and columns from 1. */
static void locate(const struct rules_file *file, size_t offset, unsigned int *line, unsigned int *column)
{
	*line = *column = 1;
	for (size_t i = 0; i < offset && i < file->length; i++) {
		*column = file->bytes[i] == '\n' ? 1 : *column + 1;
		*line += file->bytes[i] == '\n';
	}
}

static bool complain(const struct rules_file *file, size_t offset, const char *what)
{
	unsigned int line, column;

	locate(file, offset, &line, &column);
	diag_print(DIAG_ERROR, "%s:%u:%u: %s", file->path, line, column, what);
	return false;
}

/* How many bytes of a JSON string stand for the first `decoded` bytes of its text. */
static size_t raw_length(const char *raw, size_t decoded)
{
	char text[8];
	size_t at = 0;

	while (decoded > 0 && raw[at] != '"') {
		size_t size = raw[at] != '\\' ? 1 : raw[at + 1] != 'u' ? 2 : !strncmp(raw + at + 6, "\\u", 2) ? 12 : 6;
		size_t bytes = size == 1 ? 1 : json_decode(raw + at, size, text, sizeof(text));

		decoded -= bytes < decoded ? bytes : decoded;
		at += size;
	}
	return at;
}

void rules_file_complain(const struct rules_file *file, unsigned int rule, size_t column, const char *what)
{
	size_t start = file->rules[rule].start;

	complain(file, start + raw_length(file->bytes + start, column - 1), what);
}

/* ---- the file ---- */

static bool read_whole(struct rules_file *file)
{
	FILE *stream = file_open_regular(file->path);
	bool done;

	if (!stream) {
		diag_print_errno(DIAG_ERROR, errno, "cannot open '%s'", file->path);
		return false;
	}
	file->bytes = calloc(1, FILE_MAX + JSON_PADDING);
	if (!file->bytes) {
		fclose(stream);
		diag_print_errno(DIAG_ERROR, ENOMEM, "cannot read '%s'", file->path);
		return false;
	}
	file->length = fread(file->bytes, 1, FILE_MAX, stream);
	done = !ferror(stream);
	if (!done)
		diag_print_errno(DIAG_ERROR, errno, "cannot read '%s'", file->path);
	if (done && file->length == FILE_MAX)
		done = complain(file, 0, "too large for rules");
	fclose(stream);
	return done;
}

/* jansson says best what is wrong with JSON itself; a NUL in a string is wrong to it too. */
static bool check_json(const struct rules_file *file)
{
	json_error_t error;
	json_t *root = json_loadb(file->bytes, file->length, JSON_REJECT_DUPLICATES, &error);
	bool is_object = json_is_object(root);

	if (!root)
		/* It counts columns from 1, but at the beginning of a line says 0. */
		diag_print(DIAG_ERROR, "%s:%d:%d: %s", file->path, error.line, error.column > 0 ? error.column : 1,
			   error.text);
	else if (!is_object)
		complain(file, 0, "expected an object");
	json_decref(root);
	return is_object;
}

static bool add_rule(struct rules_file *file, const struct json_value *value)
{
	struct rules_file_rule *rules;
	char *text;

	if (value->type != VALUE_STRING)
		return complain(file, value->start, "expected a rule in quotes");
	rules = realloc(file->rules, (file->n_rules + 1) * sizeof(*rules));
	text = rules ? calloc(1, value->length + 1) : NULL;
	if (rules)
		file->rules = rules;
	if (!text)
		return complain(file, value->start, "no memory");
	json_decode(file->bytes + value->start, value->length, text, value->length);
	rules[file->n_rules++] = (struct rules_file_rule){ text, value->start };
	return true;
}

static bool read_rules(struct rules_file *file, const struct json_value *list)
{
	struct json_walk walk;
	struct json_value value;

	if (list->type != VALUE_ARRAY)
		return complain(file, list->start, "'rules' is a list of rules in quotes");
	json_walk_open(&walk, file->bytes, list);
	while (json_walk_element(&walk, &value))
		if (!add_rule(file, &value))
			return false;
	return true;
}

/* "expected 'rules', 'builtin' or 'other'" */
static bool complain_of_member(const struct rules_file *file, size_t offset)
{
	char what[256];
	int length = snprintf(what, sizeof(what), "there is no such member: expected 'rules'");

	for (unsigned int i = 0; i < file->n_switches && (size_t)length < sizeof(what); i++)
		length += snprintf(what + length, sizeof(what) - (size_t)length, "%s '%s'",
				   i + 1 < file->n_switches ? "," : " or", file->switches[i].name);
	return complain(file, offset, what);
}

static bool read_switch(struct rules_file *file, struct rules_file_switch *wanted, const struct json_value *value)
{
	char what[128];

	if (value->type != VALUE_TRUE && value->type != VALUE_FALSE) {
		snprintf(what, sizeof(what), "'%s' is true or false", wanted->name);
		return complain(file, value->start, what);
	}
	wanted->on = value->type == VALUE_TRUE;
	return true;
}

static bool read_member(struct rules_file *file, const struct json_value *key, const struct json_value *value)
{
	if (json_key_equals(file->bytes, key, "rules"))
		return read_rules(file, value);
	for (unsigned int i = 0; i < file->n_switches; i++)
		if (json_key_equals(file->bytes, key, file->switches[i].name))
			return read_switch(file, &file->switches[i], value);
	return complain_of_member(file, key->start);
}

static bool read_members(struct rules_file *file)
{
	struct json_value key, value;
	struct json_walk walk;

	json_walk_open_text(&walk, file->bytes);
	while (json_walk_member(&walk, &key, &value))
		if (!read_member(file, &key, &value))
			return false;
	return true;
}

/* Deeper nested than our own scanner goes, it is no file of rules. */
static bool check_scan(const struct rules_file *file)
{
	struct json_value none[1];
	struct json_names *names = malloc(sizeof(*names));
	size_t offset = 0;
	enum json_status status;

	if (!names)
		return complain(file, 0, "no memory");
	json_names_init(names);
	status = json_scan(names, file->bytes, file->length, none, &offset);
	free(names);
	return status == JSON_OK || complain(file, offset, json_status_text(status));
}

bool rules_file_open(struct rules_file *file, const char *path, struct rules_file_switch *switches,
		     unsigned int n_switches)
{
	*file = (struct rules_file){ .path = path, .switches = switches, .n_switches = n_switches };
	return read_whole(file) && check_json(file) && check_scan(file) && read_members(file);
}

void rules_file_close(struct rules_file *file)
{
	for (unsigned int i = 0; i < file->n_rules; i++)
		free(file->rules[i].text);
	free(file->rules);
	free(file->bytes);
	file->rules = NULL;
	file->bytes = NULL;
}
