# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Whether something grows: a memory, say, that was looked at every few seconds.
#
#	growth FILE COLUMN	by how much the numbers in this column grow from the first line to the last: the median of the
#				slopes between any two lines, so that neither noise nor a single step counts; the first column is
#				the time. Fails if there are fewer than 10 lines

growth() {
	[ "$(wc -l <"$1")" -ge 10 ] || {
		echo "$1: too few lines to tell" >&2
		return 1
	}
	awk -v column="$2" '{
		time[NR] = $1
		value[NR] = $column
		for (i = 1; i < NR; i++)
			printf "%.9f\n", (value[NR] - value[i]) / (time[NR] - time[i])
	}' "$1" | sort -g | awk -v seconds="$(awk 'NR == 1 { first = $1 } END { print $1 - first }' "$1")" '
		{ slope[NR] = $1 }
		END { printf "%.0f\n", seconds * (slope[int((NR + 1) / 2)] + slope[int((NR + 2) / 2)]) / 2 }'
}
