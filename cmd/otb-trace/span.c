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

bool span_read(struct span *span, const void *event, size_t size)
{
	const struct trace_span *wire = event;
	const size_t fixed = offsetof(struct trace_span, text);
	size_t at = 0, end;

	if (size < fixed || wire->text_size > size - fixed)
		return false;
	memset(span, 0, sizeof(*span));
	span->event = wire;
	end = wire->text_size;
	while (end - at >= sizeof(struct trace_text_head)) {
		struct trace_text_head head;
		struct span_text *text;

		memcpy(&head, wire->text + at, sizeof(head));
		at += sizeof(head);
		if (head.text >= TEXT_MAX || head.size > end - at)
			return false;
		text = &span->texts[head.text];
		*text = (struct span_text){ (const char *)wire->text + at, head.size, head.cut };
		if (head.cut)
			text->length = without_partial(text->data, text->length);
		at += head.size;
	}
	return true;
}
