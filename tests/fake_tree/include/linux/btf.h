/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LINUX_BTF_H
#define _LINUX_BTF_H 1

#define KF_ACQUIRE (1 << 0)
#define KF_RELEASE (1 << 1)

#endif
