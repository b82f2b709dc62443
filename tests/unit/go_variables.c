/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where runtime.work.cycles and net/http.response.status are: the forms in which Go 1.17 to 1.27 compare and set them, and
 * forms that only look alike; and with OTB_GO_BINARIES=FOLDER real programs.
 */
#include "common/go/variables.h"

#include "tests/unit/go_code.h"

static const struct variable_case {
	const char *what;
	enum image_machine machine;
	const char *trigger_test, *start; /* at 0x1000 and 0x2000 */
	bool found;                       /* at 0x9120 */
} cases[] = {
	{ "a load, from 1.20", IMAGE_AMD64, "8b151a81000029d185c90f9fc0c3", "89051e71000089051c710000c3", true },
	{ "a subtraction from memory, 1.19", IMAGE_AMD64, "2b0d1a81000085c90f9fc0c3", "89051e71000089051c710000c3",
	  true },
	{ "with moves between, to 1.18", IMAGE_AMD64, "448b0519810000448b4c242c4529c14585c9400f9fc6c3",
	  "89051e71000089051c710000c3", true },
	{ "with a nop between", IMAGE_AMD64, "8b151a81000029d10f1f0085c90f9fc0c3", "89051e71000089051c710000c3", true },
	{ "twice the same", IMAGE_AMD64, "8b151a81000029d185c90f9fc08b150d81000029d185c90f9fc0c3",
	  "89051e71000089051c710000c3", true },
	{ "twice, another one", IMAGE_AMD64, "8b151a81000029d185c90f9fc08b152d82000029d185c90f9fc0c3",
	  "89051e71000089051c710000c3", false },
	{ "one neighbour not set", IMAGE_AMD64, "8b151a81000029d185c90f9fc0c3", "89051e710000c3", false },
	{ "the other neighbour not set", IMAGE_AMD64, "8b151a81000029d185c90f9fc0c3", "890522710000c3", false },
	{ "neighbours read, not set", IMAGE_AMD64, "8b151a81000029d185c90f9fc0c3", "8b051e7100008b051c710000c3",
	  false },
	{ "eight bytes", IMAGE_AMD64, "488b15198100004829d14885c90f9fc0c3", "89051e71000089051c710000c3", false },
	{ "another condition", IMAGE_AMD64, "8b151a81000029d185c90f9cc0c3", "89051e71000089051c710000c3", false },
	{ "another register tested", IMAGE_AMD64, "8b151a81000029d185db0f9fc0c3", "89051e71000089051c710000c3", false },
	{ "no subtraction", IMAGE_AMD64, "8b151a81000021d185c90f9fc0c3", "89051e71000089051c710000c3", false },
	{ "subtracted the other way round", IMAGE_AMD64, "8b151a81000029ca85d20f9fc0c3", "89051e71000089051c710000c3",
	  false },
	{ "far apart", IMAGE_AMD64, "8b151a81000029d148ffc648ffc648ffc648ffc648ffc648ffc648ffc648ffc685c90f9fc0c3",
	  "89051e71000089051c710000c3", false },
	{ "what cannot be decoded behind it", IMAGE_AMD64, "8b151a81000029d185c90f9fc0c306",
	  "89051e71000089051c710000c3", false },
	{ "a load, from 1.20", IMAGE_ARM64, "410000902180049121fcdf88410001cb3f000071e0d79f9ac0035fd6",
	  "3b0000f0602701b93b0000f0602b01b9c0035fd6", true },
	{ "a load, to 1.18", IMAGE_ARM64, "5b0000907b830491620340b9e39b40b9620002cb5f001f6be1d79f9ac0035fd6",
	  "3b0000f07b930491600300b93b0000f07ba30491600300b9c0035fd6", true },
	{ "a load with an offset", IMAGE_ARM64, "41000090212041b94100014b3f000071e0d79f9ac0035fd6",
	  "3b0000f0602701b93b0000f0602b01b9c0035fd6", true },
	{ "both neighbours set at once, from 1.25", IMAGE_ARM64,
	  "410000902180049121fcdf88410001cb3f000071e0d79f9ac0035fd6", "3b0000f07b93049160030029c0035fd6", true },
	{ "one neighbour not set", IMAGE_ARM64, "410000902180049121fcdf88410001cb3f000071e0d79f9ac0035fd6",
	  "3b0000f0602701b9c0035fd6", false },
	{ "neighbours read, not set", IMAGE_ARM64, "410000902180049121fcdf88410001cb3f000071e0d79f9ac0035fd6",
	  "3b0000f0602741b93b0000f0602b41b9c0035fd6", false },
	{ "an address that has changed", IMAGE_ARM64,
	  "4100009021800491e10305aa21fcdf88410001cb3f000071e0d79f9ac0035fd6",
	  "3b0000f0602701b93b0000f0602b01b9c0035fd6", false },
	{ "an address for something else", IMAGE_ARM64, "4100009021800491a1fcdf88410001cb3f000071e0d79f9ac0035fd6",
	  "3b0000f0602701b93b0000f0602b01b9c0035fd6", false },
	{ "eight bytes", IMAGE_ARM64, "410000902180049121fcdfc8410001cb3f000071e0d79f9ac0035fd6",
	  "3b0000f0602701b93b0000f0602b01b9c0035fd6", false },
	{ "another condition", IMAGE_ARM64, "410000902180049121fcdf88410001cb3f000071e0b79f9ac0035fd6",
	  "3b0000f0602701b93b0000f0602b01b9c0035fd6", false },
	{ "another register tested", IMAGE_ARM64, "410000902180049121fcdf88410001cb5f000071e0d79f9ac0035fd6",
	  "3b0000f0602701b93b0000f0602b01b9c0035fd6", false },
	{ "all of a register tested", IMAGE_ARM64, "410000902180049121fcdf88410001cb3f0000f1e0d79f9ac0035fd6",
	  "3b0000f0602701b93b0000f0602b01b9c0035fd6", false },
	{ "tested against another number", IMAGE_ARM64, "410000902180049121fcdf88410001cb3f040071e0d79f9ac0035fd6",
	  "3b0000f0602701b93b0000f0602b01b9c0035fd6", false },
	{ "subtracted the other way round", IMAGE_ARM64, "410000902180049121fcdf88210002cb3f000071e0d79f9ac0035fd6",
	  "3b0000f0602701b93b0000f0602b01b9c0035fd6", false },
};

static const struct status_case {
	const char *what;
	enum image_machine machine;
	const char *write_header;
	int32_t offset; /* -1: none */
} status_cases[] = {
	{ "a byte and a word, to 1.26.10", IMAGE_AMD64, "c647280148894f78c3", 120 },
	{ "from 1.26.11, and a nop between", IMAGE_AMD64, "41c64020010f1f0049898880000000c3", 128 },
	{ "twice", IMAGE_AMD64, "c647280148894f78c647280148894f78c3", -1 },
	{ "of two structs", IMAGE_AMD64, "c647280148894e78c3", -1 },
	{ "another number", IMAGE_AMD64, "c647280048894f78c3", -1 },
	{ "a byte from a register", IMAGE_AMD64, "88472848894f78c3", -1 },
	{ "half a word", IMAGE_AMD64, "c6472801894f78c3", -1 },
	{ "a constant", IMAGE_AMD64, "c647280148c7477805000000c3", -1 },
	{ "a load", IMAGE_AMD64, "c6472801488b4f78c3", -1 },
	{ "something between", IMAGE_AMD64, "c647280148ffc148894f78c3", -1 },
	{ "on the stack", IMAGE_AMD64, "c64424280148894c2478c3", -1 },
	{ "variables", IMAGE_AMD64, "c605280000000148890d78000000c3", -1 },
	{ "an index", IMAGE_AMD64, "c64407280148894c0778c3", -1 },
	{ "in front of the struct", IMAGE_AMD64, "c647280148894ff8c3", -1 },
	{ "far behind it", IMAGE_AMD64, "c647280148898f45230100c3", -1 },
	{ "what cannot be decoded behind it", IMAGE_AMD64, "c647280148894f7806", -1 },
	{ "a byte and a word, by orr", IMAGE_ARM64, "e40340b2c4a00039c23c00f9c0035fd6", 120 },
	{ "by mov, and a nop between", IMAGE_ARM64, "24008052c48000391f2003d5c24000f9c0035fd6", 128 },
	{ "twice", IMAGE_ARM64, "e40340b2c4a00039c23c00f9e40340b2c4a00039c23c00f9c0035fd6", -1 },
	{ "of two structs", IMAGE_ARM64, "e40340b2c4a00039e23c00f9c0035fd6", -1 },
	{ "another number", IMAGE_ARM64, "e4037fb2c4a00039c23c00f9c0035fd6", -1 },
	{ "a bit more than another register", IMAGE_ARM64, "640040b2c4a00039c23c00f9c0035fd6", -1 },
	{ "another register stored", IMAGE_ARM64, "e40340b2c5a00039c23c00f9c0035fd6", -1 },
	{ "half a word", IMAGE_ARM64, "e40340b2c4a00039c27800b9c0035fd6", -1 },
	{ "a floating-point number", IMAGE_ARM64, "e40340b2c4a00039c23c00fdc0035fd6", -1 },
	{ "a load", IMAGE_ARM64, "e40340b2c4a00039c23c40f9c0035fd6", -1 },
	{ "something between", IMAGE_ARM64, "e40340b2c4a00039e20303aac23c00f9c0035fd6", -1 },
	{ "on the stack", IMAGE_ARM64, "e40340b2e4a30039e23f00f9c0035fd6", -1 },
};

static void check_status_cases(void)
{
	for (size_t i = 0; i < sizeof(status_cases) / sizeof(status_cases[0]); i++) {
		const struct status_case *c = &status_cases[i];
		struct code code = code_from_hex(c->write_header, c->machine, 0x1000);
		int32_t offset = -1;
		bool found = variables_find_status(&code, &offset);

		check(found == (c->offset >= 0) && offset == c->offset, "%s: status: %s: %d",
		      c->machine == IMAGE_AMD64 ? "amd64" : "arm64", c->what, offset);
		code_unload(&code);
	}
}

static void check_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct variable_case *c = &cases[i];
		struct code trigger_test = code_from_hex(c->trigger_test, c->machine, 0x1000);
		struct code start = code_from_hex(c->start, c->machine, 0x2000);
		uint64_t address = 1;
		bool found = variables_find_cycles(&trigger_test, &start, &address);

		check(found == c->found && address == (found ? 0x9120 : 1), "%s: %s: %s",
		      c->machine == IMAGE_AMD64 ? "amd64" : "arm64", c->what, found ? "found" : "not found");
		code_unload(&trigger_test);
		code_unload(&start);
	}
}

static void check_noise(void)
{
	uint64_t state = 88172645463325252U, address;
	unsigned int n = 0;
	int32_t offset;

	for (unsigned int i = 0; i < 2000; i++) {
		char hex[65];

		for (unsigned int j = 0; j < 4; j++)
			snprintf(hex + 16 * j, 17, "%016llx", (unsigned long long)next_random(&state));
		struct code code = code_from_hex(hex, i % 2 ? IMAGE_AMD64 : IMAGE_ARM64, 0x1000);
		n += variables_find_cycles(&code, &code, &address) || variables_find_status(&code, &offset);
		code_unload(&code);
	}
	check(n == 0, "in 2000 pieces of noise there is no variable");
}

/* The programs that use net/http have it; the table has their releases. */
static void check_status(const struct go_binary *binary, const char *name, const struct go_layout *layout)
{
	int32_t offset = GO_OFFSET_NONE;
	bool found = go_response_status_offset(binary, &offset);

	if (strstr(name, "-library"))
		check(found && offset == layout->offsets[GO_RESPONSE_STATUS],
		      "%s: WriteHeader tells where response.status is: %d", name, offset);
	else
		check(!found, "%s: without net/http there is no status", name);
}

/* What the code says must be what symbols and layout say, and is the only source where those are not. */
static void check_binary(const struct go_binary *binary, const char *name)
{
	struct go_layout layout, nothing;
	uint64_t decoded, work;

	go_layout_get(&layout, binary);
	for (unsigned int i = 0; i < GO_FIELD_MAX; i++)
		nothing.offsets[i] = GO_OFFSET_NONE;
	nothing.source = GO_LAYOUT_GUESS;
	bool found = go_work_cycles_address(binary, &nothing, &decoded);

	check(found && decoded % 4 == 0, "%s: the code tells where work.cycles is", name);
	if (image_symbol(&binary->image, "runtime.work", &work) && binary->image.machine == IMAGE_AMD64)
		check(decoded == work + (uint64_t)layout.offsets[GO_WORK_CYCLES], "%s: and so do symbol and layout",
		      name);
	check_status(binary, name, &layout);
}

int main(void)
{
	check_cases();
	check_status_cases();
	check_noise();
	check_binaries(check_binary);
	return finish_tests();
}
