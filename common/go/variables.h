/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where variables of Go's runtime and library are, in a stripped file too: read from the code that uses them (capstone).
 */
#ifndef OTB_GO_VARIABLES_H
#define OTB_GO_VARIABLES_H

#include "common/go/layout.h"

struct code;

/* The address (link time) of runtime.work.cycles, a u32: what gcTrigger.test compares (Go 1.17 and 1.18 have it inlined
 * in gcStart), if gcStart sets the two u32 behind it. Where the code does not tell, from the symbol table and the
 * layout. False where neither tells for certain. */
bool go_work_cycles_address(const struct go_binary *binary, const struct go_layout *layout, uint64_t *address);

/* The offset of net/http.response.status, which has moved between patch releases (1.26.11): from the code of
 * net/http.(*response).WriteHeader, the only place there that sets a byte, wroteHeader, to 1 and right behind it a word
 * of the same struct. For files that the layout only guesses at. False where there is not exactly one. */
bool go_response_status_offset(const struct go_binary *binary, int32_t *offset);
bool variables_find_status(const struct code *write_header, int32_t *offset);

/* work.cycles from the code of runtime.gcTrigger.test, or of gcStart again, and of runtime.gcStart. */
bool variables_find_cycles(const struct code *trigger_test, const struct code *start, uint64_t *address);

#endif
