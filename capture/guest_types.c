/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The types of a kernel whose file is not at hand, from its own memory: its linker puts the BTF into the image, between two
 * symbols (include/asm-generic/vmlinux.lds.h, kernel/bpf/sysfs_btf.c, 6.12). Only its place has to be known, no type.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "capture/memory.h"

/* Of a distribution's kernel it is 5 MiB. */
enum { BTF_BYTES_MAX = 32 << 20 };

int cap_guest_btf(struct cap_guest *g, void **ret, size_t *ret_len, struct kt_err *e)
{
	kt_auto(mem) void *data = NULL;
	gva_t from, to;
	int r;

	if (!cap_guest_symbol(g, "__start_BTF", &from) || !cap_guest_symbol(g, "__stop_BTF", &to))
		return kt_fail(e, KT_E_KERNEL, ENOENT,
			       "the guest's kernel does not tell where its BTF is, or has none");
	if (from.v < CAP_KERNEL_MAP || to.v <= from.v || to.v - from.v > BTF_BYTES_MAX)
		return kt_fail(e, KT_E_GUEST, EINVAL,
			       "the guest's kernel says that its BTF is from gva 0x%016" PRIx64
			       " to 0x%016" PRIx64,
			       from.v, to.v);
	data = malloc(to.v - from.v);
	if (!data)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read the BTF of the guest's kernel");
	r = cap_guest_read(g, from, data, to.v - from.v);
	if (r < 0)
		return kt_fail(e, KT_E_GUEST, -r,
			       "read the BTF of the guest's kernel at gva 0x%016" PRIx64, from.v);
	*ret = kt_take(data);
	*ret_len = to.v - from.v;
	return 0;
}

int cap_types_read(struct cap_guest *g, struct cap_types **ret, struct kt_err *e)
{
	kt_auto(mem) void *data = NULL;
	size_t len = 0;
	int r = cap_guest_btf(g, &data, &len, e);

	return r < 0 ? r : cap_types_parse(data, len, "the guest's kernel", ret, e);
}
