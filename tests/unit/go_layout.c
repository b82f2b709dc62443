/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where fields are: the table against what was measured independently (go-versions.md 2), DWARF of every form there is
 * against what the compiler was told (tests/lib/go-dwarf), and the two against each other in real programs, with
 * OTB_GO_BINARIES=FOLDER.
 */
#include "common/go/layout.h"

#include <fcntl.h>
#include <sys/resource.h>

#include "tests/unit/go_code.h"
#include "tests/unit/go_elf.h"

static const char *const field_names[GO_FIELD_MAX] = {
	[GO_G_M] = "g.m",
	[GO_G_GOID] = "g.goid",
	[GO_G_STARTPC] = "g.startpc",
	[GO_G_PARENTGOID] = "g.parentGoid",
	[GO_G_ATOMICSTATUS] = "g.atomicstatus",
	[GO_M_CURG] = "m.curg",
	[GO_M_PREEMPTOFF] = "m.preemptoff",
	[GO_WORK_CYCLES] = "work.cycles",
	[GO_WORK_USER_FORCED] = "work.userForced",
	[GO_WORK_PAUSE_START] = "work.pauseStart",
	[GO_WORK_T_SWEEP_TERM] = "work.tSweepTerm",
	[GO_WORK_T_END] = "work.tEnd",
	[GO_WORK_HEAP0] = "work.heap0",
	[GO_WORK_HEAP1] = "work.heap1",
	[GO_WORK_HEAP2] = "work.heap2",
	[GO_CONTROLLER_LAST_HEAP_GOAL] = "gcControllerState.lastHeapGoal",
	[GO_SCHED_NGSYS] = "schedt.ngsys",
	[GO_SCHED_GFREE_N] = "schedt.gFree",
	[GO_SCHED_GFREE_NO_STACK] = "schedt.gFree.noStack",
	[GO_P_GFREE_N] = "p.gFree",
	[GO_REQUEST_METHOD] = "Request.Method",
	[GO_REQUEST_URL] = "Request.URL",
	[GO_REQUEST_PROTO_MAJOR] = "Request.ProtoMajor",
	[GO_REQUEST_HEADER] = "Request.Header",
	[GO_REQUEST_HOST] = "Request.Host",
	[GO_REQUEST_REMOTE_ADDR] = "Request.RemoteAddr",
	[GO_REQUEST_REQUEST_URI] = "Request.RequestURI",
	[GO_REQUEST_TLS] = "Request.TLS",
	[GO_REQUEST_PATTERN] = "Request.Pattern",
	[GO_REQUEST_PAT] = "Request.pat",
	[GO_PATTERN_STR] = "pattern.str",
	[GO_URL_SCHEME] = "URL.Scheme",
	[GO_URL_HOST] = "URL.Host",
	[GO_URL_PATH] = "URL.Path",
	[GO_URL_RAW_QUERY] = "URL.RawQuery",
	[GO_URL_RAW_PATH] = "URL.RawPath",
	[GO_RESPONSE_CONN] = "response.conn",
	[GO_RESPONSE_REQ] = "response.req",
	[GO_RESPONSE_STATUS] = "response.status",
	[GO_CONN_RWC] = "http.conn.rwc",
	[GO_CONN_TLS_STATE] = "http.conn.tlsState",
	[GO_CONN_REMOTE_ADDR] = "http.conn.remoteAddr",
	[GO_CLIENT_RESPONSE_STATUS_CODE] = "Response.StatusCode",
	[GO_CLIENT_RESPONSE_PROTO_MAJOR] = "Response.ProtoMajor",
	[GO_NET_CONN_FD] = "net.conn.fd",
	[GO_NETFD_LADDR] = "netFD.laddr",
	[GO_NETFD_RADDR] = "netFD.raddr",
	[GO_TCPADDR_IP] = "TCPAddr.IP",
	[GO_TCPADDR_PORT] = "TCPAddr.Port",
	[GO_TLS_CONN_CONN] = "tls.Conn.conn",
	[GO_H2_RESPONSE_WRITER_RWS] = "http2 responseWriter.rws",
	[GO_H2_RWS_STREAM] = "http2 responseWriterState.stream",
	[GO_H2_RWS_REQ] = "http2 responseWriterState.req",
	[GO_H2_RWS_STATUS] = "http2 responseWriterState.status",
	[GO_H2_STREAM_ID] = "http2 stream.id",
	[GO_H2_SERVER_CONN_CONN] = "http2 serverConn.conn",
	[GO_SERVER_REQUEST_METHOD] = "http2 ServerRequest.Method",
	[GO_SERVER_REQUEST_URL] = "http2 ServerRequest.URL",
	[GO_SERVER_REQUEST_HEADER] = "http2 ServerRequest.Header",
	[GO_SERVER_REQUEST_HOST] = "http2 ServerRequest.Host",
	[GO_SERVER_REQUEST_REMOTE_ADDR] = "http2 ServerRequest.RemoteAddr",
	[GO_SERVER_REQUEST_TLS] = "http2 ServerRequest.TLS",
	[GO_STMT_QUERY] = "sql.Stmt.query",
	[GO_DRIVER_CONN_CI] = "sql.driverConn.ci",
};

/* ---- the table ---- */

static const struct table_case {
	const char *version;
	enum go_layout_source source;
	enum go_field field;
	int32_t offset;
} table_cases[] = {
	{ "go1.17", GO_LAYOUT_TABLE, GO_G_GOID, 152 },
	{ "go1.17.13", GO_LAYOUT_TABLE, GO_WORK_CYCLES, 320 },
	{ "go1.17.14", GO_LAYOUT_GUESS, GO_WORK_CYCLES, 320 },
	{ "go1.18", GO_LAYOUT_TABLE, GO_WORK_CYCLES, 344 },
	{ "go1.19.13", GO_LAYOUT_TABLE, GO_CONTROLLER_LAST_HEAP_GOAL, 128 },
	{ "go1.20.14", GO_LAYOUT_TABLE, GO_WORK_PAUSE_START, 392 },
	{ "go1.21.13", GO_LAYOUT_TABLE, GO_WORK_PAUSE_START, 456 },
	{ "go1.22.0", GO_LAYOUT_TABLE, GO_WORK_PAUSE_START, GO_OFFSET_NONE },
	{ "go1.22.12", GO_LAYOUT_TABLE, GO_WORK_T_SWEEP_TERM, 416 },
	{ "go1.23.0", GO_LAYOUT_TABLE, GO_WORK_CYCLES, 392 },
	{ "go1.23.3", GO_LAYOUT_TABLE, GO_WORK_CYCLES, 392 },
	{ "go1.23.4", GO_LAYOUT_TABLE, GO_WORK_CYCLES, 424 },
	{ "go1.23.12", GO_LAYOUT_TABLE, GO_WORK_T_SWEEP_TERM, 440 },
	{ "go1.23.99", GO_LAYOUT_GUESS, GO_WORK_CYCLES, 424 },
	{ "go1.23.1000", GO_LAYOUT_GUESS, GO_WORK_CYCLES, 424 },
	{ "go1.24.0", GO_LAYOUT_TABLE, GO_G_GOID, 160 },
	{ "go1.24.13", GO_LAYOUT_TABLE, GO_M_CURG, 192 },
	{ "go1.24.3 X:boringcrypto", GO_LAYOUT_GUESS, GO_G_STARTPC, 304 },
	{ "go1.25rc1", GO_LAYOUT_GUESS, GO_G_GOID, 152 },
	{ "go1.25.14", GO_LAYOUT_TABLE, GO_SCHED_NGSYS, 80 },
	{ "go1.25.14", GO_LAYOUT_TABLE, GO_M_CURG, 184 },
	{ "go1.26.11", GO_LAYOUT_TABLE, GO_WORK_CYCLES, 648 },
	{ "go1.26.11", GO_LAYOUT_TABLE, GO_WORK_USER_FORCED, 536 },
	{ "go1.27.0", GO_LAYOUT_TABLE, GO_SCHED_NGSYS, 96 },
	{ "go1.27.4", GO_LAYOUT_TABLE, GO_G_STARTPC, 304 },
	{ "go1.20.14", GO_LAYOUT_TABLE, GO_G_PARENTGOID, GO_OFFSET_NONE },
	{ "go1.21.13", GO_LAYOUT_TABLE, GO_G_PARENTGOID, 272 },
	{ "go1.24.0", GO_LAYOUT_TABLE, GO_G_ATOMICSTATUS, 152 },
	{ "go1.25.14", GO_LAYOUT_TABLE, GO_G_ATOMICSTATUS, 144 },
	{ "go1.26.0", GO_LAYOUT_TABLE, GO_G_PARENTGOID, 280 },
	{ "go1.22.12", GO_LAYOUT_TABLE, GO_REQUEST_PAT, 248 },
	{ "go1.22.12", GO_LAYOUT_TABLE, GO_REQUEST_PATTERN, GO_OFFSET_NONE },
	{ "go1.23.0", GO_LAYOUT_TABLE, GO_REQUEST_PATTERN, 232 },
	{ "go1.25.14", GO_LAYOUT_TABLE, GO_URL_RAW_QUERY, 96 },
	{ "go1.26.0", GO_LAYOUT_TABLE, GO_URL_RAW_QUERY, 88 },
	{ "go1.26.10", GO_LAYOUT_TABLE, GO_RESPONSE_STATUS, 120 },
	{ "go1.26.11", GO_LAYOUT_TABLE, GO_RESPONSE_STATUS, 128 },
	{ "go1.19.13", GO_LAYOUT_TABLE, GO_H2_RWS_STATUS, 80 },
	{ "go1.26.11", GO_LAYOUT_TABLE, GO_H2_RWS_STATUS, 72 },
	{ "go1.27.0", GO_LAYOUT_TABLE, GO_H2_RWS_STATUS, 240 },
	{ "go1.27.0", GO_LAYOUT_TABLE, GO_H2_SERVER_CONN_CONN, 24 },
	{ "go1.27.4", GO_LAYOUT_TABLE, GO_SERVER_REQUEST_REMOTE_ADDR, 128 },
	{ "devel go1.28-3f2a1b Thu Nov 20 10:00:00 2025 +0000", GO_LAYOUT_GUESS, GO_WORK_CYCLES, 648 },
	{ "go1.255.0", GO_LAYOUT_GUESS, GO_WORK_CYCLES, 648 },
	{ "devel +3f2a1b", GO_LAYOUT_GUESS, GO_WORK_CYCLES, 648 },
	{ "go1.16.15", GO_LAYOUT_GUESS, GO_G_GOID, GO_OFFSET_NONE },
};

static void check_table(void)
{
	for (size_t i = 0; i < sizeof(table_cases) / sizeof(table_cases[0]); i++) {
		const struct table_case *c = &table_cases[i];
		struct go_version version = { 0 };
		struct go_layout layout;

		go_version_parse(c->version, &version);
		go_layout_from_table(&layout, &version);
		check(layout.source == c->source && layout.offsets[c->field] == c->offset, "%s: %s is %d, source %d",
		      c->version, field_names[c->field], layout.offsets[c->field], (int)layout.source);
	}
}

static bool release_has(unsigned int minor, enum go_field field)
{
	switch (field) {
	case GO_WORK_PAUSE_START:
		return minor < 22;
	case GO_G_PARENTGOID:
		return minor >= 21;
	case GO_REQUEST_PAT:
	case GO_PATTERN_STR:
		return minor >= 22;
	case GO_REQUEST_PATTERN:
		return minor >= 23;
	case GO_SCHED_GFREE_NO_STACK:
		return minor >= 25;
	default:
		return field < GO_SERVER_REQUEST_METHOD || field > GO_SERVER_REQUEST_TLS || minor >= 27;
	}
}

/* Every release has every field, but those that came or went. */
static void check_completeness(void)
{
	for (unsigned int minor = GO_MINOR_MIN; minor <= GO_MINOR_MAX; minor++) {
		struct go_version version = { .minor = minor, .is_release = true };
		struct go_layout layout;
		unsigned int n_wrong = 0;

		go_layout_from_table(&layout, &version);
		for (unsigned int i = 0; i < GO_FIELD_MAX; i++) {
			n_wrong += (layout.offsets[i] >= 0) != release_has(minor, i);
		}
		check(n_wrong == 0 && layout.source == GO_LAYOUT_TABLE, "go1.%u: all fields are known", minor);
	}
}

/* ---- DWARF ---- */

static const int32_t made_runtime[] = { 48,  152, 160, 168, 176, 192, 200, 320, 324, 328,
					336, 344, 352, 360, 368, 8,   72,  96,  112, 120 };
enum { FIRST_OF_LIBRARY = GO_REQUEST_METHOD };
_Static_assert(sizeof(made_runtime) / sizeof(made_runtime[0]) == FIRST_OF_LIBRARY, "the runtime's fields come first");

/* The library's fields were made one behind the other, if they were. */
static bool is_as_made(const struct go_layout *layout, bool has_library)
{
	unsigned int n_wrong = 0;

	for (int i = 0; i < GO_FIELD_MAX; i++) {
		int32_t library = has_library ? 400 + 8 * (i - FIRST_OF_LIBRARY) : GO_OFFSET_NONE;

		n_wrong += layout->offsets[i] != (i < FIRST_OF_LIBRARY ? made_runtime[i] : library);
	}
	return n_wrong == 0;
}

static bool open_corpus(struct go_binary *binary, const char *name)
{
	char path[256];
	int fd;

	*binary = (struct go_binary){ 0 };
	snprintf(path, sizeof(path), "tests/fuzz/corpus/go_layout/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return !image_open(&binary->image, fd);
}

static void check_dwarf(void)
{
	static const char *const names[] = {
		"dwarf3", "dwarf3-compressed", "dwarf3-zdebug", "dwarf4", "dwarf4-compressed", "dwarf4-zdebug",
		"dwarf5", "dwarf5-compressed", "dwarf5-zdebug",
	};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct go_layout layout = { .source = GO_LAYOUT_GUESS };
		struct go_binary binary;
		bool found = open_corpus(&binary, names[i]) && go_layout_from_dwarf(&layout, &binary);
		bool has_library = strcmp(names[i], "without-library") != 0;

		check(found && layout.source == GO_LAYOUT_DWARF && is_as_made(&layout, has_library), "%s is read",
		      names[i]);
		image_close(&binary.image);
	}
}

/* Without one of the runtime's types, there is no layout; what it was, it stays. */
static void check_dwarf_without_g(void)
{
	struct go_layout layout = { .offsets = { 77 }, .source = GO_LAYOUT_GUESS };
	struct go_binary binary;
	bool opened = open_corpus(&binary, "without-g");

	check(opened && !go_layout_from_dwarf(&layout, &binary) && layout.source == GO_LAYOUT_GUESS &&
		      layout.offsets[0] == 77,
	      "without runtime.g, nothing is read");
	image_close(&binary.image);
}

/* Found by the fuzzer: a string runs to the end of its section, and libdw beyond. */
static void check_hostile_dwarf(void)
{
	struct go_layout layout = { .source = GO_LAYOUT_GUESS };
	struct go_binary binary;
	bool opened = open_corpus(&binary, "string-without-end");

	check(opened && !go_layout_from_dwarf(&layout, &binary) && layout.source == GO_LAYOUT_GUESS,
	      "a string without an end is not read");
	image_close(&binary.image);
}

/* A copy of a file of the corpus whose sections of this name are a hole of so many bytes behind its end. */
static int open_with_hole(const char *name, const char *section, uint64_t hole)
{
	static uint8_t bytes[1 << 16];
	Elf64_Ehdr *header = (Elf64_Ehdr *)bytes;
	Elf64_Shdr *sections;
	struct go_binary binary;
	ssize_t size;
	int fd;

	if (!open_corpus(&binary, name))
		abort();
	size = pread(binary.image.fd, bytes, sizeof(bytes), 0);
	image_close(&binary.image);
	sections = (Elf64_Shdr *)(bytes + header->e_shoff);
	for (unsigned int i = 0; i < header->e_shnum; i++) {
		if (strcmp((char *)bytes + sections[header->e_shstrndx].sh_offset + sections[i].sh_name, section) != 0)
			continue;
		sections[i].sh_offset = (uint64_t)size;
		sections[i].sh_size = hole;
	}
	fd = go_elf_file(bytes, (size_t)size);
	if (ftruncate(fd, size + (off_t)hole))
		abort();
	return fd;
}

static long memory_peak_kb(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

static void check_large_dwarf(const char *name, const char *section)
{
	struct go_layout layout = { .source = GO_LAYOUT_GUESS };
	struct go_binary binary;
	long before = memory_peak_kb();
	bool opened = !image_open(&binary.image, open_with_hole(name, section, UINT64_C(1) << 30));

	check(opened && !go_layout_from_dwarf(&layout, &binary) && memory_peak_kb() - before < 300 << 10,
	      "a hole of 1 GB for the '%s' of %s takes no memory", section, name);
	image_close(&binary.image);
}

/* The table comes first, DWARF where the table does not have the release, a guess at last. */
static void check_order(void)
{
	struct go_layout layout;
	struct go_binary binary;
	bool opened = open_corpus(&binary, "dwarf5");

	go_version_parse("go1.22.3", &binary.version);
	go_layout_get(&layout, &binary);
	check(opened && layout.source == GO_LAYOUT_TABLE && layout.offsets[GO_WORK_CYCLES] == 400,
	      "a known release is looked up");
	go_version_parse("go1.28.0", &binary.version);
	go_layout_get(&layout, &binary);
	check(layout.source == GO_LAYOUT_DWARF && layout.offsets[GO_WORK_CYCLES] == 320,
	      "of a newer one DWARF is read");
	image_close(&binary.image);
	/* A program in C, stripped or not, has no type of Go's runtime. */
	if (image_open(&binary.image, open("/proc/self/exe", O_RDONLY | O_CLOEXEC)))
		abort();
	go_layout_get(&layout, &binary);
	check(layout.source == GO_LAYOUT_GUESS && layout.offsets[GO_WORK_CYCLES] == 648, "without it, it is guessed");
	layout.offsets[0] = 77;
	check(!go_layout_from_dwarf(&layout, &binary) && layout.offsets[0] == 77 && layout.source == GO_LAYOUT_GUESS,
	      "DWARF that is none changes nothing");
	image_close(&binary.image);
}

/* ---- real programs ---- */

/* On arm64 runtime.work is padded otherwise: its fields have moved together. */
static int32_t moved_by(const struct go_binary *binary, unsigned int field, const struct go_layout *dwarf,
			const struct go_layout *table)
{
	if (binary->image.machine != IMAGE_ARM64 || field < GO_WORK_CYCLES || field > GO_WORK_HEAP2)
		return 0;
	return dwarf->offsets[GO_WORK_CYCLES] - table->offsets[GO_WORK_CYCLES];
}

static void check_binary(const struct go_binary *binary, const char *name)
{
	bool uses_library = strstr(name, "-library");
	struct go_layout dwarf, table;

	go_layout_from_table(&table, &binary->version);
	check(table.source == GO_LAYOUT_TABLE, "%s: the table has the release", name);
	if (!go_layout_from_dwarf(&dwarf, binary))
		return;
	for (unsigned int i = 0; i < GO_FIELD_MAX; i++) {
		int32_t moved = table.offsets[i] == GO_OFFSET_NONE ? 0 : moved_by(binary, i, &dwarf, &table);

		if (i >= FIRST_OF_LIBRARY && dwarf.offsets[i] == GO_OFFSET_NONE && !uses_library)
			continue;
		check(dwarf.offsets[i] == table.offsets[i] + moved, "%s: %s is at %d, in the table at %d", name,
		      field_names[i], dwarf.offsets[i], table.offsets[i]);
	}
}

int main(void)
{
	elf_version(EV_CURRENT);
	check_table();
	check_completeness();
	check_dwarf();
	check_dwarf_without_g();
	check_hostile_dwarf();
	check_large_dwarf("dwarf5", ".debug_info");
	check_large_dwarf("dwarf5-compressed", ".debug_info");
	check_large_dwarf("dwarf4-zdebug", ".zdebug_info");
	check_order();
	check_binaries(check_binary);
	return finish_tests();
}
