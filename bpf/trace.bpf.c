/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * otb-trace, kernel side: uprobes in Go programs that become spans.
 */
#include "bpf/trace_client.bpf.h"
#include "bpf/trace_http.bpf.h"
#include "bpf/trace_sched.bpf.h"
#include "bpf/trace_sql.bpf.h"
#include "bpf/trace_stw.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
