/* SPDX-License-Identifier: Apache-2.0 */
/* What the program tells of itself: the metrics otb_expose_*. */
#ifndef OTB_EXPOSE_OWN_H
#define OTB_EXPOSE_OWN_H

#include "cmd/otb-expose/http.h"
#include "cmd/otb-expose/imported.h"
#include "cmd/otb-expose/rules.h"
#include "common/record/reader.h"

enum own_metric {
	OWN_LINES,
	OWN_BAD_LINES,
	OWN_IGNORED_RECORDS,
	OWN_BAD_VALUES,
	OWN_SERIES,
	OWN_OVERFLOWS,
	OWN_EXPIRED,
	OWN_RELOADS,
	OWN_SCRAPES,
	OWN_SCRAPE_DURATION,
	OWN_METRICS
};

extern const struct metric_shape own_shapes[OWN_METRICS];

struct own {
	struct metric metrics[OWN_METRICS];
	uint64_t bad_lines[JSON_STATUSES], totals[OWN_METRICS]; /* what has been counted of the totals */
	uint64_t reloads, failed_reloads, said_failed_reloads;
	bool has_file; /* of rules, which may be read again */
};

bool own_open(struct own *own);
void own_close(struct own *own);

/* Brings the metrics up to what there is to tell; `http` is NULL without a server. */
void own_update(struct own *own, const struct reader *reader, const struct rules *rules,
		const struct imported *imported, const struct http_server *http);

#endif
