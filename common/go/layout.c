/* SPDX-License-Identifier: Apache-2.0 */
#include "common/go/layout.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>
#include <limits.h>
#include <string.h>

/* ---- what is looked for ---- */

/* Every program has the runtime's; those behind them are the library's. */
enum owner {
	G,
	M,
	P,
	SCHED,
	CONTROLLER,
	WORK,
	REQUEST,
	PATTERN,
	URL,
	RESPONSE,
	CONN,
	CLIENT_RESPONSE,
	NET_CONN,
	NETFD,
	TCPADDR,
	TLS_CONN,
	H2_RESPONSE_WRITER,
	H2_RWS,
	H2_STREAM,
	H2_SERVER_CONN,
	SERVER_REQUEST,
	STMT,
	DRIVER_CONN,
	OWNER_MAX,
};
enum { RUNTIME_OWNERS = REQUEST };

/* Types by name; runtime.work is a variable, for its type has a name from 1.20 on only. */
static const struct owner_name {
	const char *name, *later_name; /* NULL: there is only one */
} owner_names[OWNER_MAX] = {
	[G] = { "runtime.g", NULL },
	[M] = { "runtime.m", NULL },
	[P] = { "runtime.p", NULL },
	[SCHED] = { "runtime.schedt", NULL },
	[CONTROLLER] = { "runtime.gcControllerState", NULL },
	[WORK] = { "runtime.work", NULL },
	[REQUEST] = { "net/http.Request", NULL },
	[PATTERN] = { "net/http.pattern", NULL },
	[URL] = { "net/url.URL", NULL },
	[RESPONSE] = { "net/http.response", NULL },
	[CONN] = { "net/http.conn", NULL },
	[CLIENT_RESPONSE] = { "net/http.Response", NULL },
	[NET_CONN] = { "net.conn", NULL },
	[NETFD] = { "net.netFD", NULL },
	[TCPADDR] = { "net.TCPAddr", NULL },
	[TLS_CONN] = { "crypto/tls.Conn", NULL },
	[H2_RESPONSE_WRITER] = { "net/http.http2responseWriter", "net/http/internal/http2.responseWriter" },
	[H2_RWS] = { "net/http.http2responseWriterState", "net/http/internal/http2.responseWriterState" },
	[H2_STREAM] = { "net/http.http2stream", "net/http/internal/http2.stream" },
	[H2_SERVER_CONN] = { "net/http.http2serverConn", "net/http/internal/http2.serverConn" },
	[SERVER_REQUEST] = { "net/http/internal/http2.ServerRequest", NULL },
	[STMT] = { "database/sql.Stmt", NULL },
	[DRIVER_CONN] = { "database/sql.driverConn", NULL },
};

struct field {
	enum owner owner;
	const char *path, *later_path; /* NULL: there is only one */
};

static const struct field fields[GO_FIELD_MAX] = {
	[GO_G_M] = { G, "m", NULL },
	[GO_G_GOID] = { G, "goid", NULL },
	[GO_G_STARTPC] = { G, "startpc", NULL },
	[GO_G_PARENTGOID] = { G, "parentGoid", NULL },
	[GO_G_ATOMICSTATUS] = { G, "atomicstatus", NULL },
	[GO_M_CURG] = { M, "curg", NULL },
	[GO_M_PREEMPTOFF] = { M, "preemptoff", NULL },
	[GO_WORK_CYCLES] = { WORK, "cycles", NULL },
	[GO_WORK_USER_FORCED] = { WORK, "userForced", NULL },
	[GO_WORK_PAUSE_START] = { WORK, "pauseStart", NULL },
	[GO_WORK_T_SWEEP_TERM] = { WORK, "tSweepTerm", NULL },
	[GO_WORK_T_END] = { WORK, "tEnd", NULL },
	[GO_WORK_HEAP0] = { WORK, "heap0", NULL },
	[GO_WORK_HEAP1] = { WORK, "heap1", NULL },
	[GO_WORK_HEAP2] = { WORK, "heap2", NULL },
	[GO_CONTROLLER_LAST_HEAP_GOAL] = { CONTROLLER, "lastHeapGoal", NULL },
	[GO_SCHED_NGSYS] = { SCHED, "ngsys", NULL },
	[GO_SCHED_GFREE_N] = { SCHED, "gFree.n", "gFree.stack.size" },
	[GO_SCHED_GFREE_NO_STACK] = { SCHED, "gFree.noStack.size", NULL },
	[GO_P_GFREE_N] = { P, "gFree.n", "gFree.size" },
	[GO_REQUEST_METHOD] = { REQUEST, "Method", NULL },
	[GO_REQUEST_URL] = { REQUEST, "URL", NULL },
	[GO_REQUEST_PROTO_MAJOR] = { REQUEST, "ProtoMajor", NULL },
	[GO_REQUEST_HEADER] = { REQUEST, "Header", NULL },
	[GO_REQUEST_HOST] = { REQUEST, "Host", NULL },
	[GO_REQUEST_REMOTE_ADDR] = { REQUEST, "RemoteAddr", NULL },
	[GO_REQUEST_REQUEST_URI] = { REQUEST, "RequestURI", NULL },
	[GO_REQUEST_TLS] = { REQUEST, "TLS", NULL },
	[GO_REQUEST_PATTERN] = { REQUEST, "Pattern", NULL },
	[GO_REQUEST_PAT] = { REQUEST, "pat", NULL },
	[GO_PATTERN_STR] = { PATTERN, "str", NULL },
	[GO_URL_SCHEME] = { URL, "Scheme", NULL },
	[GO_URL_HOST] = { URL, "Host", NULL },
	[GO_URL_PATH] = { URL, "Path", NULL },
	[GO_URL_RAW_QUERY] = { URL, "RawQuery", NULL },
	[GO_URL_RAW_PATH] = { URL, "RawPath", NULL },
	[GO_RESPONSE_CONN] = { RESPONSE, "conn", NULL },
	[GO_RESPONSE_REQ] = { RESPONSE, "req", NULL },
	[GO_RESPONSE_STATUS] = { RESPONSE, "status", NULL },
	[GO_CONN_RWC] = { CONN, "rwc", NULL },
	[GO_CONN_TLS_STATE] = { CONN, "tlsState", NULL },
	[GO_CONN_REMOTE_ADDR] = { CONN, "remoteAddr", NULL },
	[GO_CLIENT_RESPONSE_STATUS_CODE] = { CLIENT_RESPONSE, "StatusCode", NULL },
	[GO_CLIENT_RESPONSE_PROTO_MAJOR] = { CLIENT_RESPONSE, "ProtoMajor", NULL },
	[GO_NET_CONN_FD] = { NET_CONN, "fd", NULL },
	[GO_NETFD_LADDR] = { NETFD, "laddr", NULL },
	[GO_NETFD_RADDR] = { NETFD, "raddr", NULL },
	[GO_TCPADDR_IP] = { TCPADDR, "IP", NULL },
	[GO_TCPADDR_PORT] = { TCPADDR, "Port", NULL },
	[GO_TLS_CONN_CONN] = { TLS_CONN, "conn", NULL },
	[GO_H2_RESPONSE_WRITER_RWS] = { H2_RESPONSE_WRITER, "rws", NULL },
	[GO_H2_RWS_STREAM] = { H2_RWS, "stream", NULL },
	[GO_H2_RWS_REQ] = { H2_RWS, "req", NULL },
	[GO_H2_RWS_STATUS] = { H2_RWS, "status", NULL },
	[GO_H2_STREAM_ID] = { H2_STREAM, "id", NULL },
	[GO_H2_SERVER_CONN_CONN] = { H2_SERVER_CONN, "conn", NULL },
	[GO_SERVER_REQUEST_METHOD] = { SERVER_REQUEST, "Method", NULL },
	[GO_SERVER_REQUEST_URL] = { SERVER_REQUEST, "URL", NULL },
	[GO_SERVER_REQUEST_HEADER] = { SERVER_REQUEST, "Header", NULL },
	[GO_SERVER_REQUEST_HOST] = { SERVER_REQUEST, "Host", NULL },
	[GO_SERVER_REQUEST_REMOTE_ADDR] = { SERVER_REQUEST, "RemoteAddr", NULL },
	[GO_SERVER_REQUEST_TLS] = { SERVER_REQUEST, "TLS", NULL },
	[GO_STMT_QUERY] = { STMT, "query", NULL },
	[GO_DRIVER_CONN_CI] = { DRIVER_CONN, "ci", NULL },
};

/* ---- from the DWARF ---- */

/* A file with more is no program that a Go toolchain made, and would cost libdw much memory or time. One of 157 MB has
 * 1,279 units, and 96,624 entries, all types among them, in a unit of the runtime's. */
enum { UNITS_MAX = 1 << 16, ENTRIES_MAX = 1 << 22, MEMBERS_MAX = 1 << 12, TYPEDEFS_MAX = 8, ABBREV_MAX = 1 << 22 };
static const Dwarf_Word OFFSET_MAX = 1 << 20;
/* Of all sections, as they are and decompressed. Both are held in memory, and a file that is sparse is as large as it likes,
 * and its sections, which may overlap, larger. */
static const uint64_t DWARF_MAX = UINT64_C(256) << 20;

/* The size of a section in memory. To 1.18 Go's linker compresses by the old way: .zdebug_NAME begins with "ZLIB" and
 * the size, big-endian. */
static uint64_t section_size(Elf_Scn *section, const GElf_Shdr *header, const char *name)
{
	GElf_Chdr compressed;
	uint64_t size = 0;
	Elf_Data *raw;

	if (header->sh_type == SHT_NOBITS)
		return 0;
	if (header->sh_flags & SHF_COMPRESSED)
		return gelf_getchdr(section, &compressed) ? compressed.ch_size : UINT64_MAX;
	if (strncmp(name, ".zdebug", 7) != 0)
		return header->sh_size;
	raw = elf_rawdata(section, NULL);
	if (!raw || raw->d_size < 12 || memcmp(raw->d_buf, "ZLIB", 4) != 0)
		return header->sh_size;
	for (unsigned int i = 4; i < 12; i++)
		size = size << 8 | ((const uint8_t *)raw->d_buf)[i];
	return size;
}

/* What types and variables are written in, to Go 1.27. */
static bool is_needed(const char *name)
{
	static const char *const names[] = { "_info", "_abbrev", "_str", "_line_str", "_str_offsets", "_addr" };

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

/* Takes from what is left the room that a section needs in memory. False where there is not so much, and it has not been
 * read then, but for one that says that it becomes larger. */
static bool take_room(Elf_Scn *section, const GElf_Shdr *header, const char *name, uint64_t *left)
{
	bool is_abbrev = strcmp(strstr(name, "debug"), "debug_abbrev") == 0;
	uint64_t size = header->sh_type == SHT_NOBITS ? 0 : header->sh_size;

	if (size > *left || (is_abbrev && size > ABBREV_MAX))
		return false;
	*left -= size;
	size = section_size(section, header, name);
	if (size == header->sh_size)
		return true;
	if (size > *left || (is_abbrev && size > ABBREV_MAX))
		return false;
	*left -= size;
	return true;
}

/* libdw reads every debug section at the beginning, and decompresses it, whatever size it says it has; and it opens the
 * file that .gnu_debugaltlink names. So it is shown only what is needed, and not too large: the other sections have no
 * data for it. `elf` is changed in memory only. False where there is nothing for libdw to read. */
static bool prepare_sections(Elf *elf, uint64_t file_size)
{
	uint64_t left = file_size < DWARF_MAX / 2 ? 2 * file_size : DWARF_MAX;
	Elf_Scn *section = NULL;
	bool has_info = false;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return false;
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;
		const char *name = gelf_getshdr(section, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;
		const char *kind = name ? strstr(name, "debug") : NULL;

		if (!kind)
			continue;
		if (is_needed(kind + strlen("debug")) && take_room(section, &header, name, &left)) {
			has_info |= !strcmp(kind, "debug_info") && header.sh_type != SHT_NOBITS && header.sh_size;
			continue;
		}
		header.sh_type = SHT_NOBITS;
		if (!gelf_update_shdr(section, &header))
			return false;
	}
	return has_info;
}

/* libdw reads a string to its NUL, wherever that is. What strings are in ends with one in real files: a list of names,
 * or the end of a list of entries. To be asked when libdw has decompressed it. */
static bool strings_end(Elf *elf)
{
	static const char *const ends[] = { "debug_info", "debug_str", "debug_line_str" };
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return false;
	while ((section = elf_nextscn(elf, section)) && gelf_getshdr(section, &header)) {
		const char *name = elf_strptr(elf, names, header.sh_name);
		const char *kind = name && header.sh_type != SHT_NOBITS ? strstr(name, "debug") : NULL;

		for (unsigned int i = 0; kind && i < sizeof(ends) / sizeof(ends[0]); i++) {
			Elf_Data *data = strcmp(kind, ends[i]) != 0 ? NULL : elf_rawdata(section, NULL);

			if (data && data->d_size && ((const char *)data->d_buf)[data->d_size - 1])
				return false;
		}
	}
	return true;
}

/* The type a member or variable has, without its other names. */
static bool entry_type(Dwarf_Die *entry, Dwarf_Die *type)
{
	Dwarf_Attribute attribute;

	*type = *entry;
	for (unsigned int i = 0; i < TYPEDEFS_MAX; i++) {
		if (!dwarf_formref_die(dwarf_attr(type, DW_AT_type, &attribute), type))
			return false;
		if (dwarf_tag(type) != DW_TAG_typedef)
			return dwarf_tag(type) == DW_TAG_structure_type;
	}
	return false;
}

static bool find_member(Dwarf_Die *structure, const char *name, size_t length, Dwarf_Die *member)
{
	unsigned int n = 0;

	if (dwarf_child(structure, member))
		return false;
	do {
		const char *its_name = dwarf_tag(member) == DW_TAG_member ? dwarf_diename(member) : NULL;

		if (its_name && strlen(its_name) == length && !memcmp(its_name, name, length))
			return true;
	} while (++n < MEMBERS_MAX && dwarf_siblingof(member, member) == 0);
	return false;
}

/* The offset of "field.field" in a struct. */
static int32_t find_offset(const Dwarf_Die *owner, const char *path)
{
	Dwarf_Die structure = *owner, member;
	Dwarf_Word sum = 0, offset;
	Dwarf_Attribute attribute;

	for (;;) {
		size_t length = strcspn(path, ".");

		if (!find_member(&structure, path, length, &member) ||
		    dwarf_formudata(dwarf_attr(&member, DW_AT_data_member_location, &attribute), &offset) ||
		    offset > OFFSET_MAX)
			return GO_OFFSET_NONE;
		sum += offset;
		if (!path[length])
			return sum <= OFFSET_MAX ? (int32_t)sum : GO_OFFSET_NONE;
		if (!entry_type(&member, &structure))
			return GO_OFFSET_NONE;
		path += length + 1;
	}
}

/* What a file's DWARF says of the owners; where `found` has no bit for one, it is not there. */
struct owners {
	Dwarf_Die entries[OWNER_MAX];
	unsigned int found;
};
_Static_assert(OWNER_MAX < 32, "a bit for each");

static bool has_owner(const struct owners *owners, enum owner owner)
{
	return owners->found & 1U << owner;
}

static bool is_name_of(enum owner owner, const char *name)
{
	const struct owner_name *names = &owner_names[owner];

	return !strcmp(name, names->name) || (names->later_name && !strcmp(name, names->later_name));
}

/* Takes an entry that is one of the owners; the first of a name counts. */
static void take_owner(Dwarf_Die *entry, struct owners *owners)
{
	int tag = dwarf_tag(entry);
	const char *name;

	if (tag != DW_TAG_structure_type && tag != DW_TAG_variable)
		return;
	name = dwarf_diename(entry);
	for (unsigned int i = 0; name && i < OWNER_MAX; i++) {
		if (has_owner(owners, i) || (tag == DW_TAG_variable) != (i == WORK) || !is_name_of(i, name))
			continue;
		if (tag == DW_TAG_variable && !entry_type(entry, &owners->entries[i]))
			return;
		if (tag == DW_TAG_structure_type)
			owners->entries[i] = *entry;
		owners->found |= 1U << i;
	}
}

/* Looks through the units of the package runtime: they hold its variables, and one of them all types, the library's
 * too. True where all of the runtime's are there. */
static bool find_owners(Dwarf *dwarf, struct owners *owners)
{
	const unsigned int all = (1U << OWNER_MAX) - 1, runtime = (1U << RUNTIME_OWNERS) - 1;
	unsigned int units = 0, entries = 0;
	Dwarf_CU *unit = NULL;
	Dwarf_Die entry;

	owners->found = 0;
	while (owners->found != all && units++ < UNITS_MAX &&
	       dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &entry, NULL) == 0) {
		const char *name = dwarf_tag(&entry) == DW_TAG_compile_unit ? dwarf_diename(&entry) : NULL;

		if (!name || strcmp(name, "runtime") != 0 || dwarf_child(&entry, &entry))
			continue;
		do
			take_owner(&entry, owners);
		while (owners->found != all && ++entries < ENTRIES_MAX && dwarf_siblingof(&entry, &entry) == 0);
	}
	return (owners->found & runtime) == runtime;
}

static int32_t find_field(const struct owners *owners, const struct field *field)
{
	const Dwarf_Die *owner = &owners->entries[field->owner];
	int32_t offset;

	if (!has_owner(owners, field->owner))
		return GO_OFFSET_NONE;
	offset = find_offset(owner, field->path);
	return offset == GO_OFFSET_NONE && field->later_path ? find_offset(owner, field->later_path) : offset;
}

static bool read_dwarf(struct go_layout *layout, Elf *elf)
{
	Dwarf *dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
	struct owners owners;
	bool found;

	if (!dwarf)
		return false;
	found = strings_end(elf) && find_owners(dwarf, &owners);
	for (unsigned int i = 0; found && i < GO_FIELD_MAX; i++)
		layout->offsets[i] = find_field(&owners, &fields[i]);
	dwarf_end(dwarf);
	return found;
}

bool go_layout_from_dwarf(struct go_layout *layout, const struct go_binary *binary)
{
	/* One of its own: what libdw decompresses stays in memory until the Elf's end. */
	Elf *elf = elf_begin(binary->image.fd, ELF_C_READ, NULL);
	bool found = elf && prepare_sections(elf, binary->image.size) && read_dwarf(layout, elf);

	elf_end(elf);
	if (found)
		layout->source = GO_LAYOUT_DWARF;
	return found;
}

/* ---- from the table ---- */

/* From this release on, until the field's next row. */
struct row {
	uint8_t field, minor, patch;
	int16_t offset;
};

#include "common/go/layout.inc"

/* The table's releases, as one number each. */
static unsigned int release_number(unsigned int minor, unsigned int patch)
{
	return minor << 16 | (patch > UINT16_MAX ? UINT16_MAX : patch);
}

static bool is_in_table(const struct go_version *version)
{
	unsigned int i = version->minor - GO_MINOR_MIN;

	return version->is_release && version->minor >= GO_MINOR_MIN && i < sizeof(newest_patches) &&
	       version->patch <= newest_patches[i];
}

void go_layout_from_table(struct go_layout *layout, const struct go_version *version)
{
	/* What does not tell its release is likely to be newer than any. */
	unsigned int release = version->minor ? release_number(version->minor, version->patch) : UINT_MAX;

	layout->source = is_in_table(version) ? GO_LAYOUT_TABLE : GO_LAYOUT_GUESS;
	for (unsigned int i = 0; i < GO_FIELD_MAX; i++)
		layout->offsets[i] = GO_OFFSET_NONE;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (release_number(rows[i].minor, rows[i].patch) <= release)
			layout->offsets[rows[i].field] = rows[i].offset;
}

void go_layout_get(struct go_layout *layout, const struct go_binary *binary)
{
	go_layout_from_table(layout, &binary->version);
	if (layout->source == GO_LAYOUT_GUESS)
		go_layout_from_dwarf(layout, binary);
}
