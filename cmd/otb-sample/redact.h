/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nobody downstream is to see of a record: fields are masked, hashed or left out before anything else looks at it.
 *
 *	user_email:mask		every character becomes '*'
 *	user_email:mask:2:3	but the first two and the last three; a text no longer than both is masked whole
 *	card:hash		64 hex digits: HMAC-SHA-256 (RFC 2104) of its text, by the key of --redact-key-file
 *	token:omit		the member goes
 *
 * Fields are members of the record itself. Their names may have dots where these have underscores, and the other way round:
 * all that bear such a name are redacted, however often, with or without escapes. The text of a string is what it stands for, of anything else how it
 * is written, and the member becomes a string; but a null stays null. Characters are code points, of which a lone surrogate
 * is U+FFFD. Of two redactions that concern a member the first counts.
 *
 * A zeroed struct has none. redact_close() is due in any case.
 */
#ifndef OTB_SAMPLE_REDACT_H
#define OTB_SAMPLE_REDACT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/record/edit.h"
#include "common/record/reader.h"

enum { REDACTIONS_MAX = 64, REDACT_KEEP_MAX = 1000, REDACT_KEY_MIN = 16, REDACT_KEY_MAX = 4096 };

enum redact_how { REDACT_MASK, REDACT_HASH, REDACT_OMIT };

struct redaction {
	enum redact_how how;
	uint32_t prefix, suffix; /* characters that a mask keeps, at most REDACT_KEEP_MAX each */
	char *name;              /* of the field, as it was written */
};

struct redact {
	struct redaction list[REDACTIONS_MAX];
	unsigned int n;
	struct evp_mac_ctx_st *mac; /* libcrypto's, which holds the key; NULL: none was read */
	struct buffer line;         /* of the record that was changed last */
	struct buffer text;         /* of the value that is being redacted */
	uint64_t redacted;          /* records that had any of the fields */
};

/* Reads "FIELD:HOW", where FIELD has no colon. NULL: done; else what it is not, for cli_refuse(). */
const char *redact_parse(struct redact *redact, const char *text);

/* Reads the key: what a file or a pipe holds, without one LF at its end. Others than its owner who may read it are worth a
 * warning. False: said on stderr. */
bool redact_read_key(struct redact *redact, const char *path);

/* Whether a hash was asked for, which needs a key. */
bool redact_needs_key(const struct redact *redact);

/* What redact_concerns() does where there is something to redact. */
bool redact_finds(const struct redact *redact, const struct record_view *record);

/* Whether the record has any of the fields. */
static inline bool redact_concerns(const struct redact *redact, const struct record_view *record)
{
	return redact->n && redact_finds(redact, record);
}

/* Writes the redacted line to redact->line, with JSON_PADDING zeros behind its length: it is to be scanned anew. It is good
 * until the next call. False: no memory, and the record must not be passed on. */
bool redact_line(struct redact *redact, const struct record_view *record);

void redact_close(struct redact *redact);

#endif
