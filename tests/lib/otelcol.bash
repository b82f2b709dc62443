# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# An OpenTelemetry Collector for tests (tests/target/go/otelcol), built once by `go build` from its modules, which takes
# minutes. Needs lib/go.
#
#	otelcol_build			builds it; fails with the reason, in one line, where that cannot be done
#	OTELCOL				its path
#	series_of PAGE			its samples, one a line, labels in order, without those that are empty, sorted

# shellcheck disable=SC2034 # read by who sourced this
OTELCOL=$GO_BUILT/otelcol
OTELCOL_GO=1.26

otelcol_build() {
	local go folder=$GO_ROOT/tests/target/go/otelcol
	[ ! "$OTELCOL" -nt "$folder/main.go" ] || [ ! "$OTELCOL" -nt "$folder/go.sum" ] || return 0
	go=$(go_toolchain "$OTELCOL_GO") || return
	(cd "$folder" && GOENV=off GOWORK=off GOTOOLCHAIN=local GOFLAGS=-buildvcs=false \
		GOCACHE=$GO_BUILT/cache CGO_ENABLED=0 "$go" build -ldflags '-s -w' -o "$OTELCOL" .) 2>&1 | tr '\n' ' ' >&2
	[ -x "$OTELCOL" ]
}

series_of() {
	python3 - "$1" <<-'END'
		import re, sys
		lines = []
		for line in open(sys.argv[1], encoding="utf-8"):
		    match = re.match(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$', line.rstrip("\n"))
		    if not match:
		        continue
		    labels = re.findall(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"', match[2] or "")
		    shown = ",".join(f'{name}="{value}"' for name, value in sorted(labels) if value)
		    lines.append(f"{match[1]}{{{shown}}} {float(match[3]):.12g}")
		print("\n".join(sorted(lines)))
	END
}
