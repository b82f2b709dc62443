/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of a Go program, by name and by address: what binary.h promises of the pclntab. */
#include "common/go/binary.h"

#include <stdlib.h>
#include <string.h>

#include "common/go/pclntab.h"
#include "common/go/scan.h"

/* ---- the table ---- */

struct functab {
	const struct go_binary *binary;
	struct pclntab table;
	struct image_bytes bytes; /* all of functab; none: it is read piece by piece */
};

static bool functab_open(struct functab *functab, const struct go_binary *binary)
{
	*functab = (struct functab){ .binary = binary };
	/* The file may have been changed since it was opened. */
	if (!pclntab_read(&functab->table, &binary->image, binary->pclntab) || functab->table.magic != binary->magic ||
	    functab->table.n_functions != binary->n_functions)
		return false;
	functab->table.end = binary->pclntab + binary->pclntab_size;
	return true;
}

static bool functab_load(struct functab *functab)
{
	uint64_t size = (2 * functab->table.n_functions + 1) * functab->table.word;

	return image_load(&functab->binary->image, functab->table.functab, size, &functab->bytes) &&
	       functab->bytes.size == size;
}

static void functab_close(struct functab *functab)
{
	image_unload(&functab->bytes);
}

/* Reads half an entry. */
static bool functab_read(const struct functab *functab, uint64_t half, uint64_t *value)
{
	size_t size = functab->table.word;

	*value = 0;
	if (!functab->bytes.data)
		return image_read(&functab->binary->image, functab->table.functab + half * size, value, size);
	memcpy(value, functab->bytes.data + half * size, size);
	return true;
}

/* Where a function begins; behind the last one, where that ends. */
static bool functab_address(const struct functab *functab, uint64_t i, uint64_t *address)
{
	bool read = functab_read(functab, 2 * i, address);

	if (functab->table.magic != PCLNTAB_1_16)
		*address += functab->binary->text;
	return read;
}

/* Where it is told at which offset the function's name stands. */
static bool functab_name_at(const struct functab *functab, uint64_t i, uint64_t *address)
{
	bool read = functab_read(functab, 2 * i + 1, address);

	*address += functab->table.functab + functab->table.word;
	return read;
}

/* ---- by name ---- */

enum {
	WANTED_MAX = 256,     /* in one sweep */
	PLACES_MAX = 4 * 256, /* names may stand in the table twice */
};

struct wanted {
	struct go_function *function;
	size_t length;
};

struct place {
	uint32_t offset; /* from the begin of the names */
	uint32_t wanted; /* the first one of this name */
};

struct sweep {
	struct functab functab;
	struct wanted wanted[WANTED_MAX];
	size_t n_wanted;
	struct place places[PLACES_MAX]; /* by offset */
	size_t n_places;
};

/* Lengths first: they tell most names apart without looking at them. */
static int compare_names(const char *a, size_t a_length, const char *b, size_t b_length)
{
	if (a_length != b_length)
		return a_length < b_length ? -1 : 1;
	return memcmp(a, b, a_length);
}

static int compare_wanted(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	return compare_names(x->function->name, x->length, y->function->name, y->length);
}

static void want_functions(struct sweep *sweep, struct go_function *functions, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sweep->wanted[i] = (struct wanted){ &functions[i], strlen(functions[i].name) };
	sweep->n_wanted = n;
	qsort(sweep->wanted, n, sizeof(sweep->wanted[0]), compare_wanted);
}

/* Finds the first that has the name. */
static void look_up_name(struct sweep *sweep, const char *name, size_t length, uint64_t offset)
{
	size_t low = 0, high = sweep->n_wanted;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct wanted *wanted = &sweep->wanted[middle];

		if (compare_names(wanted->function->name, wanted->length, name, length) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < sweep->n_wanted && sweep->n_places < PLACES_MAX &&
	    !compare_names(sweep->wanted[low].function->name, sweep->wanted[low].length, name, length))
		sweep->places[sweep->n_places++] = (struct place){ (uint32_t)offset, (uint32_t)low };
}

static const char *find_vendor(const char *from, const char *end)
{
	static const char vendor[] = "/vendor/";

	from = memmem(from, (size_t)(end - from), vendor, strlen(vendor));
	return from ? from + strlen(vendor) : NULL;
}

/* Looks up all names that end in these bytes; returns how many bytes they are. */
static size_t look_up_names(struct sweep *sweep, const char *bytes, size_t size, uint64_t offset)
{
	const char *name = bytes, *end = bytes + size, *vendored = find_vendor(bytes, end), *nul;

	while (name < end && (nul = memchr(name, '\0', (size_t)(end - name)))) {
		const char *own = name;

		for (; vendored && vendored <= nul; vendored = find_vendor(vendored, end))
			own = vendored;
		look_up_name(sweep, own, (size_t)(nul - own), offset + (uint64_t)(name - bytes));
		name = nul + 1;
	}
	return (size_t)(name - bytes);
}

/* Finds where in the table the names stand that are wanted: fewer than functions, and next to each other. */
static void find_places(struct sweep *sweep)
{
	const struct image *image = &sweep->functab.binary->image;
	const struct pclntab *table = &sweep->functab.table;
	size_t size, used, least = 1;
	struct window window;
	const uint8_t *bytes;
	uint64_t begin = 0;

	sweep->n_places = 0;
	if (!image_offset(image, table->names, &begin))
		return;
	window_open(&window, image->fd, begin, begin + (table->names_end - table->names));
	for (uint64_t at = begin; (bytes = window_see(&window, at, least, &size)); at += used) {
		used = look_up_names(sweep, (const char *)bytes, size, at - begin);
		least = used ? 1 : size + 1; /* the rest of a name that is cut off */
	}
	window_close(&window);
}

static void found_function(struct sweep *sweep, size_t wanted, uint64_t address, uint64_t size)
{
	const char *name = sweep->wanted[wanted].function->name;

	for (; wanted < sweep->n_wanted && !strcmp(sweep->wanted[wanted].function->name, name); wanted++) {
		struct go_function *function = sweep->wanted[wanted].function;

		if (size <= function->size)
			continue;
		function->address = address;
		function->size = size;
	}
}

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Records lie in the order of functab. One that does not, in a file that lies, is read by itself, so that it does not
 * move the window back and forth. */
static bool read_name_offset(const struct sweep *sweep, struct window *window, uint64_t address, uint32_t *offset)
{
	const struct pclntab *table = &sweep->functab.table;
	uint64_t at = window->end - (table->end - address);
	const uint8_t *bytes;
	size_t size;

	if (at < window->offset)
		return image_read(&sweep->functab.binary->image, address, offset, sizeof(*offset));
	bytes = window_see(window, at, sizeof(*offset), &size);
	if (bytes)
		memcpy(offset, bytes, sizeof(*offset));
	return bytes;
}

static void sweep_functions(struct sweep *sweep)
{
	const struct functab *functab = &sweep->functab;
	const struct pclntab *table = &functab->table;
	const struct go_binary *binary = functab->binary;
	uint64_t begin = 0, address, end, name_at;
	struct place *place, wanted;
	struct window window;

	if (!image_offset(&binary->image, table->functab, &begin) || !functab_address(functab, 0, &end))
		return;
	window_open(&window, binary->image.fd, begin, begin + (table->end - table->functab));
	for (uint64_t i = 0; i < table->n_functions; i++) {
		address = end;
		functab_address(functab, i + 1, &end);
		functab_name_at(functab, i, &name_at);
		if (!read_name_offset(sweep, &window, name_at, &wanted.offset))
			continue;
		place = bsearch(&wanted, sweep->places, sweep->n_places, sizeof(wanted), compare_places);
		if (place && address >= binary->text && address < end && end <= binary->etext)
			found_function(sweep, place->wanted, address, end - address);
	}
	window_close(&window);
}

static void find_functions(const struct go_binary *binary, struct go_function *functions, size_t n)
{
	struct sweep sweep = { 0 };

	if (functab_open(&sweep.functab, binary)) {
		want_functions(&sweep, functions, n);
		find_places(&sweep);
		if (sweep.n_places && functab_load(&sweep.functab))
			sweep_functions(&sweep);
	}
	functab_close(&sweep.functab);
}

size_t go_functions_find(const struct go_binary *binary, struct go_function *functions, size_t n)
{
	size_t n_found = 0;

	for (size_t i = 0; i < n; i++)
		functions[i].address = functions[i].size = 0;
	for (size_t i = 0; i < n; i += WANTED_MAX)
		find_functions(binary, functions + i, n - i < WANTED_MAX ? n - i : WANTED_MAX);
	for (size_t i = 0; i < n; i++)
		n_found += functions[i].address != 0;
	return n_found;
}

/* ---- by address ---- */

/* Finds the function that an address is in: its number. */
static bool search_functab(const struct functab *functab, uint64_t address, uint64_t *number)
{
	uint64_t low = 0, high = functab->table.n_functions, middle, begin;

	while (low < high) {
		middle = low + (high - low + 1) / 2;
		if (!functab_address(functab, middle, &begin))
			return false;
		if (begin <= address)
			low = middle;
		else
			high = middle - 1;
	}
	*number = low;
	return low < functab->table.n_functions && functab_address(functab, low, &begin) && begin <= address;
}

static bool read_name(const struct functab *functab, uint64_t number, char name[GO_NAME_SIZE])
{
	const struct image *image = &functab->binary->image;
	const struct pclntab *table = &functab->table;
	uint32_t offset;
	uint64_t name_at;

	if (!functab_name_at(functab, number, &name_at) || !image_read(image, name_at, &offset, sizeof(offset)) ||
	    offset >= table->names_end - table->names)
		return false;
	name[image_read_some(image, table->names + offset, name, GO_NAME_SIZE - 1)] = '\0';
	return *name;
}

bool go_function_at(const struct go_binary *binary, uint64_t address, char name[GO_NAME_SIZE])
{
	bool found = address >= binary->text && address < binary->etext;
	struct functab functab = { 0 };
	uint64_t number;

	found = found && functab_open(&functab, binary);
	/* Where functab holds addresses that are relocated, those in the file may be 0. */
	if (found && functab.table.magic == PCLNTAB_1_16 && binary->image.is_pie)
		found = functab_load(&functab);
	found = found && search_functab(&functab, address, &number) && read_name(&functab, number, name);
	functab_close(&functab);
	return found;
}
