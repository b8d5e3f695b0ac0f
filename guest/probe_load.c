/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Puts the probe's maps and programs into the kernel, by bpf(2) alone. The kernel does what libbpf would do in a program: it
 * finds types by name (guest/names.c) and relocates by its own BTF (BPF_PROG_LOAD's core_relos, since 5.17).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "bpf/events.h"
#include "guest/names.h"
#include "guest/probe.h"

enum {
	INSNS_MAX = 1024,
	CONSTANTS_MAX = 64,
	LOG_BYTES = 256 << 10,
};

int prb_loader_init(struct prb_loader *l, const struct prb_object *o, bool read_fields,
		    struct kt_err *e)
{
	union bpf_attr attr;
	long fd;

	*l = (struct prb_loader){ .object = o, .read_fields = read_fields };
	memset(&attr, 0, sizeof(attr));
	attr.btf = (uintptr_t)o->btf;
	attr.btf_size = o->btf_bytes;
	fd = gst_bpf(BPF_BTF_LOAD, &attr);
	if (fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "load the probe's BTF");
	l->btf_fd = (int)fd;
	l->symbols_fd = gst_symbols_asker();
	l->types_fd = gst_types_asker();
	return 0;
}

/* ---- maps: made when the first program that is loaded refers to them ---- */

static int set_constant(const struct prb_loader *l, uint8_t *constants, const struct prb_map *m,
			const char *name, const void *value, size_t len)
{
	uint32_t at;

	if (prb_object_constant(l->object, name, &at) < 0 || at > m->value_size ||
	    m->value_size - at < len)
		return -EINVAL;
	memcpy(constants + at, value, len);
	return 0;
}

/* Constants are frozen before a program is loaded: the verifier then knows them, and drops what they switch off. */
static int fill_constants(const struct prb_loader *l, int fd, const struct prb_map *m)
{
	uint8_t constants[CONSTANTS_MAX];
	const bool enabled = true;
	uint64_t exit_kind = 0;
	union bpf_attr attr;
	uint32_t key = 0;

	if (m->value_size > sizeof(constants))
		return -EINVAL;
	memcpy(constants, m->constants, m->value_size);
	/* A kernel that has it in a structure has no such symbol. */
	(void)gst_ask_symbol(l->symbols_fd, "scx_exit_kind", &exit_kind);
	if (set_constant(l, constants, m, "ktstr_enabled", &enabled, sizeof(enabled)) < 0 ||
	    set_constant(l, constants, m, "ktstr_read_fields", &l->read_fields,
			 sizeof(l->read_fields)) < 0 ||
	    set_constant(l, constants, m, "ktstr_exit_kind_addr", &exit_kind, sizeof(exit_kind)) <
		    0)
		return -EINVAL;
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)constants;
	if (gst_bpf(BPF_MAP_UPDATE_ELEM, &attr) < 0)
		return -errno;
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	return gst_bpf(BPF_MAP_FREEZE, &attr) < 0 ? -errno : 0;
}

static int make_map(struct prb_loader *l, const struct prb_map *m, struct kt_err *e)
{
	union bpf_attr attr;
	long fd;
	int r;

	memset(&attr, 0, sizeof(attr));
	(void)kt_snprintf(attr.map_name, sizeof(attr.map_name), "%s",
			  m->name); /* cut, as libbpf does */
	attr.map_type = m->type;
	attr.key_size = m->key_size;
	attr.value_size = m->value_size;
	attr.max_entries = m->max_entries;
	attr.map_flags = m->flags;
	if (m->value_type) {
		attr.btf_fd = (uint32_t)l->btf_fd;
		attr.btf_key_type_id = m->key_type;
		attr.btf_value_type_id = m->value_type;
	}
	fd = gst_bpf(BPF_MAP_CREATE, &attr);
	if (fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "make map '%s'", m->name);
	r = m->constants ? fill_constants(l, (int)fd, m) : 0;
	if (r < 0) {
		(void)close((int)fd);
		return kt_fail(e, KT_E_HOST, -r, "fill map '%s'", m->name);
	}
	return (int)fd;
}

/* Its descriptor. */
static int get_map(struct prb_loader *l, const struct prb_map *m, struct kt_err *e)
{
	int fd;

	for (uint32_t i = 0; i < l->nr_maps; i++)
		if (kt_streq(l->map[i].name, m->name))
			return l->map[i].fd;
	if (l->nr_maps == PRB_MAPS_MAX)
		return kt_fail(e, KT_E_INTERNAL, ENOSPC, "more than %d maps", PRB_MAPS_MAX);
	fd = make_map(l, m, e);
	if (fd < 0)
		return fd;
	l->map[l->nr_maps].name = m->name;
	l->map[l->nr_maps++].fd = fd;
	return fd;
}

/* ---- programs ---- */

/* @insns: of the program, copied. */
static int relocate(struct prb_loader *l, const struct prb_program *p, struct bpf_insn *insns,
		    struct kt_err *e)
{
	for (uint32_t i = 0; i < p->nr_rels; i++) {
		uint64_t at = p->rels[i].r_offset / sizeof(insns[0]);
		struct prb_map m;
		uint32_t offset;
		int fd, r;

		r = prb_object_map(l->object, &p->rels[i], &m, &offset);
		if (r < 0 || at + 1 >= p->nr_insns)
			return kt_fail(e, KT_E_INTERNAL, EINVAL, "relocation %u is for no map", i);
		fd = get_map(l, &m, e);
		if (fd < 0)
			return fd;
		if (kt_starts_with(m.name, "probe_bp.")) {
			insns[at].src_reg = BPF_PSEUDO_MAP_VALUE;
			insns[at + 1].imm = insns[at].imm + (int32_t)offset;
		} else {
			insns[at].src_reg = BPF_PSEUDO_MAP_FD;
		}
		insns[at].imm = fd;
	}
	return 0;
}

/* See PRB_CALL_SCX_EVENTS. */
static void link_kernel_functions(const struct prb_loader *l, struct bpf_insn *insns, uint32_t nr)
{
	uint32_t id = 0;

	for (uint32_t i = 0; i < nr; i++) {
		if (insns[i].code != (BPF_JMP | BPF_CALL) || insns[i].src_reg != 0 ||
		    insns[i].imm != PRB_CALL_SCX_EVENTS)
			continue;
		if (gst_ask_type(l->types_fd, BTF_KIND_FUNC, "scx_bpf_events", &id) == 0)
			insns[i] = (struct bpf_insn){ .code = BPF_JMP | BPF_CALL,
						      .src_reg = BPF_PSEUDO_KFUNC_CALL,
						      .imm = (int32_t)id };
		else
			insns[i] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K,
						      .dst_reg = BPF_REG_0 };
	}
}

/* The last line of what the verifier says, before its statistics. */
static const char *verifier_complaint(char *log)
{
	char *last = log, *save = NULL;

	for (char *line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (!kt_starts_with(line, "processed ") &&
		    !kt_starts_with(line, "verification time"))
			last = line;
	return last;
}

static const enum bpf_attach_type attach_types[] = {
	[PRB_TP_BTF] = BPF_TRACE_RAW_TP,
	[PRB_FENTRY] = BPF_TRACE_FENTRY,
	[PRB_FEXIT] = BPF_TRACE_FEXIT,
};

static int submit(const struct prb_loader *l, const struct prb_program *p, const struct prb_hook *h,
		  uint32_t target_id, struct bpf_insn *insns, struct kt_err *e)
{
	static char log[LOG_BYTES];
	const struct bpf_func_info func = { .type_id = p->func_type };
	union bpf_attr attr;
	long fd;
	int err;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = h->kind == PRB_KPROBE ? BPF_PROG_TYPE_KPROBE : BPF_PROG_TYPE_TRACING;
	if (h->kind != PRB_KPROBE)
		attr.expected_attach_type = attach_types[h->kind];
	attr.attach_btf_id = target_id;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = p->nr_insns;
	attr.license = (uintptr_t) "GPL";
	(void)kt_snprintf(attr.prog_name, sizeof(attr.prog_name), "ktstr_probe");
	attr.prog_btf_fd = (uint32_t)l->btf_fd;
	attr.func_info = (uintptr_t)&func; /* without one the kernel does not look at relocations */
	attr.func_info_cnt = 1;
	attr.func_info_rec_size = sizeof(func);
	attr.core_relos = (uintptr_t)p->core_relos;
	attr.core_relo_cnt = p->nr_core_relos;
	attr.core_relo_rec_size = sizeof(struct bpf_core_relo);
	fd = gst_bpf(BPF_PROG_LOAD, &attr);
	if (fd >= 0)
		return (int)fd;
	err = errno;
	attr.log_level = 1;
	attr.log_buf = (uintptr_t)log;
	attr.log_size = sizeof(log);
	fd = gst_bpf(BPF_PROG_LOAD, &attr);
	if (fd >= 0)
		return (int)fd; /* it was short of something a moment ago */
	return kt_fail(e, KT_E_HOST, err, "load its program (kernel: \"%s\")",
		       verifier_complaint(log));
}

int prb_load_program(struct prb_loader *l, const struct prb_hook *h, uint32_t target_id,
		     struct kt_err *e)
{
	static struct bpf_insn insns[INSNS_MAX];
	struct prb_program p;
	int r = prb_object_program(l->object, h->section, &p);

	if (r < 0 || p.nr_insns > INSNS_MAX)
		return kt_fail(e, KT_E_INTERNAL, EINVAL, "no usable program in section '%s'",
			       h->section);
	memcpy(insns, p.insns, p.nr_insns * sizeof(insns[0]));
	r = relocate(l, &p, insns, e);
	if (r < 0)
		return r;
	link_kernel_functions(l, insns, p.nr_insns);
	return submit(l, &p, h, target_id, insns, e);
}
