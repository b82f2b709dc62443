# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# otb-expose --listen for tests: started, asked, ended. In the current folder, which becomes full of its files.

# shellcheck source=tests/lib/await.bash
. "${BASH_SOURCE[0]%/*}/await.bash"

# free_port: one that nobody listens on, for other servers
free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# serve [OPTION]...: otb-expose in the background on a port that is free, in the namespace $space if there is one; what is
# written to $input is its input
serve() {
	local -a enter=()
	[ -z "${space:-}" ] || enter=(nsenter "--net=/run/netns/$space" --)
	mkfifo in
	rm -f err # which the last one filled: the new one opens its own in its own time
	"${enter[@]}" otb-expose --listen 127.0.0.1:0 "$@" <in 2>err 3>&- &
	background=$!
	exec {input}>in
	await grep -q 'listening on ' err
	port=$(sed -n 's/^otb-expose: listening on 127\.0\.0\.1:\([0-9]*\).*/\1/p' err)
	url=http://127.0.0.1:$port
}

# stop: ends it and looks for what it should not have said
stop() {
	kill -TERM "$background"
	exec {input}>&- # else it waits a second for a last word
	wait "$background"
	background=
	rm in
	[ "$(wc -l <err)" = 1 ]
}

serve_kill() {
	[ -z "${background:-}" ] || kill -KILL "$background" 2>/dev/null || true
}

# get [CURL OPTION]... URL
get() {
	curl --silent --show-error --max-time 20 "$@"
}

# value SERIES: on the page now
value() {
	get "$url/metrics" | series=$1 awk 'BEGIN { series = ENVIRON["series"] " "; size = length(series) }
		substr($0, 1, size) == series { print substr($0, size + 1); found = 1 }
		END { exit !found }'
}

value_is() {
	[ "$(value "$1")" = "$2" ]
}

# connect: a connection, its descriptor in $connection
connect() {
	# shellcheck disable=SC2034 # for whoever calls us
	exec {connection}<>"/dev/tcp/127.0.0.1/$port"
}
