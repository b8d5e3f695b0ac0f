/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * capture-bench: figures of captures, for scripts/bench. Prints lines "NAME NUMBER".
 *
 *   capture-bench json RUNS           the writer of reports, in MB/s: one of pages, one of values
 *   capture-bench dump IMAGE RUNS     of a saved image (KTSTR_KEEP_IMAGE): walk, JSON, file in ms; memory beside it in MiB
 */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"
#include "capture/internal.h"
#include "driver/capture_image.h"

enum { PAGES = 100, ENTRIES = 1000, MEMBERS = 12, POOL_BYTES = 64 << 20, MIB = 1 << 20 };

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("capture-bench: ", stderr);
	(void)vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

static void must(int r, const struct kt_err *e)
{
	char text[KT_ERR_TEXT_BYTES];

	if (r < 0)
		die("%s", kt_err_text(e, text, sizeof(text)));
}

static void print(const char *name, double value)
{
	printf("%s %.4f\n", name, value);
	fflush(stdout);
}

static double ms_since(uint64_t begin)
{
	return (double)(kt_now_ns() - begin) / 1e6;
}

static void *alloc(struct cap_pool *pool, size_t nr, size_t bytes)
{
	void *p = cap_alloc_array(pool, nr, bytes);

	if (!p)
		die("out of memory");
	return p;
}

/* ---- the writer ---- */

/* Not all alike, and not all of one digit. */
static uint8_t some_byte(size_t i)
{
	return (uint8_t)(i * 2654435761U >> 13);
}

static void add_pages(struct cap_report *r, struct cap_map_report *m)
{
	struct cap_arena_snapshot *a = alloc(r->pool, 1, sizeof(*a));

	a->page = alloc(r->pool, PAGES, sizeof(*a->page));
	a->nr_pages = a->declared_pages = PAGES;
	for (size_t i = 0; i < PAGES; i++) {
		uint8_t *bytes = alloc(r->pool, 1, CAP_PAGE);

		for (size_t k = 0; k < CAP_PAGE; k++)
			bytes[k] = some_byte(i * CAP_PAGE + k);
		a->page[i] = (struct cap_arena_page){ i * CAP_PAGE, bytes };
	}
	*m = (struct cap_map_report){ .name = "arena", .map_type = 33, .arena = a };
}

static const struct cap_value *some_struct(struct cap_pool *pool, size_t n)
{
	static const char *const names[MEMBERS] = { "pid",   "weight", "vtime", "deadline",
						    "flags", "cpu",    "llc",   "nr_runs",
						    "avg",   "last",   "next",  "state" };
	struct cap_value *v = alloc(pool, 1, sizeof(*v));
	struct cap_member *m = alloc(pool, MEMBERS, sizeof(*m));

	for (size_t i = 0; i < MEMBERS; i++) {
		m[i].name = names[i];
		m[i].value = (struct cap_value){ .kind = CAP_UINT, .bits = 64, .u = n * i * i };
	}
	*v = (struct cap_value){ .kind = CAP_STRUCT, .s = { "task_ctx", m, MEMBERS } };
	return v;
}

static void add_entries(struct cap_report *r, struct cap_map_report *m)
{
	*m = (struct cap_map_report){ .name = "tasks", .map_type = 1, .nr_entries = ENTRIES };
	m->entry = alloc(r->pool, ENTRIES, sizeof(*m->entry));
	for (size_t i = 0; i < ENTRIES; i++) {
		uint8_t *bytes = alloc(r->pool, 1, MEMBERS * 8);

		for (size_t k = 0; k < MEMBERS * 8; k++)
			bytes[k] = some_byte(i + k);
		m->entry[i] = (struct cap_entry){
			.key = some_struct(r->pool, 1),
			.key_data = bytes,
			.key_len = 8,
			.value = some_struct(r->pool, i),
			.value_data = bytes,
			.value_len = MEMBERS * 8,
		};
	}
}

static void write_report(const char *name, unsigned runs,
			 void (*add)(struct cap_report *r, struct cap_map_report *m))
{
	kt_auto(cap_pool) struct cap_pool *pool = NULL;
	struct cap_map_report map;
	struct cap_report r = { .map = &map, .nr_maps = 1 };

	if (cap_pool_create(POOL_BYTES, &pool) < 0)
		die("out of memory");
	r.pool = pool;
	add(&r, &map);
	for (unsigned i = 0; i < runs; i++) {
		kt_auto(buf) struct kt_buf json = { 0 };
		uint64_t begin = kt_now_ns();

		cap_report_json(&r, &json);
		if (!kt_buf_ok(&json))
			die("out of memory");
		print(name, (double)json.len / 1e6 / (ms_since(begin) / 1e3));
	}
}

/* ---- dumps ---- */

struct subject {
	struct drv_image image;
	struct cap_types *types;
	struct cap_objects *objects;
	struct cap_guest *g;
};

static void open_subject(struct subject *s, const char *path)
{
	struct kt_err e = { 0 };
	struct cap_guest_config c;

	must(drv_image_load(path, &s->image, &e), &e);
	if (!s->image.facts.vmlinux)
		die("'%s' does not say which kernel it is of", path);
	must(cap_types_load(s->image.facts.vmlinux, &s->types, &e), &e);
	if (s->image.facts.program)
		must(cap_objects_load(s->image.facts.program, &s->objects, &e), &e);
	c = drv_image_guest(&s->image, s->types, s->objects);
	must(cap_guest_open(&c, &s->g, &e), &e);
}

static void close_subject(struct subject *s)
{
	cap_guest_free(s->g);
	cap_objects_free(s->objects);
	cap_types_free(s->types);
	drv_image_done(&s->image);
}

/* The bench is of a scheduler with as much in its maps; of another one its figures say nothing. */
static void check_subject(const struct cap_report *r)
{
	size_t entries = 0, pages = 0;

	for (size_t i = 0; i < r->nr_maps; i++) {
		if (r->map[i].nr_entries > entries)
			entries = r->map[i].nr_entries;
		if (r->map[i].arena && r->map[i].arena->nr_pages > pages)
			pages = r->map[i].arena->nr_pages;
	}
	if (entries < ENTRIES || pages < PAGES)
		die("the image has a hash of %zu entries and %zu arena pages; wanted are %d and %d",
		    entries, pages, ENTRIES, PAGES);
}

/* One capture as a cell does it: what it was before is forgotten; from the walk's end on, the guest runs again. */
static void dump_once(struct subject *s, const char *to)
{
	kt_auto(cap_report) struct cap_report *r = NULL;
	kt_auto(buf) struct kt_buf json = { 0 };
	kt_auto(file) FILE *f = NULL;
	struct kt_err e = { 0 };
	uint64_t begin = kt_now_ns(), thawed, written;

	cap_guest_forget(s->g);
	must(cap_dump(s->g, NULL, &r, &e), &e);
	print("walk", ms_since(begin));
	thawed = kt_now_ns();
	cap_report_json(r, &json);
	print("json", ms_since(thawed));
	written = kt_now_ns();
	f = fopen(to, "we");
	if (!f || fwrite(kt_buf_str(&json), 1, json.len, f) != json.len || fflush(f) != 0)
		die("cannot write '%s'", to);
	print("write", ms_since(written));
	print("file", ms_since(thawed));
	print("bytes", (double)json.len / MIB);
	print("pool", (double)cap_pool_bytes(r->pool) / MIB);
	check_subject(r);
}

static double resident_mib(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long size, resident;

	if (!f || fscanf(f, "%lu %lu", &size, &resident) != 2)
		die("cannot read /proc/self/statm");
	(void)fclose(f);
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / MIB;
}

/* In a child, whose greatest size begins anew (dup_mm() of kernel/fork.c, 6.12); its figures of time are not wanted. */
static void measure_in_child(struct subject *s, const char *to, int result)
{
	struct rusage u;
	double before, peak;

	if (!freopen("/dev/null", "we", stdout))
		die("cannot open /dev/null");
	before = resident_mib();
	dump_once(s, to);
	if (getrusage(RUSAGE_SELF, &u) < 0)
		die("getrusage failed");
	peak = (double)u.ru_maxrss / 1024 - before;
	_exit(write(result, &peak, sizeof(peak)) == sizeof(peak) ? 0 : 1);
}

static void measure_memory(struct subject *s, const char *to)
{
	double peak;
	int status, ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		die("pipe failed");
	pid = fork();
	if (pid < 0)
		die("fork failed");
	if (pid == 0)
		measure_in_child(s, to, ends[1]);
	if (waitpid(pid, &status, 0) != pid || status != 0 ||
	    read(ends[0], &peak, sizeof(peak)) != sizeof(peak))
		die("a dump in a child failed");
	close(ends[0]);
	close(ends[1]);
	print("peak", peak);
}

static unsigned number(const char *text)
{
	unsigned v;

	if (kt_parse_uint(text, 1, 1000000, &v) < 0)
		die("'%s' is no number of runs", text);
	return v;
}

static void dumps(const char *image, unsigned runs)
{
	const char *dir = getenv("TMPDIR");
	kt_auto(mem) char *to =
		kt_fmt("%s/capture-bench.%d.json", dir ? dir : "/tmp", (int)getpid());
	struct subject s = { 0 };

	if (!to)
		die("out of memory");
	open_subject(&s, image);
	measure_memory(&s, to);
	for (unsigned i = 0; i < runs; i++)
		dump_once(&s, to);
	(void)unlink(to);
	close_subject(&s);
}

int main(int argc, char **argv)
{
	if (argc == 3 && kt_streq(argv[1], "json")) {
		write_report("pages", number(argv[2]), add_pages);
		write_report("values", number(argv[2]), add_entries);
	} else if (argc == 4 && kt_streq(argv[1], "dump")) {
		dumps(argv[2], number(argv[3]));
	} else {
		die("usage: capture-bench json RUNS | dump IMAGE RUNS");
	}
	return 0;
}
