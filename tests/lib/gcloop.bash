# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A Go program to look at (tests/target/go/gcloop), for suites to which any release of Go is as good as another.
#
#	gcloop_build FILE [PROGRAM [OPTION]...]
#				builds it, or another program of tests/target/go, by the go command there is; where that
#				cannot be done, fails with the reason

GCLOOP_ROOT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)

gcloop_build() {
	local minor file=$1 program=${2:-gcloop}
	shift "$(($# < 2 ? $# : 2))"
	command -v go >/dev/null || { echo 'no go command' >&2 && return 1; }
	minor=$(GOTOOLCHAIN=local go env GOVERSION | sed -nE 's/^go1\.([0-9]+).*/\1/p')
	[ "${minor:-0}" -ge 17 ] || { echo "$(go version) is too old" >&2 && return 1; }
	# A checkout may belong to another user, for whom git refuses to say its revision; 1.17 does not ask.
	(cd "$GCLOOP_ROOT/tests/target/go/$program" && GOENV=off GOWORK=off GOTOOLCHAIN=local CGO_ENABLED=0 \
		GOCACHE=$GCLOOP_ROOT/build/go/cache GOFLAGS=$([ "$minor" = 17 ] || echo -buildvcs=false) \
		go build "$@" -o "$file" .) 2>&1 | tr '\n' ' ' >&2
	[ -x "$file" ]
}
