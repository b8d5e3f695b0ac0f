/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs the map zoo (tests/vm/bpf/map_zoo.bpf.c): fills every map, prints what they hold as one line of JSON, each value as
 * the kernel gives it back, and then has the scheduler end in an error. "--stay": without the error. INNER is the BPF
 * object's file. Static, runs anywhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "tests/vm/progs/map_zoo.h"

__asm__(".section .rodata\n"
	"	.balign 8\n"
	"inner: .incbin \"" INNER "\"\n"
	"1: .balign 8\n"
	"inner_len: .quad 1b - inner\n"
	".previous");
extern const char inner[];
extern const uint64_t inner_len;

static struct bpf_object *obj;
static bool first_map = true;

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *fmt, ...)
{
	int error = errno;
	va_list ap;

	fprintf(stderr, "map_zoo: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, ": %s\n", strerror(error));
	exit(1);
}

static void must(int r, const char *what)
{
	if (r < 0) {
		errno = -r;
		die("%s", what);
	}
}

/* -1: this kernel has no such type. */
static int map_fd(const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, name);

	if (!map)
		die("find map %s", name);
	return bpf_map__autocreate(map) ? bpf_map__fd(map) : -1;
}

/* ---- the values ---- */

static void make_val(struct zoo_val *v, uint32_t n)
{
	memset(v, 0, sizeof(*v));
	v->magic = 0xfedcba9876543210ull ^ n;
	v->neg = -(int64_t)n - 5000000000;
	v->a = 0xffffff00u + n;
	v->b = -(int32_t)n - 1;
	v->c = (uint16_t)(65000 + n);
	v->d = (int16_t) - (int)n;
	v->e = (uint8_t)(200 + n);
	v->f = (signed char)-(int)(n % 128);
	v->yes = n % 2;
	snprintf(v->text, sizeof(v->text), "zoo%u", n % 1000);
	v->color = n % 3 == 0 ? ZOO_RED : n % 3 == 1 ? ZOO_GREEN : ZOO_UNDERGROUND;
	v->lo = n % 8;
	v->mid = n * 3 % 2048;
	v->hi = 200000 + n;
	v->small = (int)(n % 16) - 16;
	v->rest = -(int)n;
	for (unsigned i = 0; i < 3; i++)
		v->list[i] = (uint16_t)(n + i);
	v->pos.x = n;
	v->pos.y = n * n;
	v->word = 0x01020304u * (n + 1);
	v->end = ~n;
}

static struct zoo_key make_key(uint32_t n)
{
	return (struct zoo_key){ .a = n * 1000003, .b = (uint16_t)n, .c = (int16_t) - (int)n };
}

/* ---- as JSON: what is printed was read from the maps ---- */

static void print_key(const void *data)
{
	const struct zoo_key *k = data;

	printf("{\"a\":%u,\"b\":%u,\"c\":%d}", k->a, k->b, k->c);
}

/* As a dump has bytes: libbpf makes queues and stacks without types. */
static void print_hex(const void *data, size_t len)
{
	const unsigned char *byte = data;

	for (size_t i = 0; i < len; i++)
		printf("%s%02x", i ? " " : "\"", byte[i]);
	printf("\"");
}

static void print_u32(const void *data)
{
	printf("%u", *(const uint32_t *)data);
}

static void print_u64(const void *data)
{
	printf("%llu", *(const unsigned long long *)data);
}

static void print_storage(const void *data)
{
	const struct zoo_storage *s = data;

	printf("{\"self\":%llu,\"nr\":%u,\"twice\":%u}", (unsigned long long)s->self, s->nr,
	       s->twice);
}

static void print_val(const void *data)
{
	const struct zoo_val *v = data;

	printf("{\"magic\":%llu,\"neg\":%lld,\"a\":%u,\"b\":%d,\"c\":%u,\"d\":%d,\"e\":%u,\"f\":%d,\"yes\":%s,",
	       (unsigned long long)v->magic, (long long)v->neg, v->a, v->b, v->c, v->d, v->e, v->f,
	       v->yes ? "true" : "false");
	printf("\"text\":[");
	for (size_t i = 0; i < sizeof(v->text); i++)
		printf("%s%d", i ? "," : "", v->text[i]);
	printf("],\"color\":%d,\"lo\":%u,\"mid\":%u,\"hi\":%u,\"small\":%d,\"rest\":%d,", v->color,
	       v->lo, v->mid, v->hi, v->small, v->rest);
	printf("\"list\":[%u,%u,%u],\"pad\":%u,\"pos\":{\"x\":%u,\"y\":%u},", v->list[0],
	       v->list[1], v->list[2], v->pad, v->pos.x, v->pos.y);
	printf("\"word\":%u,\"byte\":[%u,%u,%u,%u],\"end\":%u}", v->word, v->byte[0], v->byte[1],
	       v->byte[2], v->byte[3], v->end);
}

/* "name":{"type":...,"what": : the caller ends it with "}". */
static void begin_map(const char *name, int fd, const char *what)
{
	struct bpf_map_info info;
	uint32_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	must(bpf_map_get_info_by_fd(fd, &info, &len), "ask for a map");
	printf("%s\"%s\":{\"map_type\":%u,\"value_size\":%u,\"max_entries\":%u,\"%s\":",
	       first_map ? "" : ",", name, info.type, info.value_size, info.max_entries, what);
	first_map = false;
}

/* ---- maps with a key and a value ---- */

static void print_lookup(int fd, const void *key, void (*print)(const void *data))
{
	union {
		uint64_t align;
		char bytes[sizeof(struct zoo_val)];
	} value;

	must(bpf_map_lookup_elem(fd, key, &value), "look up");
	print(&value);
}

static void zoo_array(const char *name, uint32_t nr)
{
	int fd = map_fd(name);
	struct zoo_val v;

	for (uint32_t i = 0; i < nr; i++) {
		make_val(&v, i + nr);
		must(bpf_map_update_elem(fd, &i, &v, BPF_ANY), name);
	}
	begin_map(name, fd, nr == 1 ? "value" : "array_entries");
	for (uint32_t i = 0; i < nr; i++) {
		printf("%s", i ? "," : nr == 1 ? "" : "[");
		print_lookup(fd, &i, print_val);
	}
	printf(nr == 1 ? "}" : "]}");
}

/* All that is in a hash, by the kernel's own order; the reader sorts. */
static void print_entries(int fd, void (*print)(const void *), void (*print_value)(const void *))
{
	struct zoo_key key, *at = NULL;

	for (const char *sep = "["; bpf_map_get_next_key(fd, at, &key) == 0; sep = ",") {
		at = &key;
		printf("%s{\"key\":", sep);
		print(&key);
		printf(",\"value\":");
		print_lookup(fd, &key, print_value);
		printf("}");
	}
	printf("]}");
}

static void zoo_hash(const char *name)
{
	int fd = map_fd(name);
	struct zoo_key key;
	struct zoo_val v;

	for (uint32_t i = 0; i < ZOO_HASH_ENTRIES + 5; i++) {
		key = make_key(i);
		make_val(&v, i);
		must(bpf_map_update_elem(fd, &key, &v, BPF_ANY), name);
	}
	for (uint32_t i = 0; i < 5; i++) {
		key = make_key(i * 2);
		must(bpf_map_delete_elem(fd, &key), name);
	}
	begin_map(name, fd, "entries");
	print_entries(fd, print_key, print_val);
}

static void zoo_thousand(void)
{
	int fd = map_fd("zoo_thousand");

	for (uint32_t i = 0; i < ZOO_THOUSAND; i++) {
		uint64_t v = (uint64_t)i * i << 20;

		must(bpf_map_update_elem(fd, &i, &v, BPF_ANY), "zoo_thousand");
	}
	begin_map("zoo_thousand", fd, "entries");
	print_entries(fd, print_u32, print_u64);
}

/* ---- a value per CPU ---- */

static unsigned nr_cpus(void)
{
	int r = libbpf_num_possible_cpus();

	must(r, "count CPUs");
	return (unsigned)r;
}

enum { STRIDE = (sizeof(struct zoo_val) + 7) / 8 * 8, CPUS_MAX = 64 };
static char per_cpu[STRIDE * CPUS_MAX];

static void put_per_cpu(int fd, const void *key, uint32_t n)
{
	for (uint32_t cpu = 0; cpu < nr_cpus() && cpu < CPUS_MAX; cpu++)
		make_val((struct zoo_val *)(void *)(per_cpu + (size_t)cpu * STRIDE), n + 100 * cpu);
	must(bpf_map_update_elem(fd, key, per_cpu, BPF_ANY), "fill a per-CPU map");
}

static void print_per_cpu(int fd, const void *key)
{
	memset(per_cpu, 0, sizeof(per_cpu));
	must(bpf_map_lookup_elem(fd, key, per_cpu), "look up a per-CPU map");
	for (uint32_t cpu = 0; cpu < nr_cpus(); cpu++) {
		printf("%s", cpu ? "," : "[");
		print_val(per_cpu + (size_t)cpu * STRIDE);
	}
	printf("]");
}

static void zoo_percpu_array(void)
{
	int fd = map_fd("zoo_pcpu");

	for (uint32_t i = 0; i < ZOO_PERCPU_KEYS; i++)
		put_per_cpu(fd, &i, i);
	begin_map("zoo_pcpu", fd, "percpu_entries");
	for (uint32_t i = 0; i < ZOO_PERCPU_KEYS; i++) {
		printf("%s", i ? "," : "[");
		print_per_cpu(fd, &i);
	}
	printf("]}");
}

static void zoo_percpu_hash(const char *name)
{
	struct zoo_key key, *at = NULL;
	int fd = map_fd(name);

	for (uint32_t i = 0; i < ZOO_HASH_ENTRIES; i++) {
		key = make_key(i);
		put_per_cpu(fd, &key, i);
	}
	begin_map(name, fd, "percpu_hash_entries");
	for (const char *sep = "["; bpf_map_get_next_key(fd, at, &key) == 0; sep = ",") {
		at = &key;
		printf("%s{\"key\":", sep);
		print_key(&key);
		printf(",\"per_cpu\":");
		print_per_cpu(fd, &key);
		printf("}");
	}
	printf("]}");
}

/* ---- storage of objects; the key is a descriptor of each ---- */

static void zoo_storage(const char *name, const int *fds, uint32_t nr)
{
	int fd = map_fd(name);

	if (fd < 0)
		return;
	for (uint32_t i = 0; i < nr; i++) {
		struct zoo_storage v = { .nr = i + 1, .twice = 2 * i + 2 };

		if (bpf_map_lookup_elem(fd, &fds[i], &v) < 0)
			must(bpf_map_update_elem(fd, &fds[i], &v, BPF_ANY), name);
	}
	begin_map(name, fd, "storage");
	for (uint32_t i = 0; i < nr; i++) {
		printf("%s", i ? "," : "[");
		print_lookup(fd, &fds[i], print_storage);
	}
	printf("]}");
}

static int pidfd_of_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid < 0 ? -errno : (int)syscall(SYS_pidfd_open, pid, 0);
}

static void zoo_storages(void)
{
	int tasks[ZOO_TASKS + 1], cgroups[2], files[2], sockets[2];

	tasks[0] = (int)syscall(SYS_pidfd_open, getpid(), 0); /* has its value by zoo_touch */
	for (int i = 1; i <= ZOO_TASKS; i++)
		tasks[i] = pidfd_of_child();
	zoo_storage("zoo_task", tasks, ZOO_TASKS + 1);
	if (mkdir("/sys/fs/cgroup/zoo", 0755) < 0 && errno != EEXIST)
		die("make a cgroup");
	cgroups[0] = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY);
	cgroups[1] = open("/sys/fs/cgroup/zoo", O_RDONLY | O_DIRECTORY);
	zoo_storage("zoo_cgrp", cgroups, 2);
	files[0] = open("/proc/self/exe", O_RDONLY);
	files[1] = open("/", O_RDONLY | O_DIRECTORY);
	zoo_storage("zoo_inode", files, 2);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) < 0)
		die("make sockets");
	zoo_storage("zoo_sk", sockets, 2);
}

/* ---- rings: their positions as user space sees them ---- */

static volatile uint64_t *ring_page(int fd, unsigned nr)
{
	void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, nr * 4096);

	if (p == MAP_FAILED)
		die("map a ring");
	return p;
}

static void print_ring(const char *name)
{
	int fd = map_fd(name);
	uint64_t consumer = *ring_page(fd, 0), producer = *ring_page(fd, 1);

	begin_map(name, fd, "ringbuf");
	printf("{\"capacity\":%d,\"consumer_pos\":%llu,\"producer_pos\":%llu,\"pending_bytes\":%llu}}",
	       ZOO_RING_BYTES, (unsigned long long)consumer, (unsigned long long)producer,
	       (unsigned long long)(producer - consumer));
}

static int take_record(void *ctx, void *data, size_t len)
{
	(void)ctx;
	(void)data;
	(void)len;
	return 0;
}

static void zoo_rings(void)
{
	struct ring_buffer *ring = ring_buffer__new(map_fd("zoo_ring"), take_record, NULL, NULL);
	struct user_ring_buffer *user = user_ring_buffer__new(map_fd("zoo_user_ring"), NULL);
	void *sample;

	if (!ring || !user)
		die("open the rings");
	must(ring_buffer__consume(ring), "consume");
	for (uint32_t len = 8; len <= 40; len += 16) {
		sample = user_ring_buffer__reserve(user, len);
		if (!sample)
			die("reserve in the user ring");
		memset(sample, 0x5a, len);
		user_ring_buffer__submit(user, sample);
	}
}

/* Runs the BPF program in this task. */
static void touch(unsigned times)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, "zoo_touch");
	struct bpf_test_run_opts opts = { .sz = sizeof(opts) };

	while (times--)
		must(bpf_prog_test_run_opts(bpf_program__fd(prog), &opts), "run zoo_touch");
}

static void zoo_stacks(void)
{
	int fd = map_fd("zoo_stacks");
	uint64_t pcs[ZOO_STACK_FRAMES];
	uint32_t id, *at = NULL;

	begin_map("zoo_stacks", fd, "stack_trace");
	for (const char *sep = "["; bpf_map_get_next_key(fd, at, &id) == 0; sep = ",") {
		at = &id;
		memset(pcs, 0, sizeof(pcs));
		must(bpf_map_lookup_elem(fd, &id, pcs), "look up a stack");
		printf("%s{\"bucket_id\":%u,\"pcs\":[", sep, id);
		for (unsigned i = 0; i < ZOO_STACK_FRAMES && pcs[i]; i++)
			printf("%s%llu", i ? "," : "", (unsigned long long)pcs[i]);
		printf("]}");
	}
	printf("]}");
}

/* ---- queue and stack: what comes out, in that order ---- */

static void zoo_queue(const char *name, bool is_stack)
{
	struct zoo_key all[ZOO_QUEUE_SLOTS], k;
	int fd = map_fd(name);
	uint32_t nr = 0;

	for (uint32_t i = 0; i < ZOO_QUEUE_SLOTS; i++) {
		k = make_key(i);
		must(bpf_map_update_elem(fd, NULL, &k, BPF_ANY), name);
	}
	/* the ring wraps */
	for (uint32_t i = 0; i < 3; i++)
		must(bpf_map_lookup_and_delete_elem(fd, NULL, &k), name);
	for (uint32_t i = 0; i < 2; i++) {
		k = make_key(100 + i);
		must(bpf_map_update_elem(fd, NULL, &k, BPF_ANY), name);
	}
	while (nr < ZOO_QUEUE_SLOTS && bpf_map_lookup_and_delete_elem(fd, NULL, &all[nr]) == 0)
		nr++;
	for (uint32_t i = 0; i < nr; i++)
		must(bpf_map_update_elem(fd, NULL, &all[is_stack ? nr - 1 - i : i], BPF_ANY), name);
	begin_map(name, fd, "array_entries");
	for (uint32_t i = 0; i < nr; i++) {
		printf("%s", i ? "," : "[");
		print_hex(&all[i], sizeof(all[i]));
	}
	printf("]}");
}

/* ---- maps of things that have descriptors ---- */

/* Which of the slots give something back, or are taken by what was put there. */
static void zoo_slots(const char *name, const uint32_t *index, uint32_t nr, const void *value)
{
	int fd = map_fd(name), r = 0;

	if (fd < 0)
		return;
	for (uint32_t i = 0; i < nr && r == 0; i++)
		r = bpf_map_update_elem(fd, &index[i], value, BPF_ANY);
	if (r < 0) {
		fprintf(stderr, "map_zoo: %s stays empty: %s\n", name, strerror(-r));
		nr = 0;
	}
	begin_map(name, fd, "fd_array");
	printf("{\"populated\":%u,\"indices\":[", nr);
	for (uint32_t i = 0; i < nr; i++)
		printf("%s%u", i ? "," : "", index[i]);
	printf("]}}");
}

static void zoo_fds(void)
{
	static const uint32_t some[] = { 1, 3, 6 };
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof(attr),
					.config = PERF_COUNT_SW_CPU_CLOCK };
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, "zoo_touch");
	int prog_fd = bpf_program__fd(prog), inner_fd = map_fd("zoo_inner");
	int cgroup = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY);
	int event = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
	uint32_t qsize = 128, loopback = if_nametoindex("lo");

	zoo_slots("zoo_progs", some, 3, &prog_fd);
	zoo_slots("zoo_maps", some, 3, &inner_fd);
	zoo_slots("zoo_hash_maps", some, 3, &inner_fd);
	zoo_slots("zoo_cgroups", some, 2, &cgroup);
	zoo_slots("zoo_perf", some, event < 0 ? 0 : 1, &event);
	zoo_slots("zoo_devmap", some, loopback ? 2 : 0, &loopback);
	zoo_slots("zoo_cpumap", some, 1, &qsize);
	zoo_slots("zoo_sockmap", some, 0, NULL);
	zoo_slots("zoo_reuseport", some, 0, NULL);
}

/* ---- what is only named ---- */

static void zoo_named(const char *name, const void *key, const void *value)
{
	int fd = map_fd(name);

	if (fd < 0)
		return;
	if (value)
		must(bpf_map_update_elem(fd, key, value, BPF_ANY), name);
	begin_map(name, fd, "named");
	printf("true}");
}

/* ---- arena, variables, operations ---- */

static void zoo_arena(void)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, "zoo_arena");
	int fd = bpf_map__fd(map);
	size_t bytes;
	uint8_t *base = bpf_map__initial_value(map, &bytes);

	if (!base)
		die("find the arena's memory");
	begin_map("zoo_arena", fd, "arena");
	printf("{\"user_vm_start\":%llu,\"pages\":[", (unsigned long long)(uintptr_t)base);
	for (uint32_t i = 0; i <= ZOO_ARENA_USED; i++) {
		uint32_t page = i < ZOO_ARENA_USED ? i + 1 : ZOO_ARENA_PAGES - 1;
		uint8_t *at = base + (size_t)page * 4096;

		for (uint32_t b = 0; b < 4096; b++)
			at[b] = (uint8_t)(page * 7 + b * 13);
		printf("%s{\"user_addr\":%llu,\"first\":%u,\"last\":%u}", i ? "," : "",
		       (unsigned long long)(uintptr_t)at, at[0], at[4095]);
	}
	printf("]}}");
}

/* A section's bytes: libbpf's copy before the load, the map's own memory afterwards. */
static char *map_section(const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, name);
	size_t bytes;
	char *data;
	int fd;

	if (!map)
		return NULL;
	fd = bpf_map__fd(map);
	if (fd < 0)
		return bpf_map__initial_value(map, &bytes);
	data = mmap(NULL, 4096, PROT_READ | (strcmp(name, ".rodata") == 0 ? 0 : PROT_WRITE),
		    MAP_SHARED, fd, 0);
	return data == MAP_FAILED ? NULL : data;
}

/* Where a global variable is: the object's BTF says its place in its section. */
static void *variable(const char *section, const char *name)
{
	const struct btf *btf = bpf_object__btf(obj);
	const struct btf_type *sec = btf__type_by_id(
		btf, (uint32_t)btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC));
	char *data = map_section(section);

	for (uint16_t i = 0; sec && data && i < btf_vlen(sec); i++) {
		const struct btf_var_secinfo *v = btf_var_secinfos(sec) + i;
		const struct btf_type *var = btf__type_by_id(btf, v->type);

		if (strcmp(btf__name_by_offset(btf, var->name_off), name) == 0)
			return data + v->offset;
	}
	errno = ENOENT;
	die("find %s in %s", name, section);
}

static void zoo_section(const char *section, const char *kernel_name, const char *name)
{
	begin_map(kernel_name, bpf_map__fd(bpf_object__find_map_by_name(obj, section)), "section");
	printf("{\"%s\":", name);
	print_val(variable(section, name));
	printf("}}");
}

static void print_ops(void)
{
	begin_map("zoo_ops", map_fd("zoo_ops"), "ops");
	printf("{\"name\":\"map_zoo\",\"timeout_ms\":20000}}");
}

/* ---- all of it ---- */

static void load(void)
{
	const struct bpf_object_open_opts opts = { .sz = sizeof(opts), .object_name = "zoo" };
	struct bpf_map *map;

	obj = bpf_object__open_mem(inner, inner_len, &opts);
	if (!obj)
		die("open the BPF object");
	bpf_object__for_each_map(map, obj)
	{
		if (libbpf_probe_bpf_map_type(bpf_map__type(map), NULL) == 0)
			must(bpf_map__set_autocreate(map, false), "leave a map out");
	}
	make_val(variable(".rodata", "zoo_rodata"), 2000);
	must(bpf_object__load(obj), "load the BPF object");
	make_val(variable(".data", "zoo_data"), 1000);
	make_val(variable(".bss", "zoo_bss"), 3000);
}

static void fill_and_print(void)
{
	uint32_t one = 1;
	uint64_t prefix = 8;

	touch(3);
	zoo_rings();
	touch(2);
	printf("ZOO {\"maps\":{");
	zoo_array("zoo_one", 1);
	zoo_array("zoo_many", ZOO_MANY);
	zoo_percpu_array();
	zoo_hash("zoo_hash");
	zoo_hash("zoo_lazy_hash");
	zoo_hash("zoo_lru");
	zoo_thousand();
	zoo_percpu_hash("zoo_pcpu_hash");
	zoo_percpu_hash("zoo_lru_pcpu");
	zoo_storages();
	print_ring("zoo_ring");
	print_ring("zoo_user_ring");
	zoo_stacks();
	zoo_queue("zoo_queue", false);
	zoo_queue("zoo_stack", true);
	zoo_fds();
	zoo_named("zoo_sockhash", NULL, NULL);
	zoo_named("zoo_devhash", NULL, NULL);
	zoo_named("zoo_bloom", NULL, &one);
	zoo_named("zoo_trie", &prefix, &prefix);
	zoo_arena();
	zoo_section(".bss", "zoo.bss", "zoo_bss");
	zoo_section(".data", "zoo.data", "zoo_data");
	zoo_section(".rodata", "zoo.rodata", "zoo_rodata");
	print_ops();
	printf("},\"cpus\":%u,\"pid\":%d}\n", nr_cpus(), getpid());
}

int main(int argc, char **argv)
{
	bool stay = argc > 1 && strcmp(argv[1], "--stay") == 0;
	struct bpf_link *link;

	load();
	link = bpf_map__attach_struct_ops(bpf_object__find_map_by_name(obj, "zoo_ops"));
	if (!link)
		die("attach");
	fill_and_print();
	if (fflush(stdout) != 0)
		die("print");
	if (!stay)
		*(volatile int *)variable(".bss", "zoo_error") = 1;
	for (;;)
		pause();
}
