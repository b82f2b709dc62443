# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash

# await COMMAND...: until it succeeds, at most 20 seconds
await() {
	local try
	for try in {1..2000}; do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.01
	done
	echo "never true ($try tries): $*" >&2
	return 1
}
