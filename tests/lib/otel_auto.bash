# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# OpenTelemetry's own tracer for Go (go.opentelemetry.io/auto), for benchmarks: built once by `go build` from its modules,
# which takes minutes. Its BPF programs are not in the module: bpf2go makes them by clang and llvm-strip. Needs lib/go.
#
#	otel_auto_build			builds it; fails with the reason, in one line, where that cannot be done
#	OTEL_AUTO			its path
#	OTEL_AUTO_RELEASE

OTEL_AUTO_RELEASE=v0.24.0
OTEL_AUTO=$GO_BUILT/otel-auto-$OTEL_AUTO_RELEASE
OTEL_AUTO_GO=1.26

# otel_auto_unpack FOLDER: a copy of the module that can be written to, and that builds by itself
otel_auto_unpack() {
	local module=go.opentelemetry.io/auto
	go_download "$module@$OTEL_AUTO_RELEASE" || return
	rm -rf "$1"
	cp -r --no-preserve=mode "$(go env GOMODCACHE)/$module@$OTEL_AUTO_RELEASE" "$1" &&
		# The other module of its repository is one like any other here.
		(cd "$1" && go mod edit -dropreplace "$module/sdk")
}

otel_auto_build() {
	local go folder=$GO_BUILT/otel-auto said
	[ ! -x "$OTEL_AUTO" ] || return 0
	go=$(go_toolchain "$OTEL_AUTO_GO") && otel_auto_unpack "$folder" || return
	said=$(
		export GOENV=off GOWORK=off GOTOOLCHAIN=local GOROOT='' GOFLAGS='-mod=mod -buildvcs=false' GOCACHE="$GO_BUILT/cache" \
			CGO_ENABLED=0 PATH="${go%/*}:$PATH" BPF2GO_CFLAGS="-I$folder/internal/include/libbpf -I$folder/internal/include"
		exec 2>&1
		cd "$folder" && go generate ./internal/... && go build -ldflags '-s -w' -o "$OTEL_AUTO" ./cli
	) || go_complain "$said" || return
	rm -rf "$folder"
}
