/* SPDX-License-Identifier: Apache-2.0 */
/* Edited lines: by table, and random objects against jansson's view of the result and byte for byte. */
#include "common/record/edit.h"

#include <stdio.h>

#include "tests/unit/json_random.h"
#include "tests/unit/json_tree.h"
#include "tests/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- helpers ---- */

struct scanned {
	char *text; /* with no more than the padding that the contract asks for; to be freed. NULL: no record */
	size_t length, brace;
	struct json_value root;
};

static struct scanned scan(const char *text, size_t length)
{
	static struct json_names none;
	struct json_value values[JSON_NAMES_MAX];
	struct scanned scanned = { .text = malloc(length + JSON_PADDING), .length = length };

	json_names_init(&none);
	memcpy(scanned.text, text, length);
	memset(scanned.text + length, '"', JSON_PADDING);
	scanned.text[length] = '\0';
	if (json_scan(&none, scanned.text, length, values, &scanned.brace) != JSON_OK) {
		free(scanned.text);
		scanned.text = NULL;
		return scanned;
	}
	size_t start = strspn(scanned.text, " \t\r\n");
	scanned.root = (struct json_value){ .type = VALUE_OBJECT,
					    .start = (uint32_t)start,
					    .length = (uint32_t)(scanned.brace + 1 - start) };
	return scanned;
}

static bool buffer_is(const struct buffer *buffer, const char *text, size_t length)
{
	return !buffer->failed && buffer->length == length && !memcmp(buffer->bytes, text, length);
}

/* ---- by table ---- */

/* A member whose key begins with 'o' is omitted, with 'r' replaced. */
static enum edit_verdict judge_key(void *context, const char *text, const struct json_value *key,
				   const struct json_value *value, struct buffer *out)
{
	char first;
	const char *string;

	(void)value;
	++*(unsigned int *)context;
	if (!json_text_of(text, key, &first, 1, &string))
		return EDIT_KEEP;
	if (*string == 'r')
		buffer_add_text(out, "[null]");
	return *string == 'r' ? EDIT_REPLACE : *string == 'o' ? EDIT_OMIT : EDIT_KEEP;
}

static const struct edit_case {
	const char *line, *edited, *appended;
	unsigned int members;
} cases[] = {
	{ "{}", "{}", "{\"x\":1}", 0 },
	{ " \t{ \r\n} ", " \t{ \r\n} ", " \t{ \r\n\"x\":1} ", 0 },
	{ "{\"k\":1}", "{\"k\":1}", "{\"k\":1,\"x\":1}", 1 },
	{ "{ \"k\" : 1 } \r", "{ \"k\" : 1 } \r", "{ \"k\" : 1 ,\"x\":1} \r", 1 },
	{ "{\"\":\"\"}", "{\"\":\"\"}", "{\"\":\"\",\"x\":1}", 1 },
	/* omitted: the only one, all, the first, the last, those between */
	{ "{\"o\":1}", "{}", "{\"x\":1}", 1 },
	{ "{ \"o\" : 1 } ", "{ } ", "{ \"x\":1} ", 1 },
	{ "{\"o\":1,\"o\":\"\",\"\\u006f\":{}}", "{}", "{\"x\":1}", 3 },
	{ "{ \"o\" : 1 , \"o\" : 2 , \"o\" : 3 }", "{ }", "{ \"x\":1}", 3 },
	{ "{\"o\":1,\"k\":2}", "{\"k\":2}", "{\"k\":2,\"x\":1}", 2 },
	{ "{ \"o\" : 1 , \"k\" : 2 }", "{ \"k\" : 2 }", "{ \"k\" : 2 ,\"x\":1}", 2 },
	{ "{\"k\":1,\"o\":2}", "{\"k\":1}", "{\"k\":1,\"x\":1}", 2 },
	{ "{ \"k\" : 1\t, \"o\" : 2 }", "{ \"k\" : 1 }", "{ \"k\" : 1 ,\"x\":1}", 2 },
	{ "{\"k\":1,\"o\":2,\"k\":3}", "{\"k\":1,\"k\":3}", "{\"k\":1,\"k\":3,\"x\":1}", 3 },
	{ "{ \"k\" : 1\t, \"o\" : 2 ,\n\"k\" : 3 }", "{ \"k\" : 1 ,\n\"k\" : 3 }", "{ \"k\" : 1 ,\n\"k\" : 3 ,\"x\":1}",
	  3 },
	{ "{\"o\":1,\"o\":2,\"k\":3}", "{\"k\":3}", "{\"k\":3,\"x\":1}", 3 },
	{ "{\"k\":1,\"o\":2,\"o\":3}", "{\"k\":1}", "{\"k\":1,\"x\":1}", 3 },
	{ "{\"k\":1,\"o\":2,\"o\":3,\"k\":4}", "{\"k\":1,\"k\":4}", "{\"k\":1,\"k\":4,\"x\":1}", 4 },
	{ "{\"o\":1,\"k\":2,\"o\":3,\"k\":4,\"o\":5}", "{\"k\":2,\"k\":4}", "{\"k\":2,\"k\":4,\"x\":1}", 5 },
	/* replaced: values of each type */
	{ "{\"r\":1}", "{\"r\":[null]}", "{\"r\":[null],\"x\":1}", 1 },
	{ " {\t\"r\"\n: -1.5e3\r} ", " {\t\"r\"\n: [null]\r} ", " {\t\"r\"\n: [null]\r,\"x\":1} ", 1 },
	{ "{\"r\":\"\",\"r\":\"r\",\"r\" : \"\\\"}\" }", "{\"r\":[null],\"r\":[null],\"r\" : [null] }",
	  "{\"r\":[null],\"r\":[null],\"r\" : [null] ,\"x\":1}", 3 },
	{ "{\"r\":{\"o\":1},\"k\":{\"o\":2,\"r\":3},\"r\":[\"o\"]}",
	  "{\"r\":[null],\"k\":{\"o\":2,\"r\":3},\"r\":[null]}",
	  "{\"r\":[null],\"k\":{\"o\":2,\"r\":3},\"r\":[null],\"x\":1}", 3 },
	{ "{\"r\":true,\"\\u0072\":false,\"r\":null}", "{\"r\":[null],\"\\u0072\":[null],\"r\":[null]}",
	  "{\"r\":[null],\"\\u0072\":[null],\"r\":[null],\"x\":1}", 3 },
	/* both */
	{ "{\"r\":1,\"o\":2,\"r\":3}", "{\"r\":[null],\"r\":[null]}", "{\"r\":[null],\"r\":[null],\"x\":1}", 3 },
	{ "{\"o\":1,\"r\":2,\"o\":3}", "{\"r\":[null]}", "{\"r\":[null],\"x\":1}", 3 },
	{ "{\"o\":\"}\",\"k\":\"\\\\\",\"r\":\",\\\"o\\\":\",\"k\":[{},\"]\"]}",
	  "{\"k\":\"\\\\\",\"r\":[null],\"k\":[{},\"]\"]}", "{\"k\":\"\\\\\",\"r\":[null],\"k\":[{},\"]\"],\"x\":1}",
	  4 },
};

static void test_cases(void)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct edit_case *c = &cases[i];
		struct scanned in = scan(c->line, strlen(c->line));
		struct buffer edited = { .bytes = NULL }, appended = { .bytes = NULL };
		struct edit_line line = edit_begin(in.text, in.length, in.brace);
		unsigned int members = 0, again = 0;

		edit_members(&edited, &line, judge_key, &members);
		edit_end(&edited, &line);
		line = edit_begin(in.text, in.length, in.brace);
		edit_members(&appended, &line, judge_key, &again);
		edit_append(&appended, &line, "x", "1");
		edit_end(&appended, &line);
		check(buffer_is(&edited, c->edited, strlen(c->edited)) && members == c->members, "%s becomes %s",
		      c->line, c->edited);
		check(buffer_is(&appended, c->appended, strlen(c->appended)), "and with a member more %s", c->appended);
		buffer_clear(&edited);
		buffer_clear(&appended);
		free(in.text);
	}
}

static void test_two_appended(void)
{
	struct scanned in = scan("{\"o\":1}", 7);
	struct buffer out = { .bytes = NULL };
	struct edit_line line = edit_begin(in.text, in.length, in.brace);
	unsigned int members = 0;

	buffer_add_text(&out, "before ");
	edit_members(&out, &line, judge_key, &members);
	edit_append(&out, &line, "x", "{}");
	edit_append(&out, &line, "y", "\"\"");
	edit_end(&out, &line);
	check(buffer_is(&out, "before {\"x\":{},\"y\":\"\"}", 22),
	      "two members are appended, behind what was in the buffer before");
	buffer_clear(&out);
	free(in.text);
}

static void test_failed(void)
{
	struct scanned in = scan("{\"o\":1,\"r\":2}", 13);
	struct buffer out = { .failed = true };
	struct edit_line line = edit_begin(in.text, in.length, in.brace);
	unsigned int members = 0;

	edit_members(&out, &line, judge_key, &members);
	edit_append(&out, &line, "x", "1");
	edit_add_string(&out, "a\n", 2);
	edit_end(&out, &line);
	check(out.failed && !out.length && members == 2, "without memory it stays failed");
	buffer_clear(&out);
	free(in.text);
}

/* ---- random objects ---- */

enum { MEMBERS_MAX = 8 };

static const char *const replacements[] = { "0", "\"fd70a\"", "\"\"", "{\"a\":[1,{}]}" };

struct plan {
	enum edit_verdict verdicts[MEMBERS_MAX];
	const char *replacements[MEMBERS_MAX];
	unsigned int next;
	bool all_stay;
};

static void make_plan(struct plan *plan, uint64_t *state)
{
	uint64_t kind = random_below(state, 4); /* all stay, all go, or as it comes */

	*plan = (struct plan){ .all_stay = kind == 0 };
	for (unsigned int i = 0; i < MEMBERS_MAX; i++) {
		plan->verdicts[i] =
			kind == 0 ? EDIT_KEEP : (kind == 1 ? EDIT_OMIT : (enum edit_verdict)random_below(state, 3));
		plan->replacements[i] = replacements[random_below(state, COUNT(replacements))];
	}
}

static enum edit_verdict judge_by_plan(void *context, const char *text, const struct json_value *key,
				       const struct json_value *value, struct buffer *out)
{
	struct plan *plan = context;
	unsigned int i = plan->next++;

	(void)text;
	(void)key;
	(void)value;
	if (plan->verdicts[i] == EDIT_REPLACE)
		buffer_add_text(out, plan->replacements[i]);
	return plan->verdicts[i];
}

static void make_object(struct random_text *text, uint64_t *state)
{
	text->length = 0;
	random_add_space(text, state);
	random_add_text(text, "{");
	random_add_space(text, state);
	for (uint64_t n = random_below(state, MEMBERS_MAX + 1), i = 0; i < n; i++) {
		random_add_text(text, i ? "," : "");
		random_add_space(text, state);
		random_add_string(text, state);
		random_add_space(text, state);
		random_add_text(text, ":");
		random_add_space(text, state);
		random_add_value(text, 2 + 9 * (unsigned int)random_below(state, 2), state);
		random_add_space(text, state);
	}
	random_add_text(text, "}");
	random_add_space(text, state);
}

static struct buffer edit_by_plan(const struct scanned *in, struct plan *plan, bool appends)
{
	struct buffer out = { .bytes = NULL };
	struct edit_line line = edit_begin(in->text, in->length, in->brace);

	edit_members(&out, &line, judge_by_plan, plan);
	if (appends)
		edit_append(&out, &line, "appended", "17");
	edit_end(&out, &line);
	return out;
}

static bool bytes_equal(const char *a, size_t a_length, const char *b, size_t b_length)
{
	return a_length == b_length && !memcmp(a, b, a_length);
}

static size_t end_of(const struct json_value *value)
{
	return value->start + value->length + (value->type == VALUE_STRING);
}

/* Whether what stays stands in the result byte for byte and in its order, and nothing else does. */
static bool has_its_bytes(const struct scanned *in, const struct scanned *out, const struct plan *plan, bool appends)
{
	struct json_walk from, to;
	struct json_value key, value, made_key, made;
	bool good = in->length - in->brace == out->length - out->brace && in->root.start == out->root.start &&
		    !memcmp(in->text, out->text, in->root.start) &&
		    !memcmp(in->text + in->brace, out->text + out->brace, in->length - in->brace);

	json_walk_open(&from, in->text, &in->root);
	json_walk_open(&to, out->text, &out->root);
	for (unsigned int i = 0; good && json_walk_member(&from, &key, &value); i++) {
		if (plan->verdicts[i] == EDIT_OMIT)
			continue;
		good = json_walk_member(&to, &made_key, &made);
		size_t start = value.start - (value.type == VALUE_STRING),
		       made_start = made.start - (made.type == VALUE_STRING);
		/* from the key's quote to the value, the white space between them included */
		good = good && bytes_equal(in->text + key.key, start - key.key, out->text + made_key.key,
					   made_start - made_key.key);
		const char *wanted = plan->verdicts[i] == EDIT_KEEP ? in->text + start : plan->replacements[i];
		size_t length = plan->verdicts[i] == EDIT_KEEP ? end_of(&value) - start : strlen(wanted);
		good = good && bytes_equal(out->text + made_start, end_of(&made) - made_start, wanted, length);
	}
	if (appends)
		good = good && json_walk_member(&to, &made_key, &made) &&
		       json_key_equals(out->text, &made_key, "appended");
	return good && !json_walk_member(&to, &made_key, &made);
}

/* The tree of what the plan makes of an object. */
static json_t *tree_by_plan(const struct scanned *in, const struct plan *plan, bool appends)
{
	json_t *tree = json_object();
	struct json_walk walk;
	struct json_value key, value;
	size_t length;

	json_walk_open(&walk, in->text, &in->root);
	for (unsigned int i = 0; json_walk_member(&walk, &key, &value); i++) {
		char *name = tree_text(in->text, &key, &length);

		if (plan->verdicts[i] == EDIT_REPLACE)
			json_object_set_new(tree, name, json_loads(plan->replacements[i], JSON_DECODE_ANY, NULL));
		else if (plan->verdicts[i] == EDIT_KEEP)
			json_object_set_new(tree, name, tree_of(in->text, &value));
		free(name);
	}
	if (appends)
		json_object_set_new(tree, "appended", json_integer(17));
	return tree;
}

/* Whether the result is what it should be, to the scanner, to jansson and in its bytes. */
static bool edits_rightly(const struct scanned *in, struct plan *plan, bool appends)
{
	struct buffer buffer = edit_by_plan(in, plan, appends);
	struct scanned out = scan(buffer.bytes, buffer.length);
	json_t *wanted = tree_by_plan(in, plan, appends), *tree = json_loadb(buffer.bytes, buffer.length, 0, NULL);
	bool good = out.text && !buffer.failed && tree && json_equal(wanted, tree) &&
		    has_its_bytes(in, &out, plan, appends) &&
		    (!plan->all_stay || appends || buffer_is(&buffer, in->text, in->length));

	if (!good)
		printf("# wrong: %.*s\n# from: %.*s\n", (int)buffer.length, buffer.bytes, (int)in->length, in->text);
	json_decref(wanted);
	json_decref(tree);
	free(out.text);
	buffer_clear(&buffer);
	return good;
}

/* Copied, it is as if all members had stayed. */
static bool copies_rightly(const struct scanned *in, bool appends)
{
	struct plan plan = { .next = 0 };
	struct buffer copy = { .bytes = NULL }, edited = edit_by_plan(in, &plan, appends);
	struct edit_line line = edit_begin(in->text, in->length, in->brace);

	edit_copy(&copy, &line);
	if (appends)
		edit_append(&copy, &line, "appended", "17");
	edit_end(&copy, &line);
	bool good = buffer_is(&copy, edited.bytes, edited.length);
	buffer_clear(&copy);
	buffer_clear(&edited);
	return good;
}

static void test_random_objects(void)
{
	enum { ROUNDS = 30000 };
	static struct random_text text;
	unsigned int n = 0, n_wrong = 0, n_miscopied = 0;
	uint64_t state = 1;

	for (int i = 0; i < ROUNDS; i++) {
		struct plan plan;

		make_object(&text, &state);
		make_plan(&plan, &state);
		struct scanned in = scan(text.bytes, text.length);
		if (!in.text) /* it did not fit */
			continue;
		n++;
		n_wrong += !edits_rightly(&in, &plan, i % 2);
		n_miscopied += !copies_rightly(&in, i % 2);
		free(in.text);
	}
	check(!n_wrong && n > ROUNDS * 9 / 10, "edits %u random objects, %u wrongly", n, n_wrong);
	check(!n_miscopied, "copies them, %u wrongly", n_miscopied);
}

/* ---- strings ---- */

static void check_string(const char *bytes, size_t length, const char *wanted)
{
	struct buffer out = { .bytes = NULL };

	edit_add_string(&out, bytes, length);
	check(buffer_is(&out, wanted, strlen(wanted)), "a string becomes %s", wanted);
	buffer_clear(&out);
}

static void test_strings(void)
{
	check_string("", 0, "\"\"");
	check_string("plain /text'", 12, "\"plain /text'\"");
	check_string("\"\\", 2, "\"\\\"\\\\\"");
	check_string("\b\t\n\f\r", 5, "\"\\b\\t\\n\\f\\r\"");
	check_string("\0\x1f\x7f", 3, "\"\\u0000\\u001f\\u007f\"");
	check_string("\xc2\x80\xc2\x9f\xc2\xa0\xc3\xa9", 8, "\"\\u0080\\u009f\xc2\xa0\xc3\xa9\"");
	check_string("\xef\xbf\xbd\xf0\x9f\x98\x80", 7, "\"\xef\xbf\xbd\xf0\x9f\x98\x80\"");
}

static void test_random_strings(void)
{
	enum { ROUNDS = 30000, SIZE = 100 };
	unsigned char bytes[SIZE];
	unsigned int n_wrong = 0;
	uint64_t state = 1;

	for (int i = 0; i < ROUNDS; i++) {
		size_t length;

		random_bytes(&state, bytes, sizeof(bytes));
		char *clean = reference_clean(bytes, random_below(&state, SIZE + 1), &length);
		struct buffer out = { .bytes = NULL };
		edit_add_string(&out, clean, length);
		json_t *tree = json_loadb(out.bytes, out.length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		n_wrong += !tree || json_string_length(tree) != length ||
			   memcmp(json_string_value(tree), clean, length) != 0;
		json_decref(tree);
		buffer_clear(&out);
		free(clean);
	}
	check(!n_wrong, "jansson reads %d random strings back, %u wrongly", ROUNDS, n_wrong);
}

int main(void)
{
	test_cases();
	test_two_appended();
	test_failed();
	test_random_objects();
	test_strings();
	test_random_strings();
	return finish_tests();
}
