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
		else
			span->texts[head.text] = text;
	}
	for (unsigned int i = 0; i < TEXT_MAX; i++)
		end_text(&span->texts[i]);
	return true;
}
