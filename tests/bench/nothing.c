/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes with nothing to do, for scripts/bench: what the kernel takes for a hit, whatever a tracer does with it.
 *
 *	nothing FILE PID entry|place|return|CALLEE FUNCTION...
 *
 * in the process, at the first instruction of Go functions, where our tracers have theirs (common/go/site.h), at their only
 * return, or where they call another one. Prints a line once they are attached, and ends on SIGTERM. Needs multi-uprobe
 * links (Linux 6.10).
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/go/site.h"

enum { PLACES_MAX = 16, ATTACH_TYPE_UPROBE_MULTI = 48 /* include/uapi/linux/bpf.h since 6.6 */ };

/* As the kernel has it for BPF_LINK_CREATE. */
struct multi_attributes {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t count, multi_flags, pid, reserved;
};

static void fail(const char *what)
{
	fprintf(stderr, "nothing: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static uint64_t address_of(const struct go_binary *binary, const struct go_function *function, const char *where)
{
	struct go_function callee = { .name = where };
	uint64_t returns[SITE_RETURNS_MAX];
	struct site site;

	if (!strcmp(where, "entry"))
		return function->address;
	if (!strcmp(where, "place"))
		return site_of_entry(binary, function, &site) ? site.address : 0;
	if (!strcmp(where, "return"))
		return site_of_returns(binary, function, returns) == 1 ? returns[0] : 0;
	go_functions_find(binary, &callee, 1);
	return callee.address && site_of_call(binary, function, callee.address, &site) ? site.address : 0;
}

static uint64_t offset_of(const struct go_binary *binary, const struct go_function *function, const char *where)
{
	uint64_t address = function->address ? address_of(binary, function, where) : 0;
	uint64_t offset = 0;

	if (!address || !image_offset(&binary->image, address, &offset)) {
		errno = ENOENT;
		fail(function->name);
	}
	return offset;
}

static int load(void)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options,
		    .expected_attach_type = (enum bpf_attach_type)ATTACH_TYPE_UPROBE_MULTI);
	int fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "nothing", "GPL", program, 2, &options);

	if (fd < 0)
		fail("cannot load");
	return fd;
}

static void attach(const char *path, uint32_t pid, const uint64_t *offsets, unsigned int n)
{
	struct multi_attributes attributes = {
		.prog_fd = (uint32_t)load(),
		.attach_type = ATTACH_TYPE_UPROBE_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.count = n,
		.pid = pid,
	};

	if (syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, sizeof(attributes)) < 0)
		fail(path);
}

int main(int argc, char **argv)
{
	struct go_function functions[PLACES_MAX] = { 0 };
	uint64_t offsets[PLACES_MAX];
	struct go_binary binary;
	unsigned int n = argc > 4 ? (unsigned int)argc - 4 : 0;

	if (!n || n > PLACES_MAX || go_binary_open(&binary, argv[1]))
		fail("FILE PID entry|place|return|CALLEE FUNCTION...");
	for (unsigned int i = 0; i < n; i++)
		functions[i].name = argv[4 + i];
	go_functions_find(&binary, functions, n);
	for (unsigned int i = 0; i < n; i++)
		offsets[i] = offset_of(&binary, &functions[i], argv[3]);
	attach(argv[1], (uint32_t)strtoul(argv[2], NULL, 10), offsets, n);
	puts("attached");
	fflush(stdout);
	pause();
}
