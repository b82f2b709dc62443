/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Go programs' files: versions, functions and bytes of small ones that are made here, in every form there is; and what
 * hostile ones may try. With OTB_GO_BINARIES=FOLDER, real ones too (tests/lib/go-binaries makes them).
 *
 * go_binary --seeds FOLDER writes the fuzzer's corpus instead.
 */
#include "common/go/binary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "common/go/scan.h"
#include "tests/unit/go_elf.h"
#include "tests/unit/tap.h"

/* ---- versions ---- */

static const struct version_case {
	const char *text;
	bool parsed, is_release;
	unsigned int minor, patch;
} version_cases[] = {
	{ "go1.25.3", true, true, 25, 3 },
	{ "go1.17", true, true, 17, 0 },
	{ "go1.21.0", true, true, 21, 0 },
	{ "go1.26.11", true, true, 26, 11 },
	{ "go1.100.1000", true, true, 100, 1000 },
	{ "go1.21rc2", true, false, 21, 0 },
	{ "go1.20beta1", true, false, 20, 0 },
	{ "go1.24.1 X:boringcrypto", true, false, 24, 1 },
	{ "go1.22.3+", true, false, 22, 3 },
	{ "go1.22.5-fips", true, false, 22, 5 },
	{ "go1.23.4 (Red Hat 1.23.4-1.el9)", true, false, 23, 4 },
	{ "go1.22.", true, false, 22, 0 },
	{ "go1.22.x", true, false, 22, 0 },
	{ "devel go1.28-3f2a1b Thu Nov 20 10:00:00 2025 +0000", true, false, 28, 0 },
	{ "go1.26-devel_3f2a1b Thu Nov 20 10:00:00 2025 +0000", true, false, 26, 0 },
	{ "devel +3f2a1b Thu Nov 20 10:00:00 2025 +0000", false, false, 0, 0 },
	{ "go1.0", false, false, 0, 0 },
	{ "go1.", false, false, 0, 0 },
	{ "go1.-5", false, false, 0, 0 },
	{ "go1.99999", false, false, 0, 0 },
	{ "go1.18446744073709551633", false, false, 0, 0 },
	{ "go1.20.99999999999", false, false, 0, 0 },
	{ "go2.1", false, false, 0, 0 },
	{ "1.25.3", false, false, 0, 0 },
	{ " go1.25.3", false, false, 0, 0 },
	{ "", false, false, 0, 0 },
};

static void check_versions(void)
{
	char text[200];
	struct go_version version;

	for (size_t i = 0; i < sizeof(version_cases) / sizeof(version_cases[0]); i++) {
		const struct version_case *c = &version_cases[i];
		bool parsed = go_version_parse(c->text, &version);

		check(parsed == c->parsed && version.minor == c->minor && version.patch == c->patch &&
			      version.is_release == c->is_release && !strcmp(version.text, c->text),
		      "version '%s' is %s, minor %u, patch %u", c->text, parsed ? "parsed" : "none", version.minor,
		      version.patch);
	}
	memset(text, 'x', sizeof(text));
	memcpy(text, "go1.25.3\n\x1b[31m", 14);
	text[sizeof(text) - 1] = '\0';
	check(go_version_parse(text, &version) && version.minor == 25 && !version.is_release &&
		      strlen(version.text) == GO_VERSION_SIZE - 1 && !strncmp(version.text, "go1.25.3??[31mxx", 16),
	      "a version that is long and not clean is cut and cleaned: %s", version.text);
}

/* ---- programs of every form ---- */

static const char *take(struct go_binary *binary, const struct go_elf *elf)
{
	return go_binary_take(binary, go_elf_file(elf->bytes, elf->size));
}

static void check_functions(const struct go_elf *elf, const struct go_binary *binary, const char *form)
{
	struct go_function functions[] = {
		{ .name = "main.main", .address = 1 },          { .name = "runtime.mstart", .address = 1 },
		{ .name = "no.such", .address = 1, .size = 1 }, { .name = "runtime.gcStart", .address = 1 },
		{ .name = "main.main", .address = 1 },          { .name = "", .address = 1 },
		{ .name = "main.mai", .address = 1 },           { .name = GO_ELF_LONG_NAME, .address = 1 },
		{ .name = "example.org/c.(*T).run" },           { .name = "c.(*T).run", .address = 1 },
	};
	static const size_t truth[] = { 6, 2, SIZE_MAX, 0, 6, SIZE_MAX, SIZE_MAX, 5, 4, SIZE_MAX };
	size_t n = sizeof(functions) / sizeof(functions[0]), n_found = go_functions_find(binary, functions, n);
	bool right = true;

	for (size_t i = 0; i < n; i++) {
		bool none = truth[i] == SIZE_MAX;
		uint64_t address = none ? 0 : GO_ELF_BASE + go_elf_function_at(elf, truth[i]);
		/* The last function ends where the text's last word begins: its end is in functab, not etext. */
		uint64_t size = none ? 0 : go_elf_functions[truth[i]].size;

		right = right && functions[i].address == address && functions[i].size == size;
	}
	check(n_found == 6 && right, "%s: functions are found by name", form);
}

static void check_names(const struct go_elf *elf, const struct go_binary *binary, const char *form)
{
	char name[GO_NAME_SIZE];
	bool right = true;

	for (size_t i = 0; i < GO_ELF_FUNCTIONS; i++) {
		uint64_t address = GO_ELF_BASE + go_elf_function_at(elf, i);

		for (uint64_t at = address; at < address + go_elf_functions[i].size; at++)
			right = right && go_function_at(binary, at, name) &&
				!strncmp(name, go_elf_functions[i].name, GO_NAME_SIZE - 1) &&
				strlen(name) <= strlen(go_elf_functions[i].name);
	}
	check(right && !go_function_at(binary, GO_ELF_BASE + elf->text - 1, name) &&
		      !go_function_at(binary, GO_ELF_BASE + elf->etext, name) && !go_function_at(binary, 0, name) &&
		      !go_function_at(binary, UINT64_MAX, name),
	      "%s: and names by address", form);
}

static const unsigned int minors[] = { 17, 18, 20, 25, 26, 0 };

static void check_form(bool is_arm64, unsigned int minor, enum go_elf_words words)
{
	static const char *const words_text[] = { "fixed", "rela", "relr" };
	struct go_elf elf = { .is_arm64 = is_arm64, .minor = minor, .words = words, .has_symbols = true };
	uint32_t magic = minor == 17 ? 0xfffffffa : minor == 18 ? 0xfffffff0 : 0xfffffff1;
	struct go_binary binary;
	char form[64], version[32] = "";
	const char *error;

	go_elf_make(&elf);
	snprintf(form, sizeof(form), "%s, 1.%u, %s", is_arm64 ? "arm64" : "amd64", minor, words_text[words]);
	if (minor)
		snprintf(version, sizeof(version), "go1.%u.3", minor);
	error = take(&binary, &elf);
	check(!error && binary.version.minor == minor && !strcmp(binary.version.text, version) &&
		      binary.magic == magic && binary.n_functions == GO_ELF_FUNCTIONS &&
		      binary.text == GO_ELF_BASE + elf.text && binary.etext == GO_ELF_BASE + elf.etext &&
		      binary.pclntab == GO_ELF_BASE + elf.table && binary.pclntab_size == elf.table_end - elf.table &&
		      binary.moduledata == GO_ELF_BASE + elf.module && binary.image.is_pie == (words != GO_ELF_FIXED) &&
		      binary.image.machine == (is_arm64 ? IMAGE_ARM64 : IMAGE_AMD64),
	      "%s: it is a Go program: %s", form, error ? error : "yes");
	if (!error) {
		check_functions(&elf, &binary, form);
		check_names(&elf, &binary, form);
	}
	go_binary_close(&binary);
}

static void check_forms(void)
{
	for (int is_arm64 = 0; is_arm64 <= 1; is_arm64++)
		for (size_t i = 0; i < sizeof(minors) / sizeof(minors[0]); i++)
			for (int words = GO_ELF_FIXED; words <= GO_ELF_RELR; words++)
				check_form(is_arm64, minors[i], (enum go_elf_words)words);
}

/* Go passes arguments in registers from 1.17 on, on arm64 from 1.18 on (the release notes of both). */
static void check_convention(void)
{
	static const struct {
		enum image_machine machine;
		unsigned int minor;
		const char *release; /* that would have to be; NULL: none */
	} cases[] = {
		{ IMAGE_AMD64, 16, "before 1.17" }, { IMAGE_AMD64, 17, NULL }, { IMAGE_AMD64, 27, NULL },
		{ IMAGE_ARM64, 17, "before 1.18" }, { IMAGE_ARM64, 18, NULL }, { IMAGE_ARM64, 0, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct go_binary binary = { .image.machine = cases[i].machine, .version.minor = cases[i].minor };
		const char *wrong = go_binary_convention(&binary);

		check(cases[i].release ? wrong && strstr(wrong, cases[i].release) : !wrong, "1.%u for %s: %s",
		      cases[i].minor, cases[i].machine == IMAGE_ARM64 ? "arm64" : "amd64", wrong ? wrong : "fits");
	}
}

/* More names than are looked up in one sweep. */
static void check_many_names(void)
{
	struct go_elf elf = { .minor = 26 };
	struct go_function functions[1000];
	struct go_binary binary;
	bool right = true;

	go_elf_make(&elf);
	take(&binary, &elf);
	for (size_t i = 0; i < 1000; i++)
		functions[i] = (struct go_function){ .name = i % 2 ? "main.main" : "runtime.mstart" };
	check(go_functions_find(&binary, functions, 1000) == 1000, "a thousand names are all found");
	for (size_t i = 0; i < 1000; i++)
		right = right && functions[i].size == (i % 2 ? 0x18 : 0x20);
	check(right, "each one's own");
	check(!go_functions_find(&binary, functions, 0), "of none, none");
	go_binary_close(&binary);
}

/* The names are gone through a window at a time, and one is cut wherever it ends. */
static void check_windows(void)
{
	static const size_t step = sizeof(GO_ELF_FILLER);
	size_t wrong = 0;

	for (size_t i = 0; i < sizeof("runtime.startTheWorldWithSema") / step + 4; i++) {
		struct go_elf elf = { .minor = 26, .n_fillers = WINDOW_SIZE / step - 2 + i };
		struct go_function function = { .name = "runtime.startTheWorldWithSema" };
		struct go_binary binary;

		go_elf_make(&elf);
		take(&binary, &elf);
		wrong += go_functions_find(&binary, &function, 1) != 1 ||
			 function.address != GO_ELF_BASE + go_elf_function_at(&elf, 3);
		go_binary_close(&binary);
	}
	check(!wrong, "a name is found where a window ends");
}

/* ---- bytes and symbols ---- */

static void check_load(void)
{
	struct go_elf elf = { .minor = 25, .words = GO_ELF_RELA };
	uint64_t table = GO_ELF_BASE, word, at;
	struct go_binary binary;
	struct image_bytes bytes;

	go_elf_make(&elf);
	table += elf.table;
	at = GO_ELF_BASE + elf.module;
	take(&binary, &elf);
	check(image_read(&binary.image, at, &word, 8) && !word, "a word that a relocation sets is 0 in the file");
	check(image_load(&binary.image, at, 8, &bytes) && bytes.size == 8 && bytes.address == at &&
		      !memcmp(bytes.data, &table, 8) && !bytes.data[8],
	      "loaded, it has its value, and a NUL follows");
	image_unload(&bytes);
	check(!bytes.data && !bytes.size, "and can be unloaded");
	check(image_load(&binary.image, at + 3, 2, &bytes) && bytes.size == 2 &&
		      !memcmp(bytes.data, (uint8_t *)&table + 3, 2) && !bytes.data[2],
	      "so has a part of it");
	image_unload(&bytes);
	word = GO_ELF_BASE + elf.names;
	check(image_load(&binary.image, at + 4, 8, &bytes) && !memcmp(bytes.data, (uint8_t *)&table + 4, 4) &&
		      !memcmp(bytes.data + 4, &word, 4),
	      "and parts of two");
	image_unload(&bytes);
	check(image_load(&binary.image, GO_ELF_BASE + elf.rela - 16, UINT64_MAX, &bytes) && bytes.size == 16,
	      "a load ends where its segment does");
	image_unload(&bytes);
	check(!image_load(&binary.image, at, 0, &bytes) && !bytes.data, "nothing cannot be loaded");
	check(!image_load(&binary.image, 0, 8, &bytes) && !image_load(&binary.image, UINT64_MAX, 8, &bytes) &&
		      !image_load(&binary.image, GO_ELF_BASE + elf.size, 1, &bytes) && !bytes.data,
	      "nor what is not in the file");
	go_binary_close(&binary);
}

static void check_image(void)
{
	struct go_elf elf = { .minor = 26, .has_symbols = true };
	struct go_binary binary;
	uint64_t value = 0, word;

	go_elf_make(&elf);
	take(&binary, &elf);
	check(image_offset(&binary.image, GO_ELF_BASE + elf.text, &value) && value == elf.text &&
		      !image_offset(&binary.image, GO_ELF_BASE - 1, &value) &&
		      !image_offset(&binary.image, GO_ELF_BASE + elf.size, &value) && value == elf.text,
	      "an address has its place in the file");
	check(image_read(&binary.image, GO_ELF_BASE + elf.rela - 8, &word, 8) &&
		      !image_read(&binary.image, GO_ELF_BASE + elf.rela - 7, &word, 8) &&
		      image_read_some(&binary.image, GO_ELF_BASE + elf.rela - 7, &word, 8) == 7 &&
		      !image_read(&binary.image, GO_ELF_BASE + elf.text, &word, SIZE_MAX),
	      "a read does not go beyond its segment");
	check(image_symbol(&binary.image, "runtime.work", &value) && value == 0x4242, "a symbol has its address");
	check(!image_symbol(&binary.image, "runtime.none", &value) && !image_symbol(&binary.image, "runtime", &value) &&
		      !image_symbol(&binary.image, "work", &value) && value == 0x4242,
	      "one that is not defined has none, nor part of one");
	go_binary_close(&binary);
	elf = (struct go_elf){ .minor = 26 };
	go_elf_make(&elf);
	take(&binary, &elf);
	check(!image_symbol(&binary.image, "runtime.work", &value), "nor one in a stripped file");
	go_binary_close(&binary);
}

/* As large as they say they are, where a file is sparse: they would be gone through for every symbol. */
static void check_large_symbols(void)
{
	const uint64_t most = UINT64_C(256) << 20;

	for (unsigned int section = 1; section <= 2; section++)
		for (unsigned int more = 0; more <= 1; more++) {
			struct go_elf elf = { .minor = 26, .has_symbols = true };
			struct go_binary binary;
			uint64_t value;

			go_elf_make(&elf);
			go_elf_set(&elf, elf.sections + section * sizeof(Elf64_Shdr) + offsetof(Elf64_Shdr, sh_size),
				   most + more, 8);
			take(&binary, &elf);
			check(image_symbol(&binary.image, "runtime.work", &value) == !more,
			      "a symbol %s where the %s have %s256 MB", more ? "has no address" : "has its address",
			      section == 1 ? "symbols" : "names", more ? "more than " : "");
			go_binary_close(&binary);
		}
}

/* ---- files that are something else ---- */

static void check_error(const struct go_elf *elf, const char *wanted, const char *what)
{
	struct go_binary binary;
	const char *error = take(&binary, elf);

	check(error && !strcmp(error, wanted), "%s %s", what, error ? error : "is taken for a Go program");
	go_binary_close(&binary);
}

/* A Go program with one field set to something else. */
static void check_patch(const struct go_elf *elf, size_t at, uint64_t value, size_t size, const char *wanted,
			const char *what)
{
	struct go_elf patched = *elf;

	go_elf_set(&patched, at, value, size);
	check_error(&patched, wanted, what);
}

static void check_path(const char *path, const char *wanted)
{
	struct go_binary binary;
	const char *error = go_binary_open(&binary, path);

	check(error && !strcmp(error, wanted), "%s %s", path, error ? error : "is taken for a Go program");
	go_binary_close(&binary);
}

#define IN_HEADER(field) offsetof(Elf64_Ehdr, field)
#define IN_LOAD(i, field) (sizeof(Elf64_Ehdr) + (i) * sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, field))

static void check_others(void)
{
	struct go_elf elf = { .minor = 26 }, old = { .minor = 17 }, none = { .minor = 0 };

	go_elf_make(&elf);
	go_elf_make(&old);
	go_elf_make(&none);
	go_elf_set(&none, none.module, 0, 8);
	check_path("/proc/self/exe", "is not a Go program");
	check_path("/", "is not a regular file");
	check_path("/dev/null", "is not a regular file");
	check_path("/no/such/file", "does not exist");
	check_path("/dev/null/file", "does not exist");
	check_path("/proc/self/comm", "is not an ELF file");
	check_patch(&elf, EI_CLASS, ELFCLASS32, 1, "is a 32-bit program", "a file of class 32");
	check_patch(&elf, EI_DATA, ELFDATA2MSB, 1, "is a big-endian program", "a big-endian file");
	check_patch(&elf, IN_HEADER(e_machine), EM_PPC64, 2, "is for another processor than amd64 and arm64",
		    "a file for ppc64");
	check_patch(&elf, IN_HEADER(e_type), ET_CORE, 2, "is an ELF file, but not a program", "a core file");
	check_patch(&elf, IN_HEADER(e_type), ET_REL, 2, "is an ELF file, but not a program", "an object");
	check_patch(&elf, 0, 0, 1, "is not an ELF file", "a file without magic");
	check_patch(&elf, EI_VERSION, 0, 1, "has nothing to load", "a file of no version");
	check_patch(&elf, elf.module, 0, 8, "has no table of Go functions", "a file whose table nothing points to");
	check_patch(&elf, elf.table, 0, 1, "has no table of Go functions", "a file whose table has no magic");
	check_error(&none, "is not a Go program", "a file with neither");
	go_elf_set(&elf, elf.module, 0, 8);
	check_patch(&elf, elf.buildinfo + 33, 7, 1, "is not a Go program", "a file with a magic, but no text");
	check_patch(&elf, elf.buildinfo + 32, 0, 1, "is not a Go program", "one with an empty text");
	go_elf_set(&old, old.module, 0, 8);
	check_patch(&old, old.buildinfo + 14, 4, 1, "is not a Go program", "one with pointers of 4 bytes");
	check_patch(&old, old.buildinfo + 15, 1, 1, "is not a Go program", "a big-endian one");
	memcpy(old.bytes + old.buildinfo + 48, "go1.13.4", 8);
	check_error(&old, "is a Go program of a release before 1.16", "an old one");
}

/* ---- hostile files ---- */

/* Uses a file for all there is. Whatever it says, a function found lies in the text, and has its name there. */
static bool is_consistent(struct go_binary *binary)
{
	struct go_function functions[] = { { .name = "main.main" },
					   { .name = "runtime.mstart" },
					   { .name = "runtime.gcStart" } };
	char name[GO_NAME_SIZE];
	struct image_bytes bytes;
	uint64_t value;
	bool right = true;

	image_symbol(&binary->image, "runtime.work", &value);
	go_functions_find(binary, functions, 3);
	for (size_t i = 0; i < 3; i++)
		if (functions[i].address)
			right = right && functions[i].address >= binary->text && functions[i].size &&
				functions[i].size <= binary->etext - functions[i].address;
	for (uint64_t at = binary->text; at < binary->etext && at < binary->text + 256; at += 64)
		if (go_function_at(binary, at, name))
			right = right && *name && memchr(name, '\0', sizeof(name));
	for (unsigned int i = 0; i < binary->image.n_segments; i++) {
		const struct image_segment *segment = &binary->image.segments[i];

		right = right && segment->offset <= binary->image.size &&
			segment->file_bytes <= binary->image.size - segment->offset &&
			segment->file_bytes <= UINT64_MAX - segment->address;
		if (image_load(&binary->image, segment->address, UINT64_MAX, &bytes))
			right = right && bytes.size <= binary->image.size && !bytes.data[bytes.size];
		image_unload(&bytes);
	}
	return right;
}

static bool bytes_are_consistent(const uint8_t *bytes, size_t size)
{
	struct go_binary binary;
	bool right = go_binary_take(&binary, go_elf_file(bytes, size)) || is_consistent(&binary);

	go_binary_close(&binary);
	return right;
}

static void check_damage(unsigned int minor, enum go_elf_words words)
{
	static const uint8_t masks[] = { 0xff, 0x01 };
	struct go_elf elf = { .minor = minor, .words = words, .has_symbols = true };
	size_t wrong = 0;

	go_elf_make(&elf);
	for (size_t size = 0; size < elf.size; size++)
		wrong += !bytes_are_consistent(elf.bytes, size);
	check(!wrong, "1.%u, form %d: cut anywhere, it is read with care", minor, words);
	wrong = 0;
	for (size_t at = 0; at < elf.size; at++)
		for (size_t i = 0; i < sizeof(masks); i++) {
			elf.bytes[at] ^= masks[i];
			wrong += !bytes_are_consistent(elf.bytes, elf.size);
			elf.bytes[at] ^= masks[i];
		}
	check(!wrong, "1.%u, form %d: with any byte damaged, too", minor, words);
}

/* Sets every word of a part, one at a time, to what may overflow. */
static void check_huge_words(struct go_elf *elf, size_t from, size_t to, const char *what)
{
	static const uint64_t words[] = {
		UINT64_MAX, UINT64_MAX - 7,     INT64_MAX,       UINT64_C(1) << 61, UINT32_MAX,
		0x10000,    GO_ELF_BASE + 0x40, UINT64_MAX / 24, GO_ELF_BASE,       1
	};
	size_t wrong = 0;

	for (size_t at = from; at + 8 <= to; at += 4)
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			uint64_t before;

			memcpy(&before, elf->bytes + at, sizeof(before));
			go_elf_set(elf, at, words[i], 8);
			wrong += !bytes_are_consistent(elf->bytes, elf->size);
			go_elf_set(elf, at, before, 8);
		}
	check(!wrong, "huge numbers in %s do no harm", what);
}

static void check_huge(void)
{
	struct go_elf elf = { .minor = 25, .words = GO_ELF_RELA, .has_symbols = true }, old = { .minor = 17 };

	go_elf_make(&elf);
	go_elf_make(&old);
	check_huge_words(&elf, 0, elf.text, "the file's headers");
	check_huge_words(&elf, elf.table, elf.table_end, "the table");
	check_huge_words(&old, old.table, old.table_end, "a table of 1.17");
	check_huge_words(&elf, elf.buildinfo, elf.dynamic, "buildinfo and moduledata");
	check_huge_words(&old, old.buildinfo, old.module, "buildinfo of 1.17");
	check_huge_words(&elf, elf.dynamic, elf.symtab, "the relocations");
	check_huge_words(&elf, elf.symtab, elf.size, "symbols and sections");
}

static void check_traps(void)
{
	struct go_elf elf = { .minor = 26 }, old = { .minor = 17 }, two = { .minor = 25, .has_two_modules = true };
	const char *no_table = "has no table of Go functions";

	go_elf_make(&elf);
	go_elf_make(&old);
	go_elf_make(&two);
	check_patch(&elf, elf.table + 8, UINT64_C(1) << 61, 8, no_table, "a file with 2^61 functions");
	check_patch(&elf, elf.table + 8, 0, 8, no_table, "a file without functions");
	check_patch(&elf, elf.table + 64, UINT64_MAX - 100, 8, no_table, "a file whose functab is before the table");
	check_patch(&elf, elf.table + 40, 72, 8, no_table, "a file without names");
	check_patch(&elf, elf.module + 8 * 17, 6, 8, no_table, "a file with another number of functions");
	check_patch(&elf, elf.module + 8 * 14, UINT64_MAX, 8, no_table, "a file with a table without end");
	check_patch(&elf, elf.module + 8 * 20, GO_ELF_BASE, 8, no_table, "a file whose functions begin elsewhere");
	check_patch(&elf, elf.module + 8 * 23, GO_ELF_BASE + elf.table + 8, 8, no_table,
		    "a file with a text beyond its code");
	check_patch(&elf, elf.module + 8 * 21, GO_ELF_BASE + elf.text + 1, 8, no_table,
		    "a file whose functions end before the text does");
	check_patch(&elf, IN_LOAD(2, p_filesz), elf.functab - elf.table - 8, 8, no_table, "a file without functab");
	check_patch(&elf, IN_LOAD(2, p_filesz), elf.functab - elf.table + 8, 8, no_table, "a file with a part of it");
	go_elf_set(&elf, elf.table + 8, 0, 8);
	check_patch(&elf, elf.module + 8 * 17, 1, 8, no_table, "a file with a table of no functions");
	go_elf_set(&elf, elf.table + 8, GO_ELF_FUNCTIONS, 8);
	check_patch(&elf, IN_LOAD(1, p_flags), PF_R, 4, no_table, "a file without code");
	check_patch(&elf, IN_HEADER(e_phnum), 0xffff, 2, "has too many segments or sections",
		    "a file of 65535 segments");
	check_patch(&elf, IN_HEADER(e_shnum), 0xffff, 2, "has too many segments or sections",
		    "a file of 65535 sections");
	check_patch(&elf, IN_HEADER(e_shoff), 64, 8, "has too many segments or sections",
		    "a file that tells the number of sections elsewhere");
	check_patch(&elf, IN_HEADER(e_phoff), UINT64_MAX - 8, 8, "has nothing to load", "a file with segments nowhere");
	check_error(&two, "has more than one table of Go functions", "a file with two moduledata");
	go_elf_set(&old, old.buildinfo + 16, GO_ELF_BASE + old.buildinfo, 8);
	go_elf_set(&old, old.module, 0, 8);
	check_error(&old, "is not a Go program", "a file whose buildinfo points to itself");
}

/* What looks like a table or buildinfo is passed over. */
static void check_decoys(void)
{
	for (size_t i = 0; i < sizeof(minors) / sizeof(minors[0]) - 1; i++) {
		struct go_elf elf = { .minor = minors[i], .has_decoys = true };
		struct go_binary binary;
		const char *error;

		go_elf_make(&elf);
		error = take(&binary, &elf);
		check(!error && binary.pclntab == GO_ELF_BASE + elf.table && binary.version.minor == minors[i] &&
			      is_consistent(&binary),
		      "1.%u: decoys are passed over: %s", minors[i], error ? error : binary.version.text);
		go_binary_close(&binary);
	}
}

/* The linker need not keep apart what is read, written and run. */
static void check_joined(void)
{
	struct go_elf elf = { .minor = 26 };
	struct go_binary binary;
	const char *error;

	go_elf_make(&elf);
	for (size_t i = 0; i < GO_ELF_LOADS; i++)
		go_elf_set(&elf, IN_LOAD(i, p_flags), PF_R | PF_W | PF_X, 4);
	error = take(&binary, &elf);
	check(!error && is_consistent(&binary), "a table in between code is found: %s", error ? error : "yes");
	go_binary_close(&binary);
}

static void swap_u32(struct go_elf *elf, size_t a, size_t b)
{
	uint32_t x, y;

	memcpy(&x, elf->bytes + a, sizeof(x));
	memcpy(&y, elf->bytes + b, sizeof(y));
	go_elf_set(elf, a, y, sizeof(y));
	go_elf_set(elf, b, x, sizeof(x));
}

/* The first function's record and the last one's change places: their order is only quicker. */
static void check_disorder(void)
{
	struct go_elf elf = { .minor = 20 };
	struct go_binary binary;
	const char *error;

	go_elf_make(&elf);
	size_t last = GO_ELF_FUNCTIONS - 1, records = elf.functab + 8 * (last + 2);
	swap_u32(&elf, elf.functab + 4, elf.functab + 8 * last + 4);
	swap_u32(&elf, records + 4, records + 16 * last + 4);
	error = take(&binary, &elf);
	check(!error, "records in another order are read");
	check_functions(&elf, &binary, "another order");
	check_names(&elf, &binary, "another order");
	go_binary_close(&binary);
}

/* A name that is not among the names is none. */
static void check_name_beyond(void)
{
	struct go_elf elf = { .minor = 20 };
	struct go_binary binary;
	char name[GO_NAME_SIZE];

	go_elf_make(&elf);
	go_elf_set(&elf, elf.functab + 8 * (GO_ELF_FUNCTIONS + 1) + 4, elf.functab + 8 - elf.names, 4);
	take(&binary, &elf);
	check(!go_function_at(&binary, binary.text, name) && go_function_at(&binary, binary.text + 0x40, name),
	      "a name beyond the names is none");
	go_binary_close(&binary);
}

/* The file is cut after it was opened: nothing is mapped from it, so there is an error and no SIGBUS. */
static void check_cut(void)
{
	struct go_function function = { .name = "main.main" };
	struct go_elf elf = { .minor = 25, .words = GO_ELF_RELA, .has_symbols = true };
	struct go_binary binary;
	struct image_bytes bytes;
	char name[GO_NAME_SIZE];
	uint64_t value;

	go_elf_make(&elf);
	take(&binary, &elf);
	if (ftruncate(binary.image.fd, (off_t)elf.table + 80))
		abort();
	check(!go_functions_find(&binary, &function, 1) && !go_function_at(&binary, binary.text, name) &&
		      !image_load(&binary.image, binary.pclntab, 1000, &bytes) && !bytes.data &&
		      !image_load(&binary.image, binary.moduledata, 8, &bytes) &&
		      !image_symbol(&binary.image, "runtime.work", &value),
	      "a file that is cut while it is read has nothing");
	go_binary_close(&binary);
}

static void check_size(off_t size, uint64_t loaded, const char *wanted)
{
	struct go_elf elf = { .minor = 26 };
	struct go_binary binary;
	const char *error;
	int fd;

	go_elf_make(&elf);
	for (size_t i = 0; i < GO_ELF_LOADS; i++)
		go_elf_set(&elf, IN_LOAD(i, p_filesz), loaded, 8);
	fd = go_elf_file(elf.bytes, elf.size);
	if (ftruncate(fd, size))
		abort();
	error = go_binary_take(&binary, fd);
	check(error && !strcmp(error, wanted), "a sparse file %s", error ? error : "is taken for a Go program");
	go_binary_close(&binary);
}

/* ---- real files ---- */

struct truth {
	char version[GO_VERSION_SIZE], machine[16], symbols[8];
	unsigned int n_functions, n_variables, n_wrong;
};

/* Notes what is wrong in one line of a file's .symbols. */
static void check_line(const struct go_binary *binary, const char *line, struct truth *truth)
{
	char symbol[GO_NAME_SIZE], name[GO_NAME_SIZE];
	uint64_t address, size, value = 0;

	sscanf(line, "version %63s", truth->version);
	sscanf(line, "machine %15s", truth->machine);
	sscanf(line, "symbols %7s", truth->symbols);
	if (sscanf(line, "function %" SCNx64 " %" SCNu64 " %255s", &address, &size, symbol) == 3) {
		struct go_function function = { .name = symbol };
		bool right = go_functions_find(binary, &function, 1) == 1 && function.address == address &&
			     function.size >= size && function.size < size + 64 &&
			     go_function_at(binary, address, name) && !strcmp(name, symbol) &&
			     go_function_at(binary, address + size - 1, name) && !strcmp(name, symbol);

		truth->n_functions++;
		truth->n_wrong += !right;
		if (!right)
			printf("# %s: %#" PRIx64 " + %" PRIu64 ", not %#" PRIx64 " + %" PRIu64 "\n", symbol,
			       function.address, function.size, address, size);
	}
	if (sscanf(line, "variable %" SCNx64 " %255s", &address, symbol) == 2) {
		bool found = image_symbol(&binary->image, symbol, &value);

		truth->n_variables++;
		truth->n_wrong += found != !strcmp(truth->symbols, "yes") || (found && value != address);
	}
}

static void check_real_file(const char *folder, const char *name)
{
	struct truth truth = { 0 };
	struct go_binary binary;
	char path[4096], line[512];
	const char *error;
	FILE *symbols;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	error = go_binary_open(&binary, path);
	snprintf(path, sizeof(path), "%s/%s.symbols", folder, name);
	symbols = fopen(path, "re");
	while (!error && symbols && fgets(line, sizeof(line), symbols))
		check_line(&binary, line, &truth);
	check(!error && symbols && !truth.n_wrong && truth.n_functions > 20 && truth.n_variables == 3 &&
		      !strcmp(binary.version.text, truth.version) && binary.version.is_release &&
		      !strcmp(truth.machine, binary.image.machine == IMAGE_AMD64 ? "amd64" : "arm64"),
	      "%s: %s, %u functions, %u variables, %u wrong", name, error ? error : binary.version.text,
	      truth.n_functions, truth.n_variables, truth.n_wrong);
	if (symbols)
		fclose(symbols);
	go_binary_close(&binary);
}

static int is_binary(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && !strstr(entry->d_name, ".symbols");
}

static void check_real(void)
{
	const char *folder = getenv("OTB_GO_BINARIES");
	struct dirent **entries;
	int n;

	if (!folder) {
		skip("real Go programs are read", "OTB_GO_BINARIES names no folder (see tests/lib/go-binaries)");
		return;
	}
	n = scandir(folder, &entries, is_binary, versionsort);
	check(n > 0, "there are files in %s", folder);
	for (int i = 0; i < n; i++) {
		check_real_file(folder, entries[i]->d_name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

/* ---- the fuzzer's corpus ---- */

static int write_seed(const char *folder, const struct go_elf *elf)
{
	static const char *const words[] = { "fixed", "rela", "relr" };
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s-1.%u-%s%s", folder, elf->is_arm64 ? "arm64" : "amd64", elf->minor,
		 words[elf->words], elf->has_decoys ? "-decoys" : "");
	file = fopen(path, "we");
	if (!file || fwrite(elf->bytes, 1, elf->size, file) != elf->size || fclose(file)) {
		perror(path);
		return 1;
	}
	return 0;
}

static int write_seeds(const char *folder)
{
	int status = 0;

	for (size_t i = 0; i < sizeof(minors) / sizeof(minors[0]); i++)
		for (int words = GO_ELF_FIXED; words <= GO_ELF_RELR; words++) {
			struct go_elf elf = {
				.is_arm64 = (i + (size_t)words) % 2,
				.minor = minors[i],
				.words = (enum go_elf_words)words,
				.has_symbols = !words,
				.has_decoys = words == GO_ELF_RELR,
			};

			go_elf_make(&elf);
			status |= write_seed(folder, &elf);
		}
	return status;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--seeds"))
		return write_seeds(argv[2]);
	check_versions();
	check_forms();
	check_convention();
	check_many_names();
	check_windows();
	check_load();
	check_image();
	check_large_symbols();
	check_others();
	check_damage(17, GO_ELF_RELA);
	check_damage(17, GO_ELF_FIXED);
	check_damage(25, GO_ELF_RELA);
	check_damage(26, GO_ELF_RELR);
	check_huge();
	check_traps();
	check_decoys();
	check_joined();
	check_disorder();
	check_name_beyond();
	check_cut();
	check_size((off_t)5 << 30, 100, "is larger than 4 GB");
	check_size((off_t)1 << 30, 300 << 20, "has more than 1 GB to load");
	check_real();
	return finish_tests();
}
