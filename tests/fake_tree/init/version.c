// SPDX-License-Identifier: GPL-2.0
#include <linux/kernel.h>

#include <generated/utsrelease.h>

const char linux_banner[] = "Linux version " UTS_RELEASE " (ktstr@ktstr) " __VERSION__ "\n";
