/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record writer against jansson: whatever goes in, jansson reads the line and finds the same values.
 *
 *	record [SEED [RECORDS]]    a fixed seed and 200,000 records unless told
 */
#include "common/record/record.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "tests/unit/reference.h"
#include "tests/unit/tap.h"

enum { FIELDS_MAX = 12, LABELS_MAX = 3, NAMES = 64, NAME_SIZE = 40, ARENA_SIZE = 256 * 1024 };

enum field_type { FIELD_UINT, FIELD_INT, FIELD_DOUBLE, FIELD_BOOL, FIELD_HEX, FIELD_TEXT, FIELD_BYTES, FIELD_TYPES };

/* One field as it was handed over. */
struct field {
	const char *name;
	enum field_type type;
	bool truth;
	uint64_t number;
	double real;
	const char *bytes;
	size_t size;
};

/* A record as it was handed over. */
struct given {
	uint64_t wall_ns;
	const char *event;
	struct field fields[FIELDS_MAX + LABELS_MAX]; /* the labels last, as texts */
	unsigned int n_fields, n_labels;
	char arena[ARENA_SIZE]; /* of the fields' bytes */
	size_t used;
};

static char names[NAMES][NAME_SIZE];

static const char *const label_names[LABELS_MAX] = { "tenant", "env", "host_name_of_the_machine" };
static const char *const label_values[LABELS_MAX] = { "caf\xc3\xa9 \"quoted\"", "", "bad \xff\x1b bytes" };

/* The first thing that is wrong with a line, or NULL. */
static const char *wrong;

static void expect(bool condition, const char *what)
{
	if (!condition && !wrong)
		wrong = what;
}

/* ---- what goes in ---- */

static void name_fields(void)
{
	for (unsigned int i = 0; i < NAMES; i++)
		snprintf(names[i], NAME_SIZE, "f%u%.*s", i, (int)(i % 29), "_abcdefghijklmnopqrstuvwxyz_0");
}

static size_t random_size(uint64_t *state)
{
	static const size_t limits[] = { 4, 16, 16, 40, 40, 40, 40, 300, 300, 3700, 3700, 20000 };
	uint64_t kind = random_below(state, 200);

	if (kind == 199) /* about where a line is full */
		return 3400 + random_below(state, 150);
	return random_below(state, kind < 190 ? limits[kind % 7] : limits[7 + kind % 5]);
}

static void give_bytes(struct given *given, struct field *field, uint64_t *state)
{
	char *bytes = given->arena + given->used;

	field->size = random_size(state);
	if (field->size >= ARENA_SIZE - given->used)
		field->size = 0;
	random_bytes(state, (unsigned char *)bytes, field->size);
	bytes[field->size] = '\0';
	if (field->type == FIELD_TEXT)
		field->size = strlen(bytes);
	field->bytes = bytes;
	given->used += field->size + 1;
}

static double random_real(uint64_t *state)
{
	uint64_t bits = random_next(state);
	double real;

	switch (random_below(state, 4)) {
	case 0:
		return (double)(int64_t)bits / 4096;
	case 1:
		return (double)random_below(state, 1000) / 10;
	}
	memcpy(&real, &bits, sizeof(real)); /* infinities, NaNs and subnormal numbers among them */
	return real;
}

static void give_field(struct given *given, const char *name, uint64_t *state)
{
	struct field *field = &given->fields[given->n_fields++];

	*field = (struct field){ .name = name, .type = (enum field_type)random_below(state, FIELD_TYPES) };
	if (field->type == FIELD_DOUBLE && random_below(state, 4)) /* slow */
		field->type = FIELD_UINT;
	field->number = random_next(state) >> random_below(state, 64);
	if (random_below(state, 16) == 0)
		field->number = (UINT64_C(1) << 53) - 1 + random_below(state, 3);
	if (field->type == FIELD_INT && random_below(state, 2))
		field->number = -field->number;
	field->truth = random_next(state) & 1;
	field->real = random_real(state);
	if (field->type == FIELD_TEXT || field->type == FIELD_BYTES)
		give_bytes(given, field, state);
}

static void give_record(struct given *given, uint64_t *state)
{
	static const char *const events[] = { "e", "tcp_retransmit", "caf\xc3\xa9" };
	unsigned int n = (unsigned int)random_below(state, FIELDS_MAX + 1);
	unsigned int first = (unsigned int)random_next(state);

	given->wall_ns = random_next(state);
	given->event = events[random_below(state, 3)];
	given->n_fields = 0;
	given->used = 0;
	for (unsigned int i = 0; i < n; i++)
		give_field(given, names[(first + i) % NAMES], state);
	given->n_labels = (unsigned int)random_below(state, LABELS_MAX + 1);
	for (unsigned int i = 0; i < given->n_labels; i++)
		given->fields[given->n_fields++] = (struct field){ .name = label_names[i],
								   .type = FIELD_TEXT,
								   .bytes = label_values[i],
								   .size = strlen(label_values[i]) };
}

static void add_field(struct record *record, const struct field *field)
{
	switch (field->type) {
	case FIELD_UINT:
		record_add_uint(record, field->name, field->number);
		break;
	case FIELD_INT:
		record_add_int(record, field->name, (int64_t)field->number);
		break;
	case FIELD_DOUBLE:
		record_add_double(record, field->name, field->real);
		break;
	case FIELD_BOOL:
		record_add_bool(record, field->name, field->truth);
		break;
	case FIELD_HEX:
		record_add_hex(record, field->name, field->number);
		break;
	case FIELD_TEXT:
		record_add_text(record, field->name, field->bytes);
		break;
	default:
		record_add_bytes(record, field->name, field->bytes, field->size);
	}
}

static size_t write_record(struct record *record, const struct given *given)
{
	record_init(record);
	for (unsigned int i = 0; i < given->n_labels; i++)
		record_add_label(record, label_names[i], label_values[i]);
	record_begin(record, given->wall_ns, given->event);
	for (unsigned int i = 0; i < given->n_fields - given->n_labels; i++)
		add_field(record, &given->fields[i]);
	return record_end(record);
}

/* ---- what comes out: the line ---- */

static void check_line(const char *line, size_t length)
{
	const unsigned char *bytes = (const unsigned char *)line;

	expect(length <= RECORD_LINE_MAX, "longer than RECORD_LINE_MAX");
	expect(length > 2 && line[length - 1] == '\n', "no LF at the end");
	for (size_t i = 0; i + 1 < length;) {
		size_t n = reference_sequence(bytes + i, length - 1 - i);

		expect(n, "not UTF-8");
		expect(bytes[i] >= 0x20 && bytes[i] != 0x7f, "a control character");
		expect(bytes[i] != 0xc2 || bytes[i + 1] >= 0xa0, "a C1 control character");
		i += n ? n : 1;
	}
}

/* ---- what comes out: the values ---- */

/* What `text` takes between the quotes of a line. */
static size_t escaped_size(const char *text, size_t length)
{
	size_t size = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)text[i], next = i + 1 < length ? (unsigned char)text[i + 1] : 0xff;

		if (byte == '"' || byte == '\\' || (byte && byte < 0x20 && strchr("\b\t\n\f\r", byte)))
			size += 2;
		else if (byte < 0x20 || byte == 0x7f)
			size += 6;
		else if (byte == 0xc2 && next < 0xa0)
			size += 5; /* \u00XX less the second byte */
		else
			size++;
	}
	return size;
}

/* What is known of the strings of one record, for what is said about cuts. */
struct cuts {
	size_t missing;         /* bytes that the line would have more */
	size_t smallest_whole;  /* of the strings that were cut, before: at most what a line holds */
	size_t smallest_cut;    /* of them, after */
	size_t largest_uncut;   /* of the others */
	size_t largest_written; /* of all, after */
	char names[1024];       /* as `truncated` should have them */
};

static void note_string(struct cuts *cuts, const char *name, size_t whole, size_t written, bool is_cut)
{
	if (written > cuts->largest_written)
		cuts->largest_written = written;
	if (!is_cut) {
		cuts->largest_uncut = written > cuts->largest_uncut ? written : cuts->largest_uncut;
		return;
	}
	cuts->missing += whole - written;
	if (whole < cuts->smallest_whole)
		cuts->smallest_whole = whole;
	if (written < cuts->smallest_cut)
		cuts->smallest_cut = written;
	snprintf(cuts->names + strlen(cuts->names), sizeof(cuts->names) - strlen(cuts->names), "%s%s",
		 *cuts->names ? "," : "", name);
}

static void check_string(struct cuts *cuts, const char *name, const json_t *value, const void *bytes, size_t size)
{
	const char *got = json_string_value(value);
	size_t length, whole_length;
	char *whole;

	if (!got) {
		expect(false, "no string");
		return;
	}
	length = json_string_length(value);
	whole = reference_clean(bytes, size, &whole_length);
	expect(length <= whole_length && !memcmp(got, whole, length), "a string is no beginning of what was given");
	expect(length >= whole_length || ((unsigned char)whole[length] & 0xc0) != 0x80, "cut within a character");
	note_string(cuts, name, escaped_size(whole, whole_length), escaped_size(got, length), length != whole_length);
	free(whole);
}

static bool is_left_out(const struct field *field)
{
	uint64_t magnitude = field->type == FIELD_INT && (int64_t)field->number < 0 ? -field->number : field->number;

	if (field->type == FIELD_UINT || field->type == FIELD_INT)
		return magnitude >= UINT64_C(1) << 53;
	return field->type == FIELD_DOUBLE && !isfinite(field->real);
}

static void check_value(struct cuts *cuts, const struct field *field, const json_t *value)
{
	char hex[32];

	switch (field->type) {
	case FIELD_UINT:
	case FIELD_INT:
		expect(json_is_integer(value) && json_integer_value(value) == (int64_t)field->number,
		       "another integer");
		break;
	case FIELD_DOUBLE:
		expect(json_is_number(value) && json_number_value(value) == field->real, "another double");
		break;
	case FIELD_BOOL:
		expect(json_is_boolean(value) && json_boolean_value(value) == field->truth, "another bool");
		break;
	case FIELD_HEX:
		snprintf(hex, sizeof(hex), "%" PRIx64, field->number);
		check_string(cuts, field->name, value, hex, strlen(hex));
		break;
	default:
		check_string(cuts, field->name, value, field->bytes, field->size);
	}
}

static void check_time(const json_t *value, uint64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / 1000000000);
	char expected[64], whole[80];
	struct tm tm;

	strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
	snprintf(whole, sizeof(whole), "%s.%09uZ", expected, (unsigned int)(wall_ns % 1000000000));
	expect(json_is_string(value) && !strcmp(json_string_value(value), whole), "another time");
}

/* A cut was needed, took the longest strings, took no more than it had to, and left none of them much shorter than the
 * others. */
static void check_cuts(const struct cuts *cuts, const json_t *truncated, size_t length)
{
	size_t named = strlen(",\"truncated\":\"\"") + strlen(cuts->names);

	if (!truncated) {
		expect(!*cuts->names, "cut without `truncated`");
		return;
	}
	expect(json_is_string(truncated) && !strcmp(json_string_value(truncated), cuts->names),
	       "`truncated` does not name what was cut");
	expect(length - named + cuts->missing > RECORD_LINE_MAX, "cut although there was room");
	expect(length + 5 >= RECORD_LINE_MAX, "cut shorter than needed"); /* \u00XX may just not fit */
	expect(cuts->smallest_whole >= cuts->largest_uncut, "cut a string that was not the longest");
	expect(2 * (cuts->smallest_cut + 6) >= cuts->largest_written, "cut a string to nothing and others not");
}

/* The members in their order; each name is what `*iterator` is at. */
static json_t *take_member(json_t *root, void **iterator, const char *name)
{
	json_t *value = NULL;

	if (*iterator && !strcmp(json_object_iter_key(*iterator), name)) {
		value = json_object_iter_value(*iterator);
		*iterator = json_object_iter_next(root, *iterator);
	}
	return value;
}

static void check_members(const struct given *given, json_t *root, size_t length)
{
	struct cuts cuts = { .smallest_whole = SIZE_MAX, .smallest_cut = SIZE_MAX };
	void *at = json_object_iter(root);

	check_time(take_member(root, &at, "time"), given->wall_ns);
	check_string(&cuts, "event", take_member(root, &at, "event"), given->event, strlen(given->event));
	for (unsigned int i = 0; i < given->n_fields; i++)
		if (!is_left_out(&given->fields[i]))
			check_value(&cuts, &given->fields[i], take_member(root, &at, given->fields[i].name));
	check_cuts(&cuts, take_member(root, &at, "truncated"), length);
	expect(!at, "a member too much, or out of order");
}

/* Writes the record, and says what is wrong with it, or NULL. */
static const char *prove(struct record *record, const struct given *given, bool *is_cut)
{
	size_t length = write_record(record, given);
	json_error_t error;
	json_t *root;

	wrong = NULL;
	check_line(record->line, length);
	root = json_loadb(record->line, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	if (root)
		check_members(given, root, length);
	else
		expect(false, error.text);
	*is_cut = json_object_get(root, "truncated");
	json_decref(root);
	return wrong;
}

static void check_random_records(struct record *record, struct given *given, uint64_t seed, unsigned int n)
{
	unsigned int n_wrong = 0, n_cut = 0;

	for (unsigned int i = 0; i < n; i++) {
		uint64_t state = seed + i;
		const char *reason;
		bool is_cut = false;

		give_record(given, &state);
		reason = prove(record, given, &is_cut);
		n_cut += is_cut;
		if (reason && n_wrong++ < 10)
			printf("# seed %" PRIu64 ": %s: %.*s", seed + i, reason, (int)record->length, record->line);
	}
	check(!n_wrong, "jansson reads back %u random records from seed %" PRIu64 ": %u wrong", n, seed, n_wrong);
	check(n < 1000 || (n_cut > n / 100 && n_cut < n / 2), "%u of them were cut", n_cut);
}

/* ---- single cases ---- */

static void check_one(struct record *record, const char *expected, const char *what)
{
	size_t length = record_end(record);

	check(length == strlen(expected) && !memcmp(record->line, expected, length), "%s: %.*s", what, (int)length - 1,
	      record->line);
}

#define START "{\"time\":\"2026-03-01T12:00:00.123456789Z\",\"event\":\"e\""

static void begin_one(struct record *record)
{
	record_init(record);
	record_begin(record, UINT64_C(1772366400123456789), "e");
}

static void check_forms(struct record *record)
{
	begin_one(record);
	check_one(record, START "}\n", "an empty record");
	begin_one(record);
	record_add_bytes(record, "all", "\0\x01\b\t\n\f\r\x1b\x1f !\"#[\\]~\x7f\xc2\x80\xc2\x9f\xc2\xa0/", 25);
	check_one(
		record,
		START
		",\"all\":\"\\u0000\\u0001\\b\\t\\n\\f\\r\\u001b\\u001f !\\\"#[\\\\]~\\u007f\\u0080\\u009f\xc2\xa0/\"}\n",
		"escapes");
	begin_one(record);
	record_add_uint(record, "max", (UINT64_C(1) << 53) - 1);
	record_add_uint(record, "more", UINT64_C(1) << 53);
	record_add_int(record, "min", -((INT64_C(1) << 53) - 1));
	record_add_int(record, "less", -(INT64_C(1) << 53));
	record_add_int(record, "least", INT64_MIN);
	record_add_uint(record, "most", UINT64_MAX);
	record_add_int(record, "zero", 0);
	check_one(record, START ",\"max\":9007199254740991,\"min\":-9007199254740991,\"zero\":0}\n", "integers");
	begin_one(record);
	record_add_double(record, "tenth", 0.1);
	record_add_double(record, "nan", (double)NAN);
	record_add_double(record, "inf", (double)-INFINITY);
	record_add_double(record, "third", 1.0 / 3);
	record_add_double(record, "one", 1);
	record_add_double(record, "tiny", 5e-324);
	record_add_double(record, "huge", 1.7976931348623157e308);
	check_one(record,
		  START ",\"tenth\":0.1,\"third\":0.3333333333333333,\"one\":1,\"tiny\":4.94066e-324,"
			"\"huge\":1.7976931348623157e+308}\n",
		  "doubles");
	begin_one(record);
	record_add_hex(record, "zero", 0);
	record_add_hex(record, "max", UINT64_MAX);
	record_add_bool(record, "yes", true);
	record_add_bool(record, "no", false);
	check_one(record, START ",\"zero\":\"0\",\"max\":\"ffffffffffffffff\",\"yes\":true,\"no\":false}\n",
		  "hex and bool");
}

static void check_labels(struct record *record)
{
	unsigned int n = 0;

	record_init(record);
	while (n < 1000 && record_add_label(record, "l", "v"))
		n++;
	check(n == RECORD_LABELS_MAX, "takes %u labels and refuses the next", n);
	record_init(record);
	record_add_label(record, "env", "prod");
	record_begin(record, UINT64_C(1772366400123456789), "e");
	check_one(record, START ",\"env\":\"prod\"}\n", "a label");
	record_begin(record, UINT64_C(1772366400123456789), "e");
	record_add_uint(record, "n", 1);
	check_one(record, START ",\"n\":1,\"env\":\"prod\"}\n", "labels stay from record to record");
}

/* The line is full to its last byte before a cut, and one byte more is one too much. */
static void check_brim(struct record *record)
{
	const size_t room = RECORD_LINE_MAX - strlen(START ",\"text\":\"\"}\n");
	static char text[RECORD_LINE_MAX];
	size_t length;

	memset(text, 'x', sizeof(text));
	begin_one(record);
	record_add_bytes(record, "text", text, room);
	length = record_end(record);
	check(length == RECORD_LINE_MAX && !memmem(record->line, length, "truncated", 9), "a full line is not cut");
	begin_one(record);
	record_add_bytes(record, "text", text, room + 1);
	length = record_end(record);
	check(length == RECORD_LINE_MAX && memmem(record->line, length, "x\",\"truncated\":\"text\"}\n", 23),
	      "a byte more is, to a full line");
}

/* ---- too much of everything ---- */

static bool is_record(const struct record *record, size_t length)
{
	json_t *root;
	bool good;

	wrong = NULL;
	check_line(record->line, length);
	root = json_loadb(record->line, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	good = root && !wrong && json_string_length(json_object_get(root, "time")) == 30;
	json_decref(root);
	return good;
}

/* More fields than a line or the writer holds, with names of `name_size` bytes and strings of `size` bytes. */
static bool overload(struct record *record, unsigned int n, size_t name_size, size_t size, bool texts_only)
{
	char *bytes = malloc(size + 1);
	char **many = calloc(n, sizeof(*many));
	bool good;

	memset(bytes, '\x01', size);
	bytes[size] = '\0';
	record_init(record);
	for (unsigned int i = 0; i < n; i++) {
		many[i] = calloc(1, name_size + 16);
		memset(many[i] + snprintf(many[i], 16, "n%u_", i), 'x', name_size);
		if (i < RECORD_LABELS_MAX)
			record_add_label(record, many[i], bytes);
	}
	record_begin(record, 0, "e");
	for (unsigned int i = RECORD_LABELS_MAX; i < n; i++) {
		if (!texts_only && i % 2)
			record_add_uint(record, many[i], 123456789012);
		else
			record_add_text(record, many[i], bytes);
	}
	good = is_record(record, record_end(record));
	for (unsigned int i = 0; i < n; i++)
		free(many[i]);
	free(many);
	free(bytes);
	return good;
}

static void check_overload(struct record *record)
{
	static const size_t name_sizes[] = { 1, 20, 60, 100, 1000, 5000 };
	static const unsigned int counts[] = { 32, 60, 100, 1000 };
	static const size_t sizes[] = { 0, 1, 256, 4000 };

	for (unsigned int i = 0; i < 6; i++) {
		unsigned int n_wrong = 0;

		for (unsigned int j = 0; j < 4 * 4 * 2; j++)
			n_wrong += !overload(record, counts[j % 4], name_sizes[i], sizes[j / 4 % 4], j & 16);
		check(!n_wrong, "a line is a record whatever number of fields with names of %zu bytes: %u wrong",
		      name_sizes[i], n_wrong);
	}
}

/* None of up to 64 strings, however long, is lost: they are cut, and named. */
static void check_many_long_texts(struct record *record)
{
	enum { N = RECORD_TEXTS_MAX - 2 };
	static char bytes[20000];
	json_t *root;
	size_t length;

	memset(bytes, 'x', sizeof(bytes));
	begin_one(record);
	for (unsigned int i = 0; i < N; i++)
		record_add_bytes(record, names[i], bytes, sizeof(bytes));
	length = record_end(record);
	root = json_loadb(record->line, length, JSON_REJECT_DUPLICATES, NULL);
	check(is_record(record, length) && json_object_size(root) == N + 3,
	      "%d long strings are all there, cut: %zu members in %zu bytes", N, json_object_size(root), length);
	json_decref(root);
}

/* ---- no allocation ---- */

static unsigned long n_allocations;

/* The sanitizers and valgrind have allocators of their own. */
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
#define COUNTS_ALLOCATIONS 1

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
	n_allocations++;
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	n_allocations++;
	return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	n_allocations++;
	return __libc_realloc(old, size);
}
#else
#define COUNTS_ALLOCATIONS 0
#endif

static bool allocations_are_counted(void)
{
	unsigned long before = n_allocations;
	void *volatile block = malloc(1);

	free(block);
	return COUNTS_ALLOCATIONS && n_allocations > before;
}

static void check_no_allocation(struct record *record, struct given *given, uint64_t seed)
{
	unsigned long allocated = 0;

	if (!COUNTS_ALLOCATIONS)
		return; /* a sanitizer has the allocator: the plain build counts */
	if (!allocations_are_counted()) {
		skip("nothing is allocated", "allocations cannot be counted in this build or under valgrind");
		return;
	}
	for (unsigned int i = 0; i < 5000; i++) {
		uint64_t state = seed + i;
		unsigned long before;

		give_record(given, &state);
		before = n_allocations;
		write_record(record, given);
		allocated += n_allocations - before;
	}
	check(!allocated, "5000 records allocate nothing: %lu allocations", allocated);
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 20260301;
	unsigned int n = argc > 2 ? (unsigned int)strtoul(argv[2], NULL, 0) : 200000;
	struct record *record = malloc(sizeof(*record));
	struct given *given = malloc(sizeof(*given));

	name_fields();
	check_forms(record);
	check_labels(record);
	check_brim(record);
	check_many_long_texts(record);
	check_overload(record);
	check_no_allocation(record, given, seed);
	check_random_records(record, given, seed, n);
	free(given);
	free(record);
	return finish_tests();
}
