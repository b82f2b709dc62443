# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the scripts share: how they speak, which libraries there have to be, and how they get packages on Debian and
# Ubuntu. To be sourced, and to be added to sparingly.

# The libraries that the programs are built against.
# shellcheck disable=SC2034 # for whoever sources this
library_packages=(libc6-dev libbpf-dev libelf-dev libdw-dev zlib1g-dev libjansson-dev libcap-dev libcapstone-dev
	libmicrohttpd-dev libseccomp-dev libssl-dev)

say() {
	printf '%s: %s\n' "${0##*/}" "$*"
}

die() {
	say "$@" >&2
	exit 1
}

# Runs a command as root, or fails where that cannot be had without a question.
as_root() {
	if ((EUID == 0)); then
		"$@"
	else
		sudo -n -- "$@"
	fi
}

can_be_root() {
	as_root true 2>/dev/null
}

# apt without questions, patient with a busy lock and a flaky network.
apt_quietly() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 \
		-o Dpkg::Use-Pty=0 "$@" </dev/null
}

# Some sources of a machine may be out of reach while the ones that matter are not, so a failure is not the end.
update_package_lists() {
	say 'updating the package lists'
	apt_quietly update || say 'apt-get update failed; going on with the lists there are' >&2
}

# Prints those of the named packages that are not installed, one a line.
missing_packages() { # PACKAGE...
	local installed package
	# It fails where it knows nothing of one of them.
	installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null) || true
	for package in "$@"; do
		grep -qx "installed $package" <<<"$installed" || echo "$package"
	done
}

# Says what it is about to install, and installs it; what apt-get says is shown only where it fails.
install_packages() { # PACKAGE...
	local output
	say "installing with apt-get: $*"
	output=$(apt_quietly install -y --no-install-recommends "$@" 2>&1) ||
		die "apt-get could not install: $*"$'\n'"$output"
}

# Where this machine's apt has Debian's packages from: the archive's address, without a slash at its end.
debian_archive() {
	local archive
	archive=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' |
		head -n 1)
	[[ -n $archive ]] || die 'apt knows no Debian archive here: name one (see the head of this script)'
	echo "${archive%/}"
}
