#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What other kernels want of BPF programs, as far as it can be told without one (scripts/kernel-matrix has them).

bats_require_minimum_version 1.5.0

setup() {
	ROOT=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	command -v llvm-objdump >/dev/null || skip 'no llvm-objdump'
}

@test "no program has a loop that kernels like 5.10 refuse, or a stack that those from 6.13 on share" {
	run -0 python3 "$ROOT/tests/lib/bpf_flow.py" "${OTB_BUILD:-$ROOT/build}"/bpf/*.bpf.o
	echo "# $output" >&3
}

# assembled NAME LINE...: the function NAME, as an object, in $section
assembled() {
	printf '%s\n' ".section ${section:-.text},\"ax\",@progbits" ".globl $1" "$1:" "${@:2}" >"$BATS_TEST_TMPDIR/$1.s"
	clang --target=bpf -mcpu=v2 -c "$BATS_TEST_TMPDIR/$1.s" -o "$BATS_TEST_TMPDIR/$1.o"
}

@test "a loop that they refuse is found, and one that they take is not" {
	assembled turned 'r1 = 8' 'goto LBB2' 'LBB1: r1 += -1' 'LBB2: r2 = r1' 'if r1 != 0 goto LBB1' exit
	run -1 python3 "$ROOT/tests/lib/bpf_flow.py" "$BATS_TEST_TMPDIR/turned.o"
	[[ $output = *'turned: instruction 2 runs on into the beginning of a loop'* ]]
	assembled straight 'r1 = 8' 'LBB1: r1 += -1' 'if r1 != 0 goto LBB1' exit
	run -0 python3 "$ROOT/tests/lib/bpf_flow.py" "$BATS_TEST_TMPDIR/straight.o"
}

@test "a stack that is shared is found, in programs of uprobes" {
	section=uprobe
	assembled large '*(u64 *)(r10 - 64) = r1' exit
	run -1 python3 "$ROOT/tests/lib/bpf_flow.py" "$BATS_TEST_TMPDIR/large.o"
	[[ $output = *'large: its stack is shared, as it has no tail call'* ]]
	assembled far 'r2 = r10' 'r2 += -72' exit
	run -1 python3 "$ROOT/tests/lib/bpf_flow.py" "$BATS_TEST_TMPDIR/far.o"
	assembled small '*(u64 *)(r10 - 56) = r1' exit
	run -0 python3 "$ROOT/tests/lib/bpf_flow.py" "$BATS_TEST_TMPDIR/small.o"
	assembled kept '*(u64 *)(r10 - 64) = r1' 'call 12' exit
	run -0 python3 "$ROOT/tests/lib/bpf_flow.py" "$BATS_TEST_TMPDIR/kept.o"
	section=raw_tp
	assembled guarded '*(u64 *)(r10 - 64) = r1' exit
	run -0 python3 "$ROOT/tests/lib/bpf_flow.py" "$BATS_TEST_TMPDIR/guarded.o"
}
