/* SPDX-License-Identifier: GPL-2.0-only */
/* One capture: registers and memory of the stopped machine, made into a report. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "driver/capture_image.h"
#include "driver/cell/coordinator.h"

/* The kernel's own limit, where the test does not set one (SCX_WATCHDOG_MAX_TIMEOUT, kernel/sched/ext.c, 6.12). */
#define WATCHDOG_DEFAULT_NS (UINT64_C(30) * 1000000000)
/* What a capture walks, as long as none has shown it. */
enum { WALK_BYTES = 4 << 20 };

/* ---- where the bytes come from ---- */

struct source {
	struct vm *vm;
	struct vm_image *image; /* NULL: the machine itself */
	uint64_t bytes;
};

static int read_source(void *ctx, gpa_t gpa, void *buf, size_t len)
{
	struct source *s = ctx;

	s->bytes += len;
	return s->image ? vm_image_read(s->image, gpa, buf, len)
			: vm_read_gpa(s->vm, gpa, buf, len);
}

static int read_machine(void *ctx, gpa_t gpa, void *buf, size_t len)
{
	return vm_read_gpa(ctx, gpa, buf, len);
}

/* ---- the view ---- */

int cell_view_init(struct cell_view *v, const struct cell_spec *spec, struct vm *vm,
		   struct kt_err *e)
{
	*v = (struct cell_view){
		.spec = spec,
		.vm = vm,
		.walked_bytes = WALK_BYTES,
		.started_ns = kt_now_ns(), /* it has just begun to run */
	};
	/* Only where there will be captures: counters cost descriptors, and each switch of a vCPU's thread a little. */
	if (spec->plan.scheduler_argv.nr || spec->plan.nr_periodic)
		v->perf = cell_perf_open(vm, spec->nr_cpus);
	v->types = spec->types;
	(void)kt_snprintf(v->types_why, sizeof(v->types_why), "%s",
			  spec->types_why ? spec->types_why : "it has no BTF"); /* cut is fine */
	v->counters = calloc(spec->nr_cpus ? spec->nr_cpus : 1, sizeof(*v->counters));
	v->regs = calloc(spec->nr_cpus ? spec->nr_cpus : 1, sizeof(*v->regs));
	v->vcpus = calloc(spec->nr_cpus ? spec->nr_cpus : 1, sizeof(*v->vcpus));
	if (!v->regs || !v->vcpus || !v->counters)
		return kt_fail(e, KT_E_HOST, ENOMEM, "keep registers of %u vCPUs", spec->nr_cpus);
	return cap_symbols_create(&v->symbols, e);
}

void cell_view_done(struct cell_view *v)
{
	cap_guest_free(v->live);
	cap_types_free(v->own_types);
	cap_symbols_free(v->symbols);
	cell_perf_free(v->perf);
	free(v->counters);
	free(v->regs);
	free(v->vcpus);
	*v = (struct cell_view){ 0 };
}

static struct cap_guest_config config_of(const struct cell_view *v)
{
	return (struct cap_guest_config){
		.mem = { .read_pa = read_machine, .ctx = v->vm },
		.types = v->types,
		.symbols = v->symbols,
		.has_phys_base = v->has_phys_base,
		.phys_base = v->phys_base,
		.vcpus = v->regs,
		.nr_vcpus = v->spec->nr_cpus,
		.objects = v->spec->objects,
	};
}

/* What the guest did not tell, the kernel's file may. */
static void add_linked_symbols(const struct cell_view *v)
{
	size_t nr = v->spec->linked && v->text
			    ? cap_symbols_add_moved(v->symbols, v->spec->linked, v->text)
			    : 0;

	if (nr)
		kt_log(KT_AREA_DRIVER, KT_DEBUG, "%zu symbols are of the kernel's file", nr);
}

/* Without the kernel's file there is still what the running kernel has of its types: where they are needs none. */
static int read_types(struct cell_view *v, struct kt_err *e)
{
	kt_auto(cap_guest) struct cap_guest *g = NULL;
	const struct cap_guest_config config = config_of(v);
	kt_auto(buf) struct kt_buf why = { 0 };
	char text[KT_ERR_TEXT_BYTES];
	struct kt_err ours = { 0 };
	int r = cap_guest_open(&config, &g, &ours);

	if (r == 0)
		r = cap_types_read(g, &v->own_types, &ours);
	if (r == 0) {
		v->types = v->own_types;
		kt_log(KT_AREA_DRIVER, KT_DEBUG, "%s; took its types from the guest's memory",
		       v->types_why);
		return 0;
	}
	kt_buf_addf(&why, "%s; %s", v->types_why, kt_err_text(&ours, text, sizeof(text)));
	(void)kt_snprintf(v->types_why, sizeof(v->types_why), "%s",
			  kt_buf_str(&why)); /* cut is fine */
	return kt_fail(e, KT_E_KERNEL, ENOENT, "no types of this kernel: %s", v->types_why);
}

int cell_view_open(struct cell_view *v, struct kt_err *e)
{
	int r = 0;

	cell_view_read_regs(v);
	add_linked_symbols(v);
	if (!v->types)
		r = read_types(v, e);
	if (r < 0)
		return r;
	v->live_config = config_of(v);
	return cap_guest_open(&v->live_config, &v->live, e);
}

void cell_view_read_regs(struct cell_view *v)
{
	for (unsigned i = 0; i < v->spec->nr_cpus; i++) {
		struct vm_regs regs = { 0 };
		bool valid = vm_read_regs(v->vm, i, &regs, NULL) == 0;

		v->vcpus[i] = (struct drv_image_vcpu){ .valid = valid, .regs = regs };
		v->regs[i] = (struct cap_vcpu_regs){
			.valid = valid,
			.instruction_pointer = regs.rip,
			.stack_pointer = regs.rsp,
			.page_table_root = regs.cr3,
		};
	}
}

int cell_view_peek(struct cell_view *v, gva_t at, void *buf, size_t len)
{
	if (!v->live)
		return -EOPNOTSUPP;
	cap_guest_forget(v->live);
	return cap_guest_read(v->live, at, buf, len);
}

/* ---- one capture ---- */

/*
 * After that the dump leaves out what is still to come: the guest's own watchdog must not fire because of us. Like all
 * limits on the host's clock it is stretched where the host emulates.
 */
static uint64_t deadline_ns(const struct cell_spec *s)
{
	uint64_t watchdog = s->plan.watchdog_ns ? s->plan.watchdog_ns : WATCHDOG_DEFAULT_NS;
	double scale = s->accel->accel == VM_ACCEL_TCG ? s->project->time_scale : 1;

	return kt_now_ns() + (uint64_t)((double)watchdog / 2 * (scale > 1 ? scale : 1));
}

/*
 * Reading the machine itself is the least work. A copy is made when the image is to be kept, and when so much is walked
 * that a fork of guest memory costs the guest less than standing still all the while.
 */
static struct vm_image *make_image(const struct cell_view *v, const char *image_path)
{
	enum vm_image_kind kind =
		vm_image_prefer(v->vm, image_path && v->keep_all ? UINT64_MAX : v->walked_bytes);
	struct vm_image *image = NULL;
	struct kt_err e = { 0 };
	char text[KT_ERR_TEXT_BYTES];

	if (kind == VM_IMAGE_RECORD && !image_path)
		return NULL;
	if (vm_image_create(v->vm, kind, &image, &e) == 0 && !image_path &&
	    vm_image_kind(image) == VM_IMAGE_RECORD) {
		vm_image_free(image); /* no fork to be had: copies would be for nothing */
		return NULL;
	}
	if (!image)
		kt_log(KT_AREA_DRIVER, KT_DEBUG, "%s; reading the machine itself",
		       kt_err_text(&e, text, sizeof(text)));
	return image;
}

static int dump(struct cell_view *v, struct source *s, struct cap_report **ret, struct kt_err *e)
{
	const struct cap_dump_opts o = {
		.deadline_ns = deadline_ns(v->spec),
		.perf = v->perf ? v->counters : NULL,
		.nr_perf = v->perf ? v->spec->nr_cpus : 0,
		.events = v->nr_events ? v->events.sample : NULL,
		.nr_events = v->nr_events,
	};
	kt_auto(cap_guest) struct cap_guest *g = NULL;
	struct cap_guest_config config = config_of(v);
	int r;

	config.mem = (struct mem_source){ .read_pa = read_source, .ctx = s };
	r = cap_guest_open(&config, &g, e);
	if (r == 0)
		r = cap_dump(g, &o, ret, e);
	if (r == 0 && s->image)
		drv_image_want_core(v->symbols, g);
	if (r == 0 && s->image && v->own_types)
		drv_image_want_types(g);
	return r;
}

/* Registers at least; @why says what is missing for more. */
static int dump_registers(struct cell_view *v, const struct kt_err *why, struct cap_report **ret,
			  struct kt_err *e)
{
	char text[KT_ERR_TEXT_BYTES];

	(void)kt_snprintf(v->missing, sizeof(v->missing), "%s",
			  kt_err_text(why, text, sizeof(text))); /* cut is fine */
	return cap_report_registers(CAP_WHY_PREREQUISITES, v->regs, v->spec->nr_cpus, ret, e);
}

/* What a debugger reads and no capture does. */
static void keep_all(const struct cell_view *v, struct vm_image *image)
{
	int r = vm_image_keep_all(image, v->vm);

	if (r < 0)
		kt_log(KT_AREA_DRIVER, KT_WARN,
		       "cannot keep all of guest memory: %s; the image has what was read",
		       strerror(-r));
}

static int dump_something(struct cell_view *v, struct source *s, struct cap_report **ret,
			  struct kt_err *e)
{
	struct kt_err why = { 0 };
	int r;

	if (!v->types)
		r = kt_fail(&why, KT_E_KERNEL, ENOENT, "%s", v->types_why);
	else
		r = dump(v, s, ret, &why);
	return r < 0 ? dump_registers(v, &why, ret, e) : 0;
}

static void save_image(const struct cell_view *v, const struct vm_image *image, const char *path)
{
	const struct drv_image_facts facts = {
		.kernel_release = v->spec->kernel->release,
		.vmlinux = v->spec->kernel->vmlinux,
		.program = v->spec->program,
		.has_phys_base = v->has_phys_base,
		.phys_base = v->phys_base,
		.symbols = v->symbols,
		.vcpu = v->vcpus,
		.nr_vcpus = v->spec->nr_cpus,
		.perf = v->perf ? v->counters : NULL,
		.nr_perf = v->perf ? v->spec->nr_cpus : 0,
		.events = v->events.sample,
		.nr_events = v->nr_events,
	};
	struct kt_err e = { 0 };
	char text[KT_ERR_TEXT_BYTES];

	if (drv_image_save(image, &facts, path, &e) < 0)
		kt_log(KT_AREA_DRIVER, KT_WARN, "%s; there is no image of this capture",
		       kt_err_text(&e, text, sizeof(text)));
}

/* A machine that has ended meanwhile does not go on, and will say so itself. */
static int thaw(struct cell_view *v, struct kt_err *e)
{
	int r = cell_view_thaw(v, e);

	return r == -ENOTCONN ? 0 : r;
}

int cell_view_capture(struct cell_view *v, const char *image_path, struct cap_report **ret,
		      struct kt_err *e)
{
	kt_auto(cap_report) struct cap_report *report = NULL;
	kt_auto(vm_image) struct vm_image *image = make_image(v, image_path);
	struct source s = { .vm = v->vm, .image = image };
	bool fork = image && vm_image_kind(image) == VM_IMAGE_FORK;
	uint64_t start = kt_now_ns(), standing;
	int r, thawed = 0;

	v->missing[0] = '\0';
	cell_view_read_regs(v);
	if (v->perf)
		cell_perf_read(v->perf, v->counters);
	v->nr_events = cell_events_at_freeze(v);
	if (fork)
		thawed = thaw(v, e);
	standing = kt_now_ns() - start;
	r = dump_something(v, &s, &report, e);
	if (image && image_path && v->keep_all)
		keep_all(v, image);
	if (!fork) {
		if (image)
			vm_image_seal(image);
		thawed = thaw(v, r < 0 ? NULL : e);
		standing = kt_now_ns() - start;
	}
	kt_log(KT_AREA_DRIVER, KT_DEBUG,
	       "capture: %llu KiB read, the machine stood still for %.1f ms of %.1f",
	       (unsigned long long)(s.bytes >> 10), (double)standing / 1e6,
	       (double)(kt_now_ns() - start) / 1e6);
	if (s.bytes > v->walked_bytes)
		v->walked_bytes = s.bytes;
	if (image && image_path)
		save_image(v, image, image_path);
	if (r < 0 || thawed < 0)
		return r < 0 ? r : thawed;
	*ret = kt_take(report);
	return 0;
}
