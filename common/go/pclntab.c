/* SPDX-License-Identifier: Apache-2.0 */
#include "common/go/pclntab.h"

#include <string.h>

#include "common/go/scan.h"

enum {
	TABLES_MAX = 16,         /* with a credible header, in one file */
	REFERENCES_MAX = 64,     /* words that hold the address of one */
	FUNCTIONS_MAX = 1 << 22, /* several times what the largest programs have */
};

/* ---- the header ---- */

static bool is_magic(uint64_t word, enum image_machine machine)
{
	uint64_t rest = machine == IMAGE_AMD64 ? 0x08010000 : 0x08040000;
	uint32_t magic = (uint32_t)word;

	return word >> 32 == rest && (magic == PCLNTAB_1_16 || magic == PCLNTAB_1_18 || magic == PCLNTAB_1_20);
}

bool pclntab_read(struct pclntab *table, const struct image *image, uint64_t address)
{
	const struct image_segment *segment = image_segment_at(image, address);
	uint64_t words[9], *offsets;

	if (!segment || !image_read(image, address, words, sizeof(words)) || !is_magic(words[0], image->machine))
		return false;
	*table = (struct pclntab){ .address = address, .magic = (uint32_t)words[0], .n_functions = words[1] };
	table->word = table->magic == PCLNTAB_1_16 ? 8 : 4;
	offsets = table->magic == PCLNTAB_1_16 ? words + 3 : words + 4; /* names, cu, file, pc, functab */

	uint64_t size = segment->file_bytes - (address - segment->address);
	if (!offsets[0] || offsets[0] >= offsets[1] || offsets[1] > offsets[4] || offsets[4] >= size)
		return false;
	table->names = address + offsets[0];
	table->names_end = address + offsets[1];
	table->functab = address + offsets[4];
	table->end = address + size;
	return table->n_functions && table->n_functions <= FUNCTIONS_MAX &&
	       (2 * table->n_functions + 1) * table->word <= size - offsets[4];
}

/* ---- the search ---- */

/*
 * Headers first: all there are, for the magic may stand somewhere by itself, or with a table that the program only
 * carries along. The one that counts is the one which a moduledata points to.
 */
struct search {
	const struct image *image;
	struct pclntab tables[TABLES_MAX];
	unsigned int n_tables, n_references;
	uint64_t low, high;       /* the tables' addresses are these, or between them */
	struct go_binary *binary; /* is told what was found */
	unsigned int matches;
};

static void add_table(struct search *search, uint64_t address)
{
	struct pclntab *table = &search->tables[search->n_tables];

	if (search->n_tables == TABLES_MAX || !pclntab_read(table, search->image, address))
		return;
	if (!search->n_tables || address < search->low)
		search->low = address;
	if (!search->n_tables || address > search->high)
		search->high = address;
	search->n_tables++;
}

/* The fields of moduledata that have been in one place from 1.16 on, as words. A slice has three: address, length,
 * capacity. */
enum {
	MODULE_HEADER = 0,
	MODULE_NAMES = 1,
	MODULE_PCLNTABLE = 13, /* functab and the records */
	MODULE_FUNCTAB = 16,
	MODULE_MINPC = 20,
	MODULE_MAXPC = 21,
	MODULE_TEXT = 22,
	MODULE_ETEXT = 23,
	MODULE_WORDS = 24,
};

/* The end of the text is that of the last function, from 1.24 on rounded up to 16. */
static bool is_text(const struct image *image, const uint64_t module[MODULE_WORDS])
{
	uint64_t text = module[MODULE_TEXT], etext = module[MODULE_ETEXT], maxpc = module[MODULE_MAXPC];
	const struct image_segment *segment = image_segment_at(image, text);

	return segment && segment->executable && etext - segment->address <= segment->file_bytes &&
	       module[MODULE_MINPC] == text && text < maxpc && maxpc <= etext && etext - maxpc < 16;
}

static bool is_module(const struct search *search, const struct pclntab *table, const uint64_t module[MODULE_WORDS])
{
	return module[MODULE_HEADER] == table->address && module[MODULE_NAMES] == table->names &&
	       module[MODULE_PCLNTABLE] == table->functab && module[MODULE_FUNCTAB] == table->functab &&
	       module[MODULE_FUNCTAB + 1] == table->n_functions + 1 &&
	       module[MODULE_PCLNTABLE + 1] >= (2 * table->n_functions + 1) * table->word &&
	       module[MODULE_PCLNTABLE + 1] <= table->end - table->functab && is_text(search->image, module);
}

/* Looks whether a moduledata begins at an address, where the address of a header may stand. */
static void check_module(struct search *search, uint64_t address)
{
	struct go_binary *binary = search->binary;
	uint64_t module[MODULE_WORDS];
	struct image_bytes bytes;
	bool whole;

	if (search->n_references++ >= REFERENCES_MAX || (search->matches && binary->moduledata == address) ||
	    !image_load(search->image, address, sizeof(module), &bytes))
		return;
	whole = bytes.size == sizeof(module);
	if (whole)
		memcpy(module, bytes.data, sizeof(module));
	image_unload(&bytes);
	for (unsigned int i = 0; whole && i < search->n_tables; i++) {
		const struct pclntab *table = &search->tables[i];

		if (!is_module(search, table, module))
			continue;
		search->matches++;
		binary->moduledata = address;
		binary->text = module[MODULE_TEXT];
		binary->etext = module[MODULE_ETEXT];
		binary->pclntab = table->address;
		binary->pclntab_size = table->functab + module[MODULE_PCLNTABLE + 1] - table->address;
		binary->magic = table->magic;
		binary->n_functions = table->n_functions;
	}
}

static bool is_table(const struct search *search, uint64_t address)
{
	for (unsigned int i = 0; i < search->n_tables; i++)
		if (search->tables[i].address == address)
			return true;
	return false;
}

static void look_for_tables(struct search *search, uint64_t address, const uint8_t *bytes, size_t size)
{
	enum image_machine machine = search->image->machine;
	uint64_t word;

	for (size_t i = 0; i < size; i += sizeof(word)) {
		memcpy(&word, bytes + i, sizeof(word));
		if (is_magic(word, machine))
			add_table(search, address + i);
	}
}

static void look_for_modules(struct search *search, uint64_t address, const uint8_t *bytes, size_t size)
{
	uint64_t word;

	for (size_t i = 0; i < size; i += sizeof(word)) {
		memcpy(&word, bytes + i, sizeof(word));
		if (word >= search->low && word <= search->high && is_table(search, word))
			check_module(search, address + i);
	}
}

/* Goes through the words of a segment. */
static void search_segment(struct search *search, const struct image_segment *segment,
			   void (*look)(struct search *search, uint64_t address, const uint8_t *bytes, size_t size))
{
	uint64_t skip = -segment->address % sizeof(uint64_t), end = segment->offset + segment->file_bytes;
	struct window window;
	const uint8_t *bytes;
	size_t size;

	window_open(&window, search->image->fd, segment->offset, end);
	for (uint64_t at = segment->offset + skip; (bytes = window_see(&window, at, sizeof(uint64_t), &size));
	     at += size) {
		size -= size % sizeof(uint64_t);
		look(search, segment->address + (at - segment->offset), bytes, size);
	}
	window_close(&window);
}

static void search_segments_for_tables(struct search *search, bool executable)
{
	const struct image *image = search->image;

	search->n_tables = 0;
	for (unsigned int i = 0; i < image->n_segments; i++)
		if (image->segments[i].executable == executable)
			search_segment(search, &image->segments[i], look_for_tables);
}

/* In a PIE the words of a moduledata have relocations; where lld made it, they are only there. RELR and other files have
 * them in their place, which is writable. */
static void search_for_modules(struct search *search)
{
	const struct image *image = search->image;
	struct relocations relocations;
	uint64_t address, value;

	search->n_references = search->matches = 0;
	relocations_open(&relocations, image);
	while (search->n_tables && relocations_next(&relocations, &address, &value))
		if (is_table(search, value))
			check_module(search, address);
	relocations_close(&relocations);
	for (unsigned int i = 0; search->n_tables && !search->matches && i < image->n_segments; i++)
		if (image->segments[i].writable)
			search_segment(search, &image->segments[i], look_for_modules);
}

const char *pclntab_find(struct go_binary *binary)
{
	struct search search = { .image = &binary->image, .binary = binary };

	/* With linkers that do not keep code and constants apart, the table lies in between the code. */
	for (int executable = 0; executable <= 1 && !search.matches; executable++) {
		search_segments_for_tables(&search, executable);
		search_for_modules(&search);
	}
	if (search.matches > 1)
		return "has more than one table of Go functions";
	return search.matches ? NULL : "has no table of Go functions";
}
