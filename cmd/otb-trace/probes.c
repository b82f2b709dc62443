/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/otb-trace/probes.h"

#include <string.h>

#include "bpf/trace.skel.h"
#include "common/cli/diag.h"
#include "common/go/layout.h"
#include "common/go/variables.h"

/* Where a probe goes. A function may have several names, of which a file may have several: the HTTP/2 server is in
 * net/http, from 1.27 on in a package of its own, and in golang.org/x/net. */
struct probe_function {
	enum trace_probe probe;
	const char *name;
};

#define GRPC "google.golang.org/grpc."
#define GRPC_TRANSPORT "google.golang.org/grpc/internal/transport."

static const struct probe_function probe_functions[] = {
	{ PROBE_STOP_THE_WORLD, "runtime.stopTheWorldWithSema" },
	{ PROBE_START_THE_WORLD, "runtime.startTheWorldWithSema" },
	{ PROBE_STATUS, "runtime.casgstatus" },
	{ PROBE_HTTP_SERVER, "net/http.serverHandler.ServeHTTP" },
	{ PROBE_HTTP2_SERVER, "net/http.(*http2serverConn).runHandler" },
	{ PROBE_HTTP2_SERVER, "golang.org/x/net/http2.(*serverConn).runHandler" },
	{ PROBE_HTTP2_SERVER_27, "net/http/internal/http2.(*serverConn).runHandler" },
	{ PROBE_HTTP2_WRITE_HEADER, "net/http/internal/http2.(*responseWriterState).writeHeader" },
	{ PROBE_GORILLA_ROUTE, "github.com/gorilla/mux.requestWithRoute" },
	{ PROBE_PANIC, "runtime.gopanic" },
	{ PROBE_RECOVER, "net/http.(*conn).serve.func1" },
	{ PROBE_RECOVER, "net/http.(*http2serverConn).runHandler.func1" },
	{ PROBE_RECOVER, "golang.org/x/net/http2.(*serverConn).runHandler.func1" },
	{ PROBE_RECOVER, "net/http/internal/http2.(*serverConn).runHandler.func1" },
	{ PROBE_GOEXIT, "runtime.gdestroy" },
	{ PROBE_GOEXIT, "runtime.goexit0" },
	{ PROBE_HIJACK, "net/http.(*conn).hijackLocked" },
	{ PROBE_HTTP_CLIENT, "net/http.(*Transport).roundTrip" },
	{ PROBE_NEW_GOROUTINE, "runtime.newproc1" },
	{ PROBE_GRPC_HEADERS, GRPC_TRANSPORT "(*http2Server).operateHeaders" },
	{ PROBE_GRPC_SERVER, GRPC "(*Server).handleStream" },
	{ PROBE_GRPC_BELOW, GRPC_TRANSPORT "(*serverHandlerTransport).HandleStreams" },
	{ PROBE_GRPC_INVOKE, GRPC "(*ClientConn).Invoke" },
	{ PROBE_GRPC_STREAM, GRPC "(*ClientConn).NewStream" },
	{ PROBE_GRPC_ATTEMPT, GRPC "(*clientStream).newAttemptLocked" },
	{ PROBE_GRPC_CLIENT, GRPC_TRANSPORT "(*http2Client).NewStream" },
	{ PROBE_SQL_CALL, "database/sql.(*DB).QueryContext" },
	{ PROBE_SQL_CALL, "database/sql.(*DB).ExecContext" },
	{ PROBE_SQL_QUERY, "database/sql.(*DB).queryDC" },
	{ PROBE_SQL_EXEC, "database/sql.(*DB).execDC" },
	{ PROBE_SQL_PREPARED, "database/sql.(*Stmt).QueryContext" },
	{ PROBE_SQL_PREPARED, "database/sql.(*Stmt).ExecContext" },
	{ PROBE_SQL_PREPARED_QUERY, "database/sql.rowsiFromStatement" },
	{ PROBE_SQL_PREPARED_EXEC, "database/sql.resultFromStatement" },
	{ PROBE_HTTP_SERVER_END, "net/http.(*response).finishRequest" },
	{ PROBE_HTTP2_SERVER_END, "net/http.(*http2responseWriter).handlerDone" },
	{ PROBE_XNET_SERVER_END, "golang.org/x/net/http2.(*responseWriter).handlerDone" },
	{ PROBE_HTTP2_SERVER_END, "net/http/internal/http2.(*responseWriter).handlerDone" },
	{ PROBE_HTTP_CLIENT_END, "net/http.(*Transport).roundTrip" },
	{ PROBE_GRPC_RESPONSE, GRPC "(*Server).sendResponse" },
	{ PROBE_GRPC_SERVER_END, GRPC_TRANSPORT "(*http2Server).WriteStatus" },
	{ PROBE_GRPC_SERVER_END, GRPC_TRANSPORT "(*http2Server).writeStatus" },
	{ PROBE_GRPC_BELOW_END, GRPC_TRANSPORT "(*serverHandlerTransport).WriteStatus" },
	{ PROBE_GRPC_BELOW_END, GRPC_TRANSPORT "(*serverHandlerTransport).writeStatus" },
	{ PROBE_GRPC_FINISH, GRPC "(*clientStream).finish" },
	{ PROBE_GRPC_INVOKE_END, GRPC "(*ClientConn).Invoke" },
	{ PROBE_GRPC_STREAM_END, GRPC "(*ClientConn).NewStream" },
	{ PROBE_SQL_ROWS, "database/sql.(*Rows).initContextClose" },
	{ PROBE_SQL_RELEASE_POOL, "database/sql.(*driverConn).releaseConn-fm" },
	{ PROBE_SQL_RELEASE_HELD, "database/sql.(*Tx).closemuRUnlockRelease-fm" },
	{ PROBE_SQL_RELEASE_HELD, "database/sql.(*Conn).closemuRUnlockCondReleaseConn-fm" },
};

static const enum trace_probe sql_probes[] = {
	PROBE_SQL_CALL,     PROBE_SQL_QUERY,          PROBE_SQL_EXEC,
	PROBE_SQL_PREPARED, PROBE_SQL_PREPARED_QUERY, PROBE_SQL_PREPARED_EXEC,
	PROBE_SQL_ROWS,     PROBE_SQL_RELEASE_POOL,   PROBE_SQL_RELEASE_HELD,
};

enum { SQL_PROBES = sizeof(sql_probes) / sizeof(sql_probes[0]) };
enum { PROBE_FUNCTIONS = sizeof(probe_functions) / sizeof(probe_functions[0]) };

void probes_configure(struct go_probes *probes, struct trace_bpf *bpf)
{
	struct bpf_program *const programs[TRACE_PROBES_MAX] = {
		[PROBE_STOP_THE_WORLD] = bpf->progs.stop_the_world,
		[PROBE_START_THE_WORLD] = bpf->progs.start_the_world,
		[PROBE_STATUS] = bpf->progs.status,
		[PROBE_HTTP_SERVER] = bpf->progs.http_server,
		[PROBE_HTTP2_SERVER] = bpf->progs.http2_server,
		[PROBE_HTTP2_SERVER_27] = bpf->progs.http2_server_27,
		[PROBE_HTTP2_WRITE_HEADER] = bpf->progs.http2_write_header,
		[PROBE_MUX_REQUEST] = bpf->progs.mux_request,
		[PROBE_MUX_ROUTE] = bpf->progs.mux_route,
		[PROBE_GIN_ROUTE] = bpf->progs.gin_route,
		[PROBE_CHI_ROUTE] = bpf->progs.chi_route,
		[PROBE_GORILLA_ROUTE] = bpf->progs.gorilla_route,
		[PROBE_ECHO_ROUTE] = bpf->progs.echo_route,
		[PROBE_PANIC] = bpf->progs.panic,
		[PROBE_RECOVER] = bpf->progs.http_recover,
		[PROBE_GOEXIT] = bpf->progs.goexit,
		[PROBE_HIJACK] = bpf->progs.hijack,
		[PROBE_HTTP_CLIENT] = bpf->progs.http_client,
		[PROBE_NEW_GOROUTINE] = bpf->progs.new_goroutine,
		[PROBE_HTTP_SERVER_END] = bpf->progs.http_server_end,
		[PROBE_HTTP2_SERVER_END] = bpf->progs.http2_server_end,
		[PROBE_XNET_SERVER_END] = bpf->progs.xnet_server_end,
		[PROBE_HTTP_CLIENT_END] = bpf->progs.http_client_end,
		[PROBE_GRPC_HEADERS] = bpf->progs.grpc_headers,
		[PROBE_GRPC_SERVER] = bpf->progs.grpc_server,
		[PROBE_GRPC_BELOW] = bpf->progs.grpc_below,
		[PROBE_GRPC_INVOKE] = bpf->progs.grpc_invoke,
		[PROBE_GRPC_STREAM] = bpf->progs.grpc_stream,
		[PROBE_GRPC_ATTEMPT] = bpf->progs.grpc_attempt,
		[PROBE_GRPC_CLIENT] = bpf->progs.grpc_client,
		[PROBE_GRPC_RESPONSE] = bpf->progs.grpc_response,
		[PROBE_GRPC_SERVER_END] = bpf->progs.grpc_server_end,
		[PROBE_GRPC_BELOW_END] = bpf->progs.grpc_below_end,
		[PROBE_GRPC_FINISH] = bpf->progs.grpc_finish,
		[PROBE_GRPC_INVOKE_END] = bpf->progs.grpc_invoke_end,
		[PROBE_GRPC_STREAM_END] = bpf->progs.grpc_stream_end,
		[PROBE_SQL_CALL] = bpf->progs.sql_call,
		[PROBE_SQL_QUERY] = bpf->progs.sql_query,
		[PROBE_SQL_EXEC] = bpf->progs.sql_exec,
		[PROBE_SQL_PREPARED] = bpf->progs.sql_prepared,
		[PROBE_SQL_PREPARED_QUERY] = bpf->progs.sql_prepared_query,
		[PROBE_SQL_PREPARED_EXEC] = bpf->progs.sql_prepared_exec,
		[PROBE_SQL_ROWS] = bpf->progs.sql_rows,
		[PROBE_SQL_RELEASE_POOL] = bpf->progs.sql_release_pool,
		[PROBE_SQL_RELEASE_HELD] = bpf->progs.sql_release_held,
	};

	go_probes_configure(probes, bpf->obj, programs, TRACE_PROBES_MAX);
	/* Programs that call each other have to be of one kind. */
	if (probes->has_multi)
		uprobe_prepare_multi(bpf->progs.server_begin);
	bpf->rodata->has_cookies = probes->has_cookies;
}

/* ---- where ---- */

/* goexit0 calls gdestroy where there is one; from 1.22 on the start of the world tells when it was stopped. */
static bool is_superseded(const struct trace_binary *config, const struct probe_function *function)
{
	if (function->probe == PROBE_GOEXIT)
		return config->sites[PROBE_GOEXIT];
	return function->probe == PROBE_STOP_THE_WORLD && config->head.convention >= CONVENTION_START;
}

/* In newproc1 it is the argument's register that points to the new g in every release that is known. Where the place is not
 * found, the g is what the function returns, which is in the same register. */
static uint64_t place_new_goroutine(struct go_places *places, unsigned int probe, const struct go_binary *binary,
				    const struct go_function *function)
{
	struct site site;
	unsigned int reg;

	if (!function->address)
		return 0;
	if (site_of_new_goroutine(binary, function, &site, &reg) && !reg)
		return go_place_site(places, probe, binary, &site);
	return go_place_returns(places, probe, binary, function);
}

/* It has no stack check. To 1.20 it does not begin with a push. */
static uint64_t place_status(struct go_places *places, const struct go_binary *binary,
			     const struct go_function *function)
{
	struct site site;

	if (function->address && site_of_early_branch(binary, function, &site))
		return go_place_site(places, PROBE_STATUS, binary, &site);
	return go_place_any_entry(places, PROBE_STATUS, binary, function);
}

static uint64_t place_probe(struct go_places *places, enum trace_probe probe, const struct go_binary *binary,
			    const struct go_function *function)
{
	switch (probe) {
	case PROBE_STATUS:
		return place_status(places, binary, function);
	case PROBE_SQL_RELEASE_POOL:
	case PROBE_SQL_RELEASE_HELD:
		return go_place_branch(places, probe, binary, function);
	case PROBE_NEW_GOROUTINE:
		return place_new_goroutine(places, probe, binary, function);
	case PROBE_HTTP_CLIENT_END:
	case PROBE_GRPC_INVOKE_END:
	case PROBE_GRPC_STREAM_END:
		return go_place_returns(places, probe, binary, function);
	default:
		return go_place_entry(places, probe, binary, function);
	}
}

static void drop(struct go_places *places, struct trace_binary *config, enum trace_probe probe)
{
	places->of[probe].n = 0;
	config->sites[probe] = 0;
}

/* What begins and would not be seen to end is not to begin. */
static void drop_endless(struct go_places *places, struct trace_binary *config)
{
	static const struct {
		enum trace_probe begin, end;
	} pairs[] = {
		{ PROBE_HTTP_CLIENT, PROBE_HTTP_CLIENT_END },  { PROBE_GRPC_HEADERS, PROBE_GRPC_SERVER },
		{ PROBE_GRPC_HEADERS, PROBE_GRPC_SERVER_END }, { PROBE_GRPC_BELOW, PROBE_GRPC_BELOW_END },
		{ PROBE_GRPC_INVOKE, PROBE_GRPC_INVOKE_END },  { PROBE_GRPC_STREAM, PROBE_GRPC_STREAM_END },
		{ PROBE_GRPC_STREAM, PROBE_GRPC_ATTEMPT },     { PROBE_GRPC_STREAM, PROBE_GRPC_FINISH },
		{ PROBE_SQL_QUERY, PROBE_SQL_ROWS },           { PROBE_SQL_PREPARED_QUERY, PROBE_SQL_ROWS },
	};

	for (unsigned int i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (!config->sites[pairs[i].end])
			drop(places, config, pairs[i].begin);
}

/* A span takes a begin and an end. */
static bool is_served(const struct trace_binary *config)
{
	return config->sites[PROBE_HTTP_SERVER] && config->sites[PROBE_HTTP_SERVER_END];
}

/* What a program does not call is not in its file: one that only executes has no rows. */
static bool is_queried(const struct trace_binary *config)
{
	return (config->sites[PROBE_SQL_QUERY] || config->sites[PROBE_SQL_EXEC] || config->sites[PROBE_SQL_PREPARED]) &&
	       config->sites[PROBE_SQL_RELEASE_POOL];
}

/* Requests and RPCs that it makes. */
static bool is_called(const struct trace_binary *config)
{
	return config->sites[PROBE_HTTP_CLIENT] || config->sites[PROBE_GRPC_INVOKE] || config->sites[PROBE_GRPC_STREAM];
}

static void find_places(struct go_places *places, struct trace_binary *config, const struct go_binary *binary)
{
	struct go_function functions[PROBE_FUNCTIONS] = { 0 };

	for (unsigned int i = 0; i < PROBE_FUNCTIONS; i++)
		functions[i].name = probe_functions[i].name;
	go_functions_find(binary, functions, PROBE_FUNCTIONS);
	for (unsigned int i = 0; i < PROBE_FUNCTIONS; i++) {
		const struct probe_function *function = &probe_functions[i];
		uint64_t site;

		if (is_superseded(config, function))
			continue;
		site = place_probe(places, function->probe, binary, &functions[i]);
		if (!config->sites[function->probe])
			config->sites[function->probe] = site;
	}
	drop_endless(places, config);
}

/* What makes client spans, and whether there are spans that they can be in: goroutines are followed from the ones to the
 * others, and where there is nothing to find, the probe at every new goroutine is not wanted. */
static void choose_calls(struct go_places *places, struct trace_binary *config)
{
	if (!is_queried(config))
		for (unsigned int i = 0; i < SQL_PROBES; i++)
			drop(places, config, sql_probes[i]);
	config->calls = is_queried(config) || is_called(config);
	config->follows = config->calls && config->sites[PROBE_NEW_GOROUTINE] &&
			  (is_served(config) || config->sites[PROBE_GRPC_SERVER]);
	if (!config->follows)
		drop(places, config, PROBE_NEW_GOROUTINE);
}

/* The end of every goroutine is worth a probe only where a handler or a query may end in a way that nothing else shows:
 * gRPC's, those of database/sql, and where there is no deferred function to every function that begins a span. */
static bool is_goexit_needed(const struct go_places *places, const struct trace_binary *config)
{
	return config->sites[PROBE_GRPC_HEADERS] || is_queried(config) ||
	       places->of[PROBE_RECOVER].n < places->of[PROBE_HTTP_SERVER].n + places->of[PROBE_HTTP2_SERVER].n +
						     places->of[PROBE_HTTP2_SERVER_27].n;
}

/* ServeMux of 1.22 and later, which leaves its pattern in the Request, has the one of 1.21 by its side: that costs
 * nothing where nobody asks for it (GODEBUG=httpmuxgo121=1). The Request of x/net's h2c on net/http's own HTTP/2 is first
 * seen by ServeMux. */
static void find_mux(struct go_places *places, struct trace_binary *config, const struct go_binary *binary)
{
	enum { HANDLER, HANDLER_121, SERVE, H2C, FUNCTIONS };
	struct go_function functions[FUNCTIONS] = {
		[HANDLER] = { .name = "net/http.(*ServeMux).handler" },
		[HANDLER_121] = { .name = "net/http.(*serveMux121).handler" },
		[SERVE] = { .name = "net/http.(*ServeMux).ServeHTTP" },
		[H2C] = { .name = "golang.org/x/net/http2/h2c.h2cHandler.ServeHTTP" },
	};
	const struct go_function *handler;
	struct site site;

	go_functions_find(binary, functions, FUNCTIONS);
	handler = &functions[functions[HANDLER].address ? HANDLER : HANDLER_121];
	if (handler->address && site_of_pattern(binary, handler, &site, &config->mux_pattern))
		config->sites[PROBE_MUX_ROUTE] = go_place_site(places, PROBE_MUX_ROUTE, binary, &site);
	if (functions[H2C].address && config->sites[PROBE_HTTP2_SERVER_27])
		config->sites[PROBE_MUX_REQUEST] = go_place_entry(places, PROBE_MUX_REQUEST, binary, &functions[SERVE]);
}

/* Routers whose contexts come from pools are probed where those go back. */
static void find_routers(struct go_places *places, struct trace_binary *config, const struct go_binary *binary)
{
	static const struct probe_function routers[] = {
		{ PROBE_GIN_ROUTE, "github.com/gin-gonic/gin.(*Engine).ServeHTTP" },
		{ PROBE_CHI_ROUTE, "github.com/go-chi/chi/v5.(*Mux).ServeHTTP" },
		{ PROBE_ECHO_ROUTE, "github.com/labstack/echo/v4.(*Echo).ServeHTTP" },
	};
	enum { ROUTERS = sizeof(routers) / sizeof(routers[0]), PUT = ROUTERS };
	struct go_function functions[ROUTERS + 1] = { [PUT].name = "sync.(*Pool).Put" };
	struct site site;

	for (unsigned int i = 0; i < ROUTERS; i++)
		functions[i].name = routers[i].name;
	go_functions_find(binary, functions, ROUTERS + 1);
	for (unsigned int i = 0; i < ROUTERS; i++)
		if (functions[i].address && site_of_call(binary, &functions[i], functions[PUT].address, &site))
			config->sites[routers[i].probe] = go_place_site(places, routers[i].probe, binary, &site);
}

/* ---- what the kernel side has to know ---- */

static struct trace_request_layout request_layout(const struct go_layout *layout)
{
	return (struct trace_request_layout){
		.method = go_offset_of(layout, GO_REQUEST_METHOD),
		.url = go_offset_of(layout, GO_REQUEST_URL),
		.header = go_offset_of(layout, GO_REQUEST_HEADER),
		.host = go_offset_of(layout, GO_REQUEST_HOST),
		.remote_addr = go_offset_of(layout, GO_REQUEST_REMOTE_ADDR),
		.tls = go_offset_of(layout, GO_REQUEST_TLS),
	};
}

static struct trace_request_layout server_request_layout(const struct go_layout *layout)
{
	return (struct trace_request_layout){
		.method = go_offset_of(layout, GO_SERVER_REQUEST_METHOD),
		.url = go_offset_of(layout, GO_SERVER_REQUEST_URL),
		.header = go_offset_of(layout, GO_SERVER_REQUEST_HEADER),
		.host = go_offset_of(layout, GO_SERVER_REQUEST_HOST),
		.remote_addr = go_offset_of(layout, GO_SERVER_REQUEST_REMOTE_ADDR),
		.tls = go_offset_of(layout, GO_SERVER_REQUEST_TLS),
	};
}

/* From the code, which is right for releases that the table does not know, too. */
static int32_t status_offset(const struct go_binary *binary, const struct go_layout *layout)
{
	int32_t offset;

	if (layout->source == GO_LAYOUT_GUESS && go_response_status_offset(binary, &offset))
		return offset;
	return go_offset_of(layout, GO_RESPONSE_STATUS);
}

static void set_offsets(struct trace_binary *config, const struct go_binary *binary, const struct go_layout *layout)
{
	config->requests[TRACE_REQUEST] = request_layout(layout);
	config->requests[TRACE_SERVER_REQUEST] = server_request_layout(layout);
	config->request_proto_major = go_offset_of(layout, GO_REQUEST_PROTO_MAJOR);
	config->request_pattern = go_offset_of(layout, GO_REQUEST_PATTERN);
	config->request_pat = go_offset_of(layout, GO_REQUEST_PAT);
	config->pattern_str = go_offset_of(layout, GO_PATTERN_STR);
	config->url_scheme = go_offset_of(layout, GO_URL_SCHEME);
	config->url_host = go_offset_of(layout, GO_URL_HOST);
	config->url_path = go_offset_of(layout, GO_URL_PATH);
	config->url_raw_path = go_offset_of(layout, GO_URL_RAW_PATH);
	config->url_raw_query = go_offset_of(layout, GO_URL_RAW_QUERY);
	config->response_conn = go_offset_of(layout, GO_RESPONSE_CONN);
	config->response_req = go_offset_of(layout, GO_RESPONSE_REQ);
	config->response_status = status_offset(binary, layout);
	config->client_response_status = go_offset_of(layout, GO_CLIENT_RESPONSE_STATUS_CODE);
	config->client_response_proto_major = go_offset_of(layout, GO_CLIENT_RESPONSE_PROTO_MAJOR);
	config->conn_rwc = go_offset_of(layout, GO_CONN_RWC);
	config->conn_tls_state = go_offset_of(layout, GO_CONN_TLS_STATE);
	config->net_conn_fd = go_offset_of(layout, GO_NET_CONN_FD);
	config->netfd_laddr = go_offset_of(layout, GO_NETFD_LADDR);
	config->netfd_raddr = go_offset_of(layout, GO_NETFD_RADDR);
	config->tcpaddr_ip = go_offset_of(layout, GO_TCPADDR_IP);
	config->tcpaddr_port = go_offset_of(layout, GO_TCPADDR_PORT);
	config->tls_conn_conn = go_offset_of(layout, GO_TLS_CONN_CONN);
	config->h2_writer_rws = go_offset_of(layout, GO_H2_RESPONSE_WRITER_RWS);
	config->h2_rws_status = go_offset_of(layout, GO_H2_RWS_STATUS);
	config->h2_rws_req = go_offset_of(layout, GO_H2_RWS_REQ);
}

static void describe(struct trace_binary *config, const struct go_binary *binary)
{
	const struct go_version *version = &binary->version;
	struct go_layout layout;

	go_layout_get(&layout, binary);
	go_binary_describe(&config->head, binary, &layout);
	set_offsets(config, binary, &layout);
	config->has_swiss_maps = (!version->minor || version->minor >= 24) && !strstr(version->text, "noswissmap");
}

static bool is_enough(const struct trace_binary *config, const char *path, bool loudly)
{
	if (is_served(config) || config->sites[PROBE_GRPC_HEADERS] || config->calls)
		return true;
	diag_print(loudly ? DIAG_ERROR : DIAG_DEBUG,
		   "'%s' serves and makes no requests by net/http or gRPC, and does not use database/sql", path);
	return false;
}

void probes_plan(struct probes_plan *plan, const struct go_binary *binary, bool wants_sched)
{
	struct trace_binary *config = &plan->binary;
	struct go_places *places = &plan->places;

	memset(plan, 0, sizeof(*plan));
	describe(config, binary);
	find_places(places, config, binary);
	find_mux(places, config, binary);
	find_routers(places, config, binary);
	choose_calls(places, config);
	if (!is_goexit_needed(places, config))
		drop(places, config, PROBE_GOEXIT);
	if (!wants_sched)
		drop(places, config, PROBE_STATUS);
}

bool probes_attach(struct go_probes *probes, unsigned int target, const struct go_binary *binary,
		   struct probes_plan *plan, const char *path, pid_t pid, bool loudly)
{
	return is_enough(&plan->binary, path, loudly) && go_probes_tell(probes, target, &plan->binary.head) &&
	       go_probes_attach(probes, target, binary, &plan->places, path, pid, loudly);
}
