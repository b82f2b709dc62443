/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the Go linker writes into a program about its making (package debug/buildinfo): here, the release only.
 */
#ifndef OTB_GO_BUILDINFO_H
#define OTB_GO_BUILDINFO_H

#include "common/go/binary.h"

/* False where there is none; then the version is unknown. */
bool buildinfo_find(const struct image *image, struct go_version *version);

#endif
