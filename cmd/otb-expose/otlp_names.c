/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-expose/otlp_names.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { WORDS_SIZE = OTLP_UNIT_MAX + 32 };

struct unit {
	const char *ucum, *words;
};

static const struct unit units[] = {
	{ "d", "days" },          { "h", "hours" },
	{ "min", "minutes" },     { "s", "seconds" },
	{ "ms", "milliseconds" }, { "us", "microseconds" },
	{ "ns", "nanoseconds" },  { "By", "bytes" },
	{ "KiBy", "kibibytes" },  { "MiBy", "mebibytes" },
	{ "GiBy", "gibibytes" },  { "TiBy", "tebibytes" },
	{ "kBy", "kilobytes" },   { "KBy", "kilobytes" },
	{ "MBy", "megabytes" },   { "GBy", "gigabytes" },
	{ "TBy", "terabytes" },   { "m", "meters" },
	{ "V", "volts" },         { "A", "amperes" },
	{ "J", "joules" },        { "W", "watts" },
	{ "g", "grams" },         { "Cel", "celsius" },
	{ "Hz", "hertz" },        { "1", "" },
	{ "%", "percent" },
};

/* What stands behind '/', in the singular. */
static const struct unit per_units[] = {
	{ "s", "second" }, { "m", "minute" }, { "h", "hour" }, { "d", "day" },
	{ "w", "week" },   { "mo", "month" }, { "y", "year" },
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* ---- words ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
}

/* Appends the words of a text behind those that are there. `also` belongs to words too. */
static size_t add_words(char *out, size_t at, const char *text, size_t length, char also)
{
	bool between = at > 0;

	for (size_t i = 0; i < length; i++) {
		if (!is_word(text[i]) && text[i] != also) {
			between = at > 0;
			continue;
		}
		if (between)
			out[at++] = '_';
		out[at++] = text[i];
		between = false;
	}
	out[at] = '\0';
	return at;
}

/* The place of a word in a name; NULL: it has none. What is of several words is none. */
static char *find_word(char *name, const char *word)
{
	size_t size = strlen(word);

	for (char *at = name; *at; at += *at == '_') {
		size_t length = strcspn(at, "_");

		if (length == size && !memcmp(at, word, size))
			return at;
		at += length;
	}
	return NULL;
}

static size_t remove_word(char *name, const char *word)
{
	for (char *at; (at = find_word(name, word)) != NULL;) {
		const char *end = at + strlen(word);

		if (*end == '_')
			memmove(at, end + 1, strlen(end));
		else
			at[at == name ? 0 : -1] = '\0';
	}
	return strlen(name);
}

/* ---- units ---- */

/* A unit in words; "" for an annotation ("{request}"), as a whole or in part. */
static void unit_words(const char *unit, size_t length, const struct unit *list, size_t n, char words[WORDS_SIZE])
{
	for (; length && *unit == ' '; unit++)
		length--;
	while (length && unit[length - 1] == ' ')
		length--;
	words[0] = '\0';
	if (memchr(unit, '{', length) || memchr(unit, '}', length))
		return;
	for (size_t i = 0; i < n; i++) {
		if (strlen(list[i].ucum) == length && !memcmp(list[i].ucum, unit, length)) {
			snprintf(words, WORDS_SIZE, "%s", list[i].words);
			return;
		}
	}
	add_words(words, 0, unit, length, ':');
}

static size_t add_unit(char *name, size_t at, const char *unit, size_t length)
{
	const char *slash = memchr(unit, '/', length);
	size_t before = slash ? (size_t)(slash - unit) : length;
	char words[WORDS_SIZE] = "";

	unit_words(unit, before, units, LENGTH(units), words);
	if (!find_word(name, words))
		at = add_words(name, at, words, strlen(words), ':');
	if (!slash)
		return at;
	unit_words(slash + 1, length - before - 1, per_units, LENGTH(per_units), words);
	if (!words[0])
		return at;
	at = add_words(name, at, "per", strlen("per"), ':');
	return add_words(name, at, words, strlen(words), ':');
}

/* ---- names ---- */

static size_t end_in(char *name, const char *word)
{
	return add_words(name, remove_word(name, word), word, strlen(word), ':');
}

size_t otlp_metric_name(const char *name, size_t length, const char *unit, size_t unit_length, enum otlp_kind kind,
			char out[OTLP_METRIC_NAME_SIZE])
{
	size_t at;

	if (length > OTLP_NAME_MAX || unit_length > OTLP_UNIT_MAX)
		return 0;
	at = add_words(out, 0, name, length, ':');
	if (!at)
		return 0;
	at = add_unit(out, at, unit, unit_length);
	if (kind == OTLP_COUNTER)
		at = end_in(out, "total");
	if (kind == OTLP_GAUGE && unit_length == 1 && *unit == '1')
		at = end_in(out, "ratio");
	if (kind == OTLP_COUNTER && !strcmp(out, "total"))
		return 0;
	if (!is_digit(out[0]))
		return at;
	memmove(out + 1, out, at + 1);
	out[0] = '_';
	return at + 1;
}

size_t otlp_label_name(const char *key, size_t length, char out[OTLP_LABEL_NAME_SIZE])
{
	size_t at = 0;
	bool any = false;

	if (!length || length > OTLP_NAME_MAX)
		return 0;
	if (is_digit(key[0]))
		at = (size_t)snprintf(out, OTLP_LABEL_NAME_SIZE, "key_");
	else if (!is_word(key[0]))
		at = (size_t)snprintf(out, OTLP_LABEL_NAME_SIZE, "key");
	for (size_t i = 0; i < length; i++) {
		any |= is_word(key[i]);
		if (is_word(key[i]))
			out[at++] = key[i];
		else if (!at || out[at - 1] != '_')
			out[at++] = '_';
	}
	out[at] = '\0';
	return any ? at : 0;
}
