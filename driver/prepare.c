/* SPDX-License-Identifier: GPL-2.0-only */
/* What must exist before the first cell: built schedulers, initramfs bases, sizes, deadlines. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "driver/fetch.h"
#include "driver/run.h"
#include "guest/proto.h"

/* guest/init and guest/probe, put into this program by driver/cell/guest_init.S. */
extern const unsigned char kt_guest_init[], kt_guest_probe[];
extern const uint64_t kt_guest_init_len, kt_guest_probe_len;

#define GUEST_INIT_PATH_IN_GUEST "/init"

static int make_build_dir(struct drv_run *r, const struct cfg_scheduler *s,
			  const struct kc_entry *k, char **ret, struct kt_err *e)
{
	kt_auto(mem) char *name = drv_safe_name(s->name);
	kt_auto(mem) char *key = drv_safe_name(k->key);
	kt_auto(mem) char *dir = NULL;
	int err;

	if (name && key)
		dir = kt_fmt("%s/build/%s/%s", r->out_dir, key, name);
	if (!dir)
		return kt_fail(e, KT_E_HOST, ENOMEM, "name the build directory");
	err = kt_mkdir_p(dir, 0755, e);
	if (err < 0)
		return err;
	*ret = kt_take(dir);
	return 0;
}

/* The guest has nothing but the scheduler and its libraries: no shell, no interpreter. */
static bool is_elf(const char *path)
{
	kt_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char magic[SELFMAG];

	/* A file that cannot be read is told when it is packed. */
	return fd < 0 || (read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
			  memcmp(magic, ELFMAG, sizeof(magic)) == 0);
}

/* Say what is wrong with the file before anybody wonders about it inside a machine. */
static int check_binary(const struct cfg_project *p, const struct cfg_scheduler *s,
			const char *path, struct kt_err *e)
{
	const char *next = s->build ? "does its build command write it there?"
				    : "build it first, or give the scheduler a 'build' command";
	struct stat st;

	if (stat(path, &st) < 0)
		return kt_fail(e, KT_E_BUILD, errno,
			       "%s:%d:%d: the binary of scheduler '%s' is not there: '%s': %s (%s)",
			       p->file, s->at.line, s->at.column, s->name, path, strerror(errno),
			       next);
	if (!S_ISREG(st.st_mode))
		return kt_fail(e, KT_E_BUILD, EINVAL,
			       "%s:%d:%d: the binary of scheduler '%s' is not a file: '%s'",
			       p->file, s->at.line, s->at.column, s->name, path);
	if (!(st.st_mode & 0111))
		return kt_fail(
			e, KT_E_BUILD, EACCES,
			"%s:%d:%d: the binary of scheduler '%s' is not executable: '%s': chmod +x it",
			p->file, s->at.line, s->at.column, s->name, path);
	if (st.st_size == 0)
		return kt_fail(e, KT_E_BUILD, ENOEXEC,
			       "%s:%d:%d: the binary of scheduler '%s' is empty: '%s'", p->file,
			       s->at.line, s->at.column, s->name, path);
	if (!is_elf(path))
		return kt_fail(
			e, KT_E_BUILD, ENOEXEC,
			"%s:%d:%d: the binary of scheduler '%s' is not an ELF program: '%s' (a script has no interpreter in the guest)",
			p->file, s->at.line, s->at.column, s->name, path);
	return 0;
}

static int make_base(const char *scheduler_path, char **ret, struct kt_err *e)
{
	const struct vm_initrd_file files[] = {
		{ .guest_path = GUEST_INIT_PATH_IN_GUEST,
		  .data = kt_guest_init,
		  .len = kt_guest_init_len,
		  .mode = 0755 },
		{ .guest_path = GST_PROBE_PATH,
		  .data = kt_guest_probe,
		  .len = kt_guest_probe_len,
		  .mode = 0755 },
		{ .guest_path = GST_SCHEDULER_PATH,
		  .host_path = scheduler_path,
		  .mode = 0755,
		  .libraries = true },
	};
	kt_auto(mem) char *cache = kc_default_dir();

	if (!cache)
		return kt_fail(e, KT_E_HOST, ENOMEM, "find the cache directory");
	return vm_initramfs_base(cache, files, scheduler_path ? 3 : 1, ret, e);
}

/* The tree that the kernel was built from, for schedulers that come with it. */
static int find_kernel_source(struct drv_run *r, const struct cfg_scheduler *s,
			      const struct drv_kernel *k, char **ret, int *ret_use_fd,
			      struct kt_err *e)
{
	const struct cfg_project *p = r->plan->project;
	kt_auto(drv_kc_opts) struct drv_kc_opts o = { 0 };
	kt_auto(drv_shown) struct drv_shown *shown = NULL;
	int err = drv_kc_opts_make(p, k->config, r->kernel_args, &o, e);

	if (err == 0)
		err = drv_shown_begin(r->ctx, &shown, e);
	if (err < 0)
		return err;
	if (!k->entry->source_key && !k->entry->dirty)
		return kt_fail(
			e, KT_E_KERNEL, ENOENT,
			"%s:%d:%d: scheduler '%s' is built from its kernel's source ('kernel-source = true'), and kernel '%s' (%s) was not built here: take one that is, such as source = \"6.12\"",
			p->file, s->at.line, s->at.column, s->name, k->name, k->source);
	o.o.progress = drv_shown_progress(shown);
	err = kc_source_dir(k->entry, &o.o, ret, ret_use_fd, e);
	return err < 0 ? kt_context(e, err, "get the source of kernel '%s' for scheduler '%s'",
				    k->name, s->name)
		       : 0;
}

/*
 * "$KTSTR_OUT/scx_mine" is of this kernel's build alone; a path of the project may be written by a run on another
 * kernel at the same time.
 */
static int binary_path(const struct cfg_project *p, const struct cfg_scheduler *s,
		       const char *build_dir, char **ret, struct kt_err *e)
{
	static const char out[] = "$KTSTR_OUT/";

	if (kt_starts_with(s->binary, out) && !build_dir)
		return kt_fail(
			e, KT_E_CONFIG, EINVAL,
			"%s:%d:%d: the binary of scheduler '%s' is in $KTSTR_OUT, which only a 'build' command writes to",
			p->file, s->at.line, s->at.column, s->name);
	if (kt_starts_with(s->binary, out))
		*ret = kt_fmt("%s/%s", build_dir, s->binary + strlen(out));
	else
		*ret = s->binary[0] == '/' ? strdup(s->binary) : kt_fmt("%s/%s", p->dir, s->binary);
	return *ret ? 0
		    : kt_fail(e, KT_E_HOST, ENOMEM, "name the binary of scheduler '%s'", s->name);
}

/* ---- what captures need: made once, shared by all cells, which are forked from here ---- */

static bool wants_captures(const struct drv_cell *c)
{
	return c->test->scheduler != CFG_NO_SCHEDULER || c->test->nr_periodic;
}

/* For a kernel that lists functions only (no CONFIG_KALLSYMS_ALL); the files of distributions have no symbols. */
static int load_symbols(struct drv_kernel *k, struct kt_err *e)
{
	char text[KT_ERR_TEXT_BYTES];
	struct kt_err why = { 0 };
	int r = cap_symbols_create(&k->symbols, e);

	if (r == 0 && k->entry->vmlinux &&
	    cap_symbols_add_linked(k->symbols, k->entry->vmlinux, &why) < 0)
		kt_log(KT_AREA_DRIVER, KT_DEBUG, "%s; captures on kernel '%s' go by its own list",
		       kt_err_text(&why, text, sizeof(text)), k->name);
	return r;
}

/* A kernel without types is a kernel all the same: its dumps say why there is little in them. */
static int load_types(const struct cfg_project *p, struct drv_kernel *k, struct kt_err *e)
{
	char text[KT_ERR_TEXT_BYTES];
	struct kt_err why = { 0 };

	k->objects = calloc(p->nr_schedulers + 1, sizeof(void *));
	k->programs = calloc(p->nr_schedulers + 1, sizeof(char *));
	if (!k->objects || !k->programs)
		return kt_fail(e, KT_E_HOST, ENOMEM, "prepare captures");
	if (!k->entry->vmlinux)
		(void)kt_fail(&why, KT_E_KERNEL, ENOENT, "kernel '%s' has no vmlinux%s%s", k->name,
			      k->entry->notes ? ": " : "", k->entry->notes ? k->entry->notes : "");
	else if (cap_types_load(k->entry->vmlinux, &k->types, &why) == 0)
		return 0;
	k->types_why = strdup(kt_err_text(&why, text, sizeof(text)));
	kt_log(KT_AREA_DRIVER, KT_DEBUG,
	       "%s; captures on kernel '%s' go by what it has in its memory", text, k->name);
	return 0;
}

/* Without them pointers that hide in integers are not followed. */
static void load_objects(struct drv_kernel *k, size_t scheduler, const char *path)
{
	char text[KT_ERR_TEXT_BYTES];
	struct kt_err why = { 0 };

	if (!k->programs[scheduler])
		k->programs[scheduler] = strdup(path); /* NULL: saved images do not say it */
	if (cap_objects_load(path, &k->objects[scheduler], &why) < 0)
		kt_log(KT_AREA_DRIVER, KT_DEBUG, "%s; captures of '%s' will tell less",
		       kt_err_text(&why, text, sizeof(text)), path);
}

/*
 * Build one scheduler for one kernel (NULL: the kernel's own, nothing to build) and make its base.
 */
static int prepare_scheduler(struct drv_run *r, const struct cfg_scheduler *s, struct drv_kernel *k,
			     struct drv_signals *signals, char **ret_base, struct kt_err *e)
{
	const struct cfg_project *p = r->plan->project;
	kt_auto(mem) char *build_dir = NULL;
	kt_auto(mem) char *source = NULL;
	kt_auto(mem) char *path = NULL;
	kt_auto(fd) int source_use = -1;
	int ret;

	if (!s)
		return make_base(NULL, ret_base, e);
	if (s->build) {
		struct drv_build_opts o = { .scheduler = s,
					    .kernel = k->entry,
					    .project_dir = p->dir };

		ret = make_build_dir(r, s, k->entry, &build_dir, e);
		if (ret == 0 && s->kernel_source)
			ret = find_kernel_source(r, s, k, &source, &source_use, e);
		if (ret < 0)
			return ret;
		o.build_dir = build_dir;
		o.kernel_source = source;
		ret = drv_build(r, &o, signals, e);
		if (ret < 0)
			return ret;
	}
	ret = binary_path(p, s, build_dir, &path, e);
	if (ret < 0 || !path)
		return ret;
	ret = check_binary(p, s, path, e);
	if (ret < 0)
		return ret;
	load_objects(k, (size_t)(s - p->schedulers), path);
	ret = make_base(path, ret_base, e);
	return ret < 0 ? kt_context(e, ret, "pack scheduler '%s' for the guest", s->name) : 0;
}

/* What depends on kernel, accelerator and initramfs. */
static int finish_cell(struct drv_run *r, struct drv_cell *c, const char *base, struct kt_err *e)
{
	const struct drv_kernel *k = &r->plan->kernels[c->kernel];
	struct drv_deadline_in d = {
		.tcg = r->accel.accel == VM_ACCEL_TCG,
		.nr_cpus = c->spec.nr_cpus,
		.has_scheduler = c->test->scheduler != CFG_NO_SCHEDULER,
		.duration_ns = c->test->duration_ns,
		.timeout_ns = c->test->timeout_ns,
		.time_scale = r->plan->project->time_scale,
	};
	struct stat st;

	if (stat(base, &st) < 0)
		return kt_fail(e, KT_E_HOST, errno, "look at '%s'", base);
	c->spec.initrd_base = strdup(base);
	if (!c->spec.initrd_base)
		return kt_fail(e, KT_E_HOST, ENOMEM, "plan test '%s'", c->test->name);
	c->spec.kernel = k->entry;
	c->spec.types = k->types;
	c->spec.types_why = k->types_why;
	c->spec.linked = k->symbols;
	if (c->test->scheduler != CFG_NO_SCHEDULER) {
		c->spec.objects = k->objects[c->test->scheduler];
		c->spec.program = k->programs[c->test->scheduler];
	}
	c->spec.accel = &r->accel;
	c->spec.plan.ops_value_bytes = k->entry->facts.ops_value_bytes;
	c->spec.plan.ops_timeout_offset = k->entry->facts.ops_timeout_offset;
	c->spec.memory_bytes =
		vm_memory_bytes(&c->test->topology, c->test->memory_bytes, (uint64_t)st.st_size);
	c->spec.host_deadline_ns = drv_host_deadline_ns(&d);
	return 0;
}

static void free_bases(char **bases, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		free(bases[i]);
	free(bases);
}

/*
 * bases[i] is of scheduler i, the last of the kernel's own; each is made when the first cell wants
 * it.
 */
static int prepare_kernel(struct drv_run *r, size_t kernel, char **bases,
			  struct drv_signals *signals, struct kt_err *e)
{
	const struct cfg_project *p = r->plan->project;
	struct drv_kernel *k = &r->plan->kernels[kernel];

	for (size_t i = 0; i < r->plan->nr_cells; i++) {
		struct drv_cell *c = &r->plan->cells[i];
		bool own = c->test->scheduler == CFG_NO_SCHEDULER;
		size_t at = own ? p->nr_schedulers : c->test->scheduler;
		int ret = 0;

		if (c->kernel != kernel)
			continue;
		if (wants_captures(c) && !k->objects) {
			ret = load_types(p, k, e);
			if (ret == 0)
				ret = load_symbols(k, e);
		}
		if (ret == 0 && !bases[at])
			ret = prepare_scheduler(r, own ? NULL : &p->schedulers[at], k, signals,
						&bases[at], e);
		if (ret == 0)
			ret = finish_cell(r, c, bases[at], e);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int drv_prepare(struct drv_run *r, struct drv_signals *signals, struct kt_err *e)
{
	size_t nr = r->plan->project->nr_schedulers + 1;

	for (size_t k = 0; k < r->plan->nr_kernels; k++) {
		char **bases = calloc(nr, sizeof(*bases));
		int ret;

		if (!bases)
			return kt_fail(e, KT_E_HOST, ENOMEM, "prepare schedulers");
		ret = prepare_kernel(r, k, bases, signals, e);
		free_bases(bases, nr);
		if (ret < 0)
			return ret;
	}
	return 0;
}
