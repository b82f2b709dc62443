/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes those lines of stdin whose http_response_status_code is 500 or more, by simdjson's On Demand: a document a line,
 * in place, in blocks. That checks UTF-8 and where strings end, and the number; what lies before the field is passed over,
 * what comes after it not looked at. With the argument "dom" the whole line is parsed, and thus validated, first.
 * Lines longer than a block end it.
 *
 * That is as fast as we could make it. With the argument "lines" it is what simdjson's documentation (doc/basics.md, "The
 * Basics: Loading and Parsing JSON Documents") leads to: a line by std::getline(), a padded_string of it, iterate(), and a
 * field by its name.
 */
#include <cstdio>
#include <cstring>
#include <iostream>
#include <simdjson.h>
#include <string>
#include <unistd.h>
#include <vector>

static const char FIELD[] = "http_response_status_code";
static const size_t BLOCK_SIZE = 256 * 1024;

static bool is_wanted(simdjson::ondemand::parser &parser, char *line, size_t size, size_t room)
{
	simdjson::ondemand::document record;
	int64_t status;

	return !parser.iterate(line, size, room).get(record) && !record.find_field(FIELD).get(status) && status >= 500;
}

static bool is_wanted(simdjson::dom::parser &parser, char *line, size_t size, size_t)
{
	simdjson::dom::element record;
	int64_t status;

	return !parser.parse(line, size, false).get(record) && !record[FIELD].get(status) && status >= 500;
}

/* Returns how many bytes of the block were whole lines. */
template <typename Parser> static size_t filter_lines(Parser &parser, std::vector<char> &block, size_t size)
{
	char *line = block.data(), *end = line + size;

	while (char *lf = static_cast<char *>(memchr(line, '\n', static_cast<size_t>(end - line)))) {
		if (is_wanted(parser, line, static_cast<size_t>(lf - line),
			      block.size() - static_cast<size_t>(line - block.data())))
			fwrite(line, 1, static_cast<size_t>(lf + 1 - line), stdout);
		line = lf + 1;
	}
	return static_cast<size_t>(line - block.data());
}

template <typename Parser> static void filter()
{
	Parser parser;
	std::vector<char> block(BLOCK_SIZE + simdjson::SIMDJSON_PADDING);
	size_t held = 0;

	for (ssize_t n; (n = read(STDIN_FILENO, block.data() + held, BLOCK_SIZE - held)) > 0;) {
		held += static_cast<size_t>(n);
		size_t used = filter_lines(parser, block, held);
		held -= used;
		memmove(block.data(), block.data() + used, held);
	}
}

static void filter_by_getline()
{
	simdjson::ondemand::parser parser;
	std::string line;

	std::ios::sync_with_stdio(false);
	while (std::getline(std::cin, line)) {
		simdjson::padded_string json(line);
		simdjson::ondemand::document record;
		int64_t status;

		if (!parser.iterate(json).get(record) && !record[FIELD].get(status) && status >= 500)
			std::cout << line << '\n';
	}
	std::cout.flush();
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";

	if (!strcmp(way, "lines"))
		filter_by_getline();
	else if (!strcmp(way, "dom"))
		filter<simdjson::dom::parser>();
	else
		filter<simdjson::ondemand::parser>();
	return fflush(stdout) ? 1 : 0;
}
