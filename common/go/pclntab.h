/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pclntab: Go's table of functions, which every Go program has in its memory. This reads its header, and finds it.
 *
 *	header   magic (u32), 0, 0, size of the smallest instruction, size of a pointer; then words: how many functions
 *	         and files there are, from 1.18 on the address of the text (0 since 1.26), and how far behind the header
 *	         five parts are, of which these are the first and the last:
 *	names    strings, each with a NUL behind it
 *	functab  for each function, in the order of addresses, where it begins and where its record is; then where the
 *	         last one ends. From 1.18 on these are u32, the first counted from the text; before, they are words, and
 *	         the first is an address. Records are counted from functab
 *	records  where the function begins, again; then where its name is, an i32 that is counted from names
 *
 * In Go's source: runtime/symtab.go (pcHeader, moduledata, functab), runtime/runtime2.go (_func),
 * cmd/link/internal/ld/pcln.go.
 */
#ifndef OTB_GO_PCLNTAB_H
#define OTB_GO_PCLNTAB_H

#include "common/go/binary.h"

enum { PCLNTAB_1_16 = 0xfffffffa, PCLNTAB_1_18 = 0xfffffff0, PCLNTAB_1_20 = 0xfffffff1 };

struct pclntab {
	uint64_t address; /* of the header */
	uint32_t magic;
	uint64_t n_functions;
	uint64_t names, names_end; /* addresses */
	uint64_t functab, end;     /* addresses; what is in between lies in one segment. The end is at most this */
	unsigned int word;         /* bytes of half an entry of functab, and of a record before its name */
};

/* Reads the header at an address. False where there is none, or its numbers cannot be. */
bool pclntab_read(struct pclntab *table, const struct image *image, uint64_t address);

/* Finds the table and fills in what go_binary has of it. Returns NULL, or what is wrong. */
const char *pclntab_find(struct go_binary *binary);

#endif
