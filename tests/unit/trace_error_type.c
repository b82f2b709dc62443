/* SPDX-License-Identifier: Apache-2.0 */
/* The types of errors, against what fmt's %T prints for them (Go 1.27). */
#include "cmd/otb-trace/error_type.h"

#include <string.h>

#include "tests/unit/tap.h"

static const struct {
	const char *method;
	bool is_pointer;
	const char *type;
} cases[] = {
	{ "net.(*OpError).Error", true, "*net.OpError" },
	{ "context.(*deadlineExceededError).Error", false, "context.deadlineExceededError" },
	{ "context.deadlineExceededError.Error", false, "context.deadlineExceededError" },
	{ "syscall.(*Errno).Error", false, "syscall.Errno" },
	{ "net/http.(*httpError).Error", true, "*http.httpError" },
	{ "net/http/internal/http2.(*StreamError).Error", false, "http2.StreamError" },
	{ "example.com/deep/path.(*failure).Error", true, "*path.failure" },
	{ "gopkg.in/yaml%2ev2.(*TypeError).Error", true, "*yaml%2ev2.TypeError" },
	{ "main.(*wrapped[...]).Error", true, "*main.wrapped[...]" },
	{ "main.wrapped[example.com/a.b].Error", false, "main.wrapped[example.com/a.b]" },
	{ "errors.(*errorString).Error", true, "*errors.errorString" },
	/* Nothing that could be a method. */
	{ "", false, "_OTHER" },
	{ "main", false, "_OTHER" },
	{ "main.f", false, "_OTHER" },
	{ ".x.y", false, "_OTHER" },
	{ "main.(*).Error", true, "_OTHER" },
	{ "main.(*x.Error", true, "_OTHER" },
	{ "main..Error", true, "_OTHER" },
	{ "a/.x.y", false, "_OTHER" },
};

int main(void)
{
	char text[ERROR_TYPE_SIZE], longest[GO_NAME_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		error_type_of_method(cases[i].method, cases[i].is_pointer, text);
		check(!strcmp(text, cases[i].type), "'%s' is of %s: %s", cases[i].method, cases[i].type, text);
	}
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "p.", 2);
	memcpy(longest + sizeof(longest) - 3, ".E", 3);
	error_type_of_method(longest, true, text);
	check(strlen(text) == sizeof(text) - 2 && !strncmp(text, "*p.x", 4), "the longest name: %zu", strlen(text));
	error_type_of_method("", true, text);
	check(!strcmp(text, "_OTHER"), "of no method: %s", text);
	return finish_tests();
}
