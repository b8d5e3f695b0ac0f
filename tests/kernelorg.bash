# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Who loads this uses these variables, and bats sets others:
# shellcheck disable=SC2034,SC2154
# A kernel.org made by the test and served by faultd: load ../kernel_tree, then ../kernelorg
#
#   kernelorg_begin                 once a test: nothing published yet, an empty cache and environment
#   kernelorg_add VERSION [OPTION...]   its tarball (OPTIONs of kernel_tree_make; blob=BYTES makes it that much bigger):
#                                   below pub/linux/kernel/, -rc below torvalds/t/
#   kernelorg_releases ROW...       releases.json; a ROW is "MONIKER VERSION" or "MONIKER VERSION eol"
#   kernelorg_sums [KEYDIR]         sha256sums.asc of every directory, signed by the key in that gpg home when given
#   kernelorg_serve [ARG...]        starts faultd with these; requests are in $REQUESTS; faultd_stop ends it

load ../faultd

kernelorg_begin() {
	SITE=$BATS_TEST_TMPDIR/site
	REQUESTS=$BATS_TEST_TMPDIR/requests
	PUB=$SITE/pub/linux/kernel
	mkdir -p "$PUB" "$SITE/torvalds/t" "$BATS_TEST_TMPDIR/work"
	: >"$REQUESTS"
	unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY KTSTR_LOG KTSTR_NET_TIMEOUT
	unset KTSTR_KERNEL_KEYRING KTSTR_KERNEL_MIRROR
	export KTSTR_CACHE_DIR=$BATS_TEST_TMPDIR/cache
	CACHE=$KTSTR_CACHE_DIR
	# Nothing of this host's own apt.
	printf '%s\n' 'Dir::Etc::main "/dev/null";' 'Dir::Etc::parts "/dev/null";' >"$BATS_TEST_TMPDIR/apt.conf"
	export APT_CONFIG=$BATS_TEST_TMPDIR/apt.conf
	cd "$BATS_TEST_TMPDIR/work" || return 1
}

# kernelorg_path VERSION: where its tarball is, below the site.
kernelorg_path() {
	case $1 in
	*-rc*) echo "torvalds/t/linux-$1.tar.gz" ;;
	*) echo "pub/linux/kernel/v${1%%.*}.x/linux-$1.tar.xz" ;;
	esac
}

kernelorg_add() {
	local version=$1 tree=$BATS_TEST_TMPDIR/tree option file options=()
	file=$SITE/$(kernelorg_path "$version")
	shift
	rm -rf "$tree"
	mkdir -p "$(dirname "$file")" "$tree"
	for option; do
		case $option in
		blob=*) head -c "${option#*=}" /dev/urandom >"$tree/blob" ;;
		*) options+=("$option") ;;
		esac
	done
	kernel_tree_make "$tree" "$version" "${options[@]}"
	kernel_tree_tar "$tree" "$file"
}

kernelorg_releases() {
	local row rows=()
	for row; do
		# shellcheck disable=SC2086 # words are meant
		set -- $row
		rows+=("{\"moniker\":\"$1\",\"version\":\"$2\",\"iseol\":$([ "${3:-}" = eol ] && echo true || echo false),
			\"released\":{\"timestamp\":1763000000,\"isodate\":\"2025-11-13\"},
			\"source\":\"https://kernel.invalid/linux-$2.tar.xz\",\"pgp\":null}")
	done
	(
		IFS=,
		printf '{"latest_stable":{"version":"0.0"},"releases":[%s]}\n' "${rows[*]}"
	) >"$SITE/releases.json"
}

kernelorg_sums() {
	local key=${1:-} dir
	for dir in "$PUB"/v*; do
		(cd "$dir" && sha256sum linux-*.tar.xz) >"$BATS_TEST_TMPDIR/sums"
		if [ -n "$key" ]; then
			gpg --homedir "$key" --batch --quiet --yes --digest-algo SHA256 --clearsign \
				-o "$dir/sha256sums.asc" "$BATS_TEST_TMPDIR/sums"
		else
			{
				printf '%s\n' "-----BEGIN PGP SIGNED MESSAGE-----" "Hash: SHA256" ""
				cat "$BATS_TEST_TMPDIR/sums"
				printf '%s\n' "-----BEGIN PGP SIGNATURE-----" "" "bm90aGluZw==" "-----END PGP SIGNATURE-----"
			} >"$dir/sha256sums.asc"
		fi
	done
}

kernelorg_serve() {
	faultd_start "$@" || return 1
	MIRROR=$FAULTD_URL
	export KTSTR_KERNEL_MIRROR=$MIRROR
}

# gets VERSION SPEC [ARG...]: fetching SPEC gives the source of that version.
gets() {
	local version=$1
	shift
	run --separate-stderr ktstr_make kernel fetch "$@"
	assert_eq 0 "$status" "exit status; stderr: $stderr"
	[[ $output =~ ^("$version"-x86_64-s[0-9a-f]{12})"  $version  $CACHE/sources/"(.*)$ ]] || {
		echo "not $version: $output" >&2
		return 1
	}
	assert_eq "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
	KEY=${BASH_REMATCH[1]}
	grep -q "^SUBLEVEL = $(cut -d. -f3 <<<"${version%-rc*}.0" | tr -d '\n')" "$CACHE/sources/$KEY/Makefile"
}
