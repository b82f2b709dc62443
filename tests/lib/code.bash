# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Whether there are probes in a process. Needs lib/net.

# code_differs PID FILE: whether the code of the process, in memory, is other than in its file: there are probes in it
code_differs() {
	local range flags offset path start size
	while read -r range flags offset _ _ path; do
		[[ $flags = r-x* && $path = "$2" ]] || continue
		start=$((16#${range%-*})) size=$((16#${range#*-} - start))
		cmp -s <(dd if="/proc/$1/mem" bs=4096 skip=$((start / 4096)) count=$((size / 4096)) status=none) \
			<(tail -c "+$((16#$offset + 1))" "$2" | head -c "$size") || return 0
	done <"/proc/$1/maps"
	return 1
}

# until_clean PID FILE: the kernel takes probes out a little later than a tracer that is killed ends
until_clean() {
	local try
	for try in {1..500}; do
		code_differs "$@" || return 0
		sleep 0.02
	done
	net_complain "there are still probes in $1 ($try tries)"
}
