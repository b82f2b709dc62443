/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-sample/tally.h"

#include <stdlib.h>
#include <string.h>

void tallies_open(struct tallies *tallies)
{
	tallies->first = NULL;
	tallies->last = &tallies->first;
}

void tallies_close(struct tallies *tallies)
{
	struct tally *tally = tallies->first;

	while (tally) {
		struct tally *next = tally->next;

		free(tally);
		tally = next;
	}
	tallies_open(tallies);
}

struct tally *tallies_get(struct tallies *tallies, const char *name)
{
	size_t size = strlen(name) + 1;
	struct tally *tally;

	for (tally = tallies->first; tally; tally = tally->next)
		if (!strcmp(tally->name, name))
			return tally;
	tally = calloc(1, sizeof(*tally) + size);
	if (!tally)
		return NULL;
	memcpy(tally->name, name, size);
	*tallies->last = tally;
	tallies->last = &tally->next;
	return tally;
}
