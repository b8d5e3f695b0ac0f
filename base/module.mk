# SPDX-License-Identifier: GPL-2.0-only
# base: what every other module stands on.
base-src := base/cleanup.c base/clock.c base/err.c base/file.c base/hash.c base/json.c base/lock.c \
	base/log.c base/parse.c base/proc.c base/proc_guard.c base/proc_run.c base/str.c base/topology.c base/tree.c \
	base/utf8.c
base-deps :=
base-pkgs := nettle
