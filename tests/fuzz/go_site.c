/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is read from a function's machine code: the input's first byte chooses the machine, and where in the address
 * space the code lies; the rest is the code. Whatever is found must lie in it. The corpus: tests/unit/go_site --seeds.
 */
#include "common/go/site.h"

#include <stdlib.h>
#include <string.h>

#include "common/go/code.h"
#include "common/go/variables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require_inside(const struct code *code, uint64_t address)
{
	if (address - code->address >= code->size)
		abort();
}

static void find_sites(const struct code *code)
{
	uint64_t addresses[SITE_RETURNS_MAX], variable;
	unsigned int reg;
	struct site site;
	int32_t offset;

	if (site_find_entry(code, &site))
		require_inside(code, site.address);
	if (site_find_branch(code, &site))
		require_inside(code, site.address);
	if (site_find_early_branch(code, &site))
		require_inside(code, site.address);
	if (site_find_comparison(code, 5000, &site))
		require_inside(code, site.address);
	if (site_find_new_goroutine(code, &site, &reg))
		require_inside(code, site.address);
	if (site_find_call(code, code->address, &site))
		require_inside(code, site.address);
	if (site_find_pattern(code, &site, &offset))
		require_inside(code, site.address);
	for (size_t i = site_find_returns(code, addresses); i > 0; i--)
		require_inside(code, addresses[i - 1]);
	variables_find_cycles(code, code, &variable);
	variables_find_status(code, &offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct code code = { .address = 0x401000 };

	if (!size)
		return 0;
	code.machine = data[0] & 1 ? IMAGE_ARM64 : IMAGE_AMD64;
	code.size = size - 1;
	if (data[0] & 2)
		code.address = UINT64_MAX - size;
	/* In a block of its own, so that ASan sees a read beyond it. */
	code.bytes = malloc(code.size + !code.size);
	memcpy(code.bytes, data + 1, code.size);
	find_sites(&code);
	free(code.bytes);
	return 0;
}
