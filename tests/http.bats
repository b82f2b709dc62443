#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# otb-expose --listen as HTTP: what is answered to whom, in which form, and what clients cannot do to it.
#
# shellcheck disable=SC2030,SC2031,SC2154 # each test has its own `background`, `input`, `port`, `url`, of lib/http

bats_require_minimum_version 1.5.0

setup() {
	root=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
	records=$root/tests/records
	PATH=${OTB_BUILD:-$root/build}:$PATH
	cd "$BATS_TEST_TMPDIR" || return
	load lib/http
	ulimit -S -n "$(ulimit -H -n)"
}

teardown() {
	serve_kill
}

# status CODE [CURL OPTION]... URL: whether that is the answer
status() {
	local got
	got=$(get --output /dev/null --write-out '%{http_code}' "${@:2}") || true
	[ "$got" = "$1" ] || { echo "$got, not $1: ${*:2}" >&2 && return 1; }
}

# header NAME: its value in the answer on stdin, of `get --head` or `get --include`
header() {
	tr -d '\r' | sed '/^$/q' | sed -n "s/^$1: //Ip"
}

# lasting: a page without what differs from scrape to scrape
lasting() {
	grep -v otb_expose_
}

# answers BYTES...: what the server sends to these, as printf prints them, until it closes
answers() {
	connect
	# In a subshell, since writing to a connection that is closed would end us.
	# shellcheck disable=SC2059 # it is a format
	(printf "$@" 1>&"$connection") 2>/dev/null || true
	timeout 20 cat <&"$connection" 2>/dev/null | tr -d '\0'
	exec {connection}>&-
}

secret() { # FILE CONTENT
	(umask 077 && printf '%b' "$2" >"$1")
}

certificate() { # NAME
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.pem" -days 2 -subj /CN=localhost \
		-addext subjectAltName=IP:127.0.0.1 2>/dev/null
}

# ---- what is answered ------------------------------------------------------------------------------------------------

@test "/metrics, /healthz, / and nothing else" {
	serve
	cat "$records/tcpretrans.jsonl" >&"$input"
	await value_is otb_expose_lines_total "$(wc -l <"$records/tcpretrans.jsonl")"
	get "$url/metrics" | promtool check metrics
	[ "$(get --include "$url/metrics" | header content-type)" = \
		'text/plain; version=0.0.4; charset=utf-8; escaping=underscores' ]
	[ "$(get --head "$url/metrics" | header cache-control)" = no-store ]
	status 200 "$url/metrics?name=x"
	[ "$(get "$url/healthz")" = ok ]
	[[ "$(get --head "$url/healthz" | header content-type)" == text/plain* ]]
	[[ "$(get "$url/")" == '<!DOCTYPE html>'*'href="metrics"'*'href="healthz"'*'</html>' ]]
	[[ "$(get --head "$url/" | header content-type)" == text/html* ]]
	for path in /metrics/ /metric /METRICS //metrics /healthz/x /favicon.ico /../metrics; do
		status 404 --path-as-is "$url$path"
	done
	stop
}

@test "the absolute form of a request is one as any other (RFC 9112, 3.2.2)" {
	asks() { # TARGET STATUS
		[ "$(answers 'GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' "$1" | head -n 1 | cut -d ' ' -f 2)" = "$2" ] ||
			{ echo "$1: not $2" >&2 && return 1; }
	}
	serve
	for target in /metrics http://127.0.0.1:9464/metrics HTTP://a/metrics https://[::1]:9464/metrics 'http://a/metrics?x=http://b/' \
		http://a http://a/ 'http://a?x' http://a/healthz; do
		asks "$target" 200
	done
	for target in http://a/nothing http://a/metrics/ http:///metrics http:/metrics http://a//metrics ftp://a/metrics \
		a/metrics /http://a/metrics http://a/http://a/metrics; do
		asks "$target" 404
	done
	answers 'GET http://a/metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' | grep -q '^otb_expose_lines_total 0'
	get --proxy "$url" http://nowhere.invalid/metrics | promtool check metrics
	stop
	secret auth 'u:p\n'
	serve --basic-auth-file auth
	asks http://a/metrics 401
	asks http://a/healthz 200
	stop
}

@test "HTTP/1.1 names exactly one host, HTTP/1.0 need not: else 400 (RFC 9112, 3.2)" {
	asks() { # STATUS REQUEST-LINE HEADER...
		[ "$(answers '%s\r\n' "${@:2}" '' | head -n 1 | cut -d ' ' -f 2)" = "$1" ] || { echo "not $1: ${*:2}" >&2 && return 1; }
	}
	secret auth 'u:p\n'
	serve --basic-auth-file auth
	for target in /metrics http://a/metrics /healthz / /nothing; do
		asks 400 "GET $target HTTP/1.1" 'Connection: close'
		asks 400 "HEAD $target HTTP/1.1" 'Connection: close'
		asks 400 "POST $target HTTP/1.1" 'Connection: close'
		asks 400 "GET $target HTTP/1.1" 'Host: a' 'Connection: close' 'host: a'
		asks 400 "GET $target HTTP/1.0" 'Host: a' 'Host: b'
	done
	asks 200 'GET /healthz HTTP/1.0'
	asks 200 'GET http://a/healthz HTTP/1.0'
	asks 200 'GET /healthz HTTP/1.1' 'hOST: a' 'Connection: close'
	asks 200 'GET /healthz HTTP/1.1' 'Host:' 'Connection: close' # of a target without an authority
	stop
}

@test "the page is that of --once" {
	otb-expose <"$records/tcpretrans.jsonl" | lasting >expected
	[ -s expected ]
	serve
	cat "$records/tcpretrans.jsonl" >&"$input"
	await value_is otb_expose_lines_total "$(wc -l <"$records/tcpretrans.jsonl")"
	get "$url/metrics" | lasting | diff expected -
	stop
}

@test "only GET and HEAD: 405, which names them" {
	local method
	serve
	for method in POST PUT DELETE PATCH OPTIONS TRACE FOO; do
		status 405 --request "$method" "$url/metrics"
		status 405 --request "$method" "$url/"
		status 404 --request "$method" "$url/nothing"
	done
	[ "$(get --include --data body "$url/metrics" | header allow)" = 'GET, HEAD' ]
	head -c 1000000 /dev/zero >body
	status 405 --data-binary @body "$url/metrics"
	# It is read before the answer, else a client that still sends may lose that; the connection goes on behind it.
	answers 'POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbodyGET /healthz HTTP/1.1\r\nHost: a\r\n%s' \
		$'Connection: close\r\n\r\n' >both
	[ "$(grep -o '^HTTP/1.1 [0-9]*' both | tr '\n' ' ')" = 'HTTP/1.1 405 HTTP/1.1 200 ' ]
	status 200 --request GET --data-binary @body "$url/metrics" # a body is no harm
	stop
}

@test "HEAD says what GET would send, and sends none of it" {
	serve
	for path in / /healthz /nothing; do
		[ "$(get --head "$url$path" | header content-length)" = "$(get "$url$path" | wc -c)" ]
	done
	[ "$(get --head "$url/metrics" | header content-length)" -gt 1000 ]
	[ "$(answers 'HEAD /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' | tail -c 4)" = $'\r\n\r' ]
	stop
}

@test "OpenMetrics where it is asked for" {
	local om='application/openmetrics-text;version=1.0.0' accept
	serve
	form() { # ACCEPT
		get --head --header "Accept: $1" "$url/metrics" | header content-type
	}
	for accept in "$om" "$om;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"; do
		[ "$(form "$accept")" = \
			'application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores' ]
	done
	for accept in '*/*' text/plain application/openmetrics-text "$om;q=0" "$om;q=0.1,text/plain" nonsense; do
		[[ "$(form "$accept")" == 'text/plain; version=0.0.4;'* ]]
	done
	[ "$(get --header "Accept: $om" "$url/metrics" | tail -n 1)" = '# EOF' ]
	[ "$(get "$url/metrics" | grep -c EOF)" = 0 ]
	[[ "$(get --head "$url/metrics" | header vary)" == *Accept* ]]
	stop
}

@test "gzip where it is accepted holds the same page" {
	serve
	cat "$records/tcpretrans.jsonl" >&"$input"
	await value_is otb_expose_lines_total "$(wc -l <"$records/tcpretrans.jsonl")"
	get "$url/metrics" | lasting >plain
	[ -s plain ]
	get --header 'Accept-Encoding: gzip' "$url/metrics" >packed.gz
	gunzip <packed.gz | lasting | cmp plain -
	[ "$(wc -c <packed.gz)" -lt $(($(wc -c <plain) / 2)) ]
	encoding() { # ACCEPT-ENCODING
		get --head --header "Accept-Encoding: $1" "$url/metrics" | header content-encoding
	}
	[ "$(encoding gzip)" = gzip ]
	[ "$(encoding 'deflate, gzip;q=0.1')" = gzip ]
	[ -z "$(encoding 'gzip;q=0')" ]
	[ -z "$(encoding 'deflate')" ]
	[ -z "$(get --head "$url/metrics" | header content-encoding)" ]
	[[ "$(get --head "$url/metrics" | header vary)" == *Accept-Encoding* ]]
	stop
}

@test "requests that come together are answered in turn, on one connection" {
	local request='GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n'
	serve
	answers "$request$request${request/healthz/metrics}${request/healthz/nothing}${request/GET/HEAD}$(
	)GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" >got
	[ "$(grep -a '^HTTP' got | cut -d ' ' -f 2 | tr '\n' ' ')" = '200 200 200 404 200 200 ' ]
	[ "$(tail -n 1 got)" = '</html>' ]
	stop
}

# ---- who may ask -----------------------------------------------------------------------------------------------------

@test "a user and a password" {
	local wrong
	secret auth 'alice:s:ecret\n'
	serve --basic-auth-file auth
	for wrong in alice: alice:s alice:s:ecre alice:s:ecrets alice:S:ecret :s:ecret bob:s:ecret; do
		status 401 --user "$wrong" "$url/metrics"
	done
	for path in /metrics / /nothing; do
		status 401 "$url$path"
	done
	status 401 --header 'Authorization: Basic' "$url/metrics"
	status 401 --header 'Authorization: Basic =' "$url/metrics"
	status 401 --header 'Authorization: Bearer YWxpY2U6czplY3JldA==' "$url/metrics"
	[[ "$(get --head "$url/metrics" | header www-authenticate)" == 'Basic realm="otb-expose"'* ]]
	status 200 --user alice:s:ecret "$url/metrics"
	status 200 --header 'Authorization: basic YWxpY2U6czplY3JldA==' "$url/metrics"
	status 200 "$url/healthz"
	[[ "$(value otb_expose_lines_total 2>&1)" == '' ]]
	stop
}

@test "passwords of every length modulo base64's" {
	local password
	for password in '' a bc def 'ghi?>~' ümläut; do
		secret auth "u:$password"
		serve --basic-auth-file auth
		status 200 --user "u:$password" "$url/metrics"
		status 401 --user "u:${password}x" "$url/metrics"
		stop
	done
}

@test "a bearer token, alone and beside a password" {
	secret token 'abc-1.2~3'
	secret auth 'u:p\r\n'
	serve --bearer-token-file token
	status 401 "$url/metrics"
	status 401 --header 'Authorization: Bearer abc-1.2~' "$url/metrics"
	status 401 --header 'Authorization: Bearer abc-1.2~34' "$url/metrics"
	status 401 --header 'Authorization: Bearer' "$url/metrics"
	status 401 --header 'Authorization: abc-1.2~3' "$url/metrics"
	status 200 --header 'Authorization: Bearer abc-1.2~3' "$url/metrics"
	status 200 "$url/healthz"
	[ "$(get --head "$url/metrics" | header www-authenticate)" = 'Bearer realm="otb-expose"' ]
	stop
	serve --bearer-token-file token --basic-auth-file auth
	status 401 "$url/metrics"
	status 200 --header 'Authorization: bearer abc-1.2~3' "$url/metrics"
	status 200 --user u:p "$url/metrics"
	[ "$(get --head "$url/metrics" | header www-authenticate | wc -l)" = 2 ]
	stop
}

@test "a file of secrets that is none: 1, and what is wrong with it" {
	local option
	mkfifo in
	exec {input}<>in # no end of input
	refuses() { # FILE WORDS
		for option in --basic-auth-file --bearer-token-file; do
			run -1 timeout 20 otb-expose --listen 127.0.0.1:0 "$option" "$1" <in
			[[ $output == "otb-expose: "*"'$1'"*"$2"* ]]
		done
	}
	secret empty ''
	secret blank '\n'
	secret two 'a:b\nc:d\n'
	secret nul 'a:\0b\n'
	secret good 'a:b\n'
	head -c 100000 /dev/zero | tr '\0' a >long
	chmod 600 long
	refuses empty 'is empty'
	refuses blank 'empty line'
	refuses two 'more than one line'
	refuses nul 'is no text'
	refuses long 'is too long'
	refuses none 'No such file'
	for mode in 640 604 620; do
		chmod $mode good
		refuses good 'chmod 600'
	done
	secret auth 'nobody\n'
	run -1 timeout 20 otb-expose --listen 127.0.0.1:0 --basic-auth-file auth <in
	[[ $output == *"'auth' is not USER:PASSWORD"* ]]
}

# ---- TLS -------------------------------------------------------------------------------------------------------------

@test "TLS" {
	certificate own
	serve --tls-certificate own.pem --tls-key own.key
	cat "$records/tcpretrans.jsonl" >&"$input"
	tls() {
		get --cacert own.pem "$@"
	}
	url=https://127.0.0.1:$port
	[ "$(tls "$url/healthz")" = ok ]
	[ "$(tls --tls-max 1.2 "$url/healthz")" = ok ]
	[ "$(tls --tlsv1.3 "$url/healthz")" = ok ]
	run ! tls --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 "$url/healthz"
	run ! get "$url/healthz" # nobody vouches for it
	run ! get "http://127.0.0.1:$port/healthz"
	tls "$url/metrics" | promtool check metrics
	tls --compressed "$url/metrics" | promtool check metrics
	stop
}

@test "a certificate or a key that is none: 1, and what is wrong with it" {
	mkfifo in
	exec {input}<>in # no end of input
	certificate own
	certificate other
	refuses() { # CERTIFICATE KEY WORDS
		run -1 timeout 20 otb-expose --listen 127.0.0.1:0 --tls-certificate "$1" --tls-key "$2" <in
		[[ $output == "otb-expose: "*"$3"* ]]
		[ "${#lines[@]}" = 1 ]
	}
	: >empty
	refuses own.pem none "cannot open the key 'none'"
	refuses none own.key "cannot open the certificate 'none'"
	refuses empty own.key "the certificate 'empty' is empty"
	refuses own.key own.key "cannot serve TLS with the certificate 'own.key' and the key 'own.key'"
	refuses own.pem own.pem "cannot serve TLS with the certificate 'own.pem' and the key 'own.pem'"
	refuses own.pem other.key 'do not match'
}

# ---- addresses -------------------------------------------------------------------------------------------------------

@test "a port that is taken, an address that is not ours: 1" {
	serve
	run -1 timeout 20 otb-expose --listen "127.0.0.1:$port" </dev/null
	[ "$output" = "otb-expose: cannot listen on 127.0.0.1:$port: Address already in use" ]
	run -1 timeout 20 otb-expose --listen 192.0.2.1:0 </dev/null
	[ "$output" = 'otb-expose: cannot listen on 192.0.2.1:0: Cannot assign requested address' ]
	stop
	# What has just been served can be served again.
	run -0 timeout 20 otb-expose --listen "127.0.0.1:$port" </dev/null
	[ -z "$output" ]
	run -0 timeout 20 otb-expose -v --listen ":$port" </dev/null
	[[ $output == *"listening on 127.0.0.1:$port"* ]]
}

@test "IPv6" {
	[ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6 || skip 'no IPv6 here'
	mkfifo in
	otb-expose --listen '[::1]:0' <in 2>err 3>&- &
	background=$!
	exec {input}>in
	await grep -q 'listening on ' err
	port=$(sed -n 's/^otb-expose: listening on \[::1\]:\([0-9]*\)$/\1/p' err)
	[ "$(get "http://[::1]:$port/healthz")" = ok ]
	stop
}

# ---- the end ---------------------------------------------------------------------------------------------------------

@test "the end of input ends it: 0; with --linger it goes on serving" {
	serve
	connect # which does not keep it
	exec {input}>&-
	wait "$background"
	rm in
	serve --linger
	echo '{"event":"tcp_retransmit"}' >&"$input"
	exec {input}>&-
	await value_is otb_expose_lines_total 1
	[ "$(get "$url/healthz")" = ok ]
	exec {input}<>in # for stop to close
	stop
}

# ---- what clients cannot do to it ------------------------------------------------------------------------------------

@test "a request that is too large or none is refused, and others are answered" {
	local million
	million=$(head -c 1000000 /dev/zero | tr '\0' a)
	serve
	first() {
		head -n 1 | tr -d '\r'
	}
	answers 'GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n' "$million" >/dev/null
	[ "$(get "$url/healthz")" = ok ]
	answers 'GET /%s HTTP/1.1\r\nHost: a\r\n\r\n' "$million" >/dev/null
	[ "$(get "$url/healthz")" = ok ]
	# As long as the server takes and a little more: an answer can be read, since nothing of the request is left.
	[[ "$(answers 'GET / HTTP/1.1\r\nHost: a\r\nX: %s' "${million:0:32768}" | first)" == 'HTTP/1.1 431 '* ]]
	[[ "$(answers 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n' | first)" == 'HTTP/1.1 400 '* ]]
	[[ "$(answers 'GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n' | first)" == 'HTTP/1.1 400 '* ]]
	[[ "$(answers 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n' | first)" == 'HTTP/1.1 413 '* ]]
	status 200 --header "Accept: ${million:0:20000}" "$url/metrics"
	status 200 --header "Accept-Encoding: ${million:0:20000}" "$url/metrics"
	answers '\377\376\001\r\n\r\n' >/dev/null
	[ "$(get "$url/healthz")" = ok ]
	stop
}

@test "1,000 idle connections and half requests keep nobody out" {
	local i
	local -a open=()
	serve
	for ((i = 0; i < 1000; i++)); do
		connect
		open+=("$connection")
		((i % 2)) || printf 'GET /metrics HTTP/1.1\r\nX: ' >&"$connection"
	done
	echo '{"event":"tcp_retransmit"}' >&"$input"
	await value_is otb_expose_lines_total 1
	# More than there may be: those who have waited longest go, those who ask are answered.
	for ((i = 0; i < 1000; i++)); do
		connect
		open+=("$connection")
	done
	echo '{"event":"tcp_retransmit"}' >&"$input"
	await value_is otb_expose_lines_total 2
	for i in "${open[@]}"; do
		exec {i}>&-
	done
	[ "$(get "$url/healthz")" = ok ]
	stop
}

@test "clients that take their pages slowly do not make all of them stay in memory" {
	local i size
	local -a open=()
	serve --no-builtin --series 40000 -m 'counter k_total{k}'
	seq 40000 | awk -v pad="$(printf '%200s' '' | tr ' ' x)" '{ printf "{\"k\":\"%s%d\"}\n", pad, $1 }' >&"$input"
	await value_is otb_expose_lines_total 40000
	size=$(get "$url/metrics" | wc -c)
	for i in {1..16}; do
		sleep 0.06 # so that it is another page
		connect
		open+=("$connection")
		printf 'GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' >&"$connection"
		[ "$(get "$url/healthz")" = ok ]
	done
	taken() {
		cat <&"$1" 2>/dev/null | wc -c
	}
	# All that is in the kernel of the first, and all of the last.
	[ "$(taken "${open[0]}")" -lt "$size" ]
	[ "$(taken "${open[15]}")" -gt "$size" ]
	for i in "${open[@]}"; do
		exec {i}>&-
	done
	stop
}

@test "500 concurrent scrapes while records flow: every page whole, no record lost" {
	local i size=1000000
	local -a scrapers=()
	awk -v n=$size 'BEGIN { for (i = 0; i < n; i++) printf "{\"event\":\"tcp_retransmit\",\"comm\":\"c%d\"}\n", i % 50 }' >records
	serve
	cat records >&"$input" &
	for i in 1 2; do
		curl --silent --show-error --fail --no-buffer --parallel --parallel-immediate --parallel-max 250 \
			--max-time 60 --output "page-$i-#1" "$url/metrics?[1-2500]" &
		scrapers+=($!)
	done
	for i in "${scrapers[@]}"; do
		wait "$i"
	done
	[ "$(find . -name 'page-*' | wc -l)" = 5000 ]
	# Each ends with a whole line of the last metric, and the sum over the series is the number of lines it speaks of.
	cat page-* | awk '
		/^otb_tcp_retransmits_total\{/ { sum += $NF }
		/^otb_expose_lines_total / { lines = $NF; if (lines != sum) bad++; sum = 0; pages++ }
		END { print pages, bad + 0; exit bad || pages != 5000 }'
	await value_is otb_expose_lines_total "$size"
	[ "$(value otb_expose_scrapes_total)" -ge 5000 ]
	stop
}

@test "clients that go away in the middle are no harm" {
	local i
	serve
	for i in {1..100}; do
		connect
		printf 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n%s' "${i%[1-5]}" >&"$connection"
		exec {connection}>&-
	done
	[ "$(get "$url/healthz")" = ok ]
	stop
}
