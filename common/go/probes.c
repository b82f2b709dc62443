/* SPDX-License-Identifier: Apache-2.0 */
#include "common/go/probes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "common/cli/diag.h"

enum { BINARY_SIZE_MAX = 4096 };

/* ---- where ---- */

static bool add_place(struct go_places *places, unsigned int probe, const struct go_binary *binary, uint64_t address)
{
	unsigned int *n = &places->of[probe].n;

	if (*n == GO_PLACES_MAX || !image_offset(&binary->image, address, &places->of[probe].offsets[*n]))
		return false;
	++*n;
	return true;
}

uint64_t go_place_site(struct go_places *places, unsigned int probe, const struct go_binary *binary,
		       const struct site *site)
{
	return add_place(places, probe, binary, site->address) ? site->address : 0;
}

uint64_t go_place_any_entry(struct go_places *places, unsigned int probe, const struct go_binary *binary,
			    const struct go_function *function)
{
	struct site site;

	return function->address && site_of_entry(binary, function, &site) ? go_place_site(places, probe, binary, &site)
									   : 0;
}

uint64_t go_place_entry(struct go_places *places, unsigned int probe, const struct go_binary *binary,
			const struct go_function *function)
{
	struct site site;

	if (!function->address || !site_of_entry(binary, function, &site) || site.kind == SITE_ENTRY)
		return 0;
	return go_place_site(places, probe, binary, &site);
}

uint64_t go_place_branch(struct go_places *places, unsigned int probe, const struct go_binary *binary,
			 const struct go_function *function)
{
	struct site site;

	return function->address && site_of_branch(binary, function, &site)
		       ? go_place_site(places, probe, binary, &site)
		       : 0;
}

uint64_t go_place_returns(struct go_places *places, unsigned int probe, const struct go_binary *binary,
			  const struct go_function *function)
{
	uint64_t addresses[SITE_RETURNS_MAX];
	size_t n = function->address ? site_of_returns(binary, function, addresses) : 0;

	if (!n || places->of[probe].n + n > GO_PLACES_MAX)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (!add_place(places, probe, binary, addresses[i]))
			return 0;
	return addresses[0];
}

/* ---- what the kernel side knows ---- */

void go_probes_configure(struct go_probes *probes, struct bpf_object *object, struct bpf_program *const *programs,
			 unsigned int n)
{
	probes->object = object;
	probes->n = n;
	probes->has_cookies = libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_get_attach_cookie, NULL) == 1;
	probes->has_multi = uprobe_multi_is_supported();
	for (unsigned int probe = 0; probe < n; probe++) {
		probes->programs[probe] = programs[probe];
		if (probes->has_multi)
			uprobe_prepare_multi(programs[probe]);
	}
}

void go_probes_load_only(struct go_probes *probes, const bool wanted[GO_PROBES_MAX])
{
	for (unsigned int probe = 0; probe < probes->n; probe++)
		bpf_program__set_autoload(probes->programs[probe], wanted[probe]);
}

int32_t go_offset_of(const struct go_layout *layout, enum go_field field)
{
	return layout->offsets[field] == GO_OFFSET_NONE ? (int32_t)GO_NO_OFFSET : layout->offsets[field];
}

static enum go_convention convention_of(unsigned int minor)
{
	if (minor && minor <= 20)
		return CONVENTION_TEXT;
	if (minor == 21)
		return CONVENTION_REASON;
	return minor == 22 ? CONVENTION_START : CONVENTION_SPLIT;
}

void go_binary_describe(struct go_binary_head *head, const struct go_binary *binary, const struct go_layout *layout)
{
	head->convention = convention_of(binary->version.minor);
	head->g_m = go_offset_of(layout, GO_G_M);
	head->g_goid = go_offset_of(layout, GO_G_GOID);
	head->g_startpc = go_offset_of(layout, GO_G_STARTPC);
	head->m_curg = go_offset_of(layout, GO_M_CURG);
	head->m_preemptoff = go_offset_of(layout, GO_M_PREEMPTOFF);
}

bool go_probes_tell(struct go_probes *probes, unsigned int target, struct go_binary_head *head)
{
	uint32_t key = target;

	head->generation = ++probes->generation;
	return !bpf_map_update_elem(bpf_object__find_map_fd_by_name(probes->object, "binaries"), &key, head, BPF_ANY);
}

void go_probes_note_process(struct go_probes *probes, unsigned int target, pid_t pid)
{
	uint32_t key = (uint32_t)pid, value = target;

	bpf_map_update_elem(bpf_object__find_map_fd_by_name(probes->object, "pids"), &key, &value, BPF_ANY);
}

/* ---- links ---- */

/* perf_event_open(2) is not ours to use on kernels that go beyond the levels of mainline (common/host/privilege.c). */
static const char *remedy_of(const struct go_probes *probes, int error)
{
	return probes->has_multi || (error != -EACCES && error != -EPERM)
		       ? ""
		       : ", for which a kernel.perf_event_paranoid above 2 takes CAP_SYS_ADMIN";
}

/* What is not loaded had no place in a process that has become another program since: it is gone. */
static int probe_attach(struct go_probes *probes, unsigned int probe, unsigned int target,
			const struct go_probe_places *places, const char *path, pid_t pid)
{
	if (!places->n)
		return 0;
	if (bpf_program__fd(probes->programs[probe]) < 0)
		return -ESRCH;
	return uprobe_attach(&probes->links[target], probes->programs[probe], probes->has_multi, path, pid,
			     places->offsets, places->n, probes->has_cookies ? target : 0);
}

/* The places are those of the file that was read. Its path, such as /proc/PID/exe, may lead to another one since, where they
 * would lie in the middle of instructions. */
bool go_probes_attach(struct go_probes *probes, unsigned int target, const struct go_binary *binary,
		      const struct go_places *places, const char *path, pid_t pid, bool loudly)
{
	char file[GO_PATH_SIZE];

	go_binary_path(binary, file);
	for (unsigned int probe = probes->n; probe-- > 0;) {
		int error = probe_attach(probes, probe, target, &places->of[probe], file, pid);

		if (!error)
			continue;
		/* Of all programs some have always just ended. */
		diag_print_errno(loudly                                ? DIAG_ERROR
				 : error == -ENOENT || error == -ESRCH ? DIAG_DEBUG
								       : DIAG_WARN,
				 error, "cannot attach to '%s'%s", path, remedy_of(probes, error));
		return false;
	}
	return true;
}

void go_probes_detach(struct go_probes *probes, const bool gone[GO_TARGETS_MAX])
{
	static const uint8_t none[BINARY_SIZE_MAX];
	int binaries = bpf_object__find_map_fd_by_name(probes->object, "binaries");
	struct uprobe_links sets[GO_TARGETS_MAX];
	size_t n = 0;

	for (uint32_t i = 0; i < GO_TARGETS_MAX; i++) {
		if (!gone[i])
			continue;
		sets[n++] = probes->links[i];
		probes->links[i] = (struct uprobe_links){ 0 };
	}
	uprobe_detach(sets, n);
	for (uint32_t i = 0; i < GO_TARGETS_MAX; i++)
		if (gone[i])
			bpf_map_update_elem(binaries, &i, none, BPF_ANY);
}

void go_probes_detach_all(struct go_probes *probes)
{
	uprobe_detach(probes->links, GO_TARGETS_MAX);
}
