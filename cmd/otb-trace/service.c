/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-trace/service.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/host/process.h"
#include "common/record/json.h"
#include "common/record/utf8.h"

/* ---- environments ---- */

struct text {
	const char *bytes; /* NULL: there is none */
	size_t length;
};

/* The first one of that name counts, as in Go's and the C library's getenv(). A variable without a NUL is one that was
 * cut. */
static struct text find_variable(const char *environment, size_t length, const char *name)
{
	size_t name_length = strlen(name);
	const char *end;

	for (const char *at = environment; length; length -= (size_t)(end + 1 - at), at = end + 1) {
		end = memchr(at, '\0', length);
		if (!end)
			break;
		if ((size_t)(end - at) > name_length && !memcmp(at, name, name_length) && at[name_length] == '=')
			return (struct text){ at + name_length + 1, (size_t)(end - at) - name_length - 1 };
	}
	return (struct text){ NULL, 0 };
}

static bool take_name(char name[SERVICE_NAME_SIZE], const char *bytes, size_t length)
{
	if (length >= SERVICE_NAME_SIZE)
		length = utf8_cut(bytes, SERVICE_NAME_SIZE - 1);
	memcpy(name, bytes, length);
	name[length] = '\0';
	return length;
}

/* ---- OTEL_RESOURCE_ATTRIBUTES ---- */

static struct text trim(struct text text)
{
	while (text.length && (*text.bytes == ' ' || *text.bytes == '\t')) {
		text.bytes++;
		text.length--;
	}
	while (text.length && (text.bytes[text.length - 1] == ' ' || text.bytes[text.length - 1] == '\t'))
		text.length--;
	return text;
}

/* Decodes percent-encoding into `out`, as far as there is room. False: it is none, or encodes a NUL. */
static bool decode(struct text text, char *out, size_t capacity, size_t *length)
{
	*length = 0;
	for (size_t i = 0; i < text.length; i++) {
		char c = text.bytes[i];

		if (c == '%') {
			int high = i + 1 < text.length ? json_hex_digit(text.bytes[i + 1]) : -1;
			int low = i + 2 < text.length ? json_hex_digit(text.bytes[i + 2]) : -1;

			if (high < 0 || low < 0 || !(high | low))
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (*length < capacity)
			out[(*length)++] = c;
	}
	return true;
}

/* Takes the name out of "key=value". False: it is not of that form. */
static bool take_member(struct text member, char name[SERVICE_NAME_SIZE])
{
	static const char wanted[] = "service.name";
	const char *equals = memchr(member.bytes, '=', member.length);
	char key[sizeof(wanted)], value[SERVICE_NAME_SIZE]; /* one byte more than is kept: whether it has to be cut */
	size_t key_length, value_length;

	if (!equals)
		return false;
	struct text left = { member.bytes, (size_t)(equals - member.bytes) };
	struct text right = { equals + 1, member.length - left.length - 1 };
	if (!decode(trim(left), key, sizeof(key), &key_length) || !key_length ||
	    !decode(trim(right), value, sizeof(value), &value_length))
		return false;
	if (key_length == strlen(wanted) && !memcmp(key, wanted, key_length))
		take_name(name, value, value_length);
	return true;
}

/* The last one of several, as in OpenTelemetry's SDK for Go. */
static bool take_attributes(struct text list, char name[SERVICE_NAME_SIZE])
{
	name[0] = '\0';
	while (list.length) {
		const char *comma = memchr(list.bytes, ',', list.length);
		size_t length = comma ? (size_t)(comma - list.bytes) : list.length;
		struct text member = trim((struct text){ list.bytes, length });

		if (member.length && !take_member(member, name))
			return false;
		list.bytes += comma ? length + 1 : length;
		list.length -= comma ? length + 1 : length;
	}
	return name[0];
}

bool service_name_of_environment(const char *environment, size_t length, char name[SERVICE_NAME_SIZE])
{
	struct text variable = find_variable(environment, length, "OTEL_SERVICE_NAME");

	if (variable.length)
		return take_name(name, variable.bytes, variable.length);
	variable = find_variable(environment, length, "OTEL_RESOURCE_ATTRIBUTES");
	return variable.bytes && take_attributes(variable, name);
}

/* ---- processes ---- */

/* Returns how many bytes there were, 0 where it cannot be read. */
static size_t read_environment(pid_t pid, char *environment)
{
	char path[64];
	size_t length = 0;
	ssize_t n = 1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	while (n > 0 && length < ENVIRONMENT_MAX) {
		n = read(fd, environment + length, ENVIRONMENT_MAX - length);
		length += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	return length;
}

static bool look_up(struct services *services, pid_t pid, uint64_t start, char name[SERVICE_NAME_SIZE])
{
	size_t length = read_environment(pid, services->environment);
	char comm[COMM_SIZE];
	uint64_t now;

	if (!service_name_of_environment(services->environment, length, name)) {
		if (!process_comm(pid, comm))
			return false;
		memcpy(name, comm, sizeof(comm));
	}
	/* Last: what was read before is that of this process then. */
	return process_start_time(pid, &now) && now == start;
}

/* ---- the cache ---- */

int services_open(struct services *services)
{
	memset(services, 0, sizeof(*services));
	services->sets = calloc(SERVICE_SETS, sizeof(*services->sets));
	services->environment = malloc(ENVIRONMENT_MAX);
	services->tick_ns = UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK);
	return services->sets && services->environment ? 0 : -ENOMEM;
}

void services_close(struct services *services)
{
	free(services->sets);
	free(services->environment);
}

/* Pids count up: neighbours fall into different sets. */
static unsigned int set_of(pid_t pid)
{
	return (unsigned int)pid % SERVICE_SETS;
}

static struct service *find(struct services *services, pid_t pid)
{
	struct service *set = services->sets[set_of(pid)];

	for (unsigned int i = 0; i < SERVICE_WAYS; i++)
		if (set[i].pid == pid)
			return &set[i];
	return NULL;
}

/* Where a process that was not found can be kept: an empty place, or that of another. */
static struct service *make_room(struct services *services, pid_t pid)
{
	unsigned int set = set_of(pid);

	for (unsigned int i = 0; i < SERVICE_WAYS; i++)
		if (!services->sets[set][i].pid)
			return &services->sets[set][i];
	return &services->sets[set][services->next[set]++ % SERVICE_WAYS];
}

const char *service_name(struct services *services, pid_t pid, uint64_t start_ns)
{
	uint64_t start = start_ns / services->tick_ns;
	char name[SERVICE_NAME_SIZE];
	struct service *service;

	if (pid <= 0 || (!start_ns && !process_start_time(pid, &start)))
		return NULL;
	service = find(services, pid);
	if (service && service->start == start)
		return service->name;
	/* A late event of a process that is gone does not push out the one that has its pid now. */
	if (!look_up(services, pid, start, name))
		return NULL;
	if (!service)
		service = make_room(services, pid);
	service->pid = pid;
	service->start = start;
	memcpy(service->name, name, sizeof(name));
	return service->name;
}

void service_forget(struct services *services, pid_t pid)
{
	struct service *service = pid > 0 ? find(services, pid) : NULL;

	if (service)
		service->pid = 0;
}
