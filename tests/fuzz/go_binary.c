/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs' files, as a hostile owner may make them: opened, and used for all there is. What is found must lie in the
 * file, and in the text.
 */
#include "common/go/binary.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* Loads what is at an address and the piece of a word before it. */
static void load(const struct image *image, uint64_t address)
{
	struct image_bytes bytes;
	uint64_t offset, word;

	if (image_load(image, address, 1000, &bytes)) {
		require(bytes.size && bytes.size <= 1000 && bytes.address == address && !bytes.data[bytes.size]);
		require(image_offset(image, address, &offset) && offset < image->size &&
			bytes.size <= image->size - offset);
	} else {
		require(!bytes.data && !bytes.size);
	}
	image_unload(&bytes);
	if (image_load(image, address - 3, 7, &bytes))
		require(bytes.size <= 7);
	image_unload(&bytes);
	image_read(image, address, &word, sizeof(word));
}

static void use_image(const struct image *image)
{
	static const char *const names[] = { "runtime.work", "runtime.none", "" };
	uint64_t address;

	for (unsigned int i = 0; i < image->n_segments; i++) {
		const struct image_segment *segment = &image->segments[i];

		require(segment->offset <= image->size && segment->file_bytes <= image->size - segment->offset);
		load(image, segment->address);
		load(image, segment->address + segment->file_bytes - 8);
		load(image, segment->address + segment->file_bytes);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		image_symbol(image, names[i], &address);
}

static void use_functions(const struct go_binary *binary)
{
	struct go_function functions[] = {
		{ .name = "main.main" },      { .name = "runtime.gcStart" },
		{ .name = "runtime.mstart" }, { .name = "runtime.startTheWorldWithSema" },
		{ .name = "main.main" },      { .name = "" },
	};
	size_t n = sizeof(functions) / sizeof(functions[0]), n_found = 0;
	char name[GO_NAME_SIZE];

	require(binary->text < binary->etext && binary->n_functions);
	require(memchr(binary->version.text, '\0', GO_VERSION_SIZE));
	size_t found = go_functions_find(binary, functions, n);
	for (size_t i = 0; i < n; i++) {
		const struct go_function *function = &functions[i];

		n_found += function->address != 0;
		if (!function->address)
			continue;
		require(function->size && function->address >= binary->text &&
			function->size <= binary->etext - function->address);
		go_function_at(binary, function->address + function->size - 1, name);
	}
	require(found == n_found && functions[0].address == functions[4].address);
	for (uint64_t at = binary->text; at < binary->etext && at < binary->text + 64; at += 16)
		if (go_function_at(binary, at, name))
			require(*name && memchr(name, '\0', sizeof(name)));
	load(&binary->image, binary->pclntab);
	load(&binary->image, binary->moduledata);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct go_binary binary;

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	if (!go_binary_take(&binary, fd))
		use_functions(&binary);
	if (binary.image.n_segments)
		use_image(&binary.image);
	go_binary_close(&binary);
	return 0;
}
