# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # what is set here is read by who sourced this
#
# A shop of two services in Go and its load (tests/target/go/shop), in two network namespaces: `orders` and `load` in
# NET_A, `payments`, which orders asks over the wire, in NET_B. Needs lib/net and lib/gcloop.
#
#	shop_make			builds the three programs in SHOP_BUILT, by the go command there is; where that cannot be
#					done, fails with the reason
#	shop_open FOLDER [OPTION]...	copies of its own in FOLDER, and both services begin to serve; OPTIONs of orders
#	shop_begin NAME [OPTION]...	one of the three, again for example; the load begins to ask
#	shop_end NAME			it ends, and what it knows is the last line of FOLDER/NAME.told
#	shop_told FILTER NAME...	that of these, through jq -s
#
# What each of the three knows is told by its source. SHOP_ORDERS and SHOP_PAYMENTS are where the services serve.

SHOP_BUILT=$GCLOOP_ROOT/build/go/shop
SHOP_ORDERS=127.0.0.1:8080 # of NET_A
SHOP_PAYMENTS=10.77.0.2:8081
SHOP_FOLDER=
SHOP_OPTIONS=() # of orders
SHOP_SECONDS=60 # for a service to end

shop_make() {
	local name
	mkdir -p "$SHOP_BUILT" || return
	for name in orders payments load; do
		# Another one may be taking its copy.
		gcloop_build "$SHOP_BUILT/$name.$BASHPID" "shop/$name" -ldflags '-s -w' &&
			mv "$SHOP_BUILT/$name.$BASHPID" "$SHOP_BUILT/$name" || return
	done
}

shop_begin() {
	local name=$1 space=$NET_A
	shift
	case $name in
	orders) set -- -listen "$SHOP_ORDERS" -payments "$SHOP_PAYMENTS" "${SHOP_OPTIONS[@]}" ;;
	payments) set -- -listen "$SHOP_PAYMENTS" "$@" && space=$NET_B ;;
	load) set -- -to "$SHOP_ORDERS" "$@" ;;
	esac
	proc_start "$name" "$space" "$SHOP_FOLDER/$name" "$@" && proc_read "$name" || return
	[[ $REPLY == 'ready '* ]] || net_complain "'$name' says '$REPLY'"
}

shop_open() {
	SHOP_FOLDER=$1 SHOP_OPTIONS=("${@:2}")
	cp "$SHOP_BUILT"/{orders,payments,load} "$SHOP_FOLDER" && shop_begin payments && shop_begin orders
}

shop_end() {
	proc_say "$1" end && proc_read "$1" "$SHOP_SECONDS" && printf '%s\n' "$REPLY" >>"$SHOP_FOLDER/$1.told" && proc_end "$1"
}

shop_told() {
	local name
	for name in "${@:2}"; do
		cat "$SHOP_FOLDER/$name.told"
	done | jq -s -r "$1"
}
