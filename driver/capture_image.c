/* SPDX-License-Identifier: GPL-2.0-only */
/* A saved image's notes: what a report is made of besides memory, as JSON in the image's file. */
#include "driver/capture_image.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"

enum { SCHEMA_VERSION = 1, DEPTH_MAX = 8, ROWS_MAX = 1 << 16, GPRS = 16 };

/* ---- writing ---- */

static void add_symbols(struct kt_json *j, const struct cap_symbols *s)
{
	const char *const *names;
	const uint64_t *addrs;
	size_t nr = s ? cap_symbols_list(s, &names, &addrs) : 0;
	char line[640];

	kt_json_array_begin(j, "symbols");
	for (size_t n = 0; n < nr; n++) {
		if (kt_snprintf(line, sizeof(line), "%016" PRIx64 " %s", addrs[n], names[n]) == 0)
			kt_json_str(j, NULL, line);
	}
	kt_json_array_end(j);
}

static void add_vcpu(struct kt_json *j, const struct drv_image_vcpu *v)
{
	if (!v->valid) {
		kt_json_null(j, NULL);
		return;
	}
	kt_json_object_begin(j, NULL);
	kt_json_u64(j, "rip", v->regs.rip);
	kt_json_u64(j, "rsp", v->regs.rsp);
	kt_json_u64(j, "rflags", v->regs.rflags);
	kt_json_u64(j, "cr3", v->regs.cr3);
	kt_json_array_begin_oneline(j, "gpr");
	for (size_t n = 0; n < GPRS; n++)
		kt_json_u64(j, NULL, v->regs.gpr[n]);
	kt_json_array_end(j);
	kt_json_object_end(j);
}

static void add_perf(struct kt_json *j, const struct cap_perf *p)
{
	if (!p->valid) {
		kt_json_null(j, NULL);
		return;
	}
	kt_json_array_begin_oneline(j, NULL);
	kt_json_u64(j, NULL, p->cycles);
	kt_json_u64(j, NULL, p->instructions);
	kt_json_u64(j, NULL, p->cache_misses);
	kt_json_u64(j, NULL, p->branch_misses);
	kt_json_u64(j, NULL, p->time_enabled_ns);
	kt_json_u64(j, NULL, p->time_running_ns);
	kt_json_array_end(j);
}

static void add_event(struct kt_json *j, const struct cap_event_sample *s)
{
	kt_json_array_begin_oneline(j, NULL);
	kt_json_u64(j, NULL, s->elapsed_ms);
	for (size_t n = 0; n < CAP_EV_NR; n++)
		kt_json_i64(j, NULL, s->count[n]);
	kt_json_array_end(j);
}

static void add_notes(struct kt_json *j, const struct drv_image_facts *f, const char *sha256)
{
	kt_json_object_begin(j, NULL);
	kt_json_u64(j, "schema_version", SCHEMA_VERSION);
	kt_json_str(j, "kernel_release", f->kernel_release);
	kt_json_str(j, "vmlinux", f->vmlinux);
	kt_json_str(j, "vmlinux_sha256", sha256);
	kt_json_str(j, "program", f->program);
	if (f->has_phys_base)
		kt_json_u64(j, "phys_base", f->phys_base);
	kt_json_array_begin(j, "vcpus");
	for (size_t n = 0; n < f->nr_vcpus; n++)
		add_vcpu(j, &f->vcpu[n]);
	kt_json_array_end(j);
	kt_json_array_begin(j, "perf");
	for (size_t n = 0; n < f->nr_perf; n++)
		add_perf(j, &f->perf[n]);
	kt_json_array_end(j);
	kt_json_array_begin(j, "events");
	for (size_t n = 0; n < f->nr_events; n++)
		add_event(j, &f->events[n]);
	kt_json_array_end(j);
	add_symbols(j, f->symbols);
	kt_json_object_end(j);
}

int drv_image_save(const struct vm_image *i, const struct drv_image_facts *f, const char *path,
		   struct kt_err *e)
{
	kt_auto(buf) struct kt_buf notes = { 0 };
	char sha256[KT_SHA256_HEX];
	const char *hash = f->vmlinux_sha256;
	struct kt_json j;

	if (f->vmlinux && !hash) {
		int r = kt_sha256_file(f->vmlinux, sha256, e);

		if (r < 0)
			return kt_context(e, r, "save guest memory to '%s'", path);
		hash = sha256;
	}
	kt_json_init(&j, &notes, true);
	add_notes(&j, f, hash);
	kt_json_finish(&j);
	if (!kt_buf_ok(&notes))
		return kt_fail(e, KT_E_HOST, ENOMEM, "save guest memory to '%s'", path);
	return vm_image_save(i, kt_buf_str(&notes), path, e);
}

void drv_image_want_types(struct cap_guest *g)
{
	kt_auto(mem) void *btf = NULL;
	size_t len;

	(void)cap_guest_btf(g, &btf, &len, NULL); /* then it takes --vmlinux */
}

/* ---- reading ---- */

struct reader {
	const char *path;
	struct kt_err *e;
};

static int bad(const struct reader *r, const char *what)
{
	return kt_fail(r->e, KT_E_HOST, 0, "the notes of '%s' are damaged: %s", r->path, what);
}

static bool number(struct json_object *o, uint64_t *ret)
{
	if (!json_object_is_type(o, json_type_int) || json_object_get_int64(o) < 0)
		return false;
	*ret = json_object_get_uint64(o);
	return true;
}

static bool member_number(struct json_object *o, const char *key, uint64_t *ret)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) && number(v, ret);
}

/* NULL: not there, or null. */
static const char *member_text(struct json_object *o, const char *key)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, key, &v) || !json_object_is_type(v, json_type_string))
		return NULL;
	return json_object_get_string(v);
}

/* The numbers of an array of exactly @nr. */
static bool numbers(struct json_object *o, uint64_t *ret, size_t nr)
{
	if (!json_object_is_type(o, json_type_array) || json_object_array_length(o) != nr)
		return false;
	for (size_t n = 0; n < nr; n++) {
		if (!number(json_object_array_get_idx(o, n), &ret[n]))
			return false;
	}
	return true;
}

static bool take_vcpu(struct json_object *o, void *row)
{
	struct drv_image_vcpu *v = row;
	struct json_object *gpr;

	if (json_object_is_type(o, json_type_null))
		return true;
	v->valid = true;
	return json_object_is_type(o, json_type_object) && member_number(o, "rip", &v->regs.rip) &&
	       member_number(o, "rsp", &v->regs.rsp) &&
	       member_number(o, "rflags", &v->regs.rflags) &&
	       member_number(o, "cr3", &v->regs.cr3) && json_object_object_get_ex(o, "gpr", &gpr) &&
	       numbers(gpr, v->regs.gpr, GPRS);
}

static bool take_perf(struct json_object *o, void *row)
{
	struct cap_perf *p = row;
	uint64_t v[6];

	if (json_object_is_type(o, json_type_null))
		return true;
	if (!numbers(o, v, 6))
		return false;
	*p = (struct cap_perf){ .valid = true,
				.cycles = v[0],
				.instructions = v[1],
				.cache_misses = v[2],
				.branch_misses = v[3],
				.time_enabled_ns = v[4],
				.time_running_ns = v[5] };
	return true;
}

static bool take_event(struct json_object *o, void *row)
{
	struct cap_event_sample *s = row;

	if (!json_object_is_type(o, json_type_array) ||
	    json_object_array_length(o) != 1 + CAP_EV_NR ||
	    !number(json_object_array_get_idx(o, 0), &s->elapsed_ms))
		return false;
	for (size_t n = 0; n < CAP_EV_NR; n++) {
		struct json_object *v = json_object_array_get_idx(o, n + 1);

		if (!json_object_is_type(v, json_type_int))
			return false;
		s->count[n] = json_object_get_int64(v);
	}
	return true;
}

/* An array of the notes as rows; none when the key is not there. */
static int take_rows(const struct reader *r, struct json_object *notes, const char *key,
		     size_t row_bytes, bool (*take)(struct json_object *o, void *row), void **ret,
		     size_t *ret_nr)
{
	struct json_object *list;
	size_t nr;
	char *rows;

	if (!json_object_object_get_ex(notes, key, &list))
		return 0;
	nr = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : SIZE_MAX;
	if (nr > ROWS_MAX)
		return bad(r, key);
	rows = calloc(nr ? nr : 1, row_bytes);
	if (!rows)
		return kt_fail(r->e, KT_E_HOST, ENOMEM, "load guest memory from '%s'", r->path);
	*ret = rows; /* the caller's, also when a row is bad */
	for (size_t n = 0; n < nr; n++) {
		if (!take(json_object_array_get_idx(list, n), rows + n * row_bytes))
			return bad(r, key);
	}
	*ret_nr = nr;
	return 0;
}

static int take_symbols(const struct reader *r, struct drv_image *i)
{
	kt_auto(buf) struct kt_buf lines = { 0 };
	struct json_object *list;
	size_t nr;

	if (!json_object_object_get_ex(i->notes, "symbols", &list) ||
	    !json_object_is_type(list, json_type_array))
		return bad(r, "symbols");
	nr = json_object_array_length(list);
	for (size_t n = 0; n < nr; n++) {
		struct json_object *line = json_object_array_get_idx(list, n);

		if (!json_object_is_type(line, json_type_string))
			return bad(r, "symbols");
		kt_buf_adds(&lines, json_object_get_string(line));
		kt_buf_addc(&lines, '\n');
	}
	if (!kt_buf_ok(&lines))
		return kt_fail(r->e, KT_E_HOST, ENOMEM, "load guest memory from '%s'", r->path);
	if (cap_symbols_add_text(i->symbols, kt_buf_str(&lines), lines.len) != nr)
		return bad(r, "symbols");
	i->facts.symbols = i->symbols;
	return 0;
}

static int take_vcpus(const struct reader *r, struct drv_image *i)
{
	struct drv_image_facts *f = &i->facts;
	int n = take_rows(r, i->notes, "vcpus", sizeof(*i->vcpu), take_vcpu, (void **)&i->vcpu,
			  &f->nr_vcpus);

	if (n < 0)
		return n;
	i->regs = calloc(f->nr_vcpus ? f->nr_vcpus : 1, sizeof(*i->regs));
	if (!i->regs)
		return kt_fail(r->e, KT_E_HOST, ENOMEM, "load guest memory from '%s'", r->path);
	for (size_t k = 0; k < f->nr_vcpus; k++)
		i->regs[k] = (struct cap_vcpu_regs){
			.valid = i->vcpu[k].valid,
			.instruction_pointer = i->vcpu[k].regs.rip,
			.stack_pointer = i->vcpu[k].regs.rsp,
			.page_table_root = i->vcpu[k].regs.cr3,
		};
	f->vcpu = i->vcpu;
	return 0;
}

static int take_notes(const struct reader *r, struct drv_image *i)
{
	struct drv_image_facts *f = &i->facts;
	uint64_t version;
	int n;

	if (!member_number(i->notes, "schema_version", &version) || version != SCHEMA_VERSION)
		return bad(r, "they are not of this version");
	f->kernel_release = member_text(i->notes, "kernel_release");
	f->vmlinux = member_text(i->notes, "vmlinux");
	f->vmlinux_sha256 = member_text(i->notes, "vmlinux_sha256");
	f->program = member_text(i->notes, "program");
	f->has_phys_base = member_number(i->notes, "phys_base", &f->phys_base);
	n = take_vcpus(r, i);
	if (n == 0)
		n = take_rows(r, i->notes, "perf", sizeof(*i->perf), take_perf, (void **)&i->perf,
			      &f->nr_perf);
	if (n == 0)
		n = take_rows(r, i->notes, "events", sizeof(*i->events), take_event,
			      (void **)&i->events, &f->nr_events);
	if (n == 0)
		n = take_symbols(r, i);
	f->perf = i->perf;
	f->events = i->events;
	return n;
}

/* NULL: no JSON, or more than that. */
static struct json_object *parse(const char *text)
{
	struct json_tokener *t = json_tokener_new_ex(DEPTH_MAX);
	size_t len = strlen(text);
	struct json_object *o = t && len <= INT32_MAX ? json_tokener_parse_ex(t, text, (int)len)
						      : NULL;

	if (t)
		json_tokener_free(t);
	return o;
}

void drv_image_done(struct drv_image *i)
{
	vm_image_free(i->memory);
	cap_symbols_free(i->symbols);
	free(i->vcpu);
	free(i->regs);
	free(i->perf);
	free(i->events);
	json_object_put(i->notes);
	*i = (struct drv_image){ 0 };
}

int drv_image_load(const char *path, struct drv_image *ret, struct kt_err *e)
{
	const struct reader reader = { .path = path, .e = e };
	kt_auto(drv_image) struct drv_image i = { 0 };
	int r = vm_image_load(path, &i.memory, e);

	if (r == 0)
		r = cap_symbols_create(&i.symbols, e);
	if (r < 0)
		return r;
	if (!*vm_image_notes(i.memory))
		return kt_fail(e, KT_E_HOST, 0,
			       "'%s' is memory alone, without what was known of its guest", path);
	i.notes = parse(vm_image_notes(i.memory));
	if (!json_object_is_type(i.notes, json_type_object))
		return bad(&reader, "they are no JSON object");
	r = take_notes(&reader, &i);
	if (r < 0)
		return r;
	*ret = i;
	i = (struct drv_image){ 0 };
	return 0;
}

/* ---- using ---- */

static int read_pa(void *ctx, gpa_t gpa, void *buf, size_t len)
{
	return vm_image_read(ctx, gpa, buf, len);
}

struct cap_guest_config drv_image_guest(struct drv_image *i, const struct cap_types *types,
					const struct cap_objects *objects)
{
	return (struct cap_guest_config){
		.mem = { read_pa, i->memory },
		.types = types,
		.symbols = i->symbols,
		.has_phys_base = i->facts.has_phys_base,
		.phys_base = i->facts.phys_base,
		.vcpus = i->regs,
		.nr_vcpus = i->facts.nr_vcpus,
		.objects = objects,
	};
}
