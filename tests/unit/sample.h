/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of otb-sample's parts share: records as its reader hands them out, and what has been said on stderr. */
#ifndef OTB_UNIT_SAMPLE_H
#define OTB_UNIT_SAMPLE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/otb-sample/fields.h"
#include "common/cli/diag.h"

static const uint64_t SECOND_NS = 1000000000;

/* One record at a time, in a copy of exactly the size that the scanner needs. */
struct sample {
	struct json_names names;
	struct json_value values[JSON_NAMES_MAX];
	struct record_view record;
	char *line;
};

static inline const struct record_view *sample_scan_by(struct sample *sample, struct json_names *names,
						       const char *line)
{
	size_t length = strlen(line);

	free(sample->line);
	sample->line = malloc(length + JSON_PADDING);
	if (!sample->line)
		abort();
	memcpy(sample->line, line, length);
	memset(sample->line + length, 0xff, JSON_PADDING);
	sample->line[length] = '\0';
	sample->record = (struct record_view){ .line = sample->line, .length = length, .values = sample->values };
	if (json_scan(names, sample->line, length, sample->values, &sample->record.brace) != JSON_OK)
		abort();
	return &sample->record;
}

static inline const struct record_view *sample_scan(struct sample *sample, const char *line)
{
	return sample_scan_by(sample, &sample->names, line);
}

static inline void sample_close(struct sample *sample)
{
	free(sample->line);
	sample->line = NULL;
}

/* From now on stderr goes to a file without a name. */
static inline void said_open(void)
{
	FILE *file = tmpfile();

	if (!file || dup2(fileno(file), STDERR_FILENO) < 0)
		abort();
	fclose(file);
	diag_init("test", 0);
}

/* What has been said since the last call. */
static inline const char *said_take(void)
{
	static char said[4096];
	ssize_t length = pread(STDERR_FILENO, said, sizeof(said) - 1, 0);

	if (length < 0 || ftruncate(STDERR_FILENO, 0) || lseek(STDERR_FILENO, 0, SEEK_SET))
		abort();
	said[length] = '\0';
	return said;
}

#endif
