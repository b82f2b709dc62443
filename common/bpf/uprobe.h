/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uprobes by file offset, of one process or of all that run a file.
 *
 * Where the kernel has them (6.6), one multi-uprobe link holds all places of a program: perf's uprobes, each an event
 * of its own, go one after another and make the kernel wait for a grace period each (some 100 ms). The system calls
 * for it are made here, since libbpf knows them only from 1.3 on.
 */
#ifndef OTB_UPROBE_H
#define OTB_UPROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct bpf_link;
struct bpf_program;

struct uprobe_link {
	struct bpf_link *perf; /* NULL: a multi-uprobe link, which is `fd` */
	int fd;
};

struct uprobe_links { /* zeroed: none */
	struct uprobe_link *list;
	size_t n;
};

/* Whether the kernel has multi-uprobe links, with a filter by process that works (6.10, and what it was carried back
 * to: linux commit 46ba0e49b642). Asked before the load. */
bool uprobe_multi_is_supported(void);

/* Makes a program, before its load, one for multi-uprobe links. */
void uprobe_prepare_multi(struct bpf_program *program);

/* Attaches a program to `n` places of a file, in one process or where `pid` is -1 in all, and adds the links. `multi`
 * is whether the program was prepared for it. `cookie` is what bpf_get_attach_cookie() gives it; 0 where the kernel
 * has none. Returns 0 or a negative errno. */
int uprobe_attach(struct uprobe_links *links, struct bpf_program *program, bool multi, const char *path, pid_t pid,
		  const uint64_t *offsets, size_t n, uint64_t cookie);

/* Detaches all of several sets at a time: they share grace periods. */
void uprobe_detach(struct uprobe_links *sets, size_t n_sets);

#endif
