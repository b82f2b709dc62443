/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-expose/negotiate.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { Q_ONE = 1000 }; /* RFC 9110, 12.4.2: at most three digits behind the point */

/* One of a header's list: "text/plain; version=0.0.4; q=0.5". Names and values are in lower case, and cut where they are
 * longer than any that we know. */
struct element {
	char name[64], version[16];
	unsigned int q; /* 0..Q_ONE */
	bool well_formed;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Takes what stands before the next comma, semicolon or equals sign, without quotes and without white space around it.
 * False: a quote is not closed. */
static bool take_word(const char **at, char *word, size_t size)
{
	size_t length = 0, end = 0; /* behind the last character that is not white space */
	bool quoted = false;

	for (; **at && (quoted || !strchr(",;=", **at)); (*at)++) {
		if (**at == '"') {
			quoted = !quoted;
			continue;
		}
		if (quoted && **at == '\\' && (*at)[1])
			(*at)++;
		if (!quoted && !length && is_blank(**at))
			continue;
		if (length + 1 < size)
			word[length++] = (char)tolower((unsigned char)**at);
		if (quoted || !is_blank(**at))
			end = length;
	}
	word[end] = '\0';
	return !quoted;
}

/* Digits behind the third are taken and do not count. */
static bool parse_q(const char *text, unsigned int *q)
{
	unsigned int weight = Q_ONE / 10;

	if (*text != '0' && *text != '1')
		return false;
	*q = (unsigned int)(*text++ - '0') * Q_ONE;
	if (*text == '.')
		for (text++; isdigit((unsigned char)*text); text++, weight /= 10)
			*q += (unsigned int)(*text - '0') * weight;
	return !*text && *q <= Q_ONE;
}

/* A parameter without a value does not count, nor does one that we do not know. */
static bool take_parameter(const char **at, struct element *element)
{
	char key[16], value[64];

	if (!take_word(at, key, sizeof(key)))
		return false;
	if (**at != '=')
		return true;
	(*at)++;
	if (!take_word(at, value, sizeof(value)) || **at == '=')
		return false;
	if (!strcmp(key, "q"))
		return parse_q(value, &element->q);
	if (!strcmp(key, "version"))
		snprintf(element->version, sizeof(element->version), "%.*s", (int)sizeof(element->version) - 1, value);
	return true;
}

/* Returns where the next one begins. */
static const char *take_element(const char *at, struct element *element)
{
	*element = (struct element){ .q = Q_ONE };
	element->well_formed = take_word(&at, element->name, sizeof(element->name));
	while (*at && *at != ',') {
		bool is_parameter = *at == ';';

		at++;
		element->well_formed &= take_parameter(&at, element) && is_parameter;
	}
	return *at ? at + 1 : at;
}

static bool is_wildcard(const struct element *element)
{
	return !strcmp(element->name, "*/*") || !strcmp(element->name, "text/*");
}

/* False: no format of ours is meant. */
static bool find_format(const struct element *element, enum page_format *format)
{
	bool is_openmetrics = !strcmp(element->name, "application/openmetrics-text");

	*format = is_openmetrics ? PAGE_OPENMETRICS : PAGE_TEXT;
	if (is_openmetrics)
		return !strcmp(element->version, "1.0.0");
	if (!strcmp(element->name, "text/plain"))
		return !*element->version || !strcmp(element->version, "0.0.4");
	return is_wildcard(element);
}

enum page_format negotiate_format(const char *accept)
{
	enum page_format best = PAGE_TEXT, format;
	unsigned int highest = 0;

	while (accept && *accept) {
		struct element element;
		unsigned int rank;

		accept = take_element(accept, &element);
		if (!element.well_formed || !element.q || !find_format(&element, &format))
			continue;
		rank = 2 * element.q + !is_wildcard(&element);
		if (rank <= highest)
			continue;
		highest = rank;
		best = format;
	}
	return best;
}

bool negotiate_gzip(const char *accept_encoding)
{
	bool named = false, takes = false;

	while (accept_encoding && *accept_encoding) {
		struct element element;

		accept_encoding = take_element(accept_encoding, &element);
		if (!element.well_formed)
			continue;
		if (!strcmp(element.name, "gzip") || !strcmp(element.name, "x-gzip")) {
			named = true;
			takes = element.q > 0;
		} else if (!named && !strcmp(element.name, "*")) {
			takes = element.q > 0;
		}
	}
	return takes;
}
