/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-gcpause/probes.h"

#include <string.h>

#include "bpf/gcpause.skel.h"
#include "common/cli/diag.h"
#include "common/go/layout.h"
#include "common/go/variables.h"

/* gcAssistTimeSlack (runtime/mgcpacer.go): what an assist compares its P's time with at its end, in all releases. */
enum { ASSIST_TIME_SLACK_NS = 5000 };

enum function { STOP_THE_WORLD, START_THE_WORLD, MARK_TERMINATION, START_CYCLE, ASSIST, FORCEGCHELPER, FUNCTION_MAX };

static const char *const function_names[FUNCTION_MAX] = {
	[STOP_THE_WORLD] = "runtime.stopTheWorldWithSema",
	[START_THE_WORLD] = "runtime.startTheWorldWithSema",
	[MARK_TERMINATION] = "runtime.gcMarkTermination",
	[START_CYCLE] = "runtime.(*gcControllerState).startCycle",
	[ASSIST] = "runtime.gcAssistAlloc1",
	[FORCEGCHELPER] = "runtime.forcegchelper",
};

void probes_configure(struct go_probes *probes, struct gcpause_bpf *bpf)
{
	struct bpf_program *const programs[PROBE_MAX] = {
		[PROBE_STOP_THE_WORLD] = bpf->progs.stop_the_world,
		[PROBE_START_THE_WORLD] = bpf->progs.start_the_world,
		[PROBE_WORLD_STARTED] = bpf->progs.world_started,
		[PROBE_MARK_TERMINATION] = bpf->progs.mark_termination,
		[PROBE_START_CYCLE] = bpf->progs.start_cycle,
		[PROBE_ASSIST] = bpf->progs.assist,
		[PROBE_ASSIST_END] = bpf->progs.assist_end,
	};

	go_probes_configure(probes, bpf->obj, programs, PROBE_MAX);
	bpf->rodata->has_cookies = probes->has_cookies;
}

/* ---- where ---- */

static uint64_t place_assist_end(struct go_places *places, const struct go_binary *binary,
				 const struct go_function *function)
{
	struct site site;

	return site_of_comparison(binary, function, ASSIST_TIME_SLACK_NS, &site)
		       ? go_place_site(places, PROBE_ASSIST_END, binary, &site)
		       : 0;
}

static void find_places(struct go_places *places, struct gcpause_binary *config, const struct go_binary *binary,
			const struct go_function functions[FUNCTION_MAX])
{
	uint64_t *sites = (uint64_t *)config->sites;

	sites[PROBE_START_THE_WORLD] =
		go_place_entry(places, PROBE_START_THE_WORLD, binary, &functions[START_THE_WORLD]);
	sites[PROBE_WORLD_STARTED] = go_place_returns(places, PROBE_WORLD_STARTED, binary, &functions[START_THE_WORLD]);
	sites[PROBE_START_CYCLE] = go_place_entry(places, PROBE_START_CYCLE, binary, &functions[START_CYCLE]);
	sites[PROBE_ASSIST] = go_place_entry(places, PROBE_ASSIST, binary, &functions[ASSIST]);
	sites[PROBE_ASSIST_END] = place_assist_end(places, binary, &functions[ASSIST]);
	if (!sites[PROBE_ASSIST] || !sites[PROBE_ASSIST_END])
		places->of[PROBE_ASSIST].n = places->of[PROBE_ASSIST_END].n = 0;
	if (config->head.convention > CONVENTION_REASON)
		return;
	sites[PROBE_STOP_THE_WORLD] = go_place_entry(places, PROBE_STOP_THE_WORLD, binary, &functions[STOP_THE_WORLD]);
	sites[PROBE_MARK_TERMINATION] =
		go_place_entry(places, PROBE_MARK_TERMINATION, binary, &functions[MARK_TERMINATION]);
}

/* ---- what the kernel side has to know ---- */

/* From runtime.work.cycles on. */
static int32_t work_offset(const struct go_layout *layout, enum go_field field)
{
	int32_t cycles = layout->offsets[GO_WORK_CYCLES], offset = layout->offsets[field];

	return cycles == GO_OFFSET_NONE || offset == GO_OFFSET_NONE ? (int32_t)GO_NO_OFFSET : offset - cycles;
}

static void set_offsets(struct gcpause_binary *config, const struct go_layout *layout)
{
	config->user_forced = work_offset(layout, GO_WORK_USER_FORCED);
	config->pause_start = work_offset(layout, GO_WORK_PAUSE_START);
	config->t_end = work_offset(layout, GO_WORK_T_END);
	config->heap0 = work_offset(layout, GO_WORK_HEAP0);
	config->heap2 = work_offset(layout, GO_WORK_HEAP2);
	config->last_heap_goal = go_offset_of(layout, GO_CONTROLLER_LAST_HEAP_GOAL);
	config->sched_ngsys = go_offset_of(layout, GO_SCHED_NGSYS);
	config->sched_gfree = go_offset_of(layout, GO_SCHED_GFREE_N);
	config->sched_gfree_no_stack = go_offset_of(layout, GO_SCHED_GFREE_NO_STACK);
	config->p_gfree = go_offset_of(layout, GO_P_GFREE_N);
}

static uint64_t symbol_of(const struct go_binary *binary, const char *name)
{
	uint64_t address;

	return image_symbol(&binary->image, name, &address) ? address : 0;
}

static void set_variables(struct gcpause_binary *config, const struct go_binary *binary, const struct go_layout *layout)
{
	uint64_t cycles;

	if (go_work_cycles_address(binary, layout, &cycles))
		config->work_cycles = cycles;
	config->allglen = symbol_of(binary, "runtime.allglen");
	config->allp = symbol_of(binary, "runtime.allp");
	config->sched = symbol_of(binary, "runtime.sched");
}

static void describe(struct go_places *places, struct gcpause_binary *config, const struct go_binary *binary,
		     const struct go_function functions[FUNCTION_MAX])
{
	unsigned int minor = binary->version.minor;
	struct go_layout layout;

	memset(config, 0, sizeof(*config));
	config->startcycle_has_trigger = !minor || minor >= 19;
	config->forcegchelper = functions[FORCEGCHELPER].address;
	go_layout_get(&layout, binary);
	go_binary_describe(&config->head, binary, &layout);
	set_offsets(config, &layout);
	set_variables(config, binary, &layout);
	find_places(places, config, binary, functions);
}

/* A pause takes its start and its end; everything else is more. */
static bool is_enough(const struct gcpause_binary *config, const char *path, bool loudly)
{
	static const char *const lacks[PROBE_MAX] = {
		[PROBE_STOP_THE_WORLD] = "pauses",
		[PROBE_START_THE_WORLD] = "pauses",
		[PROBE_WORLD_STARTED] = "pauses",
		[PROBE_MARK_TERMINATION] = "the end of cycles",
		[PROBE_START_CYCLE] = "what triggers a cycle",
		[PROBE_ASSIST] = "assists",
		[PROBE_ASSIST_END] = "assists",
	};
	bool enough = true;

	for (unsigned int probe = 0; probe < PROBE_MAX; probe++) {
		bool is_for_old = probe == PROBE_STOP_THE_WORLD || probe == PROBE_MARK_TERMINATION;

		if (config->sites[probe] || (is_for_old && config->head.convention > CONVENTION_REASON))
			continue;
		if (!strcmp(lacks[probe], "pauses"))
			enough = false;
		else
			diag_print(DIAG_WARN, "'%s': no place for a probe: %s are not seen", path, lacks[probe]);
	}
	if (!enough)
		diag_print(loudly ? DIAG_ERROR : DIAG_WARN,
			   "'%s': no place for the probes in the runtime's functions: an obfuscated or unknown Go?",
			   path);
	return enough;
}

bool probes_attach(struct go_probes *probes, unsigned int target, const struct go_binary *binary, const char *path,
		   pid_t pid, bool loudly)
{
	struct go_function functions[FUNCTION_MAX] = { 0 };
	struct gcpause_binary config;
	struct go_places places = { 0 };

	for (unsigned int i = 0; i < FUNCTION_MAX; i++)
		functions[i].name = function_names[i];
	go_functions_find(binary, functions, FUNCTION_MAX);
	describe(&places, &config, binary, functions);
	return is_enough(&config, path, loudly) && go_probes_tell(probes, target, &config.head) &&
	       go_probes_attach(probes, target, binary, &places, path, pid, loudly);
}
