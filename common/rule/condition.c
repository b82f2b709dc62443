/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rule/condition.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/rule/regex.h"

_Static_assert(READER_LINE_MAX <= INT_MAX, "regexec() takes offsets as int");

/* How a value compares with what the rule has: one bit each, so that an operator is the set of those it accepts. */
enum outcome { LESS = 1, EQUAL = 2, GREATER = 4, INCOMPARABLE = 8 };

static const struct {
	const char *token;
	uint8_t accepted;
} operators[] = {
	{ "==", EQUAL },  { "!=", LESS | GREATER | INCOMPARABLE },
	{ "<", LESS },    { "<=", LESS | EQUAL },
	{ ">", GREATER }, { ">=", GREATER | EQUAL },
};

enum test_type { TEST_EXISTS, TEST_NUMBER, TEST_LITERAL, TEST_STRING, TEST_STRING_ORDER, TEST_PATTERN };

struct string {
	char *bytes;
	size_t length;
};

/* A regular expression, of which most have a part that can be looked for without regexec(), which takes 100 to 300 ns.
 * What does not hold the literal (at its beginning, at its end) does not match; what holds it matches if that is all. */
struct pattern {
	regex_t regex;
	struct string literal;
	bool at_start, at_end, is_all;
};

/* What is done to one field. With one result the next test is the one behind it, as the processor foresees it, with the
 * other it is the target: the number of a test, of which the first that there is not means that the condition holds, and
 * the one behind that that it does not. */
struct test {
	uint8_t type;     /* enum test_type */
	uint8_t accepted; /* enum outcome */
	uint8_t literal;  /* enum value_type */
	bool goes_on;
	unsigned int target;
	uint16_t field, alias; /* the numbers of both of the field's names */
	union {
		struct {
			double number;
			uint64_t magnitude; /* of an integer that no double holds with certainty; 0: it is none */
		};
		struct {
			struct string string;
			uint64_t head, head_mask; /* its first eight bytes, and where there are so many */
		};
		struct pattern *pattern;
	};
};

struct condition {
	struct test *tests;
	unsigned int n_tests, tests_size;
	struct field fields[JSON_NAMES_MAX]; /* each bears a name of its own */
	unsigned int n_fields;
};

/* ---- patterns ---- */

#define SPECIAL_BYTES ".[](){}*+?|\\^$"

/* Takes the bytes that stand for themselves from the beginning of `text`, and returns the rest of it. */
static const char *take_literal(const char *text, struct string *literal)
{
	for (; *text; text++) {
		if (*text == '\\' && text[1] && strchr(SPECIAL_BYTES, text[1]))
			text++;
		else if (strchr(SPECIAL_BYTES, *text))
			break;
		literal->bytes[literal->length++] = *text;
	}
	/* Then the last byte may stand there any number of times. */
	if (*text && strchr("*+?{", *text) && literal->length)
		literal->length--;
	return text;
}

static void find_literal(struct pattern *pattern, const char *text)
{
	if (strchr(text, '|'))
		return;
	pattern->at_start = *text == '^';
	const char *rest = take_literal(text + pattern->at_start, &pattern->literal);
	pattern->at_end = !strcmp(rest, "$");
	pattern->is_all = !*rest || pattern->at_end;
}

static void pattern_free(struct pattern *pattern)
{
	regfree(&pattern->regex);
	free(pattern->literal.bytes);
	free(pattern);
}

/* NULL: an error, `at` within the rule. */
static struct pattern *pattern_compile(struct lexer *lexer, const char *at, const char *text)
{
	struct pattern *pattern = calloc(1, sizeof(*pattern));
	char *bytes = malloc(strlen(text) + 1);

	if (!pattern || !bytes)
		lexer_fail_at(lexer, at, "no memory");
	else if (regex_compile(&pattern->regex, REG_NOSUB, lexer, at, text)) {
		pattern->literal.bytes = bytes;
		find_literal(pattern, text);
		return pattern;
	}
	free(pattern);
	free(bytes);
	return NULL;
}

static bool literal_stands(const struct pattern *pattern, const char *bytes, size_t length)
{
	const struct string *literal = &pattern->literal;

	if (literal->length > length || (pattern->at_start && pattern->at_end && literal->length < length))
		return false;
	if (pattern->at_start)
		return !memcmp(bytes, literal->bytes, literal->length);
	if (pattern->at_end)
		return !memcmp(bytes + length - literal->length, literal->bytes, literal->length);
	return memmem(bytes, length, literal->bytes, literal->length) != NULL;
}

static bool pattern_matches(const struct pattern *pattern, const char *bytes, size_t length)
{
	regmatch_t range = { .rm_so = 0, .rm_eo = (regoff_t)length };

	if (!literal_stands(pattern, bytes, length))
		return false;
	return pattern->is_all || !regexec(&pattern->regex, bytes, 1, &range, REG_STARTEND);
}

/* ---- numbers and their suffixes ---- */

/* A unit of time is so many times a power of ten of seconds. */
static const struct {
	const char *suffix;
	uint64_t multiplier;
	int power;
} time_units[] = {
	{ "ns", 1, -9 }, { "us", 1, -6 },  { "ms", 1, -3 },   { "s", 1, 0 },
	{ "m", 60, 0 },  { "h", 3600, 0 }, { "d", 86400, 0 },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Below this a double is no other integer than its own. */
#define EXACT_MAX (UINT64_C(1) << 53)

/* Multiplies the number that is written from `text` to `end` by `multiplier` and a power of ten, and rounds only once:
 * in decimal, as the fields have their values. */
static bool scale_decimal(const char *text, const char *end, uint64_t multiplier, long power, double *number)
{
	enum { EXPONENT_MAX = 9999 };
	char scaled[64];
	uint64_t digits = 0;
	bool decimals = false;
	const char *p = text + (*text == '-');

	for (; p < end && *p != 'e' && *p != 'E'; p++) {
		if (*p == '.') {
			decimals = true;
			continue;
		}
		if (__builtin_mul_overflow(digits, 10, &digits) ||
		    __builtin_add_overflow(digits, (uint64_t)(*p - '0'), &digits))
			return false;
		power -= decimals;
	}
	long exponent = p < end ? strtol(p + 1, NULL, 10) : 0;
	if (exponent < -EXPONENT_MAX || exponent > EXPONENT_MAX || __builtin_mul_overflow(digits, multiplier, &digits))
		return false;
	snprintf(scaled, sizeof(scaled), "%s%" PRIu64 "e%ld", *text == '-' ? "-" : "", digits, power + exponent);
	*number = strtod(scaled, NULL);
	return isfinite(*number);
}

static bool apply_time(struct lexer *lexer, const char *text, const char *suffix, size_t length, const char *field,
		       double *number)
{
	size_t i = 0;
	int power;

	while (i < COUNT(time_units) &&
	       (strlen(time_units[i].suffix) != length || strncmp(time_units[i].suffix, suffix, length) != 0))
		i++;
	if (i == COUNT(time_units))
		return lexer_fail_at(lexer, suffix, "unknown suffix: there are ns, us, ms, s, m, h, d, and K, M, G");
	if (!field_unit(field, &power))
		return lexer_fail_at(lexer, text, "'%s' has no unit in its name: write a plain number", field);
	return scale_decimal(text, suffix, time_units[i].multiplier, time_units[i].power - power, number) ||
	       lexer_fail_at(lexer, text, "the number has too many digits");
}

/* The digits of an integer, with or without a sign, as far as they fit 64 bits. False: it is none. */
static bool read_magnitude(const char *text, const char *end, uint64_t *magnitude)
{
	text += *text == '-';
	return json_read_digits(text, (size_t)(end - text), magnitude);
}

static bool parse_number(struct lexer *lexer, const char *field, struct test *test)
{
	static const char sizes[] = "KMG";
	const char *text = lexer->token, *suffix, *size;
	size_t length;

	if (!lexer_take_number(lexer, "a number", &test->number, &suffix, &length))
		return false;
	if (!length) {
		if (!read_magnitude(text, suffix, &test->magnitude) || test->magnitude < EXACT_MAX)
			test->magnitude = 0;
		return true;
	}
	size = length == 1 ? strchr(sizes, *suffix) : NULL;
	if (!size)
		return apply_time(lexer, text, suffix, length, field, &test->number);
	test->number = ldexp(test->number, 10 * (int)(size + 1 - sizes));
	return isfinite(test->number) || lexer_fail_at(lexer, text, "the number is too large");
}

/* ---- parsing: functions return false after an error, which the lexer holds ---- */

/* The parser makes a list of steps with one result, which a test sets, STEP_NOT turns round, and jumps look at. */
enum step_type { STEP_TEST, STEP_NOT, STEP_JUMP_IF_TRUE, STEP_JUMP_IF_FALSE };

struct step {
	enum step_type type;
	unsigned int test;   /* its number, or that of the next */
	unsigned int target; /* of a jump; before that is known, the jump before it in the same chain */
};

struct parser {
	struct lexer *lexer;
	struct json_names *names;
	struct condition *condition;
	struct step *steps;
	unsigned int n_steps, steps_size;
	unsigned int depth;
};

enum { CHAIN_END = UINT_MAX };

/* Makes room for one more. */
static void *grow(struct lexer *lexer, void *array, unsigned int n, unsigned int *size, size_t element)
{
	unsigned int wanted = *size ? 2 * *size : 16;

	if (n < *size)
		return array;
	void *grown = reallocarray(array, wanted, element);
	if (grown)
		*size = wanted;
	else
		lexer_fail(lexer, "out of memory");
	return grown;
}

static bool add_step(struct parser *parser, enum step_type type)
{
	struct step *steps = grow(parser->lexer, parser->steps, parser->n_steps, &parser->steps_size, sizeof(*steps));

	if (!steps)
		return false;
	parser->steps = steps;
	steps[parser->n_steps++] = (struct step){ .type = type, .test = parser->condition->n_tests };
	return true;
}

/* NULL: an error. Good until the next is added. */
static struct test *add_test(struct parser *parser, const struct field *field, uint8_t accepted)
{
	struct condition *condition = parser->condition;
	struct test *tests =
		grow(parser->lexer, condition->tests, condition->n_tests, &condition->tests_size, sizeof(*tests));

	if (!tests)
		return NULL;
	condition->tests = tests;
	if (!add_step(parser, STEP_TEST))
		return NULL;
	tests[condition->n_tests] = (struct test){
		.type = TEST_EXISTS, .accepted = accepted, .field = field->number, .alias = field->alias_number
	};
	return &tests[condition->n_tests++];
}

/* Jumps of a chain all lead to the place behind its last operand. */
static bool add_jump(struct parser *parser, enum step_type type, unsigned int *chain)
{
	if (!add_step(parser, type))
		return false;
	parser->steps[parser->n_steps - 1].target = *chain;
	*chain = parser->n_steps - 1;
	return true;
}

static void end_chain(struct parser *parser, unsigned int chain)
{
	while (chain != CHAIN_END) {
		struct step *jump = &parser->steps[chain];

		chain = jump->target;
		jump->target = parser->n_steps;
	}
}

static bool is_keyword(const struct lexer *lexer)
{
	static const char *const keywords[] = { "and", "or", "not", "in", "exists", "true", "false" };

	for (size_t i = 0; i < COUNT(keywords); i++)
		if (lexer_is(lexer, keywords[i]))
			return true;
	return false;
}

static bool bind_field(struct parser *parser, struct field *field, const char *at, char *name)
{
	switch (field_bind(field, name, parser->names)) {
	case 0:
		return true;
	case -ENAMETOOLONG:
		return lexer_fail_at(parser->lexer, at, "the name is too long");
	case -E2BIG:
		return lexer_fail_at(parser->lexer, at, "too many fields");
	default:
		return lexer_fail_at(parser->lexer, at, "out of memory");
	}
}

/* NULL: an error. */
static const struct field *parse_field(struct parser *parser)
{
	struct condition *condition = parser->condition;
	struct lexer *lexer = parser->lexer;
	const char *at = lexer->token;

	if (is_keyword(lexer))
		lexer_fail(lexer, "expected a field, a '(' or 'not'; '%.*s' cannot be the name of a field",
			   (int)lexer->length, at);
	char *name = lexer_take_word(lexer, "a field, a '(' or 'not'");
	if (!name)
		return NULL;
	for (unsigned int i = 0; i < condition->n_fields; i++) {
		if (!strcmp(condition->fields[i].name, name)) {
			free(name);
			return &condition->fields[i];
		}
	}
	if (condition->n_fields == JSON_NAMES_MAX) {
		lexer_fail_at(lexer, at, "too many fields");
		free(name);
		return NULL;
	}
	struct field *field = &condition->fields[condition->n_fields++];
	return bind_field(parser, field, at, name) ? field : NULL;
}

static bool is_order(uint8_t accepted)
{
	return accepted != EQUAL && !(accepted & INCOMPARABLE);
}

static bool parse_string(struct lexer *lexer, struct test *test)
{
	test->string.bytes = lexer_take_string(lexer, "a string");
	if (!test->string.bytes)
		return false;
	test->string.length = strlen(test->string.bytes);
	size_t head_length = test->string.length < sizeof(test->head) ? test->string.length : sizeof(test->head);
	memcpy(&test->head, test->string.bytes, head_length);
	memset(&test->head_mask, 0xff, head_length);
	test->type = is_order(test->accepted) ? TEST_STRING_ORDER : TEST_STRING;
	return true;
}

static bool parse_literal(struct lexer *lexer, struct test *test)
{
	if (is_order(test->accepted))
		return lexer_fail(lexer, "expected a number or a string in quotes");
	test->type = TEST_LITERAL;
	test->literal = lexer_is(lexer, "true") ? VALUE_TRUE : VALUE_FALSE;
	lexer_next(lexer);
	return true;
}

/* What a field is compared with; adds the test. */
static bool parse_operand(struct parser *parser, const struct field *field, uint8_t accepted)
{
	struct lexer *lexer = parser->lexer;
	struct test *test = add_test(parser, field, accepted);

	if (!test)
		return false;
	if (lexer->type == TOKEN_STRING)
		return parse_string(lexer, test);
	if (lexer_is(lexer, "true") || lexer_is(lexer, "false"))
		return parse_literal(lexer, test);
	if (lexer->type != TOKEN_NUMBER)
		return lexer_fail(lexer, "expected a number, a string in quotes, true or false");
	test->type = TEST_NUMBER;
	return parse_number(lexer, field->name, test);
}

static bool parse_list(struct parser *parser, const struct field *field)
{
	unsigned int chain = CHAIN_END;

	if (!lexer_expect(parser->lexer, "(") || !parse_operand(parser, field, EQUAL))
		return false;
	while (lexer_take(parser->lexer, ","))
		if (!add_jump(parser, STEP_JUMP_IF_TRUE, &chain) || !parse_operand(parser, field, EQUAL))
			return false;
	end_chain(parser, chain);
	return lexer_take(parser->lexer, ")") || lexer_fail(parser->lexer, "expected ',' or ')'");
}

static bool parse_pattern(struct parser *parser, const struct field *field)
{
	const char *at = parser->lexer->token;
	char *text = lexer_take_string(parser->lexer, "a regular expression in quotes");
	struct pattern *pattern = text ? pattern_compile(parser->lexer, at, text) : NULL;

	free(text);
	if (!pattern)
		return false;
	struct test *test = add_test(parser, field, EQUAL);
	if (!test) {
		pattern_free(pattern);
		return false;
	}
	test->type = TEST_PATTERN;
	test->pattern = pattern;
	return true;
}

static bool parse_test(struct parser *parser)
{
	const struct field *field = parse_field(parser);

	if (!field)
		return false;
	if (lexer_take(parser->lexer, "exists"))
		return add_test(parser, field, EQUAL);
	if (lexer_take(parser->lexer, "in"))
		return parse_list(parser, field);
	if (lexer_take(parser->lexer, "=~"))
		return parse_pattern(parser, field);
	for (size_t i = 0; i < COUNT(operators); i++)
		if (lexer_take(parser->lexer, operators[i].token))
			return parse_operand(parser, field, operators[i].accepted);
	return lexer_fail(parser->lexer, "expected ==, !=, <, <=, >, >=, =~, in or exists");
}

static bool go_deeper(struct parser *parser)
{
	return ++parser->depth <= CONDITION_DEPTH_MAX || lexer_fail(parser->lexer, "nested too deeply");
}

static bool parse_alternatives(struct parser *parser);

static bool parse_group(struct parser *parser)
{
	if (!go_deeper(parser))
		return false;
	lexer_next(parser->lexer);
	return parse_alternatives(parser) &&
	       (lexer_take(parser->lexer, ")") || lexer_fail(parser->lexer, "expected 'and', 'or' or ')'"));
}

/* A test or a group, behind any number of `not`. */
static bool parse_term(struct parser *parser)
{
	unsigned int outside = parser->depth;
	bool is_negated = false;

	for (; lexer_is(parser->lexer, "not"); lexer_next(parser->lexer)) {
		if (!go_deeper(parser))
			return false;
		is_negated = !is_negated;
	}
	if (!(lexer_is(parser->lexer, "(") ? parse_group(parser) : parse_test(parser)))
		return false;
	parser->depth = outside;
	return !is_negated || add_step(parser, STEP_NOT);
}

static bool parse_terms(struct parser *parser)
{
	unsigned int chain = CHAIN_END;

	if (!parse_term(parser))
		return false;
	while (lexer_take(parser->lexer, "and"))
		if (!add_jump(parser, STEP_JUMP_IF_FALSE, &chain) || !parse_term(parser))
			return false;
	end_chain(parser, chain);
	return true;
}

static bool parse_alternatives(struct parser *parser)
{
	unsigned int chain = CHAIN_END;

	if (!parse_terms(parser))
		return false;
	while (lexer_take(parser->lexer, "or"))
		if (!add_jump(parser, STEP_JUMP_IF_TRUE, &chain) || !parse_terms(parser))
			return false;
	end_chain(parser, chain);
	return true;
}

/* The number of the test that comes after the one at this step, if that has this result. */
static unsigned int find_next(const struct parser *parser, unsigned int number, bool holds)
{
	for (number++; number < parser->n_steps;) {
		const struct step *step = &parser->steps[number];

		if (step->type == STEP_TEST)
			return step->test;
		if (step->type == STEP_NOT)
			holds = !holds;
		if (step->type == (holds ? STEP_JUMP_IF_TRUE : STEP_JUMP_IF_FALSE))
			number = step->target;
		else
			number++;
	}
	return parser->condition->n_tests + !holds;
}

/* Whatever the operators are, one of the two results leads to the test behind. */
static void link_tests(const struct parser *parser)
{
	for (unsigned int i = 0; i < parser->n_steps; i++) {
		unsigned int number = parser->steps[i].test, after;
		struct test *test = &parser->condition->tests[number];

		if (parser->steps[i].type != STEP_TEST)
			continue;
		after = find_next(parser, i, true);
		test->goes_on = after == number + 1;
		test->target = test->goes_on ? find_next(parser, i, false) : after;
	}
}

struct condition *condition_parse(struct lexer *lexer, struct json_names *names)
{
	struct parser parser = { .lexer = lexer, .names = names, .condition = calloc(1, sizeof(*parser.condition)) };

	if (!parser.condition) {
		lexer_fail(lexer, "out of memory");
		return NULL;
	}
	/* The token behind it is read already, and may be none. */
	if (parse_alternatives(&parser) && !lexer_failed(lexer)) {
		link_tests(&parser);
	} else {
		condition_free(parser.condition);
		parser.condition = NULL;
	}
	free(parser.steps);
	return parser.condition;
}

void condition_free(struct condition *condition)
{
	if (!condition)
		return;
	for (unsigned int i = 0; i < condition->n_tests; i++) {
		struct test *test = &condition->tests[i];

		if (test->type == TEST_STRING || test->type == TEST_STRING_ORDER)
			free(test->string.bytes);
		else if (test->type == TEST_PATTERN)
			pattern_free(test->pattern);
	}
	for (unsigned int i = 0; i < condition->n_fields; i++)
		field_clear(&condition->fields[i]);
	free(condition->tests);
	free(condition);
}

/* ---- evaluation ---- */

static enum outcome compare_numbers(double number, double other)
{
	if (number == other)
		return EQUAL;
	if (number < other)
		return LESS;
	return number > other ? GREATER : INCOMPARABLE;
}

/* Two integers that are the same double: ids of 64 bits are compared digit by digit, as far as both are written so. */
static enum outcome compare_integers(const struct test *test, const struct json_value *value,
				     const struct record_view *record)
{
	const char *text = record->line + value->start;
	uint64_t magnitude;

	if (!read_magnitude(text, text + value->length, &magnitude) || magnitude == test->magnitude)
		return EQUAL;
	return (magnitude < test->magnitude) == (*text != '-') ? LESS : GREATER;
}

static inline enum outcome compare_number(const struct test *test, const struct json_value *value,
					  const struct record_view *record)
{
	enum outcome outcome = compare_numbers(field_number(value, record), test->number);

	return outcome == EQUAL && test->magnitude ? compare_integers(test, value, record) : outcome;
}

/* Eight bytes from `bytes` on must be readable. */
static inline bool string_equals(const struct test *test, const char *bytes, size_t length)
{
	uint64_t head;

	memcpy(&head, bytes, sizeof(head));
	if (length != test->string.length || ((head ^ test->head) & test->head_mask))
		return false;
	return length <= sizeof(head) ||
	       !memcmp(bytes + sizeof(head), test->string.bytes + sizeof(head), length - sizeof(head));
}

static enum outcome order_bytes(const char *bytes, size_t length, const struct string *other)
{
	int order = memcmp(bytes, other->bytes, length < other->length ? length : other->length);

	if (!order && length == other->length)
		return EQUAL;
	return order < 0 || (!order && length < other->length) ? LESS : GREATER;
}

static inline enum outcome compare_text(const struct test *test, const char *bytes, size_t length)
{
	switch (test->type) {
	case TEST_STRING:
		/* Where it is not equal its order does not matter. */
		return string_equals(test, bytes, length) ? EQUAL : LESS;
	case TEST_STRING_ORDER:
		return order_bytes(bytes, length, &test->string);
	default:
		return pattern_matches(test->pattern, bytes, length) ? EQUAL : INCOMPARABLE;
	}
}

/* Decodes no more than matters: behind a character more than the rule's string has nothing can change the outcome. */
static __attribute__((noinline)) enum outcome compare_escaped(const struct test *test, const char *text, size_t length)
{
	enum { CHARACTER_MAX = 4, SPACE = 4096 };
	char space[SPACE], *decoded = space;
	size_t capacity = length;

	if (test->type != TEST_PATTERN && test->string.length + CHARACTER_MAX < capacity)
		capacity = test->string.length + CHARACTER_MAX;
	if (capacity > sizeof(space))
		decoded = malloc(capacity);
	if (!decoded)
		return INCOMPARABLE;
	enum outcome outcome = compare_text(test, decoded, json_decode(text, length, decoded, capacity));
	if (decoded != space)
		free(decoded);
	return outcome;
}

static inline enum outcome compare_value(const struct test *test, const struct json_value *value,
					 const struct record_view *record)
{
	switch (test->type) {
	case TEST_EXISTS:
		return EQUAL;
	case TEST_NUMBER:
		return compare_number(test, value, record);
	case TEST_LITERAL:
		return value->type == test->literal ? EQUAL : INCOMPARABLE;
	default:
		if (value->escaped)
			return compare_escaped(test, record->line + value->start, value->length);
		return compare_text(test, record->line + value->start, value->length);
	}
}

static bool test_holds(const struct test *test, const struct record_view *record)
{
	const struct json_value *value = &record->values[test->field];

	if (value_is_missing(value))
		value = &record->values[test->alias];
	return (!value_is_missing(value) ? compare_value(test, value, record) : INCOMPARABLE) & test->accepted;
}

bool condition_holds(const struct condition *condition, const struct record_view *record)
{
	unsigned int i = 0;

	while (i < condition->n_tests) {
		const struct test *test = &condition->tests[i];

		/* As a branch, and no choice between two numbers: so the next test can begin before this one is done. */
		if (__builtin_expect(test_holds(test, record) == test->goes_on, true))
			i++;
		else
			i = test->target;
	}
	return i == condition->n_tests;
}
