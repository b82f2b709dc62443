/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of rules:
 *
 *	{
 *	  "builtin": false,
 *	  "rules": [
 *	    "counter http_errors_total{route=url_path} where http_response_status_code >= 500"
 *	  ]
 *	}
 *
 * Both members may be missing; `builtin` (whether the program's own rules are in force besides) is true then. Whatever is
 * wrong with it is said as PATH:LINE:COLUMN, both from 1, columns in bytes.
 */
#ifndef OTB_EXPOSE_RULES_FILE_H
#define OTB_EXPOSE_RULES_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct rules_file_rule {
	char *text;
	size_t start; /* of what is between the quotes, in the file */
};

struct rules_file {
	const char *path;
	char *bytes;
	size_t length;
	bool builtin;
	struct rules_file_rule *rules;
	unsigned int n_rules;
};

/* False: said on stderr. rules_file_close() is due in any case. */
bool rules_file_open(struct rules_file *file, const char *path);
void rules_file_close(struct rules_file *file);

/* Says what is wrong at a column (from 1) of a rule's text. */
void rules_file_complain(const struct rules_file *file, unsigned int rule, size_t column, const char *what);

#endif
