/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules for the records of the toolkit, in the order of the page.
 *
 * Names are OpenTelemetry's where its conventions have one (HTTP metrics; Go runtime metrics), as the Prometheus
 * compatibility rules turn them into Prometheus' own. Several rules of one metric tell of the same thing by different
 * records.
 */
#include "cmd/otb-expose/rules.h"

#define RETRANSMITS "tcp_retransmit, tcp_synack_retransmit"
#define SUMMARY "tcp_retransmit_summary"

/* From the loopback device to a satellite link. */
#define SRTT_BUCKETS " buckets 100us, 250us, 500us, 1ms, 2.5ms, 5ms, 10ms, 25ms, 50ms, 100ms, 250ms, 500ms, 1s, 2.5s"
/* From a stop that finds every P idle to a program that hangs. */
#define PAUSE_BUCKETS \
	" buckets 10us, 25us, 50us, 100us, 250us, 500us, 1ms, 2.5ms, 5ms, 10ms, 25ms, 50ms, 100ms, 250ms, 1s"
#define CYCLE_BUCKETS \
	" buckets 100us, 250us, 500us, 1ms, 2.5ms, 5ms, 10ms, 25ms, 50ms, 100ms, 250ms, 500ms, 1s, 2.5s, 10s"

/* A Go program has a cycle at least every two minutes (forcegcperiod in runtime/proc.go): behind five it has ended. */
#define OF_PROCESS "{comm,pid} from gc_cycle ttl 5m "

#define HTTP_SERVER \
	" http_server_request_duration_seconds{http_request_method,http_route,http_response_status_code,error_type} "
#define HTTP_CLIENT                             \
	" http_client_request_duration_seconds" \
	"{http_request_method,server_address,server_port,http_response_status_code,error_type} "
#define RPC_CALLS "_call_duration_seconds{rpc_system_name=rpc_system,rpc_method,rpc_response_status_code,error_type} "
#define RPC_SERVER " rpc_server" RPC_CALLS
#define RPC_CLIENT " rpc_client" RPC_CALLS
#define SPAN_COUNTS                                                                                                   \
	"counts le_5ms, le_10ms, le_25ms, le_50ms, le_75ms, le_100ms, le_250ms, le_500ms, le_750ms, le_1s, le_2_5s, " \
	"le_5s, le_7_5s, le_10s, count "

const char *const builtin_rules[] = {
	"counter otb_tcp_retransmit_segments_total{reason,comm} from " RETRANSMITS ", " SUMMARY " value segments "
	"help 'TCP segments retransmitted, as the kernel counts them in TcpRetransSegs (SYN-ACKs included).'",

	/* A summary stands for the single events it adds up, which its tool then does not write. It knows the reasons of
	 * the attempts, but those of the segments and bytes only when it is made by reason. */
	"counter otb_tcp_retransmits_total{reason,comm} from " RETRANSMITS " "
	"help 'Attempts to retransmit, each of one or more TCP segments (SYN-ACKs included).'",
	"counter otb_tcp_retransmits_total{reason=\"syn\",comm} from " SUMMARY " value retransmits_syn",
	"counter otb_tcp_retransmits_total{reason=\"rto\",comm} from " SUMMARY " value retransmits_rto",
	"counter otb_tcp_retransmits_total{reason=\"loss_recovery\",comm} from " SUMMARY
	" value retransmits_loss_recovery",
	"counter otb_tcp_retransmits_total{reason=\"fast\",comm} from " SUMMARY " value retransmits_fast",
	"counter otb_tcp_retransmits_total{reason=\"tlp\",comm} from " SUMMARY " value retransmits_tlp",
	"counter otb_tcp_retransmits_total{reason=\"other\",comm} from " SUMMARY " value retransmits_other",

	"counter otb_tcp_retransmit_bytes_total{reason,comm} from " RETRANSMITS ", " SUMMARY " value bytes "
	"help 'Bytes of payload in retransmitted TCP segments.'",

	"counter otb_tcp_retransmit_failures_total{error,comm} from " RETRANSMITS " "
	"help 'Attempts to retransmit that failed in the host (kernels since 6.17 report them).' where error exists",

	"counter otb_tcp_synack_retransmits_total{comm} from tcp_synack_retransmit "
	"help 'SYN-ACKs retransmitted, by the process that listens.'",

	"histogram otb_tcp_retransmit_srtt_seconds{reason} from tcp_retransmit value srtt_us / 1e6" SRTT_BUCKETS " "
	"help 'Smoothed round-trip time of the connection when it retransmitted.'",

	"counter otb_lost_records_total{tool,where} from lost value count "
	"help 'Records that a tool lost, by the place where it lost them.'",
	"counter otb_lost_segments_total{tool,where} from lost value segments "
	"help 'Retransmitted TCP segments in lost records.'",
	"counter otb_suppressed_records_total{tool} from suppressed value count "
	"help 'Records that a tool held back as its --max-rate says.'",
	"counter otb_suppressed_segments_total{tool} from suppressed value segments "
	"help 'Retransmitted TCP segments in records held back.'",

	"histogram go_memory_gc_pause_duration_seconds{reason,comm} from gc_pause value duration_ns / 1e9" PAUSE_BUCKETS
	" "
	"as go.memory.gc.pause.duration "
	"help 'Stops of the world of a Go program for its garbage collector, as its runtime counts them.' "
	"where reason =~ '^gc_'",
	"histogram otb_go_stop_the_world_duration_seconds{reason,comm} from gc_pause value duration_ns / 1e9" PAUSE_BUCKETS
	" help 'Stops of the world of a Go program for anything but its garbage collector.' "
	"where reason exists and not reason =~ '^gc_'",
	"counter otb_go_stops_the_world_total{reason,comm} from gc_pause "
	"help 'Stops of the world of a Go program, for whatever reason.'",
	"counter otb_go_stops_the_world_total{reason,comm} from gc_pause_summary value count",
	"counter otb_go_stopped_the_world_seconds_total{reason,comm} from gc_pause value duration_ns / 1e9 "
	"help 'Time for which a Go program was stopped, for whatever reason.'",
	"counter otb_go_stopped_the_world_seconds_total{reason,comm} from gc_pause_summary value total_ns / 1e9",
	"counter go_memory_gc_cycles_total{trigger,comm} from gc_cycle as go.memory.gc.cycles "
	"help 'Completed GC cycles of a Go program.'",
	"histogram otb_go_gc_cycle_duration_seconds{trigger,comm} from gc_cycle value duration_ns / 1e9" CYCLE_BUCKETS
	" "
	"help 'GC cycles of a Go program, from the first stop of the world to the end of the last.'",
	"counter otb_go_gc_assists_total{comm} from gc_cycle value assists "
	"help 'Times that a goroutine had to help marking before it was given memory.'",
	"counter otb_go_gc_assist_seconds_total{comm} from gc_cycle value assist_ns / 1e9 "
	"help 'Time that goroutines spent helping to mark.'",
	"histogram otb_go_gc_assist_duration_seconds{comm} from gc_assist value duration_ns / 1e9" PAUSE_BUCKETS " "
	"help 'Assists one by one (otb-gcpause --assists).'",
	"gauge otb_go_gc_heap_live_bytes" OF_PROCESS "value heap_live_bytes "
	"help 'Heap of a Go program when its last GC cycle began.'",
	"gauge otb_go_gc_heap_marked_bytes" OF_PROCESS "value heap_marked_bytes "
	"help 'Heap of a Go program that its last GC cycle found in use.'",
	"gauge go_memory_gc_goal_bytes" OF_PROCESS "value heap_goal_bytes as go.memory.gc.goal "
	"help 'Heap size target for the end of the last GC cycle of a Go program.'",
	"gauge go_goroutine_count" OF_PROCESS "value goroutines as go.goroutine.count "
	"help 'Goroutines of a Go program at the end of its last GC cycle.'",
	"gauge go_processor_limit" OF_PROCESS "value gomaxprocs as go.processor.limit "
	"help 'GOMAXPROCS of a Go program in its last GC cycle.'",

	/* Never by url_path: that has as many values as there are users. A span that is `measured` is in a summary, too
	 * (otb-trace --metrics). */
	"histogram" HTTP_SERVER "from span value duration_ns / 1e9 "
	"as http.server.request.duration help 'Duration of HTTP server requests.' "
	"where span_kind == 'server' and http_request_method exists and not measured exists",
	"histogram" HTTP_SERVER "from span value duration_ns / 1e9 exemplars "
	"where span_kind == 'server' and http_request_method exists and measured exists",
	"histogram" HTTP_SERVER "from span_summary value total_ns / 1e9 " SPAN_COUNTS
	"where span_kind == 'server' and network_protocol_name == 'http'",
	"histogram" HTTP_CLIENT "from span value duration_ns / 1e9 "
	"as http.client.request.duration help 'Duration of HTTP client requests.' "
	"where span_kind == 'client' and http_request_method exists and not measured exists",
	"histogram" HTTP_CLIENT "from span value duration_ns / 1e9 exemplars "
	"where span_kind == 'client' and http_request_method exists and measured exists",
	"histogram" HTTP_CLIENT "from span_summary value total_ns / 1e9 " SPAN_COUNTS
	"where span_kind == 'client' and network_protocol_name == 'http'",

	/* Below net/http a call is a request of HTTP, and counted as one. */
	"histogram" RPC_SERVER "from span value duration_ns / 1e9 "
	"as rpc.server.call.duration help 'Duration of RPCs served.' "
	"where span_kind == 'server' and rpc_method exists and not http_request_method exists and not measured exists",
	"histogram" RPC_SERVER "from span value duration_ns / 1e9 exemplars "
	"where span_kind == 'server' and rpc_method exists and not http_request_method exists and measured exists",
	"histogram" RPC_SERVER "from span_summary value total_ns / 1e9 " SPAN_COUNTS
	"where span_kind == 'server' and rpc_system exists",
	"histogram" RPC_CLIENT "from span value duration_ns / 1e9 "
	"as rpc.client.call.duration help 'Duration of RPCs made.' "
	"where span_kind == 'client' and rpc_method exists and not http_request_method exists and not measured exists",
	"histogram" RPC_CLIENT "from span value duration_ns / 1e9 exemplars "
	"where span_kind == 'client' and rpc_method exists and not http_request_method exists and measured exists",
	"histogram" RPC_CLIENT "from span_summary value total_ns / 1e9 " SPAN_COUNTS
	"where span_kind == 'client' and rpc_system exists",
};

const unsigned int n_builtin_rules = sizeof(builtin_rules) / sizeof(builtin_rules[0]);
