/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-trace/methods.h"

static struct method *place_of(struct methods *methods, unsigned int target, uint64_t address)
{
	return &methods->kept[((address >> 4) + target) % METHODS_KEPT];
}

const char *method_name(struct methods *methods, const struct go_targets *targets, unsigned int target,
			uint64_t address)
{
	struct method *method = place_of(methods, target, address);

	if (!address || target >= GO_TARGETS_MAX || !targets->targets[target].is_used)
		return "";
	if (method->is_known && method->target == target && method->address == address)
		return method->name;
	*method = (struct method){ .is_known = true, .target = target, .address = address };
	if (!go_function_at(&targets->targets[target].binary, address, method->name))
		method->name[0] = '\0';
	return method->name;
}

void methods_forget(struct methods *methods, const bool gone[GO_TARGETS_MAX])
{
	for (unsigned int i = 0; i < METHODS_KEPT; i++)
		if (gone[methods->kept[i].target])
			methods->kept[i].is_known = false;
}
