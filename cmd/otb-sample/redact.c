/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/redact.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cli/diag.h"
#include "common/cli/parse.h"
#include "common/record/json_walk.h"

enum { HASH_SIZE = 32 };

/* ---- options ---- */

/* Cuts "PREFIX:SUFFIX" in two. */
static bool parse_kept(struct redaction *redaction, char *text)
{
	uint64_t prefix, suffix;
	char *colon = strchr(text, ':');

	if (!colon)
		return false;
	*colon = '\0';
	if (!parse_uint(text, 0, REDACT_KEEP_MAX, &prefix) || !parse_uint(colon + 1, 0, REDACT_KEEP_MAX, &suffix))
		return false;
	redaction->prefix = (uint32_t)prefix;
	redaction->suffix = (uint32_t)suffix;
	return true;
}

static bool parse_how(struct redaction *redaction, char *text)
{
	static const char mask[] = "mask:";
	static const char *const words[] = { [REDACT_MASK] = "mask", [REDACT_HASH] = "hash", [REDACT_OMIT] = "omit" };

	redaction->prefix = redaction->suffix = 0;
	redaction->how = REDACT_MASK;
	if (!strncmp(text, mask, strlen(mask)))
		return parse_kept(redaction, text + strlen(mask));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(text, words[i])) {
			redaction->how = (enum redact_how)i;
			return true;
		}
	}
	return false;
}

/* As far as dots and underscores are alike. */
static bool names_equal(const char *name, const char *bytes, size_t length)
{
	size_t i = 0;

	for (; i < length && name[i]; i++)
		if ((name[i] == '.' ? '_' : name[i]) != (bytes[i] == '.' ? '_' : bytes[i]))
			return false;
	return i == length && !name[i];
}

static bool is_redacted(const struct redact *redact, const char *name)
{
	for (unsigned int i = 0; i < redact->n; i++)
		if (names_equal(redact->list[i].name, name, strlen(name)))
			return true;
	return false;
}

/* `text` becomes the field's own, or stays the caller's where there is an error. */
static const char *take_redaction(struct redact *redact, char *text)
{
	struct redaction *redaction = &redact->list[redact->n];
	char *colon = strchr(text, ':');

	if (!colon || colon == text)
		return "FIELD:HOW, as user.email:mask";
	*colon = '\0';
	if (!parse_how(redaction, colon + 1))
		return "FIELD:HOW with a HOW of mask, mask:PREFIX:SUFFIX (0 to 1000), hash or omit";
	if (is_redacted(redact, text))
		return "the only redaction of its field";
	if (strlen(text) > JSON_NAME_LENGTH_MAX)
		return "FIELD:HOW with a FIELD of at most 255 bytes";
	redaction->name = text;
	redact->n++;
	return NULL;
}

const char *redact_parse(struct redact *redact, const char *text)
{
	char *copy;
	const char *wrong;

	if (redact->n == REDACTIONS_MAX)
		return "one of the first 64 redactions";
	copy = strdup(text);
	if (!copy)
		return "what there is memory for";
	wrong = take_redaction(redact, copy);
	if (wrong)
		free(copy);
	return wrong;
}

bool redact_needs_key(const struct redact *redact)
{
	for (unsigned int i = 0; i < redact->n; i++)
		if (redact->list[i].how == REDACT_HASH)
			return true;
	return false;
}

/* ---- key ---- */

static bool check_key_file(FILE *stream, const char *path)
{
	struct stat status;

	if (fstat(fileno(stream), &status)) {
		diag_print_errno(DIAG_ERROR, errno, "cannot look at the key file '%s'", path);
		return false;
	}
	if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode)) {
		diag_print(DIAG_ERROR, "the key file '%s' is neither a file nor a pipe", path);
		return false;
	}
	if (status.st_mode & (S_IRGRP | S_IROTH))
		diag_print(DIAG_WARN, "others than its owner can read the key file '%s'; chmod 600 makes it private",
			   path);
	return true;
}

/* Returns the length of the key that the file holds, or 0: said on stderr. */
static size_t take_key(FILE *stream, const char *path, unsigned char *key, size_t capacity)
{
	size_t length = fread(key, 1, capacity, stream);

	if (ferror(stream)) {
		diag_print_errno(DIAG_ERROR, errno, "cannot read the key file '%s'", path);
		return 0;
	}
	if (length && key[length - 1] == '\n')
		length--;
	if (length < REDACT_KEY_MIN || length > REDACT_KEY_MAX) {
		diag_print(DIAG_ERROR, "the key in '%s' is too %s: it has to have %d to %d bytes", path,
			   length < REDACT_KEY_MIN ? "short" : "long", REDACT_KEY_MIN, REDACT_KEY_MAX);
		return 0;
	}
	return length;
}

/* HMAC-SHA-256 that is ready to begin with its first text. NULL: said on stderr. */
static EVP_MAC_CTX *open_mac(const unsigned char *key, size_t length)
{
	char digest[] = "SHA256";
	const OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *context = mac ? EVP_MAC_CTX_new(mac) : NULL;

	EVP_MAC_free(mac);
	if (context && EVP_MAC_init(context, key, length, parameters))
		return context;
	EVP_MAC_CTX_free(context);
	diag_print(DIAG_ERROR, "libcrypto has no HMAC-SHA-256");
	return NULL;
}

bool redact_read_key(struct redact *redact, const char *path)
{
	unsigned char key[REDACT_KEY_MAX + 2]; /* the LF, and one byte too many */
	FILE *stream = fopen(path, "re");

	if (!stream) {
		diag_print_errno(DIAG_ERROR, errno, "cannot open the key file '%s'", path);
		return false;
	}
	setvbuf(stream, NULL, _IONBF, 0); /* no other copy of it */
	size_t length = check_key_file(stream, path) ? take_key(stream, path, key, sizeof(key)) : 0;
	fclose(stream);
	EVP_MAC_CTX_free(redact->mac);
	redact->mac = length ? open_mac(key, length) : NULL;
	explicit_bzero(key, sizeof(key));
	return redact->mac;
}

/* ---- values ---- */

/* Copies the text of a value to where it can be changed. */
static bool take_text(struct buffer *text, const char *line, const struct json_value *value)
{
	buffer_reset(text);
	if (!buffer_reserve(text, value->length + 1)) /* an empty text has a place too */
		return false;
	if (value->type == VALUE_STRING)
		text->length = json_decode(line + value->start, value->length, text->bytes, text->capacity);
	else
		buffer_add(text, line + value->start, value->length);
	return true;
}

static bool begins_character(char byte)
{
	return ((unsigned char)byte & 0xc0) != 0x80;
}

static size_t count_characters(const struct buffer *text)
{
	size_t n = 0;

	for (size_t i = 0; i < text->length; i++)
		n += begins_character(text->bytes[i]);
	return n;
}

/* The offset behind the first n characters, of which there are so many. */
static size_t skip_characters(const struct buffer *text, size_t n)
{
	size_t i = 0;

	for (; i < text->length; i++)
		if (begins_character(text->bytes[i]) && !n--)
			break;
	return i;
}

static void mask_text(struct buffer *text, const struct redaction *redaction)
{
	size_t n = count_characters(text);
	bool is_short = n <= redaction->prefix + redaction->suffix;
	size_t prefix = is_short ? 0 : redaction->prefix, suffix = is_short ? 0 : redaction->suffix;
	size_t head = skip_characters(text, prefix), tail = skip_characters(text, n - suffix);
	size_t stars = n - prefix - suffix;

	memset(text->bytes + head, '*', stars);
	memmove(text->bytes + head + stars, text->bytes + tail, text->length - tail);
	text->length = head + stars + text->length - tail;
}

/* False: libcrypto has no memory. */
static bool hash_text(EVP_MAC_CTX *mac, const struct buffer *text, char hex[2 * HASH_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char hash[HASH_SIZE];
	size_t length;

	/* Without a key it begins anew with the same. */
	if (!EVP_MAC_init(mac, NULL, 0, NULL) ||
	    !EVP_MAC_update(mac, (const unsigned char *)text->bytes, text->length) ||
	    !EVP_MAC_final(mac, hash, &length, sizeof(hash)))
		return false;
	for (size_t i = 0; i < HASH_SIZE; i++) {
		hex[2 * i] = digits[hash[i] >> 4];
		hex[2 * i + 1] = digits[hash[i] & 15];
	}
	return true;
}

/* ---- records ---- */

static const struct redaction *find_redaction(const struct redact *redact, const char *text,
					      const struct json_value *key)
{
	/* Some bytes more than any name, so that a longer key is not cut to one. */
	char space[JSON_NAME_LENGTH_MAX + 4];
	const char *name;
	size_t length = json_text_of(text, key, space, sizeof(space), &name);

	for (unsigned int i = 0; i < redact->n; i++)
		if (names_equal(redact->list[i].name, name, length))
			return &redact->list[i];
	return NULL;
}

bool redact_finds(const struct redact *redact, const struct record_view *record)
{
	struct json_value key, value;
	struct json_walk walk;

	json_walk_open_text(&walk, record->line);
	while (json_walk_member(&walk, &key, &value))
		if (find_redaction(redact, record->line, &key))
			return true;
	return false;
}

static enum edit_verdict redact_member(void *context, const char *text, const struct json_value *key,
				       const struct json_value *value, struct buffer *out)
{
	struct redact *redact = context;
	const struct redaction *redaction = find_redaction(redact, text, key);
	char hex[2 * HASH_SIZE];

	if (!redaction)
		return EDIT_KEEP;
	if (redaction->how == REDACT_OMIT)
		return EDIT_OMIT;
	if (value->type == VALUE_NULL)
		return EDIT_KEEP;
	if (!take_text(&redact->text, text, value)) {
		out->failed = true;
	} else if (redaction->how == REDACT_MASK) {
		mask_text(&redact->text, redaction);
		edit_add_string(out, redact->text.bytes, redact->text.length);
	} else if (hash_text(redact->mac, &redact->text, hex)) {
		edit_add_string(out, hex, sizeof(hex));
	} else {
		out->failed = true;
	}
	return EDIT_REPLACE;
}

bool redact_line(struct redact *redact, const struct record_view *record)
{
	struct edit_line line = edit_begin(record->line, record->length, record->brace);
	struct buffer *out = &redact->line;

	buffer_reset(out);
	edit_members(out, &line, redact_member, redact);
	edit_end(out, &line);
	if (!buffer_reserve(out, JSON_PADDING))
		return false;
	memset(out->bytes + out->length, 0, JSON_PADDING);
	redact->redacted++;
	return true;
}

void redact_close(struct redact *redact)
{
	for (unsigned int i = 0; i < redact->n; i++)
		free(redact->list[i].name);
	redact->n = 0;
	EVP_MAC_CTX_free(redact->mac);
	redact->mac = NULL;
	buffer_clear(&redact->line);
	buffer_clear(&redact->text);
}
