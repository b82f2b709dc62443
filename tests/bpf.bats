#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What old kernels want of BPF programs, as far as it can be told without one (scripts/kernel-matrix has them).

bats_require_minimum_version 1.5.0

setup() {
	ROOT=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	command -v llvm-objdump >/dev/null || skip 'no llvm-objdump'
}

@test "no program has a loop that kernels like 5.10 refuse" {
	run -0 python3 "$ROOT/tests/lib/bpf_flow.py" "${OTB_BUILD:-$ROOT/build}"/bpf/*.bpf.o
	echo "# $output" >&3
}

# assembled NAME LINE...: the function NAME, as an object
assembled() {
	printf '%s\n' .text ".globl $1" "$1:" "${@:2}" >"$BATS_TEST_TMPDIR/$1.s"
	clang --target=bpf -mcpu=v2 -c "$BATS_TEST_TMPDIR/$1.s" -o "$BATS_TEST_TMPDIR/$1.o"
}

@test "a loop that they refuse is found, and one that they take is not" {
	assembled turned 'r1 = 8' 'goto LBB2' 'LBB1: r1 += -1' 'LBB2: r2 = r1' 'if r1 != 0 goto LBB1' exit
	run -1 python3 "$ROOT/tests/lib/bpf_flow.py" "$BATS_TEST_TMPDIR/turned.o"
	[[ $output = *'turned: instruction 2 runs on into the beginning of a loop'* ]]
	assembled straight 'r1 = 8' 'LBB1: r1 += -1' 'if r1 != 0 goto LBB1' exit
	run -0 python3 "$ROOT/tests/lib/bpf_flow.py" "$BATS_TEST_TMPDIR/straight.o"
}
