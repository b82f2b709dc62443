#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# make install and uninstall, and what the Debian package is made by, as far as it can be told without building it
# (package.long.bats does).
#
# bats file_tags=no-san

bats_require_minimum_version 1.5.0

setup() {
	load lib/tracer
	root=$TRACER_ROOT
	tree=$BATS_TEST_TMPDIR/tree
	cd "$BATS_TEST_TMPDIR" || return
}

need_root() {
	[ "$EUID" -eq 0 ] || skip 'needs root'
}

# make_in_tree GOAL [VARIABLE=VALUE]...: of what is built already, whatever the flags were
make_in_tree() {
	make --silent -C "$root" -o all BUILD="$TRACER_BUILD" DESTDIR="$tree" "$@"
}

# files_in FOLDER: regular files and their modes, one a line
files_in() {
	(cd "$1" && find . ! -type d -printf '%m %p\n' | sort)
}

# expected_files BIN SBIN SHARE ZSH: those that belong in a tree, by the rule of the man pages: what has one in section 8 is
# for root
expected_files() {
	local path name
	for path in "$TRACER_BUILD"/otb-*; do
		[[ -f $path && -x $path ]] || continue
		name=${path##*/}
		if [ -e "$root/man/$name.8" ]; then echo "755 .$2/$name"; else echo "755 .$1/$name"; fi
		printf '644 .%s\n' "$3/bash-completion/completions/$name" "$4/_$name" "$3/fish/vendor_completions.d/$name.fish"
	done
	for path in "$root"/man/*; do
		echo "644 .$3/man/man${path##*.}/${path##*/}"
	done
}

@test "make install puts every program, page and completion where it belongs" {
	make_in_tree install PREFIX=/opt/otb ZSHDIR=/opt/zsh
	diff <(expected_files /opt/otb/bin /opt/otb/sbin /opt/otb/share /opt/zsh | sort) <(files_in tree)
}

@test "without PREFIX it is /usr/local" {
	make_in_tree install
	local share=/usr/local/share
	diff <(expected_files /usr/local/bin /usr/local/sbin $share $share/zsh/site-functions | sort) <(files_in tree)
}

# A packager's make variable INSTALL is a command.
@test "make install is not led astray by INSTALL" {
	make_in_tree install PREFIX=/usr INSTALL='install --strip-program=true'
	[ -x tree/usr/sbin/otb-trace ]
}

@test "make uninstall removes what make install put there, and nothing else" {
	make_in_tree install PREFIX=/usr
	echo mine >tree/usr/bin/mine
	echo mine >tree/usr/share/man/man1/mine.1
	make_in_tree uninstall PREFIX=/usr
	[ "$(files_in tree)" = '644 ./usr/bin/mine
644 ./usr/share/man/man1/mine.1' ]
	make_in_tree uninstall PREFIX=/usr
}

@test "what is installed works where there is no repository" {
	need_root
	make_in_tree install PREFIX=/usr
	# An empty file system, of this shell only, hides the build, which may lie in the repository, and then the repository.
	cat >hidden <<-'END'
		mount -t tmpfs hidden "$2" && mount -t tmpfs hidden "$1" && [ ! -e "$1/Makefile" ] || exit 99
		shift 2
		exec "$@"
	END
	cp -a tree elsewhere
	local program
	for program in elsewhere/usr/*bin/otb-*; do
		run -0 --separate-stderr unshare --mount sh hidden "$root" "$TRACER_BUILD" "$PWD/$program" --version
		[[ $output = "${program##*/} "* && -z $stderr ]]
	done
	# shellcheck disable=SC2154 # of bats
	run -0 unshare --mount sh hidden "$root" "$TRACER_BUILD" sh -c \
		'echo "{\"n\":1}" | "$1"/otb-sample --keep "n == 1" | "$1"/otb-expose -m "counter n_total"' sh "$PWD/elsewhere/usr/bin"
	[[ $output = *'n_total 1'* ]]
	bpf_permitted || skip 'of the tracers only --version: eBPF is not permitted here'
	run -0 unshare --mount sh hidden "$root" "$TRACER_BUILD" "$PWD/elsewhere/usr/sbin/otb-tcpretrans" -d 1ms --stats
	[[ $output = *'"event":"stats"'* ]]
}

@test "no file that is installed names the repository" {
	make_in_tree install PREFIX=/usr
	run -1 grep -rlF "$root" tree/usr/share
	# Debug information does, and is not in what a package has; the BTF of BPF programs is.
	local program
	for program in tree/usr/*bin/*; do
		strip "$program"
		run -1 grep -F "$root/" "$program"
		run -1 grep -E 'R(UN)?PATH' <(readelf --dynamic "$program")
	done
}

# ---- The package ---------------------------------------------------------------------------------------------------------

# build_dependencies: of scripts/debian/control, without versions and alternatives, but for debhelper
build_dependencies() {
	sed -n '/^Build-Depends:/,/^$/{s/^ \([^ ,]*\).*/\1/p}' "$root/scripts/debian/control" | grep -v '^debhelper' | sort
}

# installed_by_setup: what scripts/setup installs for a build, with bpftool for which it has a function
installed_by_setup() {
	local build_packages=()
	# shellcheck source=scripts/lib.bash
	. "$root/scripts/lib.bash"
	eval "$(sed -n '/^build_packages=(/,/)/p' "$root/scripts/setup")"
	# gcc, make and libc6-dev are build-essential, which no package names.
	printf '%s\n' bpftool "${build_packages[@]}" | grep -vxE 'gcc|make|libc6-dev' | sort
}

@test "the package's build dependencies are what scripts/setup installs" {
	[ "$(build_dependencies | wc -l)" -gt 10 ]
	diff <(build_dependencies) <(installed_by_setup)
}

@test "the package's files name every license that the code has" {
	local license
	for license in $(grep -rhoE 'SPDX-License-Identifier: .*' "$root"/{bpf,cmd,common} | sed 's/.*: //; s/ \*\/$//' |
		sed 's/ OR /\n/g' | sort -u); do
		grep -qx "License: .*${license%.0-only}.*" "$root/scripts/debian/copyright"
	done
}

# A tree of its own, with a CHANGELOG.md of ours
changelog() { # TEXT
	mkdir -p repository/common/cli
	cp -r "$root/scripts" repository
	printf '%s\n' "$1" >repository/CHANGELOG.md
	repository/scripts/deb --changelog 1796050000
}

@test "CHANGELOG.md becomes a changelog that dpkg reads" {
	command -v dpkg-parsechangelog >/dev/null || skip 'no dpkg-parsechangelog'
	changelog '# Changelog

Words before.

## 0.3.0-rc1 (not released)

- `one`: an item of more than seventy-four characters, which has to be folded, and goes
  on in a second line.
- Two.

## 0.2.1 (2026-03-01)

- Three.' >changelog
	run -0 dpkg-parsechangelog --all -l changelog
	[[ $output = *"Version: 0.3.0~rc1~20261130144640"* ]]
	[[ $output = *"Date: Mon, 30 Nov 2026 14:46:40 +0000"* ]]
	run -0 cat changelog
	[[ $output = *'
otb (0.2.1) unstable; urgency=medium

  * Three.

 -- The otb authors <'*'>  Sun, 01 Mar 2026 00:00:00 +0000' ]]
	[[ $output = *'
  * `one`: an item of more than seventy-four characters, which has to be
    folded, and goes on in a second line.
  * Two.

'* ]]
	[ "$(awk 'length > 80' changelog)" = '' ]
	dpkg --compare-versions 0.3.0~rc1~20261130144640 lt 0.3.0~rc1
}

@test "the newest version of CHANGELOG.md is that of the programs" {
	run -0 "$TRACER_BUILD/otb-trace" --version
	[[ ${lines[0]} = "otb-trace $(sed -n 's/^## \([^ ]*\) .*/\1/p' "$root/CHANGELOG.md" | head -n 1)"* ]]
}
