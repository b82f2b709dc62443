/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process calls its service: OTEL_SERVICE_NAME of its environment, else service.name in its
 * OTEL_RESOURCE_ATTRIBUTES, else its comm (OpenTelemetry specification, resource/sdk.md, "Specifying resource information
 * via an environment variable"). The environment is that at its execve(); what a Go program sets later is not seen.
 *
 * Another user's environment may not be readable, a process may be gone, and either may be hostile: at most ENVIRONMENT_MAX
 * bytes are read, and only memory that the kernel reads without asking anyone (/proc/PID/environ, FOLL_ANON).
 */
#ifndef OTB_TRACE_SERVICE_H
#define OTB_TRACE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	SERVICE_NAME_SIZE = 256, /* with a NUL; a longer name is cut at a character */
	SERVICE_SETS = 256,
	SERVICE_WAYS = 4, /* processes whose pids fall into one set */
	ENVIRONMENT_MAX = 256 * 1024,
};

struct service {
	pid_t pid;      /* 0: none */
	uint64_t start; /* as process_start_time() has it */
	char name[SERVICE_NAME_SIZE];
};

/* Names that were looked up: a look-up reads /proc, one that is found here reads nothing. */
struct services {
	struct service (*sets)[SERVICE_WAYS];
	uint8_t next[SERVICE_SETS]; /* the way to give up next */
	char *environment;          /* ENVIRONMENT_MAX bytes */
	uint64_t tick_ns;
};

/* Returns 0 or -ENOMEM; services_close() is due all the same. */
int services_open(struct services *services);
void services_close(struct services *services);

/* The name of the process `pid` that started at `start_ns` (its leader's task_struct.start_boottime: ns since boot), or
 * with 0 of the one that has this pid now, which has to be looked up first. NULL: it is gone, though another one may have
 * its pid. The name is good until the next call. Not UTF-8 if the process did not care. */
const char *service_name(struct services *services, pid_t pid, uint64_t start_ns);

/* The process has called execve(), and may have another name from now on. */
void service_forget(struct services *services, pid_t pid);

/* The name that an environment gives: `length` bytes, a NUL behind each variable. False: none. An attribute list with an
 * error in it counts for nothing, as the specification has it. */
bool service_name_of_environment(const char *environment, size_t length, char name[SERVICE_NAME_SIZE]);

#endif
