#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# 124 for v1.24, 0 for none.
command -v "$@" >/dev/null 2>&1 || { echo 0; exit 1; }
"$@" --version | sed -E 's/v([0-9]+)\.([0-9]+)/\1\2/'
