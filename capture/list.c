/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's doubly linked lists, followed forwards. */
#include <errno.h>

#include "capture/internal.h"

int cap_list_each(struct cap_guest *g, gva_t head, size_t max, bool (*fn)(void *ctx, gva_t node),
		  void *ctx)
{
	kt_auto(cap_set) struct cap_set *seen = NULL;
	gva_t node;
	/* next is the first member of struct list_head (include/linux/types.h, all releases) */
	int r = cap_read_ptr(g, head, &node);

	for (size_t n = 0; r == 0 && node.v != head.v; n++) {
		if (!cap_is_kernel(node))
			return -EFAULT;
		if (n >= max)
			return -E2BIG;
		if (!seen)
			r = cap_set_create(max, &seen);
		if (r < 0)
			return r;
		if (!cap_set_add(seen, node.v))
			return cap_set_has(seen, node.v) ? -ELOOP : -ENOMEM;
		if (!fn(ctx, node))
			return 0;
		r = cap_read_ptr(g, node, &node);
	}
	return r;
}
