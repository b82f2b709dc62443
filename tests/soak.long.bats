#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# scripts/soak: all tools together for five minutes, at 5,000 requests a second where there are processors for it.

bats_require_minimum_version 1.5.0

setup_file() {
	export BATS_TEST_TIMEOUT=900
}

setup() {
	load lib/tracer
	load lib/gcloop
	load lib/shop
}

# bats test_tags=no-san
@test "five minutes: memory is flat, and counts are those of client, services, runtime and kernel" {
	bpf_permitted || skip 'eBPF is not permitted here'
	shop_make 2>"$BATS_TEST_TMPDIR/why" || skip "$(cat "$BATS_TEST_TMPDIR/why")"
	run -0 "$TRACER_ROOT/scripts/soak"
	printf '# %s\n' "${lines[@]}" >&3
}
