/* SPDX-License-Identifier: Apache-2.0 */
/* Machine code for tests: written in hex, or out of real programs. */
#ifndef OTB_GO_CODE_TEST_H
#define OTB_GO_CODE_TEST_H

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "common/go/code.h"
#include "tests/unit/tap.h"

/* Makes code of "493b6610". Its bytes are in a block of their own, so that ASan sees a read beyond them. */
static inline struct code code_from_hex(const char *hex, enum image_machine machine, uint64_t address)
{
	size_t size = strlen(hex) / 2;
	struct code code = { malloc(size ? size : 1), size, address, machine };

	for (size_t i = 0; i < size; i++) {
		char digits[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		code.bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return code;
}

/* Numbers that are the same in every run (xorshift). */
static inline uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Calls a function for each Go program in the folder $OTB_GO_BINARIES (tests/lib/go-binaries makes one). */
static inline void check_binaries(void (*check_binary)(const struct go_binary *binary, const char *name))
{
	const char *folder = getenv("OTB_GO_BINARIES");
	DIR *directory = folder ? opendir(folder) : NULL;
	struct dirent *entry;
	unsigned int n = 0;

	if (!directory) {
		skip("real Go programs", "OTB_GO_BINARIES names no folder with them");
		return;
	}
	while ((entry = readdir(directory))) {
		struct go_binary binary;
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (strncmp(entry->d_name, "go1.", 4) != 0 || strchr(entry->d_name, '-') == NULL ||
		    strstr(entry->d_name, ".symbols"))
			continue;
		const char *error = go_binary_open(&binary, path);
		if (error)
			check(false, "%s %s", entry->d_name, error);
		else
			check_binary(&binary, entry->d_name);
		go_binary_close(&binary);
		n++;
	}
	closedir(directory);
	check(n > 0, "there are %u real Go programs", n);
}

#endif
