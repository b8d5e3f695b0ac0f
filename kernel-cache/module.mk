# SPDX-License-Identifier: GPL-2.0-only
# kernel-cache: kernels by any name, fetched, built, checked and kept. debian/ knows Debian's archive, image/ what is in
# a kernel image, store/ the entries of the cache.
kernel-cache-src := kernel-cache/cache.c kernel-cache/fetch.c kernel-cache/json_in.c kernel-cache/lockfile.c \
	kernel-cache/pick.c kernel-cache/spec.c \
	kernel-cache/debian/apt.c kernel-cache/debian/deb.c kernel-cache/debian/deb_version.c \
	kernel-cache/debian/debian.c kernel-cache/debian/index.c kernel-cache/debian/packages.c \
	kernel-cache/debian/release.c \
	kernel-cache/image/bzimage.c kernel-cache/image/facts.c kernel-cache/image/strip.c \
	kernel-cache/source/local.c \
	kernel-cache/store/entry.c kernel-cache/store/install.c kernel-cache/store/metadata.c
kernel-cache-deps := base
kernel-cache-pkgs := libcurl libarchive libcjson libbpf libelf
