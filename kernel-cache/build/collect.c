/* SPDX-License-Identifier: GPL-2.0-only */
/* What a build leaves that is worth keeping, and whether it is what was wanted. */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-cache/build/build.h"

static const struct {
	const char *from;
	enum kc_file to;
} kept[] = {
	{ "arch/x86/boot/bzImage", KC_FILE_IMAGE },
	{ ".config", KC_FILE_CONFIG },
	{ "System.map", KC_FILE_SYSTEM_MAP },
};

static int copy(const char *objects, const char *from, const char *entry_dir, const char *to,
		struct kt_err *e)
{
	kt_auto(mem) char *source = kt_fmt("%s/%s", objects, from);
	kt_auto(mem) char *target = kt_fmt("%s/%s", entry_dir, to);
	kt_auto(fd) int in = -1;
	kt_auto(fd) int out = -1;
	struct stat st;
	int r;

	if (!source || !target)
		return kt_fail(e, KT_E_HOST, ENOMEM, "keep '%s'", from);
	in = open(source, O_RDONLY | O_CLOEXEC);
	if (in < 0 && errno == ENOENT)
		return kt_fail(e, KT_E_BUILD, ENOENT,
			       "make ended without an error, but '%s' is not there", source);
	if (in < 0 || fstat(in, &st) < 0)
		return kt_fail(e, KT_E_HOST, errno, "open '%s'", source);
	out = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (out < 0)
		return kt_fail(e, KT_E_HOST, errno, "create '%s'", target);
	r = kt_copy_fd(in, out);
	if (r < 0)
		return kt_fail(e, KT_E_HOST, -r, "write '%s' (%llu bytes)", target,
			       (unsigned long long)st.st_size);
	return 0;
}

static bool has_kfunc_tag(const struct btf *btf)
{
	uint32_t nr = btf__type_cnt(btf);

	for (uint32_t id = 1; id < nr; id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);

		if (btf_is_decl_tag(t) &&
		    kt_streq(btf__name_by_offset(btf, t->name_off), "bpf_kfunc"))
			return true;
	}
	return false;
}

static int silent(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level;
	(void)fmt;
	(void)ap;
	return 0;
}

/* Where the tree needs these tags, all of its kfuncs are lost without them. */
static int check_tags(const char *vmlinux, struct kt_err *e)
{
	libbpf_print_fn_t before = libbpf_set_print(silent);
	struct btf *btf = btf__parse_elf(vmlinux, NULL);
	bool ok = btf && has_kfunc_tag(btf);

	libbpf_set_print(before);
	if (btf)
		btf__free(btf);
	if (ok)
		return 0;
	return kt_fail(
		e, KT_E_BUILD, EBADMSG,
		"the kernel was built, but its BTF has no declaration tags of kfuncs, without which no "
		"scheduler loads (KF_IMPLICIT_ARGS in include/linux/btf.h): pahole 1.26 or newer writes "
		"them; install one, or name it by --pahole or PAHOLE=");
}

static int keep_vmlinux(const char *objects, const char *entry_dir, bool keep_debug,
			struct kt_err *e)
{
	kt_auto(mem) char *from = kt_fmt("%s/vmlinux", objects);
	kt_auto(mem) char *to = kt_fmt("%s/%s", entry_dir, kc_file_names[KC_FILE_VMLINUX]);

	if (!from || !to)
		return kt_fail(e, KT_E_HOST, ENOMEM, "keep vmlinux");
	if (keep_debug)
		return copy(objects, "vmlinux", entry_dir, kc_file_names[KC_FILE_VMLINUX], e);
	if (access(from, F_OK) < 0)
		return kt_fail(e, KT_E_BUILD, ENOENT,
			       "make ended without an error, but '%s' is not there", from);
	return kc_strip_vmlinux(from, to, e);
}

int kc_collect(const char *src, const char *objects, const char *entry_dir, bool keep_debug,
	       struct kt_err *e)
{
	kt_auto(mem) char *vmlinux = kt_fmt("%s/%s", entry_dir, kc_file_names[KC_FILE_VMLINUX]);
	struct kc_facts facts = { 0 };
	int r = vmlinux ? keep_vmlinux(objects, entry_dir, keep_debug, e)
			: kt_fail(e, KT_E_HOST, ENOMEM, "keep vmlinux");

	for (size_t i = 0; r == 0 && i < sizeof(kept) / sizeof(kept[0]); i++)
		r = copy(objects, kept[i].from, entry_dir, kc_file_names[kept[i].to], e);
	if (r == 0)
		r = kc_facts_read(vmlinux, &facts, e);
	/* That there is BTF at all, and sched_ext in it, is for the caller: there may be a reason to do without. */
	if (r == 0 && facts.has_sched_ext && kc_tree_has_implicit_args(src))
		r = check_tags(vmlinux, e);
	return r;
}
