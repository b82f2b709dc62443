# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Whether something grows: a memory, say, that was looked at every few seconds.
#
#	growth FILE COLUMN	by how much the numbers in this column grow from the first line to the last: the median of the
#				slopes between any two lines, so that noise does not count; nor does one block more of memory: a
#				step that is four times any other has none across it. The first column is the time. Fails if
#				there are fewer than 10 lines

growth() {
	[ "$(wc -l <"$1")" -ge 10 ] || {
		echo "$1: too few lines to tell" >&2
		return 1
	}
	awk -v column="$2" 'BEGIN { behind = 1 } {
		time[NR] = $1
		value[NR] = $column
		by = NR > 1 ? value[NR] - value[NR - 1] : 0
		if (by > step) {
			other = step
			step = by
			behind = NR
		} else if (by > other) {
			other = by
		}
	} END {
		if (step < 4 * other)
			behind = 1
		for (j = 2; j <= NR; j++)
			for (i = j < behind ? 1 : behind; i < j; i++)
				printf "%.9f\n", (value[j] - value[i]) / (time[j] - time[i])
	}' "$1" | sort -g | awk -v seconds="$(awk 'NR == 1 { first = $1 } END { print $1 - first }' "$1")" '
		{ slope[NR] = $1 }
		END { printf "%.0f\n", seconds * (slope[int((NR + 1) / 2)] + slope[int((NR + 2) / 2)]) / 2 }'
}
