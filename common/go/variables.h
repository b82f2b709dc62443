/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where global variables of the Go runtime are, in a stripped file too: read from the code that uses them (capstone).
 */
#ifndef OTB_GO_VARIABLES_H
#define OTB_GO_VARIABLES_H

#include "common/go/layout.h"

/* The address (link time) of runtime.work.cycles, a u32: what gcTrigger.test compares (Go 1.17 and 1.18 have it inlined
 * in gcStart), if gcStart sets the two u32 behind it. Where the code does not tell, from the symbol table and the
 * layout. False where neither tells for certain. */
bool go_work_cycles_address(const struct go_binary *binary, const struct go_layout *layout, uint64_t *address);

/* The same from the code of runtime.gcTrigger.test, or of gcStart again, and of runtime.gcStart. */
struct code;
bool variables_find_cycles(const struct code *trigger_test, const struct code *start, uint64_t *address);

#endif
