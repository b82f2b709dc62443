/* SPDX-License-Identifier: Apache-2.0 */
#include "common/go/buildinfo.h"

#include <ctype.h>
#include <string.h>

#include "common/go/scan.h"

/*
 * The header (src/debug/buildinfo/buildinfo.go), aligned to 16 bytes:
 *
 *	 0  "\xff Go buildinf:"
 *	14  pointer size
 *	15  flags: 1 big-endian, 2 inline
 *	16  to 1.17: the address of a Go string, the release, and that of another
 *	32  from 1.18, inline: the length of the release (varint), the release, and more of that kind
 */
static const char MAGIC[] = "\xff Go buildinf:";
enum {
	MAGIC_SIZE = sizeof(MAGIC) - 1,
	HEADER_ALIGN = 16,
	FLAG_BIG_ENDIAN = 1,
	FLAG_INLINE = 2,
	POINTER_AT = 16,
	INLINE_AT = 32,
	HEADERS_MAX = 16, /* programs that read others' buildinfo have a magic or two of their own */
};

/* ---- the text ---- */

/* Reads a number of up to four digits; -1 where there is none. */
static int take_number(const char **text)
{
	int number = 0, digits = 0;

	for (; isdigit((unsigned char)**text); (*text)++, digits++)
		if (digits < 4)
			number = number * 10 + (**text - '0');
	return digits >= 1 && digits <= 4 ? number : -1;
}

static void copy_text(char to[GO_VERSION_SIZE], const char *text)
{
	size_t i;

	for (i = 0; i < GO_VERSION_SIZE - 1 && text[i]; i++)
		to[i] = iscntrl((unsigned char)text[i]) ? '?' : text[i];
	to[i] = '\0';
}

bool go_version_parse(const char *text, struct go_version *version)
{
	bool is_devel = !strncmp(text, "devel ", 6);
	int minor, patch = 0;

	*version = (struct go_version){ 0 };
	copy_text(version->text, text);
	text += is_devel ? 6 : 0;
	if (strncmp(text, "go1.", 4))
		return false;
	text += 4;
	minor = take_number(&text);
	if (minor >= 0 && text[0] == '.' && isdigit((unsigned char)text[1])) {
		text++;
		patch = take_number(&text);
	}
	if (minor <= 0 || patch < 0)
		return false;
	version->minor = (unsigned int)minor;
	version->patch = (unsigned int)patch;
	version->is_release = !is_devel && !*text;
	return true;
}

/* ---- the header ---- */

/* Takes the text for the version, unless it is none at all: the header's magic may stand somewhere by itself. */
static bool take_text(const uint8_t *text, size_t size, struct go_version *version)
{
	char copy[GO_VERSION_SIZE];

	if (size > sizeof(copy) - 1)
		size = sizeof(copy) - 1;
	for (size_t i = 0; i < size; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	memcpy(copy, text, size);
	copy[size] = '\0';
	go_version_parse(copy, version);
	return size;
}

static bool read_inline(const struct image *image, uint64_t address, struct go_version *version)
{
	uint8_t bytes[GO_VERSION_SIZE + 8];
	size_t size = image_read_some(image, address, bytes, sizeof(bytes)), i = 0;
	uint64_t length = 0;

	while (i < size && i < sizeof(length)) {
		length |= (uint64_t)(bytes[i] & 0x7f) << 7 * i;
		if (!(bytes[i++] & 0x80))
			break;
	}
	return take_text(bytes + i, length < size - i ? (size_t)length : size - i, version);
}

/* Reads a word as it is at run time. */
static uint64_t load_word(const struct image *image, uint64_t address)
{
	struct image_bytes bytes;
	uint64_t word = 0;

	if (!image_load(image, address, sizeof(word), &bytes))
		return 0;
	if (bytes.size == sizeof(word))
		memcpy(&word, bytes.data, sizeof(word));
	image_unload(&bytes);
	return word;
}

static bool read_pointed(const struct image *image, uint64_t address, struct go_version *version)
{
	uint64_t string = load_word(image, address), length;
	struct image_bytes bytes;
	bool taken;

	if (!string || !image_read(image, string + 8, &length, sizeof(length)) || length > GO_VERSION_SIZE * 4 ||
	    !image_load(image, load_word(image, string), length, &bytes))
		return false;
	taken = take_text(bytes.data, bytes.size, version);
	image_unload(&bytes);
	return taken;
}

static bool read_header(const struct image *image, uint64_t address, const uint8_t header[HEADER_ALIGN],
			struct go_version *version)
{
	unsigned int flags = header[MAGIC_SIZE + 1];

	if (flags & FLAG_INLINE)
		return read_inline(image, address + INLINE_AT, version);
	return !(flags & FLAG_BIG_ENDIAN) && header[MAGIC_SIZE] == 8 &&
	       read_pointed(image, address + POINTER_AT, version);
}

/* ---- the search ---- */

struct search {
	struct go_version *version;
	unsigned int headers;
	bool found;
};

/* A release is what is looked for; a header with another text is better than none. */
static bool is_done(const struct search *search)
{
	return search->version->minor || search->headers == HEADERS_MAX;
}

static void search_segment(struct search *search, const struct image *image, const struct image_segment *segment)
{
	uint64_t skip = -segment->address % HEADER_ALIGN, end = segment->offset + segment->file_bytes;
	struct window window;
	const uint8_t *bytes;
	size_t size, i;

	window_open(&window, image->fd, segment->offset, end);
	for (uint64_t at = segment->offset + skip; (bytes = window_see(&window, at, HEADER_ALIGN, &size)); at += i) {
		for (i = 0; i + HEADER_ALIGN <= size && !is_done(search); i += HEADER_ALIGN) {
			if (memcmp(bytes + i, MAGIC, MAGIC_SIZE))
				continue;
			uint64_t address = segment->address + (at + i - segment->offset);
			search->headers++;
			search->found |= read_header(image, address, bytes + i, search->version);
		}
		if (is_done(search))
			break;
	}
	window_close(&window);
}

bool buildinfo_find(const struct image *image, struct go_version *version)
{
	struct search search = { .version = version };

	*version = (struct go_version){ 0 };
	/* Backwards: what is only relocated comes first, and may be large. */
	for (unsigned int i = image->n_segments; i-- && !is_done(&search);)
		if (image->segments[i].writable)
			search_segment(&search, image, &image->segments[i]);
	return search.found;
}
