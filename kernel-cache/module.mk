# SPDX-License-Identifier: GPL-2.0-only
# kernel-cache: kernels by any name, fetched, checked and kept.
kernel-cache-src := kernel-cache/apt.c kernel-cache/bzimage.c kernel-cache/cache.c kernel-cache/deb.c \
	kernel-cache/debian.c kernel-cache/deb_version.c kernel-cache/entry.c kernel-cache/facts.c \
	kernel-cache/fetch.c kernel-cache/index.c kernel-cache/install.c kernel-cache/json_in.c \
	kernel-cache/local.c kernel-cache/lockfile.c kernel-cache/metadata.c kernel-cache/packages.c kernel-cache/pick.c \
	kernel-cache/release.c kernel-cache/spec.c kernel-cache/strip.c
kernel-cache-deps := base
kernel-cache-pkgs := libcurl libarchive libcjson libbpf libelf
