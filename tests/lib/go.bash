# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Go toolchains for tests, and what is built with them.
#
#	go_toolchain MINOR	prints the path of the go command of the newest known release of, for example, 1.22;
#				fetched (some 70 MB) if it is not there. Where it cannot be had: fails with the reason
#	go_build MINOR MODE OUT FOLDER [BUILD-OPTION]...
#				builds the program in FOLDER and checks that OUT is of that release. MODE: static and
#				static-stripped (without cgo), plain (go build as it comes: with cgo, hence dynamic),
#				pie-stripped, and cgo-pie-stripped (linked by the C compiler)
#	prometheus_fetch	prints the path of Debian's Prometheus server: large, stripped, linked by the C compiler, and
#				built by nobody here. Fails where it cannot be downloaded
#
# What was fetched lies in Go's module cache, what was compiled in build/go/, so that all but the first time is quick.

GO_ROOT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
GO_BUILT=$GO_ROOT/build/go
GO_FETCH_SECONDS=100
GO_ENVIRONMENT=() # NAME=VALUE...: more for go build
declare -gA GO_RELEASES=([1.17]=1.17.13 [1.18]=1.18.10 [1.19]=1.19.13 [1.20]=1.20.14 [1.21]=1.21.13 [1.22]=1.22.12
	[1.23]=1.23.12 [1.24]=1.24.13 [1.25]=1.25.14 [1.26]=1.26.11 [1.27]=1.27.4)

# go_complain WORD...: what it says is the reason a test is skipped for, hence one line
go_complain() {
	printf '%s\n' "$*" | tr '\n' ' ' >&2
	return 1
}

# go_download MODULE@VERSION: into Go's module cache. A go command before 1.21 wants to be in a module for it.
go_download() {
	local folder said status=0
	folder=$(mktemp -d) || return
	echo 'module otb' >"$folder/go.mod"
	said=$(cd "$folder" && GOFLAGS='' GOWORK=off GOTOOLCHAIN=local timeout "$GO_FETCH_SECONDS" \
		go mod download "$1" 2>&1) || status=$?
	rm -rf "$folder"
	[ "$status" -eq 0 ] || go_complain "${said:-go mod download $1 failed with status $status}"
}

# go_unpacked FOLDER: makes a toolchain of a module. Modules have no executable files, and no go.mod but their own
# (cmd/go/internal/toolchain/select.go does the same).
go_unpacked() {
	local file
	[ ! -e "$1/otb-ready" ] || return 0
	chmod -R u+w "$1" && find "$1/bin" "$1/pkg/tool" -type f -exec chmod +x {} + || return
	while IFS= read -r file; do
		cp "$file" "$file.otb" && mv "$file.otb" "${file%/*}/go.mod" || return
	done < <(find "$1" -name _go.mod)
	touch "$1/otb-ready"
}

go_toolchain() {
	local release=${GO_RELEASES[$1]} module folder failed
	command -v go >/dev/null || go_complain 'no go command' || return
	module=golang.org/toolchain@v0.0.1-go$release.$(go env GOHOSTOS)-$(go env GOHOSTARCH)
	folder=$(go env GOMODCACHE)/$module
	failed=${BATS_RUN_TMPDIR:-/tmp}/otb-no-go-$release
	# What could not be fetched is not tried again in the same run: there may be long to wait for nothing.
	[ ! -s "$failed" ] || { cat "$failed" >&2 && return 1; }
	[ -x "$folder/bin/go" ] || go_download "$module" 2>"$failed" || { cat "$failed" >&2 && return 1; }
	rm -f "$failed"
	go_unpacked "$folder" && echo "$folder/bin/go"
}

# go_mode MODE: into GO_OPTIONS and GO_CGO
go_mode() {
	GO_CGO=0 GO_OPTIONS=()
	case $1 in
	static) ;;
	static-stripped) GO_OPTIONS=(-ldflags '-s -w') ;;
	pie-stripped) GO_OPTIONS=(-buildmode=pie -ldflags '-s -w') ;;
	plain) GO_CGO=1 ;;
	cgo-pie-stripped) GO_CGO=1 GO_OPTIONS=(-buildmode=pie -ldflags '-s -w -linkmode=external') ;;
	*) go_complain "go_build: no mode '$1'" ;;
	esac
}

go_build() {
	local minor=$1 out=$3 folder=$4 go flags='' GO_CGO GO_OPTIONS
	go=$(go_toolchain "$minor") && go_mode "$2" || return
	# A checkout may belong to another user, for whom git refuses to say its revision; 1.17 does not ask.
	[ "$minor" = 1.17 ] || flags=-buildvcs=false
	mkdir -p "$GO_BUILT" "${out%/*}" || return
	(
		# The index of the module cache, where the toolchain lies, knows nothing of its library (1.19 then finds none).
		cd "$folder" && export GOENV=off GOWORK=off GOTOOLCHAIN=local GOROOT='' GOFLAGS="$flags" CGO_ENABLED="$GO_CGO" \
			GOCACHE="$GO_BUILT/cache" GODEBUG=goindex=0 "${GO_ENVIRONMENT[@]}" &&
			"$go" build "${GO_OPTIONS[@]}" "${@:5}" -o "$out" . &&
			go_is "$go" "$out" "${GO_RELEASES[$minor]}"
	)
}

# go_is GO FILE RELEASE: what the file itself says
go_is() {
	local said
	said=$("$1" version "$2") && [ "$said" = "$2: go$3" ] || go_complain "not built by go$3: $said"
}

prometheus_fetch() {
	local program=$GO_BUILT/debian/usr/bin/prometheus
	[ -x "$program" ] || (
		mkdir -p "$GO_BUILT/debian" && cd "$GO_BUILT/debian" &&
			timeout 60 apt-get -qq -o Acquire::Retries=3 -o APT::Sandbox::User=root download prometheus </dev/null &&
			dpkg-deb --fsys-tarfile prometheus_*.deb | tar --extract ./usr/bin/prometheus && rm prometheus_*.deb
	) >/dev/null 2>&1 || return
	echo "$program"
}
