#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What lies ready in scripts/deploy, by parsers that are built from their Go modules first: the Collector, Alloy's, and
# Kubernetes' types.
#
# bats file_tags=no-san

bats_require_minimum_version 1.5.0

setup_file() {
	export BATS_TEST_TIMEOUT=900
}

setup() {
	root=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	deploy=$root/scripts/deploy
	load lib/go
	load lib/otelcol
	cd "$BATS_TEST_TMPDIR" || return
}

@test "the Collector takes its configurations" {
	otelcol_build 2>why || skip "no Collector: $(cat why)"
	for name in agent gateway; do
		OTB_GATEWAY=http://127.0.0.1:1 OTB_STORE=http://127.0.0.1:1 OTB_STATE=$PWD/state OTB_LOGS=$PWD \
			"$OTELCOL" validate --config "$deploy/collector/$name.yaml"
	done
}

@test "River's parser takes Alloy's configuration, and Kubernetes' types the manifest" {
	go=$(go_toolchain 1.26 2>why) || skip "no Go: $(cat why)"
	(cd "$root/tests/target/go/deployed" && GOENV=off GOWORK=off GOTOOLCHAIN=local GOFLAGS=-buildvcs=false \
		GOCACHE=$GO_BUILT/cache CGO_ENABLED=0 "$go" build -o "$BATS_TEST_TMPDIR/deployed" . 2>"$BATS_TEST_TMPDIR/why") ||
		skip "not built: $(tr '\n' ' ' <why)"
	run -0 ./deployed "$deploy/alloy/otb.alloy" "$deploy/kubernetes/otb.yml"
	[ "$output" = "4 read" ]
	# It can tell.
	sed 's/hostPID/hostPid/' "$deploy/kubernetes/otb.yml" >bad.yml
	run -1 ./deployed bad.yml
	sed 's/stage.json {/stage.json/' "$deploy/alloy/otb.alloy" >bad.alloy
	run -1 ./deployed bad.alloy
}
