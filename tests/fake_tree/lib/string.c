// SPDX-License-Identifier: GPL-2.0
#include <linux/kernel.h>

size_t kstrlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}
