/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine of a cell: its plan, what the guest is given, the kernel's arguments. */
#include <errno.h>

#include "base/file.h"
#include "driver/cell/parts.h"

enum { KARGS_MAX = 1400 }; /* the kernel takes 2047 bytes, and the machine adds words of its own */

static int write_plan_json(const struct cell_spec *s, struct kt_err *e)
{
	kt_auto(mem) char *path = kt_fmt("%s/plan.json", s->log_dir);
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_json j;

	kt_json_init(&j, &b, true);
	scn_plan_json(&s->plan, &j, NULL);
	kt_json_finish(&j);
	if (!path || !kt_buf_ok(&b))
		return kt_fail(e, KT_E_HOST, ENOMEM, "write the plan");
	return kt_file_write_atomic(path, b.data, b.len, 0644, e);
}

/* Only a scheduler under test has exits, and only a guest that was told of symbols can be looked into. */
static bool wants_captures(const struct cell_spec *s)
{
	return s->plan.scheduler_argv.nr || s->plan.nr_periodic;
}

static int build_initrd(const struct cell_spec *s, struct kt_buf *ret, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf plan = { 0 };
	kt_auto(buf) struct kt_buf symbols = { 0 };
	struct vm_initrd_file files[] = {
		{ .guest_path = GST_PLAN_PATH },
		{ .guest_path = GST_SYMBOLS_PATH },
	};
	int r = scn_plan_encode(&s->plan, &plan, e);

	if (r < 0)
		return kt_context(e, r, "encode the plan");
	for (const char *const *name = cap_symbol_names(); *name; name++)
		kt_buf_addf(&symbols, "%s\n", *name);
	if (!kt_buf_ok(&symbols))
		return kt_fail(e, KT_E_HOST, ENOMEM, "list the symbols that captures need");
	files[0].data = plan.data;
	files[0].len = plan.len;
	files[1].data = symbols.data;
	files[1].len = symbols.len;
	return vm_initramfs_build(files, wants_captures(s) ? 2 : 1, ret, e);
}

static int join_kargs(const struct cfg_test *t, struct kt_buf *ret, struct kt_err *e)
{
	for (size_t i = 0; i < t->kargs.nr; i++)
		kt_buf_addf(ret, "%s%s", i ? " " : "", t->kargs.v[i]);
	if (!kt_buf_ok(ret))
		return kt_fail(e, KT_E_HOST, ENOMEM, "make the kernel command line");
	if (ret->len > KARGS_MAX)
		return kt_fail(e, KT_E_CONFIG, E2BIG,
			       "'kargs' of test '%s' have %zu bytes, at most %d", t->name, ret->len,
			       KARGS_MAX);
	return 0;
}

int cell_make_machine(const struct cell_spec *s, struct vm **ret, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf initrd = { 0 };
	kt_auto(buf) struct kt_buf kargs = { 0 };
	struct vm_config config = {
		.accel = s->accel,
		.topology = &s->test->topology,
		.memory_bytes = s->memory_bytes,
		.kernel = s->kernel->image,
		.vmlinux = s->kernel->vmlinux,
		.initrd_base = s->initrd_base,
		.clock = s->project->tcg_clock_real ? VM_CLOCK_REAL : VM_CLOCK_GUEST_WORK,
		.performance = s->performance,
		.log_dir = s->log_dir,
	};
	int r = write_plan_json(s, e);

	if (r == 0)
		r = join_kargs(s->test, &kargs, e);
	if (r == 0)
		r = build_initrd(s, &initrd, e);
	if (r < 0)
		return r;
	config.cmdline = kt_buf_str(&kargs);
	config.initrd_extra = initrd.data;
	config.initrd_extra_len = initrd.len;
	return vm_create(&config, ret, e);
}
