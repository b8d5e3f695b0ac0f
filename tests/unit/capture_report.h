/* SPDX-License-Identifier: GPL-2.0-only */
/* A report that has every key and every kind of value, for the tests of what is made of reports. */
#ifndef KTSTR_TESTS_UNIT_CAPTURE_REPORT_H
#define KTSTR_TESTS_UNIT_CAPTURE_REPORT_H

#include <math.h>

#include "capture/capture.h"

#define NR(a) (sizeof(a) / sizeof((a)[0]))

static inline struct cap_value unit_uint(uint32_t bits, uint64_t v)
{
	return (struct cap_value){ .kind = CAP_UINT, .bits = bits, .u = v };
}

static inline struct cap_value unit_int(uint32_t bits, int64_t v)
{
	return (struct cap_value){ .kind = CAP_INT, .bits = bits, .i = v };
}

static const uint8_t unit_raw[] = { 0xde, 0xad, 0xbe, 0xef };
static const uint8_t unit_words[] = "stall of \"x\"\n";
static const uint64_t unit_kvas[] = { 0xffff888003a40000, 0xffff888003a41000 };

/* Every kind, as members of one struct. */
static inline const struct cap_value *unit_every_value(void)
{
	static struct cap_value inner_bytes, deref, elements[4], cut_element;
	static struct cap_member inner[2], member[21];
	static struct cap_value all;
	size_t n = 0;

	if (all.kind == CAP_STRUCT)
		return &all;
	inner_bytes =
		(struct cap_value){ .kind = CAP_BYTES, .bytes = { .data = unit_raw, .len = 2 } };
	inner[0] = (struct cap_member){ "magic", unit_uint(64, 0xdeadbeefcafebabe) };
	inner[1] = (struct cap_member){ "counter", unit_uint(32, 42) };
	deref = (struct cap_value){ .kind = CAP_STRUCT,
				    .s = { "ktstr_arena_ctx", inner, NR(inner) } };
	cut_element = (struct cap_value){ .kind = CAP_TRUNCATED, .t = { 8, 2, &inner_bytes } };
	for (size_t i = 0; i < 3; i++)
		elements[i] = unit_uint(64, i << 40);
	elements[3] = cut_element;
#define ADD(n_, ...) \
	member[n++] = (struct cap_member) \
	{ \
		n_, (struct cap_value) \
		{ \
			__VA_ARGS__ \
		} \
	}
	ADD("stall", .kind = CAP_INT, .bits = 32, .i = 1);
	ADD("lowest", .kind = CAP_INT, .bits = 64, .i = INT64_MIN);
	ADD("highest", .kind = CAP_UINT, .bits = 64, .u = UINT64_MAX);
	ADD("yes", .kind = CAP_BOOL, .b = true);
	ADD("letter", .kind = CAP_CHAR, .c = 'k');
	ADD("ratio", .kind = CAP_FLOAT, .bits = 64, .f = 0.1);
	ADD("broken", .kind = CAP_FLOAT, .bits = 32, .f = NAN);
	ADD("state", .kind = CAP_ENUM, .bits = 32, .e = { 2, "ENABLED", false });
	ADD("unnamed", .kind = CAP_ENUM, .bits = 64, .e = { -7, NULL, true });
	ADD("", .kind = CAP_STRUCT, .s = { NULL, inner, NR(inner) });
	ADD("empty", .kind = CAP_STRUCT, .s = { "none", NULL, 0 });
	ADD("list", .kind = CAP_ARRAY, .a = { 9, elements, NR(elements) });
	ADD("nothing", .kind = CAP_ARRAY, .a = { 0, NULL, 0 });
	ADD("cpus", .kind = CAP_CPU_LIST, .cpus = "0-2,5");
	ADD("ctx", .kind = CAP_PTR,
	    .p = { .value = 0x100000048, .deref = &deref, .cast_annotation = "cast→arena" });
	ADD("lost", .kind = CAP_PTR,
	    .p = { .value = 0x100ff0000, .deref_skipped_reason = "arena page not mapped" });
	ADD("raw", .kind = CAP_BYTES, .bytes = { .data = unit_raw, .len = sizeof(unit_raw) });
	ADD("words", .kind = CAP_BYTES,
	    .bytes = { .data = unit_words, .len = sizeof(unit_words), .text = true });
	ADD("cut", .kind = CAP_TRUNCATED, .t = { 16, 12, &deref });
	ADD("odd", .kind = CAP_UNSUPPORTED, .reason = "forward declaration of 'rq' without body");
	ADD("unfilled", .kind = CAP_UNSUPPORTED);
#undef ADD
	all = (struct cap_value){ .kind = CAP_STRUCT, .s = { ".bss", member, n } };
	return &all;
}

static inline void unit_fill_maps(struct cap_map_report *map, size_t *nr)
{
	static struct cap_value one, two, magics[2];
	static struct cap_entry entries[2];
	static struct cap_array_entry array[2];
	static const struct cap_value *per_cpu[3];
	static struct cap_percpu_entry percpu, percpu_hash;
	static uint8_t bytes[CAP_PAGE];
	static struct cap_arena_page page;
	static struct cap_arena_snapshot arena;
	static const struct cap_ringbuf ring = { 4096, 8, 24, 16, 16 };
	static struct cap_stack_entry stacks[2];
	static struct cap_stack_trace stack;
	static const uint32_t indices[] = { 0, 3 };
	static const struct cap_fd_array fds = { 2, 5, indices, NR(indices), true, true, 1 };
	size_t n = 0;

	one = unit_uint(64, 1);
	two = unit_uint(64, 2);
	entries[0] = (struct cap_entry){
		.key = &one,
		.key_data = unit_raw,
		.key_len = 4,
		.value = &two,
		.value_data = unit_raw,
		.value_len = 2,
		.payload = unit_every_value()->s.member[14].value.p.deref,
	};
	entries[1] = (struct cap_entry){
		.key_data = unit_raw, .key_len = 4, .value_data = unit_raw, .value_len = 4
	};
	magics[0] = unit_uint(64, 0xabcdef0123456789);
	array[0] = (struct cap_array_entry){ 0, &magics[0] };
	array[1] = (struct cap_array_entry){ 15, NULL };
	per_cpu[0] = &one;
	per_cpu[2] = &two;
	percpu = (struct cap_percpu_entry){ .key = 0, .per_cpu = per_cpu, .nr_cpus = 3 };
	percpu_hash = (struct cap_percpu_entry){ .key_value = &one,
						 .key_data = unit_raw,
						 .key_len = 4,
						 .per_cpu = per_cpu,
						 .nr_cpus = 3 };
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	page = (struct cap_arena_page){ 0x100000000, bytes };
	arena = (struct cap_arena_snapshot){ &page,      1, true, 1 << 20, true, 0xffffc90000008000,
					     0x100000000 };
	stacks[0] = (struct cap_stack_entry){ 7, 2, unit_kvas, NR(unit_kvas), unit_raw, 4 };
	stacks[1] = (struct cap_stack_entry){ 8, 1, NULL, 0, unit_raw, 4 };
	stack = (struct cap_stack_trace){ 16, stacks, NR(stacks), true, 2 };
#define ADD(...) map[n++] = (struct cap_map_report){ __VA_ARGS__ }
	ADD(.name = "bpf.bss", .map_kva = 0xffff888004000000, .map_type = 2, .value_size = 512,
	    .max_entries = 1, .value = unit_every_value());
	ADD(.name = "hash", .map_type = 1, .value_size = 8, .max_entries = 256, .entry = entries,
	    .nr_entries = NR(entries), .error = "2 of 3 entries");
	ADD(.name = "array", .map_type = 2, .value_size = 16, .max_entries = 16,
	    .array_entry = array, .nr_array_entries = NR(array));
	ADD(.name = "percpu", .map_type = 6, .value_size = 8, .max_entries = 1,
	    .percpu_entry = &percpu, .nr_percpu_entries = 1);
	ADD(.name = "percpu_hash", .map_type = 5, .value_size = 8, .max_entries = 4,
	    .percpu_hash_entry = &percpu_hash, .nr_percpu_hash_entries = 1);
	ADD(.name = "arena", .map_type = 33, .max_entries = 1 << 20, .arena = &arena);
	ADD(.name = "events", .map_type = 27, .max_entries = 4096, .ringbuf = &ring);
	ADD(.name = "stacks", .map_type = 7, .value_size = 64, .max_entries = 16,
	    .stack_trace = &stack);
	ADD(.name = "queues", .map_type = 12, .value_size = 4, .max_entries = 5, .fd_array = &fds);
#undef ADD
	*nr = n;
}

static inline void unit_fill_allocators(struct cap_report *r)
{
	static struct cap_sdt_entry slot;
	static struct cap_sdt_report sdt;
	static struct cap_static_range range = { "scx_static", 0x10000, 512, 4096 };

	slot = (struct cap_sdt_entry){ 3, 1, 0x48,
				       *unit_every_value()->s.member[14].value.p.deref };
	sdt = (struct cap_sdt_report){ "scx_task_allocator", &slot, 1, true, 2, 40, 117,
				       "chosen by size" };
	r->sdt = &sdt;
	r->nr_sdt = 1;
	r->scx_static = (struct cap_static_report){ &range, 1, 1 };
	r->sdt_alloc_unavailable = "no sdt";
}

static inline void unit_fill_host(struct cap_report *r)
{
	static struct cap_vcpu_regs regs[2] = { { true, 0xffffffff81000010, 0xffffc90000003f00,
						  0x2e04000 } };
	static struct cap_perf perf[2] = { { 0 }, { true, 9000, 12000, 17, 3, 1000, 900 } };
	static struct cap_event_sample events[2];
	static struct cap_probe_counters counters;

	for (int i = 0; i < CAP_EV_NR; i++) {
		events[0].count[i] = i;
		events[1].count[i] = (int64_t)i * 100 - 1;
	}
	events[1].elapsed_ms = 100;
	for (unsigned i = 0; i < CAP_PC_NR; i++)
		counters.slot[i] = i + 1;
	r->vcpu_regs = regs;
	r->nr_vcpus = NR(regs);
	r->perf = perf;
	r->nr_perf = NR(perf);
	r->event = events;
	r->nr_events = NR(events);
	r->probe_counters = &counters;
}

static inline void unit_fill_kernel(struct cap_report *r)
{
	static struct cap_prog_stats progs[] = { { "ktstr_enqueue", 1000, 250000, 2 },
						 { "ktstr_dispatch", 0, 0, 0 } };
	static struct cap_cpu_time times[2] = {
		{ 0, 1, 2, 3, 4, 5, 6, 7, 8, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, 11, true, 12 },
		{ .cpu = 1 },
	};
	static struct cap_psi psi = { 0xffff888005000000, 42, 5000000, 1024 };
	static struct cap_numa numa = { 0, 1, 2, 3, 4, 5, 6 };
	static struct cap_task tasks[] = {
		{
			.kva = 0xffff888003a41000,
			.pid = 101,
			.tgid = 100,
			.comm = "worker \"1\"",
			.weight = 100,
			.prio = 120,
			.static_prio = 120,
			.normal_prio = 120,
			.rt_priority = 0,
			.pi_boosted_out_of_scx = true,
			.nvcsw = 5,
			.nivcsw = 6,
			.has_group_leader = true,
			.has_parent = true,
			.has_pgid = true,
			.has_sid = true,
			.has_nr_threads = true,
			.has_core_cookie = true,
			.has_signal_csw = true,
			.group_leader_pid = 100,
			.real_parent_pid = 1,
			.pgid = 100,
			.sid = 1,
			.nr_threads = 2,
			.real_parent_comm = "init",
			.sched_class = "ext",
			.core_cookie = 0,
			.signal_nvcsw = 7,
			.signal_nivcsw = 8,
			.lock_slowpath_match = "mutex_lock_slowpath",
		},
		{ .pid = 2, .tgid = 2, .comm = "kthreadd" },
	};
	static struct cap_rq rqs[] = {
		{
			.cpu = 0,
			.nr_running = 2,
			.flags = 1,
			.cpu_released = true,
			.ops_qseq = 99,
			.has_kick_sync = true,
			.has_nr_immed = true,
			.has_rq_clock = true,
			.has_curr = true,
			.kick_sync = 5,
			.nr_immed = 1,
			.rq_clock = 7777,
			.curr_pid = 0,
			.curr_comm = "swapper/0",
			.runnable_task_kvas = unit_kvas,
			.nr_runnable = NR(unit_kvas),
			.runnable_truncated = true,
		},
		{ .cpu = 1 },
	};
	static struct cap_dsq dsqs[] = {
		{ 0x8000000000000002, "local cpu 0", 0, 3, NULL, 0, false },
		{ 0, "user", 2, 9, unit_kvas, NR(unit_kvas), true },
	};
	static const struct cap_sched_state state = {
		true, -1, 1026, true, 1000, "live", 0xffff888006000000
	};

	r->prog = progs;
	r->nr_progs = NR(progs);
	r->cpu_time = times;
	r->nr_cpu_times = NR(times);
	r->psi = &psi;
	r->nr_psi = 1;
	r->numa = &numa;
	r->nr_numa = 1;
	r->task = tasks;
	r->nr_tasks = NR(tasks);
	r->rq = rqs;
	r->nr_rqs = NR(rqs);
	r->dsq = dsqs;
	r->nr_dsqs = NR(dsqs);
	r->sched_state = &state;
}

static inline const struct cap_report *unit_full_report(void)
{
	static struct cap_map_report maps[16];
	static struct cap_report r;

	r = (struct cap_report){
		.map = maps,
		.active_obj_name = "bpf",
		.active_map_kvas = unit_kvas,
		.nr_active_maps = NR(unit_kvas),
		.maps_unavailable = "no maps",
		.prog_runtime_stats_unavailable = "no progs",
		.per_node_numa_unavailable = "no numa",
		.task_enrichments_unavailable = "no tasks",
		.scx_task_states = "NONE INIT READY ENABLED",
		.scx_walker_unavailable = "no walker",
		.has_truncated_at = true,
		.dump_truncated_at_us = 0,
		.maps_truncated = 3,
		.is_placeholder = true,
	};
	unit_fill_maps(maps, &r.nr_maps);
	unit_fill_allocators(&r);
	unit_fill_host(&r);
	unit_fill_kernel(&r);
	return &r;
}

#endif
