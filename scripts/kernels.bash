# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What scripts/kernel-matrix takes from Debian: kernels of every series, and for a machine of another kind than this one
# the libraries that programs are built against there, and a system to run them on. To be sourced after lib.bash.
#
#	select_arch ARCH		amd64 or arm64: what all of the below is about, from now on
#	known_kernels			"NAME RELEASE" of the newest kernel of each series and flavour
#	releases_of NAME		its last three, the newest first
#	fetch_kernel RELEASE MODULE...	vmlinuz, config and modules/, of those that it has and what they need, in the folder $kernel
#	fetch_system PACKAGE...		Debian 12 with these, unpacked and never run, in the folder $system
#	give_up REASON...		fails, and leaves the reason in $why
#
# What cannot be had is a failure of the function, with the reason in $why.
#
# NAME is SERIES[-FLAVOUR], with -arm64 at its end where it is one of those: 5.10, 6.1-cloud, 6.12-arm64. All is kept in
# ${XDG_CACHE_HOME:-~/.cache}/otb/kernels; nothing is installed.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/otb/kernels
arch=
kernel=
system=
why=

give_up() { # REASON...
	# shellcheck disable=SC2034 # for whoever sources this
	why=$*
	return 1
}

select_arch() { # ARCH
	arch=$1
	system=$cache/system-$arch
}

arch_of() { # NAME
	case $1 in
	*-arm64) echo arm64 ;;
	*) echo amd64 ;;
	esac
}

# ---- Packages ---------------------------------------------------------------------------------------------------------

# apt with our own sources and state, none of the machine's.
apt_apart() { # apt-get|apt-cache ARGUMENT...
	local command=$1 apt=$cache/apt-$arch
	shift
	"$command" -qq -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o APT::Sandbox::User=root \
		-o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
		-o Acquire::Retries=3 -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
		-o Dir::State="$apt/state" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache" \
		-o Dir::Cache::pkgcache=packages.bin -o Dir::Cache::srcpkgcache= "$@" </dev/null
}

write_sources() {
	local suite mirror=${OTB_DEBIAN:-}
	[[ -n $mirror ]] || mirror=$(debian_archive) || return
	mirror=${mirror%/debian}
	for suite in bullseye bookworm bookworm-backports trixie trixie-backports forky sid; do
		echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror/debian $suite main"
	done
	for suite in bullseye bookworm trixie; do
		echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror/debian-security $suite-security main"
	done
}

# Lists a day old are good enough. A suite that cannot be reached is no reason to do without the others.
update_lists() {
	local apt=$cache/apt-$arch
	[[ -z $(find "$apt/updated" -mmin -1440 2>/dev/null) ]] || return 0
	say "fetching Debian's package lists for $arch" >&2
	mkdir -p "$apt"/{state/lists,cache/archives}/partial
	write_sources >"$apt/sources.list" || give_up 'apt knows no Debian archive here' || return
	: >"$apt/status"
	apt_apart apt-get update >"$apt/update.log" 2>&1 || say "not all of them: see $apt/update.log" >&2
	touch "$apt/updated"
}

# Unpacks what lies in a folder. Newer packages may take it that /lib is a part of /usr, older ones that it need not be.
unpack_packages() { # FOLDER ROOT
	local package folder
	for folder in bin sbin lib; do
		mkdir -p "$2/usr/$folder"
		[[ -e $2/$folder ]] || ln -s "usr/$folder" "$2/$folder"
	done
	for package in "$1"/*.deb; do
		dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$2" || return
	done
}

# A Debian of its own, whatever this machine's is: dependencies and all, but nothing is set up, since nothing of it runs.
fetch_system() { # PACKAGE...
	local archives=$cache/apt-$arch/cache/archives
	[[ $(cat "$system/packages" 2>/dev/null) != "$*" ]] || return 0
	update_lists || return
	say "fetching Debian 12 for $arch" >&2
	rm -rf "$system" "$archives"
	mkdir -p "$system" "$archives/partial"
	apt_apart apt-get install --download-only -y --no-install-recommends -o APT::Default-Release=bookworm "$@" \
		>"$cache/apt-$arch/install.log" 2>&1 ||
		give_up "cannot fetch Debian 12 for $arch: see $cache/apt-$arch/install.log" || return
	unpack_packages "$archives" "$system" || give_up "cannot unpack Debian 12 for $arch" || return
	rm -rf "$archives"
	mkdir -p "$archives/partial"
	echo "$*" >"$system/packages"
}

# ---- Kernels ----------------------------------------------------------------------------------------------------------

# Prints "NAME VERSION RELEASE" of every kernel there is: RELEASE is what uname -r says there. The order of releases is not
# that of versions (6.1.0-56 is newer than 6.1.0-0.deb11.52, and both are 6.1.0).
list_releases() {
	local -a packages
	mapfile -t packages < <(apt_apart apt-cache pkgnames linux-image- |
		grep -E "^linux-image-[0-9]+\.[0-9]+[.+][0-9].*-$arch\$")
	apt_apart apt-cache show "${packages[@]}" | awk -v arch="${arch#amd64}" '
		$1 == "Package:" { release = substr($2, length("linux-image-") + 1) }
		$1 == "Version:" {
			split(release, part, ".")
			name = part[1] "." (part[2] + 0)
			if (match(release, /-(cloud|rt|16k)-/))
				name = name "-" substr(release, RSTART + 1, RLENGTH - 2)
			print name (arch == "" ? "" : "-" arch), $2, release
		}'
}

# The same in order: the oldest series first, and of each the newest release. Kept as long as the lists are.
known_releases() {
	local known=$cache/apt-$arch/releases
	update_lists || return
	[[ $known -nt $cache/apt-$arch/updated ]] || {
		list_releases | sort -k1,1V -k2,2Vr -u >"$known.new" && mv "$known.new" "$known"
	}
	cat "$known"
}

known_kernels() {
	known_releases | awk '!seen[$1]++ { print $1, $3 }'
}

# A list may name what the archive has no more, or not yet.
releases_of() { # NAME
	known_releases | awk -v name="$1" '$1 == name { print $3 }' | head -n 3
}

# Newer kernels come in several packages, older ones in one.
packages_of() { # RELEASE
	if apt_apart apt-cache show "linux-binary-$1" >/dev/null 2>&1; then
		echo "linux-binary-$1 linux-modules-$1"
	else
		echo "linux-image-$1"
	fi
}

# Copies modules into FOLDER, uncompressed, named so that their order is that of loading.
extract_modules() { # ROOT RELEASE FOLDER MODULE...
	local module file number=100
	local -A seen=()
	depmod -b "$1" "$2" 2>/dev/null
	for module in "${@:4}"; do
		while read -r _ file _; do
			[[ -z ${seen[$file]-} ]] || continue
			seen[$file]=1
			number=$((number + 1))
			case $file in
			*.xz) xz -dc "$file" >"$3/$number-$(basename "$file" .xz)" ;;
			*.zst) zstd -qdc "$file" >"$3/$number-$(basename "$file" .zst)" ;;
			*) cp "$file" "$3/$number-${file##*/}" ;;
			esac
		done < <(modprobe -d "$1" -S "$2" --show-depends "$module" 2>/dev/null | grep '^insmod')
	done
}

fetch_kernel() { # RELEASE MODULE...
	local packages root
	kernel=$cache/$1
	[[ ! -e $kernel/complete ]] || return 0
	packages=$(packages_of "$1")
	say "fetching $packages" >&2
	rm -rf "$kernel"
	mkdir -p "$kernel/modules"
	root=$(mktemp -d "$cache/root.XXXXXX")
	mkdir "$root/packages"
	# shellcheck disable=SC2086 # a list of words
	(cd "$root/packages" && apt_apart apt-get download $packages) && unpack_packages "$root/packages" "$root" &&
		# They do not agree on where the kernel is.
		cp "$(find "$root/boot" "$root/usr/lib/modules" -name 'vmlinuz*' 2>/dev/null | head -n 1)" "$kernel/vmlinuz" &&
		cp "$(find "$root/boot" "$root/usr/lib/modules" -name 'config*' -type f 2>/dev/null | head -n 1)" "$kernel/config" &&
		extract_modules "$root" "$1" "$kernel/modules" "${@:2}" && touch "$kernel/complete"
	rm -rf "$root"
	[[ -e $kernel/complete ]] || give_up "cannot fetch $packages"
}
