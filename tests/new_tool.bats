#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# scripts/new-tool: both kinds of tools, made in a copy of the tree, are whole without a hand's touch: they build without a
# warning, keep the contract, and pass what scripts/check asks of code and pages.
#
# bats file_tags=no-san

bats_require_minimum_version 1.5.0

setup_file() {
	local root
	root=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	export COPY=$BATS_FILE_TMPDIR/otb
	mkdir "$COPY"
	tar --create --directory "$root" --exclude=./.git --exclude='./build*' . | tar --extract --directory "$COPY"
	# What is built already, so that little has to be; but what scripts/check may be making meanwhile.
	[ ! -e "$root/build/flags" ] || (cd "$root" && find build \( -path build/go -o -path build/check -o -path build/fuzz -o \
		-path build/tests/fuzz \) -prune -o -type f -exec cp -a --parents -t "$COPY" {} +)
	mkdir -p "$COPY/build" "$root/build/go"
	ln -s "$root/build/go" "$COPY/build/go"
	cd "$COPY" || return
	export DEV=1
	scripts/new-tool --tracer reads
	scripts/new-tool --filter sieve
	make -j "$(nproc)" all
}

setup() {
	export OTB_BUILD=$COPY/build
	cd "$COPY" || return
}

# suite NAME [OPTION]...: a suite of the copy passes
suite() {
	bats --formatter tap "${@:2}" "tests/$1.bats" 3>&- >"$BATS_TEST_TMPDIR/tap" 2>&1 ||
		{ grep -v '^ok ' "$BATS_TEST_TMPDIR/tap" && return 1; }
	grep -q '^ok ' "$BATS_TEST_TMPDIR/tap"
}

@test "they are built" {
	build/otb-reads --version
	build/otb-sieve --version
	make -q all
}

@test "their own suites pass" {
	suite reads
	suite sieve
}

@test "help, man page and completions agree, and fields are documented" {
	OTB_PROGRAMS='otb-reads otb-sieve' suite docs --filter \
		'has help|the same options|names every program|are clean|sections|refer to|declares is in|no label may'
}

@test "they stand where tools are listed" {
	grep -qx '| `otb-reads` | TODO | here |' README.md
	grep -qx -- '- `otb-sieve`: TODO.' CHANGELOG.md
	mandoc -T ascii man/otb.7 | col -bx | grep -A 1 '^ *otb-sieve(1)' | grep -q 'A filter: TODO'
	mandoc -T ascii man/otb-records.7 | col -bx | grep -qx '   reads'
}

@test "records of the tracer become metrics" {
	[ "$(build/otb-expose <tests/records/reads.jsonl | grep '^otb_reads')" = 'otb_reads_events_total{comm="orders"} 2
otb_reads_events_total{comm="search"} 1' ]
}

@test "a name that cannot be, and one that is there: nothing is touched" {
	local name
	find . -newer build/otb-expose -type f ! -path './build/*' >before
	for name in '' x X1 a-b 1a records sample reads abcdefghijklmnop; do
		run -1 scripts/new-tool --filter "$name"
	done
	for name in '' --filter '--tool x' '--tracer x y'; do
		# shellcheck disable=SC2086
		run -2 scripts/new-tool $name
	done
	find . -newer build/otb-expose -type f ! -path './build/*' ! -path ./before | diff <(grep -vx ./before before) -
}

# bats test_tags=long
@test "they keep the contract of all tools" {
	OTB_PROGRAMS='otb-reads otb-sieve' suite contract
}

# bats test_tags=long
@test "their examples run" {
	suite docs
}

# bats test_tags=long
@test "code and pages are as scripts/check wants them" {
	scripts/check --no-setup --code 3>&-
}
