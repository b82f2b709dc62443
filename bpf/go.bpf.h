/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a uprobe sees in a Go function: arguments, the goroutine, the stack check.
 *
 * Since Go 1.17 (arm64: 1.18) arguments and results are in registers, in an order of Go's own (src/cmd/compile/
 * abi-internal.md), and the current g has a register to itself. Both hold from a function's first instruction to behind
 * its stack check, where the probes sit (common/go/site.h).
 */
#ifndef OTB_GO_BPF_H
#define OTB_GO_BPF_H

#include "bpf/tracer.bpf.h"

#include <asm/ptrace.h>

#include "bpf/go.h"

#if defined(__TARGET_ARCH_x86)

#define GO_CONTEXT struct pt_regs
#define GO_ARG0(ctx) ((ctx)->rax)
#define GO_ARG1(ctx) ((ctx)->rbx)
#define GO_ARG2(ctx) ((ctx)->rcx)
#define GO_ARG3(ctx) ((ctx)->rdi)
#define GO_ARG4(ctx) ((ctx)->rsi)
#define GO_ARG5(ctx) ((ctx)->r8)
#define GO_ARG6(ctx) ((ctx)->r9)
#define GO_ARG7(ctx) ((ctx)->r10)
#define GO_ARG8(ctx) ((ctx)->r11)
#define GO_G(ctx) ((ctx)->r14)
#define GO_PC(ctx) ((ctx)->rip)
#define GO_SP(ctx) ((ctx)->rsp)
#define GO_FP(ctx) ((ctx)->rbp)

/* The stack check's jbe is taken where CF or ZF is set. */
static __always_inline bool go_stack_grows(const GO_CONTEXT *ctx)
{
	return ctx->eflags & 0x41;
}

#elif defined(__TARGET_ARCH_arm64)

#define GO_CONTEXT struct user_pt_regs
#define GO_ARG0(ctx) ((ctx)->regs[0])
#define GO_ARG1(ctx) ((ctx)->regs[1])
#define GO_ARG2(ctx) ((ctx)->regs[2])
#define GO_ARG3(ctx) ((ctx)->regs[3])
#define GO_ARG4(ctx) ((ctx)->regs[4])
#define GO_ARG5(ctx) ((ctx)->regs[5])
#define GO_ARG6(ctx) ((ctx)->regs[6])
#define GO_ARG7(ctx) ((ctx)->regs[7])
#define GO_ARG8(ctx) ((ctx)->regs[8])
#define GO_G(ctx) ((ctx)->regs[28])
#define GO_PC(ctx) ((ctx)->pc)
#define GO_SP(ctx) ((ctx)->sp)
#define GO_FP(ctx) 0ULL /* frames are linked in another way */

/* The stack check's b.ls is taken where C (bit 29) is clear or Z (bit 30) is set. */
static __always_inline bool go_stack_grows(const GO_CONTEXT *ctx)
{
	return !(ctx->pstate & 1U << 29) || ctx->pstate & 1U << 30;
}

#else
#error "no Go registers known for this machine"
#endif

/* What every GO_PROCESS begins with (bpf/go_process.bpf.h). */
struct go_process {
	__u64 bias;              /* run-time address - address in the file */
	__u32 index, generation; /* of the binary that speaks for it */
};

/* A stop of the world (bpf/go_stw.bpf.h), which a tracer that looks at them has in its state of a process. */
struct world_stop {
	__u64 start_ns;
	__u64 stopped_ns, stopping_cpu_ns; /* every P is stopped, and what that took; 0: not known */
	__u32 reason;
	bool is_open;
	__u8 text[STW_TEXT_SIZE]; /* of REASON_TEXT */
};

/* Reads a word of the process; 0 where it cannot be read, which is counted. */
static __always_inline __u64 go_read_u64(__u64 address)
{
	__u64 value = 0;

	if (bpf_probe_read_user(&value, sizeof(value), (const void *)address))
		counter_add(COUNTER_LOST_FAULT, 1);
	return value;
}

static __always_inline __u32 go_read_u32(__u64 address)
{
	__u32 value = 0;

	if (bpf_probe_read_user(&value, sizeof(value), (const void *)address))
		counter_add(COUNTER_LOST_FAULT, 1);
	return value;
}

#endif
