/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of rules, and of the switches that a program has (`builtin` is one of otb-expose):
 *
 *	{
 *	  "builtin": false,
 *	  "rules": [
 *	    "counter http_errors_total{route=url_path} where http_response_status_code >= 500"
 *	  ]
 *	}
 *
 * Any member may be missing. Whatever is wrong with it is said as PATH:LINE:COLUMN, both from 1, columns in bytes.
 */
#ifndef OTB_RULES_FILE_H
#define OTB_RULES_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct rules_file_switch {
	const char *name;
	bool on; /* what it is where the file does not say */
};

struct rules_file_rule {
	char *text;
	size_t start; /* of what is between the quotes, in the file */
};

struct rules_file {
	const char *path;
	char *bytes;
	size_t length;
	struct rules_file_switch *switches; /* not its own */
	unsigned int n_switches;
	struct rules_file_rule *rules;
	unsigned int n_rules;
};

/* Reads `path`, which must outlive the file, and sets the switches that it has. False: said on stderr. rules_file_close()
 * is due in any case. */
bool rules_file_open(struct rules_file *file, const char *path, struct rules_file_switch *switches,
		     unsigned int n_switches);
void rules_file_close(struct rules_file *file);

/* Says what is wrong at a column (from 1) of a rule's text. */
void rules_file_complain(const struct rules_file *file, unsigned int rule, size_t column, const char *what);

#endif
