/* SPDX-License-Identifier: Apache-2.0 */
#include "common/host/privilege.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include "common/cli/diag.h"

/* Everything a tracer needs from its start to its end, and what it keeps once it is attached: reading maps and
 * creating iterators (BPF), and looking at other users' processes and cgroups. otb(7) has the same as a table, which
 * tests/privilege.bats holds. */
static const struct {
	cap_value_t value;
	const char *name, *purpose;
	enum { KEPT, KEPT_TO_ATTACH } use;
	bool for_others;
} capabilities[] = {
	{ CAP_BPF, "CAP_BPF", "load programs into the kernel", KEPT, false },
	{ CAP_PERFMON, "CAP_PERFMON", "trace with them", KEPT_TO_ATTACH, false },
	{ CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "look at other users' processes", KEPT, true },
	{ CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", "read their files", KEPT, true },
};

#define N_CAPABILITIES (sizeof(capabilities) / sizeof(capabilities[0]))

static bool capability_is_held(cap_t held, cap_value_t value)
{
	cap_flag_value_t flag = CAP_CLEAR;

	cap_get_flag(held, value, CAP_EFFECTIVE, &flag);
	/* CAP_SYS_ADMIN was all of BPF once, and stands for it still. */
	if (flag == CAP_CLEAR && (value == CAP_BPF || value == CAP_PERFMON))
		cap_get_flag(held, CAP_SYS_ADMIN, CAP_EFFECTIVE, &flag);
	return flag == CAP_SET;
}

bool privilege_is_held(bool others)
{
	char missing[256] = "";
	cap_t held = cap_get_proc();

	for (size_t i = 0; held && i < N_CAPABILITIES; i++) {
		size_t length = strlen(missing);

		if ((others || !capabilities[i].for_others) && !capability_is_held(held, capabilities[i].value))
			snprintf(missing + length, sizeof(missing) - length, "%s%s (to %s)", length ? ", " : "",
				 capabilities[i].name, capabilities[i].purpose);
	}
	cap_free(held);
	if (!missing[0])
		return true;
	diag_print(DIAG_ERROR, "no privilege to observe: missing %s; run it as root (sudo), or see otb(7)", missing);
	return false;
}

/* Debian's and Ubuntu's kernels have levels above 2, at which perf_event_open(2) is for CAP_SYS_ADMIN alone (their patch
 * of kernel/events/core.c; later ones take CAP_PERFMON too). */
static bool perf_wants_admin(void)
{
	FILE *file = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
	char level[16] = "";
	bool wants = file && fgets(level, sizeof(level), file) && strtol(level, NULL, 10) > 2;

	if (file)
		fclose(file);
	return wants;
}

static void keep(cap_t kept, cap_t held, cap_value_t value)
{
	cap_flag_value_t flag = CAP_CLEAR;

	cap_get_flag(held, value, CAP_PERMITTED, &flag);
	if (flag != CAP_SET && value == CAP_BPF) {
		value = CAP_SYS_ADMIN;
		cap_get_flag(held, value, CAP_PERMITTED, &flag);
	}
	if (flag != CAP_SET)
		return;
	cap_set_flag(kept, CAP_PERMITTED, 1, &value, CAP_SET);
	cap_set_flag(kept, CAP_EFFECTIVE, 1, &value, CAP_SET);
}

/* What is dropped cannot be used by whoever takes this process over through the data it reads. */
void privilege_drop(enum privilege_use use)
{
	cap_t held = cap_get_proc(), kept = cap_init();

	for (size_t i = 0; held && kept && i < N_CAPABILITIES; i++)
		if (capabilities[i].use == KEPT || use != PRIVILEGE_OBSERVE)
			keep(kept, held, capabilities[i].value);
	if (held && kept && use == PRIVILEGE_ATTACH_BY_PERF && perf_wants_admin())
		keep(kept, held, CAP_SYS_ADMIN);
	if (!held || !kept || cap_set_proc(kept) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		diag_print_errno(DIAG_WARN, errno, "cannot drop the privileges that are not needed any more");
	cap_free(held);
	cap_free(kept);
}
