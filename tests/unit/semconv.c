/* SPDX-License-Identifier: Apache-2.0 */
/* Fields and attributes: every name of the table is found by its field, which its order decides. */
#include "common/record/semconv.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/tap.h"

static void check_attribute(const char *field, const char *attribute)
{
	check(!strcmp(semconv_attribute(field), attribute), "%s is %s: %s", field, attribute, semconv_attribute(field));
}

/* The names as they stand in the source of the table, whatever they are. */
static void test_table(void)
{
	FILE *source = fopen("common/record/semconv.c", "r");
	char line[256], name[SEMCONV_NAME_MAX], field[SEMCONV_NAME_MAX];
	unsigned int found = 0, all = 0;

	if (!source) {
		skip("the table's order", "not started in the tree");
		return;
	}
	while (fgets(line, sizeof(line), source)) {
		if (sscanf(line, "\t\"%127[a-z0-9._]\",", name) != 1)
			continue;
		all++;
		semconv_field(name, strlen(name), field);
		found += !strcmp(semconv_attribute(field), name);
	}
	fclose(source);
	check(all > 50 && found == all, "%u of %u names are found by their fields", found, all);
}

int main(void)
{
	char field[SEMCONV_NAME_MAX], longest[SEMCONV_NAME_MAX + 1];

	test_table();
	check_attribute("http_response_status_code", "http.response.status_code");
	check_attribute("user_agent_original", "user_agent.original");
	check_attribute("http_rout", "http_rout");
	check_attribute("http_routes", "http_routes");
	check_attribute("reason", "reason");
	check_attribute("", "");
	check(semconv_is_integer("server.port") && semconv_is_integer(semconv_attribute("http_response_status_code")) &&
		      !semconv_is_integer("server_port") && !semconv_is_integer("http.route") &&
		      !semconv_is_integer(""),
	      "what is an integer");
	check(semconv_field("a.b_c", 5, field) == 5 && !strcmp(field, "a_b_c"), "dots become underscores");
	memset(longest, 'x', sizeof(longest));
	check(!semconv_field(longest, SEMCONV_NAME_MAX, field) &&
		      semconv_field(longest, SEMCONV_NAME_MAX - 1, field) == SEMCONV_NAME_MAX - 1,
	      "a name that is too long");
	return finish_tests();
}
