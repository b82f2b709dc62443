/* SPDX-License-Identifier: Apache-2.0 */
#include "common/record/semconv.h"

#include <stdlib.h>
#include <string.h>

/* In the order of their fields: searched by halves. */
static const char *const attributes[] = {
	"client.address",
	"client.port",
	"container.id",
	"container.name",
	"db.collection.name",
	"db.namespace",
	"db.operation.name",
	"db.query.summary",
	"db.query.text",
	"db.response.status_code",
	"db.system.name",
	"deployment.environment.name",
	"error.type",
	"go.memory.type",
	"host.arch",
	"host.id",
	"host.name",
	"http.request.body.size",
	"http.request.method",
	"http.request.method_original",
	"http.request.resend_count",
	"http.response.body.size",
	"http.response.status_code",
	"http.route",
	"k8s.cluster.name",
	"k8s.container.name",
	"k8s.deployment.name",
	"k8s.namespace.name",
	"k8s.node.name",
	"k8s.pod.name",
	"k8s.pod.uid",
	"network.local.address",
	"network.local.port",
	"network.peer.address",
	"network.peer.port",
	"network.protocol.name",
	"network.protocol.version",
	"network.transport",
	"network.type",
	"process.command_line",
	"process.executable.name",
	"process.pid",
	"process.runtime.name",
	"process.runtime.version",
	"rpc.grpc.status_code",
	"rpc.method",
	"rpc.response.status_code",
	"rpc.service",
	"rpc.system",
	"rpc.system.name",
	"server.address",
	"server.port",
	"service.instance.id",
	"service.name",
	"service.namespace",
	"service.version",
	"telemetry.sdk.language",
	"telemetry.sdk.name",
	"telemetry.sdk.version",
	"tls.protocol.version",
	"url.full",
	"url.path",
	"url.query",
	"url.scheme",
	"url.template",
	"user_agent.original",
	"user_agent.synthetic.type",
};

static const char *const integers[] = {
	"client.port",
	"http.request.body.size",
	"http.request.resend_count",
	"http.response.body.size",
	"http.response.status_code",
	"network.local.port",
	"network.peer.port",
	"process.pid",
	"rpc.grpc.status_code",
	"server.port",
};

static char as_field(char c)
{
	return c == '.' ? '_' : c;
}

static int compare(const void *field, const void *attribute)
{
	const char *a = field, *b = *(const char *const *)attribute;

	while (*a && *a == as_field(*b)) {
		a++;
		b++;
	}
	return (unsigned char)*a - (unsigned char)as_field(*b);
}

const char *semconv_attribute(const char *field)
{
	const char *const *found =
		bsearch(field, attributes, sizeof(attributes) / sizeof(attributes[0]), sizeof(attributes[0]), compare);

	return found ? *found : field;
}

bool semconv_is_integer(const char *attribute)
{
	for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++)
		if (!strcmp(attribute, integers[i]))
			return true;
	return false;
}

size_t semconv_field(const char *attribute, size_t length, char field[SEMCONV_NAME_MAX])
{
	if (length >= SEMCONV_NAME_MAX)
		return 0;
	for (size_t i = 0; i < length; i++)
		field[i] = as_field(attribute[i]);
	field[length] = '\0';
	return length;
}
