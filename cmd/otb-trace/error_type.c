/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-trace/error_type.h"

#include <stdio.h>
#include <string.h>

/* Finds the type in "path/package.(*type).method" and "path/package.type.method"; dots in the last part of a path are
 * written as %2e (cmd/internal/objabi/path.go). */
static bool split(const char *method, const char **package, int *package_length, const char **type, int *type_length)
{
	const char *bracket = strchr(method, '['), *slash = NULL, *dot, *end;

	/* Type parameters are "[...]" there, but what they were may not be looked for a slash or a dot. */
	for (const char *at = method; *at && at != bracket; at++)
		if (*at == '/')
			slash = at;
	*package = slash ? slash + 1 : method;
	dot = strchr(*package, '.');
	end = strrchr(method, '.');
	if (!dot || dot == *package || end <= dot + 1)
		return false;
	*package_length = (int)(dot - *package);
	*type = dot + 1;
	if (**type != '(') {
		*type_length = (int)(end - *type);
		return true;
	}
	if (strncmp(*type, "(*", 2) != 0 || end[-1] != ')')
		return false;
	*type += 2;
	*type_length = (int)(end - 1 - *type);
	return *type_length > 0;
}

void error_type_of_method(const char *method, bool is_pointer, char text[ERROR_TYPE_SIZE])
{
	const char *package, *type;
	int package_length, type_length;

	if (split(method, &package, &package_length, &type, &type_length))
		snprintf(text, ERROR_TYPE_SIZE, "%s%.*s.%.*s", is_pointer ? "*" : "", package_length, package,
			 type_length, type);
	else
		snprintf(text, ERROR_TYPE_SIZE, "%s", ERROR_TYPE_OTHER);
}
