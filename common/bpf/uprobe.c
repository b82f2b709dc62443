/* SPDX-License-Identifier: Apache-2.0 */
#include "common/bpf/uprobe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PLACES_MAX = 64, CLOSERS_MAX = 32 };

/* include/uapi/linux/bpf.h since 6.6; Debian 12's is older. */
enum { ATTACH_TYPE_UPROBE_MULTI = 48 };

struct multi_attributes {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t count, multi_flags, pid, reserved;
};

static int multi_link(int prog_fd, const char *path, const uint64_t *offsets, const uint64_t *cookies, size_t n,
		      uint32_t pid)
{
	struct multi_attributes attributes = {
		.prog_fd = (uint32_t)prog_fd,
		.attach_type = ATTACH_TYPE_UPROBE_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.cookies = (uintptr_t)cookies,
		.count = (uint32_t)n,
		.pid = pid,
	};
	long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, sizeof(attributes));

	return fd < 0 ? -errno : (int)fd;
}

/* ---- what the kernel has ---- */

/* Of the errors only two mean that the kernel got as far as it should: "/" is no file that can be probed, and a
 * negative process id has been refused since the filter by process was mended. */
bool uprobe_multi_is_supported(void)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options,
		    .expected_attach_type = (enum bpf_attach_type)ATTACH_TYPE_UPROBE_MULTI);
	const uint64_t offset = 0;
	int fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "GPL", program, 2, &options);
	bool supported;

	if (fd < 0)
		return false;
	supported = multi_link(fd, "/", &offset, NULL, 1, 0) == -EBADF &&
		    multi_link(fd, "/", &offset, NULL, 1, (uint32_t)-1) == -EINVAL;
	close(fd);
	return supported;
}

void uprobe_prepare_multi(struct bpf_program *program)
{
	bpf_program__set_expected_attach_type(program, (enum bpf_attach_type)ATTACH_TYPE_UPROBE_MULTI);
}

/* ---- attaching ---- */

static int links_add(struct uprobe_links *links, struct uprobe_link link)
{
	struct uprobe_link *list = realloc(links->list, (links->n + 1) * sizeof(*list));

	if (!list)
		return -ENOMEM;
	links->list = list;
	list[links->n++] = link;
	return 0;
}

static int attach_multi(struct uprobe_links *links, const struct bpf_program *program, const char *path, pid_t pid,
			const uint64_t *offsets, size_t n, uint64_t cookie)
{
	uint64_t cookies[PLACES_MAX];
	int fd, error;

	if (n > PLACES_MAX)
		return -E2BIG;
	for (size_t i = 0; i < n; i++)
		cookies[i] = cookie;
	fd = multi_link(bpf_program__fd(program), path, offsets, cookies, n, pid < 0 ? 0 : (uint32_t)pid);
	if (fd < 0)
		return fd;
	error = links_add(links, (struct uprobe_link){ .fd = fd });
	if (error)
		close(fd);
	return error;
}

static int attach_perf(struct uprobe_links *links, const struct bpf_program *program, const char *path, pid_t pid,
		       uint64_t offset, uint64_t cookie)
{
	LIBBPF_OPTS(bpf_uprobe_opts, options, .bpf_cookie = cookie);
	struct bpf_link *link = bpf_program__attach_uprobe_opts(program, pid, path, offset, &options);
	int error;

	if (!link)
		return -errno;
	error = links_add(links, (struct uprobe_link){ .perf = link });
	if (error)
		bpf_link__destroy(link);
	return error;
}

int uprobe_attach(struct uprobe_links *links, struct bpf_program *program, bool multi, const char *path, pid_t pid,
		  const uint64_t *offsets, size_t n, uint64_t cookie)
{
	int error = 0;

	if (multi && n)
		return attach_multi(links, program, path, pid, offsets, n, cookie);
	for (size_t i = 0; i < n && !error; i++)
		error = attach_perf(links, program, path, pid, offsets[i], cookie);
	return error;
}

/* ---- detaching ---- */

struct closer { /* every CLOSERS_MAX-th link, from the first one on */
	pthread_t thread;
	const struct uprobe_links *sets;
	size_t n_sets, first;
};

static void link_close(const struct uprobe_link *link)
{
	if (link->perf)
		bpf_link__destroy(link->perf);
	else
		close(link->fd);
}

static void *close_share(void *context)
{
	const struct closer *closer = context;
	size_t i = 0;

	for (size_t set = 0; set < closer->n_sets; set++)
		for (size_t n = 0; n < closer->sets[set].n; n++, i++)
			if (i % CLOSERS_MAX == closer->first)
				link_close(&closer->sets[set].list[n]);
	return NULL;
}

void uprobe_detach(struct uprobe_links *sets, size_t n_sets)
{
	struct closer closers[CLOSERS_MAX];
	bool runs[CLOSERS_MAX];
	size_t total = 0;

	for (size_t set = 0; set < n_sets; set++)
		total += sets[set].n;
	for (size_t i = 0; i < CLOSERS_MAX && i < total; i++) {
		closers[i] = (struct closer){ .sets = sets, .n_sets = n_sets, .first = i };
		runs[i] = !pthread_create(&closers[i].thread, NULL, close_share, &closers[i]);
		if (!runs[i])
			close_share(&closers[i]);
	}
	for (size_t i = 0; i < CLOSERS_MAX && i < total; i++)
		if (runs[i])
			pthread_join(closers[i].thread, NULL);
	for (size_t set = 0; set < n_sets; set++) {
		free(sets[set].list);
		sets[set] = (struct uprobe_links){ 0 };
	}
}
