# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Fresh Debian systems in folders: debootstrap and chroot; the kernel is this machine's. To be sourced, after lib.bash, by
# what is root. mount_kernel() and what runs inside want a mount namespace of the caller's own (unshare --mount), so that
# nothing stays mounted whatever way it ends.
#
# The systems lie in $OTB_CHROOTS (/tmp/chroots); the bare one of a suite is kept there as SUITE-base, so that the next is
# quick. They come from the archive that this machine's apt uses, or from $OTB_MIRROR, and take its apt settings.

chroots=${OTB_CHROOTS:-/tmp/chroots}

make_base() { # SUITE
	if [[ -n $(missing_packages debootstrap) ]]; then
		update_package_lists
		install_packages debootstrap
	fi
	say "making $chroots/$1-base"
	mkdir -p "$chroots"
	rm -rf "$chroots/$1-base.part"
	debootstrap --variant=minbase "$1" "$chroots/$1-base.part" "${OTB_MIRROR:-$(debian_archive)}" >"$chroots/$1-base.log" ||
		die "debootstrap failed: see $chroots/$1-base.log"
	mv "$chroots/$1-base.part" "$chroots/$1-base"
}

# A minimal system, in place of what is there.
make_chroot() { # SUITE FOLDER
	[[ -d $chroots/$1-base ]] || make_base "$1"
	rm -rf "$2"
	cp -a "$chroots/$1-base" "$2"
}

# Its root has to be a mount point itself, or `ip netns exec` fails in it.
mount_kernel() { # CHROOT
	mount --bind "$1" "$1"
	mount -t proc proc "$1/proc"
	mount --rbind /sys "$1/sys"
	mount --rbind /dev "$1/dev"
	mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
}

# What takes apt through a proxy or lets it trust a mirror's clock is the machine's affair, and so is whose certificates
# it trusts besides; those come into force with the package ca-certificates.
copy_network_settings() { # CHROOT
	cp /etc/resolv.conf "$1/etc/resolv.conf"
	find /etc/apt/apt.conf.d -type f -exec grep -lZ '^Acquire::' {} + |
		xargs --null --no-run-if-empty cp --target-directory="$1/etc/apt/apt.conf.d"
	mkdir -p "$1/usr/local/share/ca-certificates"
	find /usr/local/share/ca-certificates -name '*.crt' -exec cp --target-directory="$1/usr/local/share/ca-certificates" {} +
}

# An environment like that of a fresh login, but for the proxy. The command takes the place of the shell that calls this.
exec_inside() { # CHROOT COMMAND [ARGUMENT...]
	local chroot=$1 name environment=()
	shift
	for name in http_proxy https_proxy no_proxy CI; do
		if [[ -n ${!name-} ]]; then
			environment+=("$name=${!name}")
		fi
	done
	exec env -i HOME=/root TERM="${TERM-dumb}" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		DEBIAN_FRONTEND=noninteractive "${environment[@]}" chroot "$chroot" "$@" </dev/null
}

run_inside() { # CHROOT COMMAND [ARGUMENT...]
	(exec_inside "$@")
}
