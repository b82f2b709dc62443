/* SPDX-License-Identifier: Apache-2.0 */
/* Environments of any bytes, as they are and as a list of attributes: a name is a text that fits, and not empty. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/otb-trace/service.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_environment(const char *variable, const uint8_t *data, size_t size)
{
	size_t length = strlen(variable);
	char *environment = malloc(length + size + 1), name[SERVICE_NAME_SIZE];

	memcpy(environment, variable, length);
	memcpy(environment + length, data, size);
	environment[length + size] = '\0';
	memset(name, '!', sizeof(name));
	if (service_name_of_environment(environment, length + size + 1, name) &&
	    (!*name || !memchr(name, '\0', sizeof(name))))
		abort();
	free(environment);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_environment("", data, size);
	check_environment("OTEL_RESOURCE_ATTRIBUTES=", data, size);
	return 0;
}
