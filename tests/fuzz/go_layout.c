/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DWARF of a file that may lie: the input is the file. tests/lib/go-dwarf makes the corpus.
 */
#include "common/go/layout.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct go_binary binary = { 0 };
	struct go_layout layout;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (!image_open(&binary.image, fd) && go_layout_from_dwarf(&layout, &binary))
		for (unsigned int i = 0; i < GO_FIELD_MAX; i++)
			if (layout.offsets[i] < GO_OFFSET_NONE || layout.offsets[i] > 1 << 20)
				abort();
	image_close(&binary.image);
	return 0;
}
