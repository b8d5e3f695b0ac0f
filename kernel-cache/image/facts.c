/* SPDX-License-Identifier: GPL-2.0-only */
/* What a kernel's BTF says of sched_ext. */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel-cache/internal.h"

enum { BITS = 8 };
#define BTF_BYTES_MAX (256u << 20)

__attribute__((format(printf, 2, 0))) static int log_libbpf(enum libbpf_print_level level,
							    const char *fmt, va_list ap)
{
	kt_auto(buf) struct kt_buf text = { 0 };

	if (!kt_log_enabled(KT_AREA_KERNEL_CACHE, KT_DEBUG) || level == LIBBPF_DEBUG)
		return 0;
	kt_buf_vaddf(&text, fmt, ap);
	if (text.len && text.data[text.len - 1] == '\n')
		text.data[text.len - 1] = '\0';
	kt_log(KT_AREA_KERNEL_CACHE, KT_DEBUG, "%s", kt_buf_str(&text));
	return 0;
}

/* Byte offset of a member that is no bit field; -ENOENT. */
static int member(const struct btf *btf, const struct btf_type *t, const char *name,
		  uint32_t *ret_bytes, uint32_t *ret_type)
{
	const struct btf_member *m = btf_members(t);

	for (unsigned i = 0; i < btf_vlen(t); i++, m++) {
		const char *found = btf__name_by_offset(btf, m->name_off);

		if (!found || !kt_streq(found, name))
			continue;
		if (btf_member_bitfield_size(t, i) || btf_member_bit_offset(t, i) % BITS)
			return -ENOENT;
		*ret_bytes = btf_member_bit_offset(t, i) / BITS;
		*ret_type = m->type;
		return 0;
	}
	return -ENOENT;
}

/*
 * The kernel wraps the ops of a struct_ops map: struct bpf_struct_ops_sched_ext_ops { common; data
 * = the ops }.
 */
static void read_ops_value(const struct btf *btf, struct kc_facts *f)
{
	int id = btf__find_by_name_kind(btf, "bpf_struct_ops_sched_ext_ops", BTF_KIND_STRUCT);
	const struct btf_type *value = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
	const struct btf_type *ops;
	uint32_t data, timeout, type;

	if (!value || member(btf, value, "data", &data, &type) < 0)
		return;
	ops = btf__type_by_id(btf, type);
	if (!ops || !btf_is_struct(ops) || member(btf, ops, "timeout_ms", &timeout, &type) < 0)
		return;
	f->ops_value_bytes = value->size;
	f->ops_timeout_offset = data + timeout;
}

/* Whether the last parameter is "struct bpf_prog_aux *aux", which the verifier is to fill in. */
static bool has_implicit_arg(const struct btf *btf, const struct btf_type *func)
{
	const struct btf_type *proto = btf__type_by_id(btf, func->type);
	const struct btf_type *t;
	const struct btf_param *p;

	if (!proto || !btf_is_func_proto(proto) || btf_vlen(proto) == 0)
		return false;
	p = btf_params(proto) + btf_vlen(proto) - 1;
	if (!kt_streq(btf__name_by_offset(btf, p->name_off), "aux"))
		return false;
	t = btf__type_by_id(btf, p->type);
	if (!t || !btf_is_ptr(t))
		return false;
	for (t = btf__type_by_id(btf, t->type); t && btf_is_mod(t);)
		t = btf__type_by_id(btf, t->type);
	return t && kt_streq(btf__name_by_offset(btf, t->name_off), "bpf_prog_aux");
}

static uint32_t count_lost_kfuncs(const struct btf *btf)
{
	uint32_t nr = btf__type_cnt(btf), lost = 0;

	for (uint32_t id = 1; id < nr; id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		const char *name = btf_is_func(t) ? btf__name_by_offset(btf, t->name_off) : "";
		char twin[128];

		if (!kt_starts_with(name, "scx_bpf_") || kt_ends_with(name, "_impl") ||
		    !has_implicit_arg(btf, t))
			continue;
		if (kt_snprintf(twin, sizeof(twin), "%s_impl", name) == 0 &&
		    btf__find_by_name_kind(btf, twin, BTF_KIND_FUNC) < 0)
			lost++;
	}
	return lost;
}

static int find_btf(Elf *elf, const char *path, Elf_Data **ret, struct kt_err *e)
{
	Elf_Scn *scn = NULL;
	size_t names, nr;
	GElf_Ehdr eh;

	*ret = NULL;
	/* libelf passes over a section table that lies behind the end of the file. */
	if (!gelf_getehdr(elf, &eh) || elf_getshdrnum(elf, &nr) < 0 ||
	    (eh.e_shnum && nr != eh.e_shnum) || elf_getshdrstrndx(elf, &names) < 0)
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "read the sections of '%s': %s", path,
			       elf_errmsg(-1));
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr sh;
		const char *name;

		if (!gelf_getshdr(scn, &sh) || sh.sh_type != SHT_PROGBITS ||
		    sh.sh_size > BTF_BYTES_MAX)
			continue;
		name = elf_strptr(elf, names, sh.sh_name);
		if (!name || !kt_streq(name, ".BTF"))
			continue;
		*ret = elf_getdata(scn, NULL);
		return 0;
	}
	return 0;
}

static int read_btf(Elf *elf, const char *path, struct kc_facts *ret, struct kt_err *e)
{
	struct kc_facts f = { 0 };
	Elf_Data *data;
	struct btf *btf;
	int r = find_btf(elf, path, &data, e);

	if (r < 0)
		return r;
	if (data) {
		btf = btf__new(data->d_buf, (uint32_t)data->d_size);
		if (!btf)
			return kt_fail(e, KT_E_KERNEL, EBADMSG, "parse the BTF of '%s': %s", path,
				       strerror(errno));
		f.has_btf = true;
		f.has_sched_ext = btf__find_by_name_kind(btf, "sched_ext_ops", BTF_KIND_STRUCT) > 0;
		read_ops_value(btf, &f);
		f.nr_lost_kfuncs = count_lost_kfuncs(btf);
		btf__free(btf);
	}
	*ret = f;
	return 0;
}

/* *ret stays readable until elf_end. */
static int open_elf(const char *path, int *ret_fd, Elf **ret, struct kt_err *e)
{
	kt_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf *elf;

	if (fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "open '%s'", path);
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF) {
		elf_end(elf);
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' is no ELF file", path);
	}
	*ret = elf;
	*ret_fd = kt_take_fd(fd);
	return 0;
}

int kc_facts_read(const char *vmlinux, struct kc_facts *ret, struct kt_err *e)
{
	kt_auto(fd) int fd = -1;
	libbpf_print_fn_t before;
	Elf *elf = NULL;
	int r = open_elf(vmlinux, &fd, &elf, e);

	if (r < 0)
		return r;
	before = libbpf_set_print(log_libbpf);
	r = read_btf(elf, vmlinux, ret, e);
	libbpf_set_print(before);
	elf_end(elf);
	return r;
}

int kc_btf_same(const char *a, const char *b, bool *ret, struct kt_err *e)
{
	kt_auto(fd) int fd_a = -1;
	kt_auto(fd) int fd_b = -1;
	Elf *elf_a = NULL, *elf_b = NULL;
	Elf_Data *data_a = NULL, *data_b = NULL;
	int r = open_elf(a, &fd_a, &elf_a, e);

	if (r == 0)
		r = open_elf(b, &fd_b, &elf_b, e);
	if (r == 0)
		r = find_btf(elf_a, a, &data_a, e);
	if (r == 0)
		r = find_btf(elf_b, b, &data_b, e);
	if (r == 0) {
		if (data_a && data_b)
			*ret = data_a->d_size == data_b->d_size &&
			       memcmp(data_a->d_buf, data_b->d_buf, data_a->d_size) == 0;
		else
			*ret = !data_a && !data_b;
	}
	elf_end(elf_a);
	elf_end(elf_b);
	return r;
}
