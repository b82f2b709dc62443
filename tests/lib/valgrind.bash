# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Programs under valgrind's memcheck, for tests.
#
#	valgrind_wrap FOLDER	makes a build folder in which each otb-* is a script that runs the program of $OTB_BUILD
#				(build) under valgrind; whoever has it as OTB_BUILD and in PATH runs them so
#	memcheck PROGRAM...	a command under valgrind, which exits VALGRIND_CODE where it finds anything: memory that is
#				used before it is set, used behind its end, or left behind without a pointer to it

VALGRIND_ROOT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
VALGRIND_CODE=99
VALGRIND=(valgrind --quiet --error-exitcode="$VALGRIND_CODE" --leak-check=full
	"--errors-for-leak-kinds=definite,indirect,possible" --suppressions="$VALGRIND_ROOT/tests/lib/valgrind.supp")

memcheck() {
	"${VALGRIND[@]}" "$@"
}

valgrind_wrap() {
	local folder=$1 from=${OTB_BUILD:-$VALGRIND_ROOT/build} program
	mkdir -p "$folder"
	ln -s "$from/tests" "$folder/tests"
	for program in "$from"/otb-*; do
		[ -x "$program" ] || continue
		printf '#!/bin/sh\nexec %s "%s" "$@"\n' "${VALGRIND[*]}" "$program" >"$folder/${program##*/}"
		chmod +x "$folder/${program##*/}"
	done
}
