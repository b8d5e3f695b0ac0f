/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A made-up kernel image of a few kilobytes: a bzImage header, and in it a compressed ELF file with
 * real BTF.
 */
#ifndef KTSTR_TESTS_UNIT_KERNEL_IMAGE_H
#define KTSTR_TESTS_UNIT_KERNEL_IMAGE_H

#include <archive.h>
#include <archive_entry.h>
#include <bpf/btf.h>
#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

enum {
	IMAGE_SETUP_SECTS = 1,
	IMAGE_PAYLOAD_AT = (IMAGE_SETUP_SECTS + 1) * 512,
	IMAGE_OPS_BYTES = 96, /* of the struct_ops value in the BTF */
	IMAGE_TIMEOUT_OFFSET = 72, /* of data.timeout_ms in it */
};

struct image_opts {
	const char *release;
	bool no_sched_ext;
	bool no_btf;
	bool lost_kfunc; /* one that takes an argument from the verifier has no _impl twin */
	bool kfunc_tags; /* kfuncs have the declaration tag that pahole 1.26 gives them */
	const char *filter; /* libarchive's name; NULL: zstd */
	const char *salt; /* makes the content differ; may be NULL */
};

/* What a function that takes an argument from the verifier looks like, and its twin. */
static inline void image_add_kfunc(struct btf *btf, const char *name, bool twin, bool tag)
{
	int aux = btf__add_struct(btf, "bpf_prog_aux", 8);
	int ptr = btf__add_ptr(btf, btf__add_const(btf, aux));
	int proto = btf__add_func_proto(btf, 0);
	char impl[64];
	int func;

	btf__add_func_param(btf, "aux", ptr);
	func = btf__add_func(btf, name, BTF_FUNC_STATIC, proto);
	if (tag)
		btf__add_decl_tag(btf, "bpf_kfunc", func, -1);
	(void)kt_snprintf(impl, sizeof(impl), "%s_impl", name);
	if (twin)
		btf__add_func(btf, impl, BTF_FUNC_STATIC, proto);
}

/*
 * sched_ext_ops in the wrapper that the kernel puts around a struct_ops, with the two offsets
 * above.
 */
static inline void image_add_btf(struct kt_buf *out, const struct image_opts *o)
{
	struct btf *btf = btf__new_empty();
	int u32 = btf__add_int(btf, "unsigned int", 4, 0);
	const void *raw;
	uint32_t size;
	int ops;

	if (!o->no_sched_ext) {
		image_add_kfunc(btf, "scx_bpf_whole", true, o->kfunc_tags);
		image_add_kfunc(btf, "bpf_not_of_sched_ext", false, o->kfunc_tags);
		if (o->lost_kfunc)
			image_add_kfunc(btf, "scx_bpf_lost", false, o->kfunc_tags);
		ops = btf__add_struct(btf, "sched_ext_ops", 32);
		btf__add_field(btf, "flags", u32, 0, 0);
		btf__add_field(btf, "timeout_ms", u32, 8 * 8, 0);
		btf__add_struct(btf, "bpf_struct_ops_sched_ext_ops", IMAGE_OPS_BYTES);
		btf__add_field(btf, "data", ops, (IMAGE_TIMEOUT_OFFSET - 8) * 8, 0);
	}
	raw = btf__raw_data(btf, &size);
	kt_buf_add(out, raw, size);
	btf__free(btf);
}

/* An ELF file with the sections .BTF (perhaps), .salt and .shstrtab. */
static inline void image_make_elf(const struct image_opts *o, struct kt_buf *out)
{
	static const char names[] = "\0.BTF\0.salt\0.shstrtab";
	const char *salt = o->salt ? o->salt : "";
	Elf64_Ehdr eh = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = 4,
		.e_shstrndx = 3,
	};
	Elf64_Shdr sh[4] = {
		[1] = { .sh_name = 1,
			.sh_type = o->no_btf ? SHT_NULL : SHT_PROGBITS,
			.sh_flags = SHF_ALLOC },
		[2] = { .sh_name = 6, .sh_type = SHT_PROGBITS },
		[3] = { .sh_name = 12, .sh_type = SHT_STRTAB },
	};

	kt_buf_add(out, &eh, sizeof(eh));
	sh[1].sh_offset = out->len;
	if (!o->no_btf)
		image_add_btf(out, o);
	sh[1].sh_size = out->len - sh[1].sh_offset;
	sh[2].sh_offset = out->len;
	sh[2].sh_size = strlen(salt);
	kt_buf_adds(out, salt);
	sh[3].sh_offset = out->len;
	sh[3].sh_size = sizeof(names);
	kt_buf_add(out, names, sizeof(names));
	while (out->len % 8)
		kt_buf_addc(out, '\0');
	eh.e_shoff = out->len;
	kt_buf_add(out, sh, sizeof(sh));
	memcpy(out->data, &eh, sizeof(eh));
}

static inline la_ssize_t image_write(struct archive *a, void *ctx, const void *data, size_t len)
{
	(void)a;
	kt_buf_add(ctx, data, len);
	return (la_ssize_t)len;
}

static inline bool image_compress(const char *filter, const struct kt_buf *in, struct kt_buf *out)
{
	struct archive *a = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	bool ok;

	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_pathname(entry, "x");
	archive_write_set_bytes_in_last_block(a, 1);
	ok = archive_write_add_filter_by_name(a, filter) == ARCHIVE_OK &&
	     archive_write_set_format_raw(a) == ARCHIVE_OK &&
	     archive_write_open(a, out, NULL, image_write, NULL) == ARCHIVE_OK &&
	     archive_write_header(a, entry) == ARCHIVE_OK &&
	     archive_write_data(a, in->data, in->len) == (la_ssize_t)in->len &&
	     archive_write_close(a) == ARCHIVE_OK;
	archive_entry_free(entry);
	archive_write_free(a);
	return ok;
}

static inline void image_put32(char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (char)(v >> 8 * i);
}

/* The header of @release around @payload, which is stored as it is. */
static inline void image_wrap(const char *release, const struct kt_buf *payload, struct kt_buf *out)
{
	char setup[IMAGE_PAYLOAD_AT] = { 0 };

	setup[0x1f1] = IMAGE_SETUP_SECTS;
	setup[0x1fe] = 0x55;
	setup[0x1ff] = (char)0xaa;
	memcpy(setup + 0x202, "HdrS", 4);
	setup[0x206] = 0x0f;
	setup[0x207] = 0x02;
	setup[0x20e] = 0x80; /* the text is at 0x280 */
	(void)kt_snprintf(setup + 0x280, sizeof(setup) - 0x280, "%s (a@b) #1 SMP", release);
	image_put32(setup + 0x248, 0);
	image_put32(setup + 0x24c, (uint32_t)payload->len);
	kt_buf_add(out, setup, sizeof(setup));
	kt_buf_add(out, payload->data, payload->len);
	kt_buf_add(out, "tail", 4);
}

/* An image of the vmlinux @elf. */
static inline bool image_make_of(const struct image_opts *o, const struct kt_buf *elf,
				 struct kt_buf *out)
{
	kt_auto(buf) struct kt_buf payload = { 0 };
	const char *filter = o->filter ? o->filter : "zstd";
	char size[4];

	if (!image_compress(filter, elf, &payload))
		return false;
	image_put32(size, (uint32_t)elf->len);
	if (strcmp(filter, "gzip") != 0)
		kt_buf_add(&payload, size, sizeof(size));
	image_wrap(o->release, &payload, out);
	return kt_buf_ok(out);
}

static inline bool image_make(const struct image_opts *o, struct kt_buf *out)
{
	kt_auto(buf) struct kt_buf elf = { 0 };

	image_make_elf(o, &elf);
	return image_make_of(o, &elf, out);
}

#endif
