# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Who loads this uses these variables, and bats sets others:
# shellcheck disable=SC2034,SC2119,SC2120,SC2154
# A Debian archive made by the test, signed with a throw-away key and served by faultd: load ../kernel_archive
#
#   archive_keys          once a file: keys "good" and "other" in $KEYS, keyrings $KEYS/{good,other}.gpg
#   archive_begin         once a test: an empty archive, cache and environment
#   archive_add RELEASE VERSION [SALT]   packages linux-binary-* and linux-base-* into the pool
#   archive_publish [KEY] writes dists/test/{InRelease,main/...} over what was added; KEY "none": not signed
#   archive_serve [RULE...]              starts faultd; requests are in $REQUESTS; faultd_stop ends it

load ../faultd

SUITE="test"
SPEC=debian:$SUITE/cloud

archive_keys() {
	local name
	# Short: gpg-agent's socket is in it.
	KEYS=$(mktemp -d /tmp/ktstr-keys.XXXXXX)
	export KEYS
	for name in good other; do
		mkdir -m 700 "$KEYS/$name"
		gpg --homedir "$KEYS/$name" --batch --quiet --passphrase '' \
			--quick-generate-key "$name@example.invalid" ed25519 sign never 2>/dev/null
		gpg --homedir "$KEYS/$name" --batch --quiet --export >"$KEYS/$name.gpg"
	done
}

archive_keys_end() {
	local name
	for name in good other; do
		gpgconf --homedir "$KEYS/$name" --kill all
	done
	rm -rf "$KEYS"
}

# apt_says LINE...: what apt's configuration holds, and nothing of the host's own.
apt_says() {
	printf '%s\n' 'Dir::Etc::main "/dev/null";' 'Dir::Etc::parts "/dev/null";' "$@" >"$BATS_TEST_TMPDIR/apt.conf"
	export APT_CONFIG=$BATS_TEST_TMPDIR/apt.conf
}

archive_begin() {
	ARCHIVE=$BATS_TEST_TMPDIR/archive
	REQUESTS=$BATS_TEST_TMPDIR/requests
	mkdir -p "$ARCHIVE/pool" "$BATS_TEST_TMPDIR/work"
	: >"$ARCHIVE/Packages"
	: >"$REQUESTS"
	unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY KTSTR_LOG KTSTR_NET_TIMEOUT
	export KTSTR_CACHE_DIR=$BATS_TEST_TMPDIR/cache
	export KTSTR_DEBIAN_KEYRING=$KEYS/good.gpg
	CACHE=$KTSTR_CACHE_DIR
	apt_says
	cd "$BATS_TEST_TMPDIR/work" || return 1
}

# _package NAME VERSION DEPENDS FILE-IN-PACKAGE FROM
_package() {
	local name=$1 version=$2 depends=$3 to=$4 from=$5
	local tree=$BATS_TEST_TMPDIR/tree deb=pool/${name}_${version}_amd64.deb
	rm -rf "$tree"
	mkdir -p "$tree/DEBIAN" "$tree/$(dirname "$to")"
	cp "$from" "$tree/$to"
	printf '%s\n' "Package: $name" "Version: $version" "Architecture: amd64" "Maintainer: nobody <n@example.invalid>" \
		"Description: made up" >"$tree/DEBIAN/control"
	dpkg-deb -Zxz --root-owner-group --build "$tree" "$ARCHIVE/$deb" >/dev/null
	printf '%s\n' "Package: $name" "Version: $version" "Depends: $depends" "Filename: $deb" \
		"Size: $(stat -c %s "$ARCHIVE/$deb")" "SHA256: $(sha256sum <"$ARCHIVE/$deb" | cut -d' ' -f1)" "" \
		>>"$ARCHIVE/Packages"
}

archive_add() {
	local release=$1 version=$2 salt=${3:-}
	"$O/tests/mkbzimage" "$release" "$BATS_TEST_TMPDIR/bzImage" "$salt"
	echo "CONFIG_LOCALVERSION=\"$release\"" >"$BATS_TEST_TMPDIR/config"
	_package "linux-binary-$release" "$version" "linux-base-$release (= $version)" \
		"usr/lib/modules/$release/vmlinuz" "$BATS_TEST_TMPDIR/bzImage"
	_package "linux-base-$release" "$version" "" "usr/lib/modules/$release/config" "$BATS_TEST_TMPDIR/config"
	_package "linux-image-$release" "$version" "linux-binary-$release (= $version)" "usr/share/doc/stub" \
		"$BATS_TEST_TMPDIR/config"
}

# VALID_UNTIL may be set by the caller.
archive_publish() {
	local key=${1:-good} dist=$ARCHIVE/dists/$SUITE packages sum
	mkdir -p "$dist/main/binary-amd64/by-hash/SHA256"
	packages=$dist/main/binary-amd64/Packages.xz
	xz -c "$ARCHIVE/Packages" >"$packages"
	sum=$(sha256sum <"$packages" | cut -d' ' -f1)
	cp "$packages" "$dist/main/binary-amd64/by-hash/SHA256/$sum"
	{
		printf '%s\n' "Origin: Test" "Suite: $SUITE" "Codename: ${CODENAME:-$SUITE}" "Acquire-By-Hash: yes"
		[ -z "${VALID_UNTIL:-}" ] || echo "Valid-Until: $VALID_UNTIL"
		printf '%s\n' "SHA256:" " $sum $(stat -c %s "$packages") main/binary-amd64/Packages.xz"
	} >"$dist/Release"
	if [ "$key" = none ]; then
		cp "$dist/Release" "$dist/InRelease"
	else
		gpg --homedir "$KEYS/$key" --batch --quiet --yes --digest-algo SHA256 --clearsign \
			-o "$dist/InRelease" "$dist/Release"
	fi
}

archive_serve() {
	faultd_start "$ARCHIVE" "$@" || return 1
	MIRROR=$FAULTD_URL
	export KTSTR_DEBIAN_MIRROR=$MIRROR
}

# No half-made thing anywhere: every entry is whole, and no work directory is left.
assert_cache_consistent() {
	run --separate-stderr ktstr_make kernel list
	assert_eq 0 "$status"
	[[ $stderr != *damaged* ]] || { echo "$stderr" >&2; return 1; }
	[ -z "$(ls -A "$CACHE/tmp" 2>/dev/null)" ] || { ls -R "$CACHE/tmp" >&2; return 1; }
}
