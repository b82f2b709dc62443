#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The Debian package and the container image: built, built again, installed on a minimal Debian, run, and removed.
#
# bats file_tags=no-san

bats_require_minimum_version 1.5.0

setup_file() {
	export BATS_TEST_TIMEOUT=1800
	load lib/tracer
	cd "$BATS_FILE_TMPDIR" || return
	OTB_RUNROOT=$(mktemp -d /tmp/otb-run.XXXXXX) # podman takes no path of more than 50 characters
	export OTB_RUNROOT
	"$TRACER_ROOT/scripts/deb" built >deb.log 2>&1 || return 0
	cat deb.log >&3
}

setup() {
	load lib/tracer
	load lib/net
	load lib/cases
	load lib/await
	root=$TRACER_ROOT
	cd "$BATS_FILE_TMPDIR" || return
	# shellcheck source=scripts/lib.bash
	missing=$(. "$root/scripts/lib.bash" && missing_packages build-essential dpkg-dev debhelper)
	# shellcheck disable=SC2086 # the lines become words
	[ -z "$missing" ] || skip "not installed: $(echo $missing)"
	package=$(echo "$PWD"/built/otb_*.deb)
	[ -e "$package" ] || { cat deb.log && return 1; }
	[ "$EUID" -eq 0 ] || skip 'needs root'
	chroot=$BATS_FILE_TMPDIR/chroot
}

teardown() {
	tracer_kill
	net_down
}

# What podman leaves: the containers of a failed test, and empty cgroups.
teardown_file() {
	cd "$BATS_FILE_TMPDIR" || return
	[ ! -x container ] || ./container rm --all --force
	rm -rf "$OTB_RUNROOT"
	find /sys/fs/cgroup -depth -path '*/libpod_parent*' -type d -exec rmdir --ignore-fail-on-non-empty {} + 2>/dev/null || true
}

inside() { # COMMAND...
	"$root/tests/lib/in-chroot" "$chroot" "$@"
}

# fresh_chroot: with packages' names to be had
fresh_chroot() {
	(
		# shellcheck source=scripts/lib.bash
		. "$root/scripts/lib.bash"
		# shellcheck source=scripts/chroot.bash
		. "$root/scripts/chroot.bash"
		make_chroot bookworm "$chroot"
		copy_network_settings "$chroot"
	) 3>&-
	inside apt-get -qq update
}

# install_package [PACKAGE...]: ours, and others of Debian
install_package() {
	cp "$package" "$chroot/otb.deb"
	inside apt-get -qq -y --no-install-recommends install /otb.deb "$@" >apt.log 2>&1 || { cat apt.log && return 1; }
	rm "$chroot/otb.deb"
}

# programs_in PACKAGE-FILE: with their paths
programs_in() {
	dpkg-deb --fsys-tarfile "$1" | tar --list | sed -n 's,^\.\(/usr/s*bin/.\),\1,p'
}

# ---- Built -------------------------------------------------------------------------------------------------------------

@test "lintian has nothing to say" {
	command -v lintian >/dev/null || skip 'no lintian'
	# It leaves files there.
	run -0 env TMPDIR="$BATS_TEST_TMPDIR" lintian --allow-root --display-info --fail-on error,warning,info built/*.deb
	[ -z "$output" ]
}

# From an unpacked source archive, which is no git repository, in a folder of another name and depth.
@test "the same bytes from another folder, at another time, in another locale, with other settings" {
	make --silent -C "$root" dist BUILD="$PWD/dist"
	mkdir -p 'another/and/deeper'
	tar --extract --directory=another/and/deeper --strip-components=1 --file="$(echo dist/*.tar.gz)"
	(
		umask 077
		export LC_ALL=de_DE.UTF-8 TZ=Pacific/Kiritimati CFLAGS=-O0 CC=false MAKEFLAGS=DEV=1 HOME=/nonexistent
		another/and/deeper/scripts/deb again >again.log 2>&1
	) || { cat again.log && return 1; }
	[ "$(cd built && echo *.deb)" = "$(cd again && echo *.deb)" ]
	local file
	for file in built/*.deb; do
		cmp "$file" "again/${file##*/}"
	done
	sha256sum built/otb_*.deb | sed 's/^/# /' >&3
}

@test "the package holds what make install installs, its documents, and scripts/deploy" {
	make --silent -C "$root" -o all install BUILD="$TRACER_BUILD" DESTDIR="$PWD/tree" PREFIX=/usr \
		ZSHDIR=/usr/share/zsh/vendor-completions
	diff <(cd tree && find . ! -type d | sed 's,^\./usr/share/man/.*,&.gz,' | sort) \
		<(dpkg-deb --fsys-tarfile "$package" | tar --list | grep -v '/$' | grep -vE '^\./usr/share/(doc|lintian)/' | sort)
	dpkg-deb --fsys-tarfile "$package" | tar --extract ./usr/share/doc/otb
	[ "$(cd usr/share/doc/otb && echo *)" = 'README.md.gz SECURITY.md.gz changelog.gz copyright examples' ]
	cp --recursive "$root/scripts/deploy" examples
	cp "$root/scripts/kubectl-debug.yaml" examples
	diff -r examples usr/share/doc/otb/examples
}

@test "a fresh Debian builds it with nothing but the build dependencies" {
	fresh_chroot
	mkdir -p dist "$chroot/root/otb"
	make --silent -C "$root" dist BUILD="$PWD/dist"
	tar --extract --no-same-owner --directory="$chroot/root/otb" --strip-components=1 --file="$(echo dist/*.tar.gz)"
	inside sh -c 'cd /root/otb && apt-get -qq -y --no-install-recommends install build-essential && mkdir debian &&
		cp scripts/debian/control debian && apt-get -qq -y --no-install-recommends build-dep . && rm -r debian' >apt.log 2>&1
	inside sh -c 'cd /root/otb && scripts/deb' >fresh.log 2>&1 || { cat fresh.log && return 1; }
	local fresh=$chroot/root/otb/build/${package##*/} tools
	diff <(contents "$package") <(contents "$fresh")
	if tools=$(diff <(installed_tools built/deb/*.buildinfo) <(installed_tools "$chroot"/root/otb/build/deb/*.buildinfo)); then
		cmp "$package" "$fresh"
	else
		echo "# bytes not compared: $(grep -c '^>' <<<"$tools") packages there are of other versions than here" >&3
	fi
}

# contents PACKAGE-FILE: what it says of itself, and its files with owners and modes, but for their sizes
contents() {
	dpkg-deb --info "$1" | grep -E '^ (Package|Version|Architecture|Depends|Suggests):'
	dpkg-deb --contents "$1" | awk '{ print $1, $2, $6 }'
}

# installed_tools BUILDINFO: the packages that it was built with, with their versions
installed_tools() {
	sed -n '/^Installed-Build-Depends:/,/^[^ ]/p' "$1" | grep '^ '
}

# ---- Installed ---------------------------------------------------------------------------------------------------------

# whole_system: everything in it, with what it is, but for the package manager's own books, logs and caches
whole_system() {
	(cd "$chroot" && find . -xdev \( -path ./var/lib/apt -o -path ./var/lib/dpkg -o -path ./var/cache -o -path ./var/log \
		-o -path ./proc -o -path ./sys -o -path ./dev -o -path ./tmp \) -prune -o -printf '%M %u %g %s %p %l\n' | sort)
}

@test "installed on a minimal Debian: programs, pages, completions; removed: nothing is left" {
	fresh_chroot
	whole_system >before
	install_package
	local version program
	version=$(dpkg-deb --field "$package" Version)
	for program in $(programs_in "$package"); do
		run -0 --separate-stderr inside "$program" --version
		# shellcheck disable=SC2154 # of bats
		[[ ${lines[0]} = "${program##*/} ${version%%~*}" && -z $stderr ]]
		run -0 --separate-stderr inside "${program##*/}" --help
		[[ $output = "Usage: ${program##*/} "* && -z $stderr ]]
	done
	[ "$(inside dpkg --verify otb)" = '' ]
	inside apt-get -qq -y purge --auto-remove otb >apt.log 2>&1 || { cat apt.log && return 1; }
	whole_system | diff before -
	run -1 inside dpkg-query --status otb
}

@test "installed: man finds the pages, and bash, zsh and fish complete" {
	fresh_chroot
	install_package man-db bash-completion zsh fish
	local name path
	for path in "$root"/man/*; do
		name=${path##*/}
		run -0 --separate-stderr inside man --warnings "${name##*.}" "${name%.*}"
		[[ ${lines[0]} = "${name%.*}"* || ${lines[0]} = *"(${name##*.})"* ]]
		[ -z "$stderr" ]
	done
	run -0 inside man --whatis otb-trace
	for path in $(programs_in "$package"); do
		name=${path##*/}
		run -0 inside bash -ic ". /usr/share/bash-completion/bash_completion; _completion_loader $name; complete -p $name"
		[[ $output = *" $name" ]]
		run -0 inside zsh -fc "autoload -U compinit; compinit -u -D; echo \${_comps[$name]}"
		[ "$output" = "_$name" ]
		run -0 inside fish -c "complete --do-complete '$name --'"
		[[ $output = *--version* ]]
	done
}

# by_tracer_in_chroot: tracers are started by a program of their name that becomes the one in the chroot
by_tracer_in_chroot() {
	local program
	TRACER_BUILD=$BATS_TEST_TMPDIR/by-chroot
	mkdir "$TRACER_BUILD"
	for program in $(programs_in "$package"); do
		printf '#!/bin/sh\nexec "%s" "%s" %s "$@"\n' "$root/tests/lib/in-chroot" "$chroot" "$program" \
			>"$TRACER_BUILD/${program##*/}"
	done
	chmod +x "$TRACER_BUILD"/*
}

# syns_seen START STOP: a tracer of the namespace $NET_A sees each of the SYNs of a client that are lost, and whose they are
syns_seen() {
	CASE_COUNT=3 tracer_case syn "$1" "$2"
	run -0 jq -r 'select(.event == "tcp_retransmit") | [.reason, .comm, .pid] | @tsv' "$TRACER_OUT"
	[ "${#lines[@]}" -eq 3 ] || { cat "$TRACER_OUT" "$TRACER_ERR" && return 1; }
	local line
	for line in "${lines[@]}"; do
		[ "$line" = "syn	otb-client	${CASE_PIDS[otb-client]}" ]
	done
	case_end
}

tracer_of_namespace() {
	tracer_start otb-tcpretrans -j -d 60s --netns "$(net_inode "$NET_A")"
}

@test "installed: a tracer traces" {
	bpf_permitted || skip 'eBPF is not permitted here'
	[ -x "$chroot/usr/sbin/otb-tcpretrans" ]
	by_tracer_in_chroot
	net_up
	syns_seen tracer_of_namespace tracer_stop
}

# ---- The image ---------------------------------------------------------------------------------------------------------

# The program $container is podman, with all that it keeps in a folder of ours. Its own limits are more than root may set
# where it lacks CAP_SYS_RESOURCE; crun knows no machines with both versions of cgroups, as runc does.
make_container_program() {
	container=$PWD/container
	cat >podman.conf <<-'END'
		[containers]
		default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
		[engine]
		runtime = "runc"
		cgroup_manager = "cgroupfs"
		events_logger = "none"
	END
	cat >"$container" <<-END
		#!/bin/sh
		CONTAINERS_CONF="$PWD/podman.conf" exec podman --root "$PWD/podman" --runroot "$OTB_RUNROOT" \\
			--storage-driver vfs "\$@"
	END
	chmod +x "$container"
}

need_podman() {
	local tool
	for tool in podman runc; do
		command -v "$tool" >/dev/null || skip "no $tool"
	done
	make_container_program
}

# need_image: that container has the image $name
need_image() {
	local image
	need_podman
	image=$(echo "$PWD"/built/otb-*-image.tar)
	[ -e "$image" ] || { echo 'there is no image' && return 1; }
	name=otb:${image##*/otb-} name=${name%-image.tar}
	"$container" image exists "$name" || "$container" load --quiet --input "$image"
}

# contained COMMAND...: in a container without privileges
contained() {
	"$container" run --rm --network=none "$name" "$@"
}

# options_of_page: those that otb(7) gives to podman run, but for those of a terminal
options_of_page() {
	mandoc -T ascii "$root/man/otb.7" | col -bx | sed -n '/podman run/,/otb:/p' | tr -d '\\\n' |
		sed -e 's/.*podman run//' -e 's/otb:.*//' -e 's/ --rm -it / /'
}

@test "an image is made, of the same bytes each time" {
	command -v jq >/dev/null || skip 'no jq'
	mkdir image-again
	cp "$package" image-again
	"$root/scripts/image" built | sed 's/^/# /' >&3
	(umask 077 && "$root/scripts/image" image-again)
	[ "$(cd built && echo *-image.tar)" = "$(cd image-again && echo *-image.tar)" ]
	cmp built/*-image.tar image-again/*-image.tar
}

@test "image: programs, a shell, jq, licenses, and a list of what it holds" {
	need_image
	local program
	for program in $(programs_in "$package"); do
		run -0 contained "${program##*/}" --version
		[[ ${lines[0]} = "${program##*/} "* ]]
	done
	run -0 contained sh -c 'echo "{\"n\":7}" | otb-sample --ratio 1 | jq .n'
	[ "$output" = 7 ]
	run -0 contained sh -c 'cat /var/lib/dpkg/status.d/otb'
	[[ $output = *"Version: $(dpkg-deb --field "$package" Version)"* ]]
	run -0 contained sh -c 'cd /var/lib/dpkg/status.d && for name in *; do test -e /usr/share/doc/$name/copyright || echo $name; done'
	[ "$output" = '' ]
	run -0 contained sh -c '. /etc/os-release && echo $ID'
	[ "$output" = debian ]
}

# by_tracer_in_container OPTION...: tracers are started by a program of their name that runs the one in a container;
# --ready-fd 9 of tracer_start is the first descriptor that podman hands down
by_tracer_in_container() {
	TRACER_BUILD=$BATS_TEST_TMPDIR/by-container
	mkdir "$TRACER_BUILD"
	cat >"$TRACER_BUILD/otb-tcpretrans" <<-END
		#!/bin/sh
		shift 2
		exec "$container" run --rm --preserve-fds=1 $* "$name" otb-tcpretrans --ready-fd 3 "\$@" 3>&9 9>&-
	END
	chmod +x "$TRACER_BUILD/otb-tcpretrans"
}

@test "image: a tracer traces with the privileges of otb(7)" {
	bpf_permitted || skip 'eBPF is not permitted here'
	command -v mandoc >/dev/null || skip 'no mandoc'
	need_image
	by_tracer_in_container "$(options_of_page)"
	net_up
	syns_seen tracer_of_namespace tracer_stop
}

@test "the package in an image of a Debian from debootstrap: a tracer traces there too" {
	bpf_permitted || skip 'eBPF is not permitted here'
	command -v mandoc >/dev/null || skip 'no mandoc'
	need_podman
	fresh_chroot
	install_package
	name=localhost/debian-with-otb
	tar --create --one-file-system --directory="$chroot" . | "$container" import --quiet - "$name"
	run -0 contained otb-sample --version
	by_tracer_in_container "$(options_of_page)"
	net_up
	syns_seen tracer_of_namespace tracer_stop
}

# noted_pod COMMAND...: the pod that kubectl makes of the command in otb(7) to run this, in pod.json
noted_pod() {
	local address status=0
	mkfifo notes
	python3 "$root/tests/lib/kube_notes.py" worker-7 pod.json <notes >address 3>&- &
	exec 8>notes
	await test -s address
	read -r address <address
	rm notes
	HOME=$PWD timeout 60 kubectl --kubeconfig=/dev/null --server="$address" debug node/worker-7 --image="$name" \
		--image-pull-policy=Never --profile=general --custom="$root/scripts/kubectl-debug.yaml" --attach=false -- "$@" \
		3>&- 8>&- || status=$?
	exec 8>&-
	wait $!
	return "$status"
}

# pod_options: what makes podman run (which knows pods as well, but not all of this in them) do as the pod in pod.json says
pod_options() {
	jq -r '.spec as $spec | $spec.containers[0] as $container | $container.securityContext |
		(if .privileged then "--privileged" else empty end),
		(if $spec.hostPID then "--pid=host" else empty end),
		(if $spec.hostIPC then "--ipc=host" else empty end),
		"--network=\(if $spec.hostNetwork then "host" else "none" end)",
		"--user=\(.runAsUser)",
		(.capabilities | (.drop[] | "--cap-drop=\(.)"), (.add[] | "--cap-add=\(.)")),
		(if .readOnlyRootFilesystem then "--read-only" else empty end),
		(if .allowPrivilegeEscalation == false then "--security-opt=no-new-privileges" else empty end),
		(.seccompProfile // empty | "--security-opt=seccomp=\(.type | ascii_downcase)"),
		(.appArmorProfile // empty | "--security-opt=apparmor=\(.type | ascii_downcase)"),
		($spec.volumes[] as $volume | $container.volumeMounts[] | select(.name == $volume.name)
			| "--volume=\($volume.hostPath.path):\(.mountPath)")' pod.json
}

@test "image: a tracer traces in the pod that kubectl debug makes of a node" {
	bpf_permitted || skip 'eBPF is not permitted here'
	command -v kubectl >/dev/null || skip 'no kubectl'
	kubectl debug --help | grep -q -- --custom= || skip "$(kubectl version --client | head -n 1): debug has no --custom"
	need_image
	cd "$BATS_TEST_TMPDIR"
	noted_pod otb-tcpretrans
	jq -e '.spec.containers[0] | .command == ["otb-tcpretrans"] and .securityContext.privileged != true' pod.json
	pod_options >options
	run -0 grep -xE -- '--(pid|cap|volume).*' options
	[ "$output" = '--pid=host
--cap-drop=ALL
--cap-add=BPF
--cap-add=PERFMON
--cap-add=SYS_PTRACE
--cap-add=DAC_READ_SEARCH
--volume=/:/host' ]
	by_tracer_in_container "$(tr '\n' ' ' <options)"
	net_up
	syns_seen tracer_of_namespace tracer_stop
}
