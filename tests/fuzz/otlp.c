/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of OTLP/JSON through otb-expose: whatever comes, no page holds a sample or a head twice. The first byte chooses
 * how many series there may be, and whether rules' names are to be had.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/otb-expose/otlp_input.h"
#include "common/cli/cli.h"
#include "common/cli/diag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct constant_label constants[] = { { "tenant", "a" }, { "job", "\"\\\n" } };

static const char *const texts[] = {
	"histogram http_server_request_duration_seconds{http_request_method,http_route} from span "
	"value duration_ns / 1e9 buckets 0.1, 1 where span_kind == 'server'",
	"counter io_bytes_total{direction} from io value bytes",
	"gauge queue_length{queue_name} from queue value length",
	"summary rpc{a} from span value duration_ns",
	"histogram sketch{a} from span value duration_ns buckets 1, 2 exponential",
};

static void require(bool condition)
{
	if (!condition)
		abort();
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The part of a line that no other line may have: a sample's name and labels, or "# TYPE" and the name. */
static void cut_line(char *line)
{
	char *at = strncmp(line, "# ", 2) != 0 ? strrchr(line, '}') : NULL;

	/* Labels may hold braces too, but not what follows them. */
	if (at)
		at[1] = '\0';
	else if (line[0] == '#' && (at = strchr(line + 2, ' ')) != NULL && (at = strchr(at + 1, ' ')) != NULL)
		*at = '\0';
	else if ((at = strchr(line, ' ')) != NULL)
		*at = '\0';
}

static void check_page(struct page *page)
{
	char **lines = calloc(page->length + 1, sizeof(char *)), *next = page->bytes;
	size_t n = 0;

	require(!page->failed && (!page->length || page->bytes[page->length - 1] == '\n'));
	while (page->length && next < page->bytes + page->length) {
		char *end = memchr(next, '\n', page->length - (size_t)(next - page->bytes));

		*end = '\0';
		require(strlen(next) == (size_t)(end - next));
		cut_line(next);
		lines[n++] = next;
		next = end + 1;
	}
	qsort(lines, n, sizeof(*lines), compare);
	for (size_t i = 1; i < n; i++)
		require(strcmp(lines[i], lines[i - 1]) != 0);
	free(lines);
}

static void check_pages(const struct imported *imported)
{
	struct page page = { .format = PAGE_TEXT }, request_page = { .bytes = NULL };
	struct page open = { .format = PAGE_OPENMETRICS };
	struct otlp_request request = { .page = &request_page, .constants = constants, .n_constants = 2 };
	static struct json_names none;
	struct json_value values[JSON_NAMES_MAX];
	size_t end;

	imported_expose(imported, &page, constants, 2);
	check_page(&page);
	imported_expose(imported, &open, constants, 2);
	require(!open.failed);
	otlp_begin(&request);
	imported_export(imported, &request);
	otlp_end(&request);
	require(!request_page.failed);
	json_names_init(&none);
	request_page.length--; /* the line feed: the scanner wants a NUL there */
	page_add_bytes(&request_page, (const char[JSON_PADDING]){ 0 }, JSON_PADDING);
	require(json_scan(&none, request_page.bytes, request_page.length - JSON_PADDING, values, &end) == JSON_OK);
	page_clear(&page);
	page_clear(&open);
	page_clear(&request_page);
}

static void take_line(struct otlp_input *input, struct rules *rules, struct imported *imported, const char *text,
		      size_t length)
{
	struct json_value values[JSON_NAMES_MAX];
	struct record_view record = { .length = length, .values = values };
	char *line = malloc(length + JSON_PADDING);

	memcpy(line, text, length);
	memset(line + length, 0xff, JSON_PADDING);
	line[length] = '\0';
	record.line = line;
	if (json_scan(&rules->fields, line, length, values, &record.brace) == JSON_OK &&
	    !otlp_input_take(input, rules, imported, &record))
		rules_apply(rules, &record);
	free(line);
}

static void set_hosts(struct imported *imported, struct rules *rules)
{
	struct metric **hosts = calloc(rules->n_metrics + 1, sizeof(struct metric *));

	for (unsigned int i = 0; i < rules->n_metrics; i++)
		hosts[i] = &rules->metrics[i];
	imported_set_hosts(imported, hosts, rules->n_metrics);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct otlp_input input;
	static struct rules rules;
	struct imported imported = { .series_max = size ? 1 + data[0] % 4 : 1, .alone = size && data[0] & 0x80 };
	const struct rules_source source = { .texts = texts, .n_texts = 5, .series_max = imported.series_max };
	const char *at = (const char *)data, *end = at + size;

	diag_init("fuzz", -1);
	require(rules_open(&rules, &source, 1) == EXIT_DONE);
	set_hosts(&imported, &rules);
	otlp_input_open(&input, constants, 2);
	for (at += size > 0; at < end;) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		stop = stop ? stop : end;
		take_line(&input, &rules, &imported, at, (size_t)(stop - at));
		at = stop + 1;
	}
	check_pages(&imported);
	set_hosts(&imported, &rules);
	imported.ttl_ns = 1;
	imported_expire(&imported, 1000);
	check_pages(&imported);
	otlp_input_close(&input);
	imported_close(&imported);
	rules_close(&rules);
	return 0;
}
