/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-trace/span.h"

#include <string.h>

#include "common/record/utf8.h"

/* What was cut may end within a character. Returns the length without that. */
static size_t without_partial(const char *text, size_t length)
{
	const unsigned char *bytes = (const unsigned char *)text;
	size_t start = length;

	while (start && length - start < 3 && (bytes[start - 1] & 0xc0) == 0x80)
		start--;
	if (!start || bytes[start - 1] < 0xc0 || utf8_sequence(bytes + start - 1, length - start + 1))
		return length;
	return start - 1;
}

static void end_text(struct span_text *text)
{
	if (text->cut)
		text->length = without_partial(text->data, text->length);
}

/* A text in parts is whole where its last part is. */
static void join_query(struct span *span, const struct span_text *part)
{
	struct span_text *query = &span->texts[TEXT_DB_QUERY];
	size_t length = part->length;

	if (length > sizeof(span->query) - query->length)
		length = sizeof(span->query) - query->length;
	memcpy(span->query + query->length, part->data, length);
	*query = (struct span_text){ span->query, query->length + length, part->cut };
}

static void add_route_part(struct span *span, struct span_text *part)
{
	if (span->n_route_parts == TRACE_ROUTE_PARTS_MAX)
		return;
	end_text(part);
	span->route_parts[span->n_route_parts++] = *part;
}

bool span_read(struct span *span, const void *event, size_t size)
{
	const struct trace_span *wire = event;
	const size_t fixed = offsetof(struct trace_span, text);
	size_t at = 0, end;

	if (size < fixed || wire->text_size > size - fixed)
		return false;
	memset(span, 0, offsetof(struct span, query));
	span->event = wire;
	end = wire->text_size;
	while (end - at >= sizeof(struct trace_text_head)) {
		struct trace_text_head head;
		struct span_text text;

		memcpy(&head, wire->text + at, sizeof(head));
		at += sizeof(head);
		if (head.text >= TEXT_MAX || head.size > end - at)
			return false;
		text = (struct span_text){ (const char *)wire->text + at, head.size, head.cut };
		at += head.size;
		if (head.text == TEXT_DB_QUERY)
			join_query(span, &text);
		else if (head.text == TEXT_ROUTE_PART)
			add_route_part(span, &text);
		else
			span->texts[head.text] = text;
	}
	for (unsigned int i = 0; i < TEXT_MAX; i++)
		end_text(&span->texts[i]);
	return true;
}

/* ---- the route ---- */

static struct span_text path_of_pattern(const struct span_text *pattern)
{
	struct span_text path = { .cut = pattern->cut };

	path.data = route_of_pattern(pattern->data, pattern->length, &path.length);
	return path;
}

/* A ServeMux below another knows better, unless it was asked for a path that had lost its beginning (http.StripPrefix). A
 * pattern of these ServeMuxes is the path or begins it. */
static bool is_better(const struct span *span, const struct span_text *inner, const struct span_text *outer)
{
	const struct span_text *path = &span->texts[TEXT_PATH];

	return inner->length > outer->length && inner->length <= path->length &&
	       !memcmp(inner->data, path->data, inner->length);
}

static struct span_text joined_route(const struct span *span, char joined[ROUTE_SIZE])
{
	struct route_part parts[TRACE_ROUTE_PARTS_MAX];
	struct span_text route = { .data = joined };

	for (unsigned int i = 0; i < span->n_route_parts; i++) {
		parts[i] = (struct route_part){ span->route_parts[i].data, span->route_parts[i].length };
		route.cut |= span->route_parts[i].cut;
	}
	route.length = route_join(parts, span->n_route_parts, joined);
	return route;
}

struct span_text span_route(const struct span *span, char joined[ROUTE_SIZE])
{
	struct span_text outer = path_of_pattern(&span->texts[TEXT_PATTERN]);
	struct span_text inner = path_of_pattern(&span->texts[TEXT_INNER_PATTERN]);

	if (span->n_route_parts)
		return joined_route(span, joined);
	if (span->texts[TEXT_ROUTE].length)
		return span->texts[TEXT_ROUTE];
	return is_better(span, &inner, &outer) ? inner : outer;
}
