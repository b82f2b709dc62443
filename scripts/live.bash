# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # some of it is read by who sourced this
#
# What scripts/demo and scripts/soak share, which both let tracers look at something live: a workshop that leaves nothing
# behind, tracers with names, and one pipe for several of them. Who sources this has scripts/lib.bash, and is at the
# root of the project.

# shellcheck source=tests/lib/net.bash
. tests/lib/net.bash
# shellcheck source=tests/lib/gcloop.bash
. tests/lib/gcloop.bash
# shellcheck source=tests/lib/shop.bash
. tests/lib/shop.bash
# shellcheck source=tests/lib/tracer.bash
. tests/lib/tracer.bash

work=                 # a folder that goes when we do
pipe='' reader=''     # the descriptor that tracers share, and the process that reads from it
declare -A tracers=() # name -> pid
TRACER_UNDER=(setpriv --pdeathsig KILL)

# ---- The workshop ------------------------------------------------------------------------------------------------------

# In a mount namespace of our own ($OTB_UNSHARED is our pid) the names of network namespaces go with us, and so does what
# is in that file system.
open_workshop() {
	trap clean_up EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	if mkdir -p /run/netns && [[ ${OTB_UNSHARED-} == "$$" ]]; then
		mount -t tmpfs -o mode=0755 tmpfs /run/netns
		export TMPDIR=/run/netns
	fi
	work=$(mktemp -d "${TMPDIR:-/tmp}/otb-${0##*/}.XXXXXX")
}

clean_up() {
	local status=$? name
	trap '' INT TERM HUP
	for name in "${!tracers[@]}"; do
		kill -KILL "${tracers[$name]}" 2>/dev/null || true
		wait "${tracers[$name]}" 2>/dev/null || true
	done
	net_down || true
	close_pipe || true
	[[ -z $work ]] || rm -rf "$work"
	exit "$status"
}

# ---- Tracers -----------------------------------------------------------------------------------------------------------

# Starts one, or a filter, and returns once it is ready. Its stdout is ours.
start_tracer() { # NAME PROGRAM OPTION...
	TMPDIR=$work tracer_launch "${@:2}" 2>"$work/$1.err" || die "$2 does not start: $(cat "$work/$1.err")"
	tracers[$1]=$TRACER_PID
}

start_retransmissions() { # NAME OPTION...
	start_tracer "$1" otb-tcpretrans --netns "/run/netns/$NET_A" "${@:2}"
}

# For one that ends by itself.
await_tracer() { # NAME
	local status=0
	wait "${tracers[$1]}" || status=$?
	unset "tracers[$1]"
	cat "$work/$1.err" >&2
	((status == 0)) || die "the tracer '$1' ended with status $status"
}

stop_tracer() { # NAME
	kill -TERM "${tracers[$1]}"
	await_tracer "$1"
}

# ---- One pipe for several ----------------------------------------------------------------------------------------------

# The function reads what is written to $pipe from now on.
open_pipe() { # FUNCTION
	# It ends when its input does.
	exec {pipe}> >(trap '' INT && "$1")
	reader=$!
}

# The end of its input; fails unless the function did well. Safe to call twice.
close_pipe() {
	local status=0
	[[ -n $pipe ]] || return 0
	exec {pipe}>&-
	pipe=
	wait "$reader" || status=$?
	return "$status"
}

# ---- The page ----------------------------------------------------------------------------------------------------------

# The shell that it is called in, as one of a pipeline's, becomes an otb-expose that serves in NET_A.
serve_page() { # OPTION...
	exec nsenter "--net=/run/netns/$NET_A" -- "${TRACER_UNDER[@]}" "$TRACER_BUILD/otb-expose" --listen :9464 "$@"
}

fetch_page() {
	net_in a curl -s -o "$work/page" localhost:9464/metrics
}

# All series of this name.
sum_page() { # NAME
	awk -v name="$1" 'index($1, name "{") == 1 { sum += $NF } END { print sum + 0 }' "$work/page"
}

# What tracers wrote at their end arrives at the page within some moments.
await_page() { # NAME LEAST
	local try
	for try in {1..100}; do
		fetch_page
		(($(sum_page "$1") < $2)) || return 0
		sleep 0.05
	done
}
