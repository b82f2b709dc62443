/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Go program's file: which release built it, and where its functions are, stripped or not.
 *
 * Functions come from the pclntab, which the runtime itself needs and no strip removes. It is found by its magic and by
 * the moduledata that points to it, without section names: linkers put both in half a dozen places (Go 1.17 to 1.27).
 * The text base comes from the moduledata, never from .text, which begins elsewhere in externally linked files.
 */
#ifndef OTB_GO_BINARY_H
#define OTB_GO_BINARY_H

#include "common/go/image.h"

enum {
	GO_VERSION_SIZE = 64,
	GO_NAME_SIZE = 256,
	GO_PATH_SIZE = 32,
	GO_MINOR_MIN = 17, /* the oldest release that passes arguments in registers: on amd64 */
	GO_MINOR_MIN_ARM64 = 18,
	GO_MINOR_MAX = 27, /* the newest release that was known when this was written */
};

struct go_version {
	unsigned int minor, patch; /* 1.minor.patch; minor is 0 where the file does not tell */
	bool is_release; /* the text is a release's, and nothing else: no devel, vendor or experiment suffix */
	char text[GO_VERSION_SIZE]; /* "go1.25.3", cleaned of control characters, NUL-terminated */
};

struct go_function {
	const char *name; /* as in the pclntab: "runtime.(*mheap).alloc" */
	uint64_t address; /* 0: there is none */
	uint64_t size;
};

struct go_binary {
	struct image image;
	struct go_version version;
	uint64_t text, etext;           /* runtime.text, runtime.etext */
	uint64_t pclntab, pclntab_size; /* address of the header */
	uint64_t moduledata;
	unsigned int magic; /* the pclntab's: 0xfffffffa (1.16), 0xfffffff0 (1.18) or 0xfffffff1 (1.20) */
	uint64_t n_functions;
};

/* Opens a file; "/proc/PID/exe" will do. Returns NULL, or what is wrong, to be said behind the file's name ("is not a Go
 * program"). go_binary_close() is due in any case. A file newer than GO_MINOR_MAX is read as that release's. */
const char *go_binary_open(struct go_binary *binary, const char *path);
/* The same for an open file, which it owns from then on. */
const char *go_binary_take(struct go_binary *binary, int fd);
void go_binary_close(struct go_binary *binary);

/* A path to the file that is open, whatever the one that it was opened by leads to by now. */
void go_binary_path(const struct go_binary *binary, char path[GO_PATH_SIZE]);

/* What is wrong with a release that passes arguments another way than in registers, to be said as above; NULL: nothing, or the
 * file does not tell its release. */
const char *go_binary_convention(const struct go_binary *binary);

/* Looks up functions by name, all in one sweep over the table: sets address and size, to 0 where there is none. Where a
 * name occurs twice (an ABI0 wrapper), the larger one wins. A package that was built from a vendor folder without modules
 * (GOPATH mode) is found by its own name: the path to there is not looked at. Returns how many were found. */
size_t go_functions_find(const struct go_binary *binary, struct go_function *functions, size_t n);

/* The name of the function that an address is in. Reads the file anew: a few pages. */
bool go_function_at(const struct go_binary *binary, uint64_t address, char name[GO_NAME_SIZE]);

/* Reads the version out of a text: "go1.25.3", "devel go1.28-3f2a…", "go1.24.1 X:boringcrypto". False where it is none
 * of those; then minor is 0. */
bool go_version_parse(const char *text, struct go_version *version);

#endif
