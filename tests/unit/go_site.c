/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where probes go: every form that functions of Go 1.17 to 1.27 begin in, forms that only look alike, code that is cut
 * off or no code at all; and with OTB_GO_BINARIES=FOLDER the runtime's functions in real programs.
 *
 * go_site --seeds FOLDER writes the fuzzer's corpus instead.
 */
#include "common/go/site.h"

#include "tests/unit/go_code.h"

#define ADDRESS UINT64_C(0x401000)

enum { NO_SITE = -1 };

static const struct entry_case {
	const char *what;
	enum image_machine machine;
	const char *code;
	int kind;
	uint64_t offset;
} entry_cases[] = {
	{ "check, push, short jump", IMAGE_AMD64, "493b66107606554889e55dc3e853000000ebed", SITE_PUSH, 6 },
	{ "check, push, long jump", IMAGE_AMD64, "493b66100f8606000000554889e55dc3e84f000000ebe9", SITE_PUSH, 10 },
	{ "check, no push, to 1.20", IMAGE_AMD64, "493b661076094883ec184883c418c3e850000000ebea", SITE_BRANCH, 4 },
	{ "check on the system stack", IMAGE_AMD64, "493b66180f8603000000555dc3e852000000ebec", SITE_PUSH, 10 },
	{ "a frame of 128 bytes", IMAGE_AMD64, "4c8d6424904d3b66100f8603000000555dc3e84d000000ebe7", SITE_PUSH, 15 },
	{ "a frame of 1 kB, to 1.20", IMAGE_AMD64,
	  "4c8da42400fcffff4d3b6610760f4881ec800400004881c480040000c3e842000000ebdc", SITE_BRANCH, 12 },
	{ "a frame of 1 kB", IMAGE_AMD64, "4c8da42400fcffff4d3b66100f8603000000555dc3e84a000000ebe4", SITE_PUSH, 18 },
	{ "a frame of 8 kB", IMAGE_AMD64, "4989e44981ec002000000f820d0000004d3b66100f8603000000555dc3e842000000ebdc",
	  SITE_PUSH, 26 },
	{ "endbr64 first", IMAGE_AMD64, "f30f1efa493b66107603555dc3e852000000ebec", SITE_PUSH, 10 },
	{ "a nop between", IMAGE_AMD64, "493b66100f1f007603555dc3e853000000ebed", SITE_PUSH, 9 },
	{ "another push", IMAGE_AMD64, "493b66107603535bc3e856000000ebf0", SITE_BRANCH, 4 },
	{ "no check, push", IMAGE_AMD64, "554889e55dc3", SITE_ENTRY, 0 },
	{ "no check, a leaf", IMAGE_AMD64, "498b46204885c0750231c0c3", SITE_ENTRY, 0 },
	{ "a loop behind the first instruction", IMAGE_AMD64, "31c048ffc04839d87cf8c3", SITE_ENTRY, 0 },
	{ "padding behind", IMAGE_AMD64, "c3cccccc", SITE_ENTRY, 0 },
	{ "a loop to the first instruction", IMAGE_AMD64, "48ffc04839d87cf8c3", NO_SITE, 0 },
	{ "assembly that loads g first", IMAGE_AMD64, "644c8b3425f8ffffff493b66107603555dc3e84d000000ebe7", NO_SITE,
	  0 },
	{ "no stackguard: 0x20(%r14)", IMAGE_AMD64, "493b66207603555dc3e856000000ebf0", NO_SITE, 0 },
	{ "no stackguard: 0x10(%r15)", IMAGE_AMD64, "493b67107603555dc3e856000000ebf0", NO_SITE, 0 },
	{ "no stackguard: 0x10(%r14,%rax)", IMAGE_AMD64, "493b6406107603555dc3e855000000ebef", NO_SITE, 0 },
	{ "r12 from nowhere", IMAGE_AMD64, "4d3b66107603555dc3e856000000ebf0", NO_SITE, 0 },
	{ "r12 from elsewhere", IMAGE_AMD64, "4c8d65904d3b66107603555dc3e852000000ebec", NO_SITE, 0 },
	{ "rsp compared, though r12 is set", IMAGE_AMD64, "4c8d642490493b66107603555dc3e851000000ebeb", NO_SITE, 0 },
	{ "compared the other way round", IMAGE_AMD64, "493966107603555dc3e856000000ebf0", NO_SITE, 0 },
	{ "another condition", IMAGE_AMD64, "493b66107203555dc3e856000000ebf0", NO_SITE, 0 },
	{ "something between", IMAGE_AMD64, "493b66104885c07603555dc3e853000000ebed", NO_SITE, 0 },
	{ "jbe without a comparison", IMAGE_AMD64, "7603555dc3e85a000000ebf4", NO_SITE, 0 },
	{ "a jump back", IMAGE_AMD64, "90493b661076f9555dc3", NO_SITE, 0 },
	{ "a jump out of the function", IMAGE_AMD64, "493b66100f86f60f0000555dc3ebf1", NO_SITE, 0 },
	{ "check", IMAGE_ARM64, "900b40f9ff6330eb89000054fe0f1ef8fe0742f8c0035fd6e3031eaa5d000094f8ffff17", SITE_BRANCH,
	  8 },
	{ "check on the system stack", IMAGE_ARM64,
	  "900f40f9ff6330eb89000054fe0f1ef8fe0742f8c0035fd6e3031eaa5d000094f8ffff17", SITE_BRANCH, 8 },
	{ "check of 1.18", IMAGE_ARM64,
	  "900b40f9f10300913f0210eb89000054fe0f1ef8fe0742f8c0035fd6e3031eaa5c000094f7ffff17", SITE_BRANCH, 12 },
	{ "check of 1.17", IMAGE_ARM64,
	  "810b40f9e20300915f0001eb89000054fe0f1ef8fe0742f8c0035fd6e3031eaa5c000094f7ffff17", SITE_BRANCH, 12 },
	{ "a large frame", IMAGE_ARM64,
	  "900b40f9f1c301d13f0210eb89000054f4c303d19f020091c0035fd6e3031eaa5c000094f7ffff17", SITE_BRANCH, 12 },
	{ "a frame of 8 kB", IMAGE_ARM64,
	  "900b40f9f10b40f1a30000543f0210eb69000054ff0b40d1c0035fd6e3031eaa5c000094f7ffff17", SITE_BRANCH, 16 },
	{ "a frame of 64 kB", IMAGE_ARM64,
	  "900b40f91bf29fd2f1633beb830000543f0210eb49000054c0035fd6e3031eaa5c000094f7ffff17", SITE_BRANCH, 20 },
	{ "a frame of 1 MB", IMAGE_ARM64,
	  "900b40f91bf29fd2fb01a0f2f1633beb830000543f0210eb49000054c0035fd6e3031eaa5b000094f6ffff17", SITE_BRANCH, 24 },
	{ "bti first", IMAGE_ARM64, "5f2403d5900b40f9ff6330eb89000054fe0f1ef8fe0742f8c0035fd6e3031eaa5c000094f7ffff17",
	  SITE_BRANCH, 12 },
	{ "no check, a frame", IMAGE_ARM64, "fe0f1ef8fe0742f8c0035fd6", SITE_ENTRY, 0 },
	{ "no check, a leaf", IMAGE_ARM64, "00040091c0035fd6", SITE_ENTRY, 0 },
	{ "no check, an atomic of ARMv8.1", IMAGE_ARM64, "fe0f1ef84300e1b8fe0742f8c0035fd6", SITE_ENTRY, 0 },
	{ "zeros behind", IMAGE_ARM64, "c0035fd60000000000000000", SITE_ENTRY, 0 },
	{ "a loop to the first instruction", IMAGE_ARM64, "000400d1e0ffffb5c0035fd6", NO_SITE, 0 },
	{ "a loop by a bit", IMAGE_ARM64, "000400d1e0ff1f36c0035fd6", NO_SITE, 0 },
	{ "no stackguard: [x28,#32]", IMAGE_ARM64, "901340f9ff6330eb49000054c0035fd6e3031eaa5f000094faffff17", NO_SITE,
	  0 },
	{ "no stackguard: [x27,#16]", IMAGE_ARM64, "700b40f9ff6330eb49000054c0035fd6e3031eaa5f000094faffff17", NO_SITE,
	  0 },
	{ "no stackguard: half of it", IMAGE_ARM64, "901340b9ff6330eb49000054c0035fd6e3031eaa5f000094faffff17", NO_SITE,
	  0 },
	{ "nothing loaded", IMAGE_ARM64, "ff6330eb49000054c0035fd6e3031eaa60000094fbffff17", NO_SITE, 0 },
	{ "another register compared", IMAGE_ARM64, "900b40f9ff6331eb49000054c0035fd6e3031eaa5f000094faffff17", NO_SITE,
	  0 },
	{ "another condition", IMAGE_ARM64, "900b40f9ff6330eb43000054c0035fd6e3031eaa5f000094faffff17", NO_SITE, 0 },
	{ "something between", IMAGE_ARM64, "900b40f9ff6330eb1f0001eb49000054c0035fd6e3031eaa5e000094f9ffff17", NO_SITE,
	  0 },
	{ "something unknown between", IMAGE_ARM64, "900b40f9ff6330eb4300e1b849000054c0035fd6e3031eaa5e000094f9ffff17",
	  NO_SITE, 0 },
	{ "a jump back", IMAGE_ARM64, "1f2003d5900b40f9ff6330eba9ffff54c0035fd6", NO_SITE, 0 },
};

static const struct returns_case {
	const char *what;
	enum image_machine machine;
	const char *code;
	int offsets[4]; /* ended by -1 */
} returns_cases[] = {
	{ "one ret", IMAGE_AMD64, "555dc3", { 2, -1 } },
	{ "two, and padding", IMAGE_AMD64, "4885c07401c3c3cccccc", { 5, 6, -1 } },
	{ "one that is a byte of a constant", IMAGE_AMD64, "b8c3c3c3c3c3", { 5, -1 } },
	{ "none", IMAGE_AMD64, "ebfe", { -1 } },
	{ "zeros behind", IMAGE_AMD64, "c3000000", { 0, -1 } },
	{ "what cannot be decoded", IMAGE_AMD64, "c306c3", { -1 } },
	{ "two", IMAGE_ARM64, "400000b4c0035fd6c0035fd600000000", { 4, 8, -1 } },
	{ "one behind what capstone may not know", IMAGE_ARM64, "4300e1b8c0035fd6", { 4, -1 } },
	{ "none", IMAGE_ARM64, "00000014", { -1 } },
};

static const struct comparison_case {
	const char *what;
	enum image_machine machine;
	const char *code;
	int offset; /* -1: none */
} comparison_cases[] = {
	{ "a register", IMAGE_AMD64, "4881f9881300007e0190c3", 7 },
	{ "memory", IMAGE_AMD64, "48817810881300007f0190c3", 8 },
	{ "a nop between", IMAGE_AMD64, "4881f9881300000f1f007e0190c3", 10 },
	{ "another number", IMAGE_AMD64, "4881f9891300007e0190c3", -1 },
	{ "two of them", IMAGE_AMD64, "4881f9881300007e094881f9881300007e00c3", -1 },
	{ "no jump behind it", IMAGE_AMD64, "4881f9881300000f9fc0c3", -1 },
	{ "a jump that always happens", IMAGE_AMD64, "4881f988130000eb0190c3", -1 },
	{ "something between", IMAGE_AMD64, "4881f9881300004889c37e0190c3", -1 },
	{ "only an addition", IMAGE_AMD64, "4881c1881300007e0190c3", -1 },
	{ "a register with a register", IMAGE_ARM64, "1b7182d23f001beb4d0000541f2003d5c0035fd6", 8 },
	{ "with a nop between", IMAGE_ARM64, "037182d21f2003d55f0003eb4d0000541f2003d5c0035fd6", 12 },
	{ "another number", IMAGE_ARM64, "237182d25f0003eb4d0000541f2003d5c0035fd6", -1 },
	{ "half a number", IMAGE_ARM64, "030180d2037182f25f0003eb4d0000541f2003d5c0035fd6", -1 },
	{ "a shifted number", IMAGE_ARM64, "0371a2d25f0003eb4d0000541f2003d5c0035fd6", -1 },
	{ "another register", IMAGE_ARM64, "037182d25f0004eb4d0000541f2003d5c0035fd6", -1 },
	{ "a register that has changed", IMAGE_ARM64, "037182d2230080d25f0003eb4d0000541f2003d5c0035fd6", -1 },
	{ "no branch behind it", IMAGE_ARM64, "037182d25f0003ebe0d79f9ac0035fd6", -1 },
	{ "two of them", IMAGE_ARM64, "037182d25f0003ebad000054037182d25f0003eb4d0000541f2003d5c0035fd6", -1 },
};

static const struct goroutine_case {
	const char *what;
	enum image_machine machine;
	const char *code;
	int offset; /* -1: none */
	unsigned int reg;
} goroutine_cases[] = {
	{ "AX", IMAGE_AMD64, "48837808007401c3c3", 5, 0 },
	{ "AX, with a nop between", IMAGE_AMD64, "488378080066907401c3c3", 7, 0 },
	{ "R11, the jump the other way", IMAGE_AMD64, "49837b08007501c3c3", 5, 8 },
	{ "R12, which holds no argument", IMAGE_AMD64, "49837c2408007401c3c3", -1, 0 },
	{ "two of them", IMAGE_AMD64, "4883780800740848837b08007401c3c3", -1, 0 },
	{ "an index", IMAGE_AMD64, "48837c0808007401c3c3", -1, 0 },
	{ "a segment", IMAGE_AMD64, "6448837808007401c3c3", -1, 0 },
	{ "a variable", IMAGE_AMD64, "48833d08000000007401c3c3", -1, 0 },
	{ "another word", IMAGE_AMD64, "48837810007401c3c3", -1, 0 },
	{ "another number", IMAGE_AMD64, "48837808017401c3c3", -1, 0 },
	{ "half a word", IMAGE_AMD64, "837808007401c3c3", -1, 0 },
	{ "another condition", IMAGE_AMD64, "48837808007601c3c3", -1, 0 },
	{ "a jump that always happens", IMAGE_AMD64, "4883780800eb01c3c3", -1, 0 },
	{ "something between", IMAGE_AMD64, "48837808004889c87401c3c3", -1, 0 },
	{ "a register with itself", IMAGE_AMD64, "4885c07401c3c3", -1, 0 },
	{ "what cannot be decoded behind it", IMAGE_AMD64, "48837808007401c306", -1, 0 },
	{ "x0", IMAGE_ARM64, "020440f9420000b4c0035fd6c0035fd6", 4, 0 },
	{ "x15, with a nop between, the jump the other way", IMAGE_ARM64, "e10540f91f2003d5410000b5c0035fd6c0035fd6", 8,
	  15 },
	{ "x19, which holds no argument", IMAGE_ARM64, "620640f9420000b4c0035fd6c0035fd6", -1, 0 },
	{ "two of them", IMAGE_ARM64, "020440f9820000b4020440f9420000b4c0035fd6c0035fd6", -1, 0 },
	{ "the pointer gone", IMAGE_ARM64, "000440f9400000b4c0035fd6c0035fd6", -1, 0 },
	{ "another word", IMAGE_ARM64, "020840f9420000b4c0035fd6c0035fd6", -1, 0 },
	{ "half a word", IMAGE_ARM64, "020840b942000034c0035fd6c0035fd6", -1, 0 },
	{ "the pointer moved", IMAGE_ARM64, "028c40f8420000b4c0035fd6c0035fd6", -1, 0 },
	{ "another register", IMAGE_ARM64, "020440f9430000b4c0035fd6c0035fd6", -1, 0 },
	{ "something between", IMAGE_ARM64, "020440f9e00303aa420000b4c0035fd6c0035fd6", -1, 0 },
	{ "only a bit", IMAGE_ARM64, "020440f942000036c0035fd6c0035fd6", -1, 0 },
};

struct call_case {
	const char *what;
	enum image_machine machine;
	const char *code;
	int offset; /* of the call of ADDRESS + CALLEE; -1: none */
};

enum { CALLEE = 0x100 };

static const struct call_case call_cases[] = {
	{ "one", IMAGE_AMD64, "e8fb000000c3", 0 },
	{ "one between others", IMAGE_AMD64, "e8fa00000090e8f5000000e8f1000000c3", 6 },
	{ "one behind another", IMAGE_AMD64, "e8fa000000e8f6000000c3", 5 },
	{ "two", IMAGE_AMD64, "e8fb000000e8f6000000c3", -1 },
	{ "a jump", IMAGE_AMD64, "e9fb000000c3", -1 },
	{ "by a register", IMAGE_AMD64, "ffd0c3", -1 },
	{ "by memory", IMAGE_AMD64, "ff1425fb000000c3", -1 },
	{ "what cannot be decoded behind it", IMAGE_AMD64, "e8fb00000006", -1 },
	{ "one", IMAGE_ARM64, "40000094c0035fd6", 0 },
	{ "one behind another", IMAGE_ARM64, "400000943e000094c0035fd6", 0 },
	{ "two", IMAGE_ARM64, "400000943f000094c0035fd6", -1 },
	{ "a jump", IMAGE_ARM64, "40000014c0035fd6", -1 },
	{ "by a register", IMAGE_ARM64, "00003fd6c0035fd6", -1 },
};

struct pattern_case {
	const char *what;
	enum image_machine machine;
	const char *code;
	int offset; /* of the jump; -1: none */
	int32_t pattern;
};

/* cmpq $0, N(%rsp), and a jne behind it; mov N(%rsp), reg */
#define TEST_60 "48837c2460007500"
#define TEST_68 "48837c2468007500"
#define LOAD_AX_60 "488b442460"
#define LOAD_AX_68 "488b442468"
#define LOAD_PATTERN_50 "488b4c2450488b7c2458"
#define LOAD_PATTERN_48 "488b4c2448488b7c2450"

static const struct pattern_case pattern_cases[] = {
	{ "as in 1.17", IMAGE_AMD64, TEST_60 TEST_60 LOAD_AX_60 LOAD_PATTERN_50 "c3", 14, 0x50 },
	{ "as in 1.20", IMAGE_AMD64,
	  "4883bc24c8000000007500"
	  "4883bc24c8000000000f8500000000"
	  "488b8c24b8000000488bbc24c0000000488b8424c8000000c3",
	  20, 0xb8 },
	{ "two rets", IMAGE_AMD64, TEST_60 TEST_60 LOAD_AX_60 LOAD_PATTERN_50 "c3" LOAD_PATTERN_50 LOAD_AX_60 "c3", 14,
	  0x50 },
	{ "another comparison in front", IMAGE_AMD64, TEST_68 TEST_60 TEST_60 LOAD_AX_60 LOAD_PATTERN_50 "c3", 22,
	  0x50 },
	{ "another comparison behind", IMAGE_AMD64, TEST_60 TEST_60 TEST_68 LOAD_AX_60 LOAD_PATTERN_50 "c3", -1, 0 },
	{ "one comparison", IMAGE_AMD64, TEST_60 LOAD_AX_60 LOAD_PATTERN_50 "c3", -1, 0 },
	{ "three of them", IMAGE_AMD64, TEST_60 TEST_60 TEST_60 LOAD_AX_60 LOAD_PATTERN_50 "c3", -1, 0 },
	{ "something between", IMAGE_AMD64,
	  TEST_60 "48837c246000"
		  "4889c8"
		  "7500" LOAD_AX_60 LOAD_PATTERN_50 "c3",
	  -1, 0 },
	{ "with another number", IMAGE_AMD64,
	  TEST_60 "48837c246001"
		  "7500" LOAD_AX_60 LOAD_PATTERN_50 "c3",
	  -1, 0 },
	{ "half a word", IMAGE_AMD64,
	  TEST_60 "837c246000"
		  "7500" LOAD_AX_60 LOAD_PATTERN_50 "c3",
	  -1, 0 },
	{ "rets that do not agree", IMAGE_AMD64, TEST_60 TEST_60 LOAD_AX_60 LOAD_PATTERN_50 "c3" LOAD_PATTERN_48 "c3",
	  -1, 0 },
	{ "another handler returned", IMAGE_AMD64, TEST_60 TEST_60 LOAD_AX_68 LOAD_PATTERN_50 "c3", -1, 0 },
	{ "half a string returned", IMAGE_AMD64,
	  TEST_60 TEST_60 LOAD_AX_60 "488b4c2450"
				     "488b7c2460"
				     "c3",
	  -1, 0 },
	{ "no string returned", IMAGE_AMD64, TEST_60 TEST_60 LOAD_AX_60 "c3", -1, 0 },
	{ "no ret", IMAGE_AMD64, TEST_60 TEST_60 LOAD_AX_60 LOAD_PATTERN_50 "90", -1, 0 },
	{ "what cannot be decoded behind it", IMAGE_AMD64, TEST_60 TEST_60 LOAD_AX_60 LOAD_PATTERN_50 "c306", -1, 0 },
	{ "a ret", IMAGE_ARM64, "c0035fd6", -1, 0 },
};

static const char *machine_name(enum image_machine machine)
{
	return machine == IMAGE_AMD64 ? "amd64" : "arm64";
}

/* ---- code written by hand ---- */

static void check_entries(void)
{
	for (size_t i = 0; i < sizeof(entry_cases) / sizeof(entry_cases[0]); i++) {
		const struct entry_case *c = &entry_cases[i];
		struct code code = code_from_hex(c->code, c->machine, ADDRESS);
		struct site site = { 0, SITE_INSIDE };
		bool found = site_find_entry(&code, &site);

		check(found == (c->kind != NO_SITE) &&
			      (!found || ((int)site.kind == c->kind && site.address == ADDRESS + c->offset)),
		      "%s: %s: kind %d at %d", machine_name(c->machine), c->what, found ? (int)site.kind : NO_SITE,
		      found ? (int)(site.address - ADDRESS) : 0);
		code_unload(&code);
	}
}

/* The jump of the check is in front of the push, two bytes or six. */
static void check_branches(void)
{
	for (size_t i = 0; i < sizeof(entry_cases) / sizeof(entry_cases[0]); i++) {
		const struct entry_case *c = &entry_cases[i];
		struct code code = code_from_hex(c->code, c->machine, ADDRESS);
		bool has_check = c->kind == SITE_PUSH || c->kind == SITE_BRANCH;
		struct site site = { 0, SITE_INSIDE };
		bool found = site_find_branch(&code, &site);
		uint64_t behind = ADDRESS + c->offset - site.address;

		check(found == has_check && (!found || site.kind == SITE_BRANCH) &&
			      (!found || (c->kind == SITE_BRANCH ? !behind : behind == 2 || behind == 6)),
		      "%s: %s: the jump of the check", machine_name(c->machine), c->what);
		code_unload(&code);
	}
}

static const struct early_case {
	const char *what;
	enum image_machine machine;
	const char *code;
	int offset; /* NO_SITE: none */
} early_cases[] = {
	{ "casgstatus to 1.20", IMAGE_AMD64,
	  "4883ec4048896c2438488d6c24384889442448894c2454895c24500fbae30c90720531c0c390c3", 32 },
	{ "a push first", IMAGE_AMD64, "554889e54883ec400fbae30c7203c39090c3", NO_SITE },
	{ "an argument changed before", IMAGE_AMD64, "4883ec404889d80fbae30c7203c39090c3", NO_SITE },
	{ "a call before", IMAGE_AMD64, "4883ec40e8000000000fbae30c7203c39090c3", NO_SITE },
	{ "a jump that depends on nothing", IMAGE_AMD64, "4883ec400fbae30ceb03c39090c3", NO_SITE },
	{ "a jump back to the comparison", IMAGE_AMD64, "4883ec400fbae30c7203c39090ebf5c3", NO_SITE },
	{ "no jump", IMAGE_AMD64, "4883ec400fbae30cc3", NO_SITE },
	{ "another machine", IMAGE_ARM64, "1f000071400000540000005400000054c0035fd6", NO_SITE },
};

static void check_early_branches(void)
{
	for (size_t i = 0; i < sizeof(early_cases) / sizeof(early_cases[0]); i++) {
		const struct early_case *c = &early_cases[i];
		struct code code = code_from_hex(c->code, c->machine, ADDRESS);
		struct site site = { ADDRESS, SITE_ENTRY };
		bool found = site_find_early_branch(&code, &site);
		int offset = found ? (int)(site.address - ADDRESS) : NO_SITE;

		check(offset == c->offset && (!found || site.kind == SITE_INSIDE), "%s: an early jump: %s: at %d",
		      machine_name(c->machine), c->what, offset);
		code_unload(&code);
	}
}

static void check_returns(void)
{
	uint64_t addresses[SITE_RETURNS_MAX];

	for (size_t i = 0; i < sizeof(returns_cases) / sizeof(returns_cases[0]); i++) {
		const struct returns_case *c = &returns_cases[i];
		struct code code = code_from_hex(c->code, c->machine, ADDRESS);
		size_t n = site_find_returns(&code, addresses), wanted = 0;
		bool all = true;

		for (; c->offsets[wanted] >= 0; wanted++)
			all = all && wanted < n && addresses[wanted] == ADDRESS + (uint64_t)c->offsets[wanted];
		check(all && n == wanted, "%s: rets: %s: %zu", machine_name(c->machine), c->what, n);
		code_unload(&code);
	}
}

/* As many rets as there may be, and one more. */
static void check_many_returns(void)
{
	static const char ret[] = "c3";
	uint64_t addresses[SITE_RETURNS_MAX];
	char hex[2 * (SITE_RETURNS_MAX + 1) + 1] = "";

	for (unsigned int n = 1; n <= SITE_RETURNS_MAX + 1; n++) {
		strcat(hex, ret);
		struct code code = code_from_hex(hex, IMAGE_AMD64, ADDRESS);
		size_t found = site_find_returns(&code, addresses);

		if (n >= SITE_RETURNS_MAX)
			check(found == (n == SITE_RETURNS_MAX ? n : 0), "%u rets: %zu", n, found);
		code_unload(&code);
	}
}

static void check_comparisons(void)
{
	for (size_t i = 0; i < sizeof(comparison_cases) / sizeof(comparison_cases[0]); i++) {
		const struct comparison_case *c = &comparison_cases[i];
		struct code code = code_from_hex(c->code, c->machine, ADDRESS);
		struct site site;
		bool found = site_find_comparison(&code, 5000, &site);

		check(found == (c->offset >= 0) &&
			      (!found || (site.kind == SITE_INSIDE && site.address == ADDRESS + (uint64_t)c->offset)),
		      "%s: comparison with 5000: %s", machine_name(c->machine), c->what);
		code_unload(&code);
	}
}

static void check_goroutines(void)
{
	for (size_t i = 0; i < sizeof(goroutine_cases) / sizeof(goroutine_cases[0]); i++) {
		const struct goroutine_case *c = &goroutine_cases[i];
		struct code code = code_from_hex(c->code, c->machine, ADDRESS);
		struct site site;
		unsigned int reg;
		bool found = site_find_new_goroutine(&code, &site, &reg);

		check(found == (c->offset >= 0) && (!found || (site.kind == SITE_INSIDE && reg == c->reg &&
							       site.address == ADDRESS + (uint64_t)c->offset)),
		      "%s: a new goroutine: %s", machine_name(c->machine), c->what);
		code_unload(&code);
	}
}

static void check_calls(void)
{
	for (size_t i = 0; i < sizeof(call_cases) / sizeof(call_cases[0]); i++) {
		const struct call_case *c = &call_cases[i];
		struct code code = code_from_hex(c->code, c->machine, ADDRESS);
		struct site site;
		bool found = site_find_call(&code, ADDRESS + CALLEE, &site);

		check(found == (c->offset >= 0) &&
			      (!found || (site.kind == SITE_INSIDE && site.address == ADDRESS + (uint64_t)c->offset)),
		      "%s: a call: %s", machine_name(c->machine), c->what);
		code_unload(&code);
	}
}

static void check_patterns(void)
{
	for (size_t i = 0; i < sizeof(pattern_cases) / sizeof(pattern_cases[0]); i++) {
		const struct pattern_case *c = &pattern_cases[i];
		struct code code = code_from_hex(c->code, c->machine, ADDRESS);
		struct site site;
		int32_t pattern;
		bool found = site_find_pattern(&code, &site, &pattern);

		check(found == (c->offset >= 0) && (!found || (site.kind == SITE_INSIDE && pattern == c->pattern &&
							       site.address == ADDRESS + (uint64_t)c->offset)),
		      "%s: a pattern: %s", machine_name(c->machine), c->what);
		code_unload(&code);
	}
}

/* ---- code that is none ---- */

/* Whatever is found lies in the code. */
static bool is_inside(const struct code *code)
{
	uint64_t addresses[SITE_RETURNS_MAX];
	struct site site;
	unsigned int reg;
	int32_t pattern;
	bool inside = true;

	if (site_find_entry(code, &site))
		inside = site.address - code->address < code->size;
	if (site_find_branch(code, &site))
		inside = inside && site.address - code->address < code->size;
	if (site_find_early_branch(code, &site))
		inside = inside && site.address - code->address < code->size;
	if (site_find_comparison(code, 5000, &site))
		inside = inside && site.address - code->address < code->size;
	if (site_find_new_goroutine(code, &site, &reg))
		inside = inside && site.address - code->address < code->size && reg < 16;
	if (site_find_call(code, code->address, &site))
		inside = inside && site.address - code->address < code->size;
	if (site_find_pattern(code, &site, &pattern))
		inside = inside && site.address - code->address < code->size && pattern > 0;
	for (size_t i = site_find_returns(code, addresses); i-- > 0;)
		inside = inside && addresses[i] - code->address < code->size;
	return inside;
}

/* Of a function that is cut off, the stack check no longer leads to the call of runtime.morestack: what is left may
 * have no site, or, where nothing of the check is left, its first instruction. */
static void check_cuts(void)
{
	unsigned int n_wrong = 0, n = 0;

	for (size_t i = 0; i < sizeof(entry_cases) / sizeof(entry_cases[0]); i++) {
		const struct entry_case *c = &entry_cases[i];
		struct code code = code_from_hex(c->code, c->machine, ADDRESS);
		size_t whole = code.size;

		for (code.size = 0; code.size < whole; code.size++, n++) {
			struct code cut = { malloc(code.size + !code.size), code.size, ADDRESS, c->machine };
			struct site site = { 0, SITE_INSIDE };
			bool found;

			memcpy(cut.bytes, code.bytes, cut.size);
			found = site_find_entry(&cut, &site);
			n_wrong += !is_inside(&cut) || (found && !cut.size) ||
				   (found && (int)site.kind != c->kind && site.kind != SITE_ENTRY) ||
				   (found && site.kind != SITE_ENTRY && site.address != ADDRESS + c->offset) ||
				   (found && site.kind == SITE_ENTRY && c->kind != SITE_ENTRY && c->kind != NO_SITE &&
				    cut.size > c->offset);
			code_unload(&cut);
		}
		code_unload(&code);
	}
	check(n_wrong == 0 && n > 500, "%u functions cut off: %u wrong", n, n_wrong);
}

static void check_noise(void)
{
	uint64_t state = 88172645463325252U;
	unsigned int n_wrong = 0;

	for (unsigned int i = 0; i < 4000; i++) {
		char hex[129] = "";

		for (unsigned int j = 0; j < 8; j++)
			snprintf(hex + j * (i % 16), 17, "%016llx", (unsigned long long)next_random(&state));
		/* At the end of the address space too. */
		struct code code = code_from_hex(hex, i % 2 ? IMAGE_AMD64 : IMAGE_ARM64,
						 i % 3 ? ADDRESS : UINT64_MAX - strlen(hex) / 2 + 1);
		n_wrong += !is_inside(&code);
		code_unload(&code);
	}
	check(n_wrong == 0, "of 4000 pieces of noise %u have sites elsewhere", n_wrong);
}

static void check_files_that_lie(void)
{
	struct go_binary binary = { .image.size = 1000 };
	struct go_function functions[] = {
		{ "none", 0, 0 },
		{ "no size", ADDRESS, 0 },
		{ "not in the file", ADDRESS, 10 },
		{ "larger than the file", ADDRESS, 1001 },
		{ "huge", ADDRESS, UINT64_MAX },
	};
	uint64_t addresses[SITE_RETURNS_MAX];
	struct site site;
	unsigned int reg;

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		check(!site_of_entry(&binary, &functions[i], &site) &&
			      !site_of_returns(&binary, &functions[i], addresses) &&
			      !site_of_comparison(&binary, &functions[i], 5000, &site) &&
			      !site_of_new_goroutine(&binary, &functions[i], &site, &reg),
		      "a function that is %s has no site", functions[i].name);
}

/* ---- real programs ---- */

/* What is at a site, and in front of it, without capstone. */
static bool looks_right(const struct go_binary *binary, const struct site *site)
{
	uint8_t bytes[16];

	if (!image_read(&binary->image, site->address - 8, bytes, sizeof(bytes)))
		return false;
	const uint8_t *at = bytes + 8;

	if (binary->image.machine == IMAGE_ARM64) /* b.ls, behind a cmp */
		return site->kind == SITE_BRANCH && at[3] == 0x54 && (at[0] & 0x1f) == 9 && at[-1] == 0xeb;
	if ((site->kind == SITE_PUSH) != (binary->version.minor >= 21))
		return false;
	if (site->kind == SITE_PUSH) {
		if (at[0] != 0x55)
			return false;
		at -= at[-2] == 0x76 ? 2 : 6;
		if (at < bytes + 3)
			return at[0] == 0x0f && at[1] == 0x86;
	}
	return (at[0] == 0x76 || (at[0] == 0x0f && at[1] == 0x86)) && at[-3] == 0x3b && at[-2] == 0x66 &&
	       (at[-1] == 0x10 || at[-1] == 0x18);
}

/* je behind cmpq $0, 8(%rax) and at most 8 bytes of nops; cbz behind ldr x, [x0, #8]; without capstone. */
static bool follows_test_of_stack(const struct go_binary *binary, const struct site *site)
{
	static const uint8_t compare[] = { 0x48, 0x83, 0x78, 8, 0 };
	enum { NOPS_MAX = 8, BEFORE = NOPS_MAX + sizeof(compare), AT = 4 };
	uint8_t bytes[BEFORE + AT];
	const uint8_t *at = bytes + BEFORE;
	bool found = false;

	if (!image_read(&binary->image, site->address - BEFORE, bytes, sizeof(bytes)))
		return false;
	if (binary->image.machine == IMAGE_ARM64)
		return at[3] == 0xb4 && at[-1] == 0xf9 && at[-2] == 0x40 && at[-3] == 4 && at[-4] < 0x20;
	for (unsigned int i = 0; i <= NOPS_MAX; i++)
		found |= !memcmp(bytes + i, compare, sizeof(compare));
	return found && (at[0] == 0x74 || (at[0] == 0x0f && at[1] == 0x84));
}

/* jne behind cmpq $0, N(%rsp), where N is 8 or 32 bits, without capstone. The pattern is right below the handler, or a
 * word lies between. */
static bool follows_test_of_handler(const struct go_binary *binary, const struct site *site, int32_t pattern)
{
	uint8_t bytes[9 + 2];
	int32_t handler;

	if (!image_read(&binary->image, site->address - 9, bytes, sizeof(bytes)) ||
	    !(bytes[9] == 0x75 || (bytes[9] == 0x0f && bytes[10] == 0x85)) || bytes[8])
		return false;
	handler = bytes[7];
	if (!memcmp(bytes, "\x48\x83\xbc\x24", 4))
		memcpy(&handler, bytes + 4, sizeof(handler));
	else if (memcmp(bytes + 3, "\x48\x83\x7c\x24", 4) != 0)
		return false;
	return handler - pattern == 16 || handler - pattern == 24;
}

/* ServeMux to 1.21, which later releases have too, and those calls of Put that are the only ones of their function. */
static void check_library(const struct go_binary *binary, const char *name)
{
	struct go_function functions[] = {
		{ .name = "net/http.(*ServeMux).handler" },
		{ .name = "net/http.(*serveMux121).handler" },
		{ .name = "sync.(*Pool).Put" },
		{ .name = "fmt.(*pp).free" },
	};
	const struct go_function *handler = &functions[binary->version.minor >= 22];
	struct site site;
	int32_t pattern;

	go_functions_find(binary, functions, 4);
	if (!handler->address)
		return;
	if (binary->image.machine == IMAGE_AMD64)
		check(site_of_pattern(binary, handler, &site, &pattern) &&
			      follows_test_of_handler(binary, &site, pattern),
		      "%s: %s has its pattern on the stack", name, handler->name);
	check(site_of_call(binary, &functions[3], functions[2].address, &site) &&
		      site.address - functions[3].address < functions[3].size,
	      "%s: pp.free calls Put", name);
}

static void check_binary(const struct go_binary *binary, const char *name)
{
	enum { START_THE_WORLD, ASSIST, CASGSTATUS, NEWPROC1, FUNCTIONS = 9 };
	struct go_function functions[FUNCTIONS] = {
		[START_THE_WORLD] = { .name = "runtime.startTheWorldWithSema" },
		[ASSIST] = { .name = "runtime.gcAssistAlloc1" },
		[CASGSTATUS] = { .name = "runtime.casgstatus" }, /* nosplit */
		[NEWPROC1] = { .name = "runtime.newproc1" },
		{ .name = "runtime.stopTheWorldWithSema" },
		{ .name = "runtime.gcStart" },
		{ .name = "runtime.gcMarkDone" },
		{ .name = "runtime.gcMarkTermination" },
		{ .name = "runtime.(*gcControllerState).startCycle" },
	};
	uint64_t addresses[SITE_RETURNS_MAX];
	struct site site;
	unsigned int reg;

	check(go_functions_find(binary, functions, FUNCTIONS) == FUNCTIONS, "%s: the functions are there", name);
	for (unsigned int i = 0; i < FUNCTIONS; i++) {
		bool found = site_of_entry(binary, &functions[i], &site);

		if (i == CASGSTATUS)
			check(found && site.kind == SITE_ENTRY && site.address == functions[i].address,
			      "%s: %s: the first instruction", name, functions[i].name);
		else
			check(found && looks_right(binary, &site), "%s: %s: the site is behind the stack check", name,
			      functions[i].name);
	}
	check(site_of_returns(binary, &functions[START_THE_WORLD], addresses) == 1,
	      "%s: startTheWorldWithSema has one ret", name);
	check(site_of_comparison(binary, &functions[ASSIST], 5000, &site), "%s: gcAssistAlloc1 compares with 5000",
	      name);
	check(site_of_new_goroutine(binary, &functions[NEWPROC1], &site, &reg) && reg == 0 &&
		      follows_test_of_stack(binary, &site),
	      "%s: in newproc1 AX has the new g where its stack is tested", name);
	check_library(binary, name);
}

/* ---- the fuzzer's corpus ---- */

/* tests/fuzz/go_site.c: the machine, then the code. */
static void write_seed(const char *folder, const char *kind, size_t number, const char *hex, enum image_machine machine)
{
	struct code code = code_from_hex(hex, machine, ADDRESS);
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s-%s-%zu", folder, kind, machine_name(machine), number);
	file = fopen(path, "we");
	if (!file || fputc(machine == IMAGE_ARM64, file) == EOF ||
	    fwrite(code.bytes, 1, code.size, file) != code.size || fclose(file))
		abort();
	code_unload(&code);
}

static int write_seeds(const char *folder)
{
	for (size_t i = 0; i < sizeof(entry_cases) / sizeof(entry_cases[0]); i++)
		write_seed(folder, "entry", i, entry_cases[i].code, entry_cases[i].machine);
	for (size_t i = 0; i < sizeof(returns_cases) / sizeof(returns_cases[0]); i++)
		write_seed(folder, "returns", i, returns_cases[i].code, returns_cases[i].machine);
	for (size_t i = 0; i < sizeof(comparison_cases) / sizeof(comparison_cases[0]); i++)
		write_seed(folder, "comparison", i, comparison_cases[i].code, comparison_cases[i].machine);
	for (size_t i = 0; i < sizeof(goroutine_cases) / sizeof(goroutine_cases[0]); i++)
		write_seed(folder, "goroutine", i, goroutine_cases[i].code, goroutine_cases[i].machine);
	for (size_t i = 0; i < sizeof(pattern_cases) / sizeof(pattern_cases[0]); i++)
		write_seed(folder, "pattern", i, pattern_cases[i].code, pattern_cases[i].machine);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--seeds"))
		return write_seeds(argv[2]);
	check_entries();
	check_branches();
	check_early_branches();
	check_returns();
	check_many_returns();
	check_comparisons();
	check_goroutines();
	check_calls();
	check_patterns();
	check_cuts();
	check_noise();
	check_files_that_lie();
	check_binaries(check_binary);
	return finish_tests();
}
