/* SPDX-License-Identifier: GPL-2.0-only */
/* The dump as text: each part as it is agreed, tables, groups of CPUs, names for numbers, and one screen of it. */
#include "capture/decode.h"
#include "capture/text.h"

#include "tests/unit/capture_report.h"
#include "tests/unit/unit.h"

/* The whole text, in a buffer that the next call reuses. */
static const char *text_of(const struct cap_report *r)
{
	static struct kt_buf b;

	kt_buf_done(&b);
	cap_report_text(r, NULL, &b);
	assert_true(kt_buf_ok(&b));
	return kt_buf_str(&b);
}

static const char *screen_of(const struct cap_report *r, unsigned width, unsigned lines)
{
	static struct kt_buf b;
	const struct cap_text_opts o = { .width = width,
					 .max_lines = lines,
					 .more = "ktstr-make show FILE" };

	kt_buf_done(&b);
	cap_report_text(r, &o, &b);
	assert_true(kt_buf_ok(&b));
	return kt_buf_str(&b);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("this text:\n%s\ndoes not contain:\n%s", text, part);
}

static size_t nr_lines(const char *text)
{
	size_t nr = 0;

	for (; *text; text++)
		nr += *text == '\n';
	return nr;
}

/* ---- whole reports ---- */

static void nothing_says_so(void **state)
{
	struct cap_report r = { 0 };

	(void)state;
	assert_string_equal(text_of(&r), "(empty failure dump)\n");
	assert_string_equal(screen_of(&r, 80, 20), "(1 more lines: ktstr-make show FILE)\n");
}

static void parts_come_in_their_order_with_a_blank_line_between(void **state)
{
	static const char *const starts[] = {
		"map bpf.bss (type=array, value_size=512, max_entries=1)\n",
		"\n\nmap hash (type=hash, value_size=8, max_entries=256) [error: 2 of 3 entries]\n",
		"maps: <unavailable: no maps>\n",
		"\n\nvcpu 0: ip=0xffffffff81000010 sp=0xffffc90000003f00 ptroot=0x0000000002e04000\n",
		"vcpu 1: <unavailable>\n",
		("\n\nsdt_alloc scx_task_allocator (elem_size=40, target_type_id=117, reason=chosen by size): "
		 "1 live (truncated) (2 subtrees skipped)\n"),
		"sdt_allocations: <unavailable: no sdt>\n",
		"\n\nscx_static scx_static [0x00010000..0x00010200) cap=4096\n",
		"\n\nktstr_enqueue:  cnt=1000 nsecs=250000 misses=2 ns/call=250.000 miss_rate=0.0020\n",
		"ktstr_dispatch: cnt=0 nsecs=0 misses=0\n",
		"prog_runtime_stats: <unavailable: no progs>\n",
		"\n\nper_cpu_time: 2 CPUs (ms; irqs: number)\n",
		"\n\ncgroup_psi: 1 cgroups (interrupts, full)\n",
		"\n\nper_node_numa: 1 nodes\n",
		"per_node_numa: <unavailable: no numa>\n",
		"\n\ntask_enrichments: 2 tasks\n",
		"task_enrichments: <unavailable: no tasks>\n",
		"\n\nscx_walker: rq_scx=2 dsq=2 sched=captured\n",
		"scx_sched_state: <unavailable: no walker>\n",
		"\n\ndsq_states: 2 dispatch queues\n",
		"\n\nrq_scx_states: 2 CPUs\n",
		"\n\nevent_counter_timeline: 2 samples (0–100ms)\n",
		"\n\nvcpu_perf 0: <unavailable>\n",
		("vcpu_perf 1: cycles=9000 insns=12000 ipc=1.333 cache_misses=17 branch_misses=3 "
		 "(en/ru=1000/900 ns)\n"),
		"\n\nprobe_counters: probe_count=1 kprobe_returns=2",
		"\n\ndump truncated: deadline after 0 us (3 map(s) skipped)\n",
	};
	const char *at = text_of(unit_full_report());

	(void)state;
	assert_null(strstr(at, "\n\n\n"));
	for (size_t i = 0; i < NR(starts); i++) {
		const char *next = strstr(at, starts[i]);

		if (!next) {
			fail_msg("after this there is no '%s':\n%s", starts[i], at);
			return;
		}
		at = next + 1;
	}
}

static void no_line_ends_in_a_blank_or_holds_a_control_character(void **state)
{
	const char *text = text_of(unit_full_report());

	(void)state;
	assert_null(strstr(text, " \n"));
	for (; *text; text++)
		assert_true(*text == '\n' || (unsigned char)*text >= ' ');
}

/* ---- parts ---- */

static void tasks_in_queues_are_told_by_name(void **state)
{
	const char *text = text_of(unit_full_report());

	(void)state;
	assert_has(text,
		   "  dsq DSQ(0x0) (user): 2 queued: 0xffff888003a40000 worker \"1\"[101] ... "
		   "(truncated)\n");
	assert_has(text, "  1 more are empty\n");
	assert_has(text, "  cpu 0: idle, nr_running=2, runnable: 0xffff888003a40000 "
			 "worker \"1\"[101] ... (truncated)\n"
			 "      flags=ONLINE cpu_released ops_qseq=99 kick_sync=5 nr_immed=1 "
			 "clock=7777\n"
			 "  cpu 1: nr_running=0\n"
			 "      flags=NONE ops_qseq=0\n");
	assert_has(text, "  exit ERROR_STALL (1026), scheduler object bpf, aborting=true "
			 "bypass_depth=-1 watchdog_timeout=1000 jiffies (live)\n");
}

static void tasks_are_a_table(void **state)
{
	(void)state;
	assert_has(text_of(unit_full_report()),
		   "task_enrichments: 2 tasks\n"
		   "  pid  tgid  comm        class  weight  prio  nvcsw  nivcsw  parent\n"
		   "  101   100  worker \"1\"  ext       100   120      5       6  init[1]  "
		   "boosted out of ext, in mutex_lock_slowpath\n"
		   "    2     2  kthreadd    ?           0     0      0       0\n");
}

static void event_counters_are_bars_and_their_last_value(void **state)
{
	const char *text = text_of(unit_full_report());

	(void)state;
	assert_has(text, "\n    dispatch_local_dsq_offline ▁█ (last=99)\n");
	/* 0 and -1 */
	assert_has(text, "\n           select_cpu_fallback ▁▁ (last=-1)\n");
}

static struct cap_value *pair_of(struct cap_member *m, uint64_t a, uint64_t b,
				 struct cap_value *ret)
{
	m[0] = (struct cap_member){ "weight", unit_uint(64, a) };
	m[1] = (struct cap_member){ "n", unit_uint(32, b) };
	*ret = (struct cap_value){ .kind = CAP_STRUCT, .s = { "pair", m, 2 } };
	return ret;
}

static void alike_entries_are_a_table(void **state)
{
	struct cap_member members[2][2];
	struct cap_value keys[2] = { unit_uint(32, 7), unit_uint(32, 1000) };
	struct cap_value values[2];
	struct cap_entry entries[2] = {
		{ .key = &keys[0], .value = pair_of(members[0], 5, 0, &values[0]) },
		{ .key = &keys[1], .value = pair_of(members[1], 123456, 3, &values[1]) },
	};
	struct cap_map_report map = { .name = "h",
				      .map_type = 1,
				      .value_size = 16,
				      .max_entries = 8,
				      .entry = entries,
				      .nr_entries = 2 };
	struct cap_report r = { .map = &map, .nr_maps = 1 };

	(void)state;
	assert_string_equal(text_of(&r), "map h (type=hash, value_size=16, max_entries=8)\n"
					 "   key | weight  n\n"
					 "     7 |      5  0\n"
					 "  1000 | 123456  3\n");
	map.nr_entries = 1;
	assert_string_equal(text_of(&r), "map h (type=hash, value_size=16, max_entries=8)\n"
					 "  entry: key=7\n"
					 "    value: pair{weight=5}\n");
}

static void entries_without_types_are_raw_bytes(void **state)
{
	(void)state;
	assert_has(text_of(unit_full_report()), "  entry: key=de ad be ef (raw)\n"
						"    value: de ad be ef (raw)\n");
	assert_has(text_of(unit_full_report()),
		   "  entry: key=1\n"
		   "    value: 2\n"
		   "    .data ktstr_arena_ctx{magic=16045690984503098046, counter=42}\n");
}

static void elements_that_cannot_be_read_say_so(void **state)
{
	(void)state;
	assert_has(text_of(unit_full_report()),
		   "map array (type=array, value_size=16, max_entries=16)\n"
		   "  key 0: 12379813738877118345\n"
		   "  key 15: <unreadable>\n");
}

static void other_maps_are_summed_up(void **state)
{
	const char *text = text_of(unit_full_report());

	(void)state;
	assert_has(text,
		   "  1 of 1048576 pages captured (4 KiB), 1 not all zero, truncated, only the "
		   "first 4 GiB\n");
	assert_has(text, "  capacity 4096, pending 16 B (0%), consumer at 8, producer at 24\n");
	assert_has(text, "  2 of 16 buckets in use, truncated, 2 unreadable\n"
			 "  bucket 7 (2): 0xffff888003a40000 0xffff888003a41000\n"
			 "  bucket 8 (1): 4 bytes (raw)\n");
	assert_has(text, "  2 of 5 slots in use, truncated: 0 3 ..., 1 unreadable\n");
}

/* ---- CPUs ---- */

static const char *percpu_of(const struct cap_value *const *v, size_t nr)
{
	struct cap_percpu_entry entry = { .key = 0,
					  .per_cpu = (const struct cap_value **)v,
					  .nr_cpus = nr };
	struct cap_map_report map = {
		.name = "p", .map_type = 6, .percpu_entry = &entry, .nr_percpu_entries = 1
	};
	struct cap_report r = { .map = &map, .nr_maps = 1 };
	const char *text = strstr(text_of(&r), "  key 0:\n");

	assert_non_null(text);
	return text + strlen("  key 0:\n");
}

static void equal_cpus_are_told_together(void **state)
{
	struct cap_value one = unit_uint(32, 1), two = unit_uint(32, 2);
	const struct cap_value *all[] = { &one, &one, &one };
	const struct cap_value *mixed[] = { &one, &one, &two, &one, NULL, NULL };

	(void)state;
	assert_string_equal(percpu_of(all, 3), "    all CPUs: 1\n");
	assert_string_equal(percpu_of(mixed, 6), "    cpus 0-1,3: 1\n"
						 "    cpu 2: 2\n"
						 "    cpus 4-5: <unmapped>\n");
}

static void cpus_that_differ_in_some_members_are_a_table(void **state)
{
	struct cap_member members[3][2];
	struct cap_value values[3];
	const struct cap_value *v[3];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		v[i] = pair_of(members[i], 77, 10 * i, &values[i]);
	assert_string_equal(percpu_of(v, 3), "    all CPUs: pair{weight=77}\n"
					     "    cpu |  n\n"
					     "      0 |  0\n"
					     "      1 | 10\n"
					     "      2 | 20\n");
}

static void many_cpus_have_a_line_each(void **state)
{
	struct cap_value one = unit_uint(32, 1);
	const struct cap_value *v[65];
	const char *text;

	(void)state;
	for (size_t i = 0; i < NR(v); i++)
		v[i] = i == 64 ? NULL : &one;
	text = percpu_of(v, NR(v));
	assert_int_equal(nr_lines(text), 65);
	assert_has(text, "    cpu 63: 1\n    cpu 64: <unmapped>\n");
}

/* ---- one screen ---- */

static void a_screen_begins_with_what_tells_most(void **state)
{
	static const char *const starts[] = {
		"exit ERROR_STALL (1026), ",
		"bpf.bss:\n",
		"  larger ones: ",
		"dsq DSQ(0x0) (user): 2",
		"cpu 0: idle, ",
		"event_counter_timeline: ",
		"map bpf.bss ",
	};
	const char *text = screen_of(unit_full_report(), 100, 60), *at = text;

	(void)state;
	assert_has(text, "stall ");
	for (size_t i = 0; i < NR(starts); i++) {
		const char *next = strstr(at, starts[i]);

		if (!next) {
			fail_msg("there is no '%s' in its place in:\n%s", starts[i], text);
			return;
		}
		at = next;
	}
	assert_null(strstr(text, "cpu 1:"));
	assert_null(strstr(text, "\n\n"));
}

static void a_screen_is_no_longer_than_asked_and_tells_of_the_rest(void **state)
{
	const struct cap_report *r = unit_full_report();
	size_t all = nr_lines(text_of(r));
	char last[80];

	(void)state;
	for (unsigned lines = 2; lines < 60; lines++) {
		const char *text = screen_of(r, 100, lines);
		size_t nr = nr_lines(text);

		/* The footer of a dump that was cut is always there. */
		if (nr > lines + 1)
			fail_msg("%zu lines, not %u:\n%s", nr, lines, text);
		(void)kt_snprintf(last, sizeof(last), "\n(%zu more lines: ktstr-make show FILE)\n",
				  all - (nr - 1));
		assert_has(text, last);
	}
}

static void one_sample_of_events_has_no_bars(void **state)
{
	struct cap_event_sample e = { .count = { [CAP_EV_DISPATCH_KEEP_LAST] = 7,
						 [CAP_EV_BYPASS_DURATION] = 29306092,
						 [CAP_EV_BYPASS_ACTIVATE] = 1 } };
	struct cap_report r = { .event = &e, .nr_events = 1 };

	(void)state;
	assert_string_equal(screen_of(&r, 60, 20),
			    "events: dispatch_keep_last=7 bypass_duration=29306092\n"
			    "    bypass_activate=1\n"
			    "(2 more lines: ktstr-make show FILE)\n");
}

static void format_strings_are_no_variables(void **state)
{
	struct cap_value letters[3];
	struct cap_member m[] = {
		{ "____dispatch.___fmt", { .kind = CAP_ARRAY, .a = { 3, letters, 3 } } },
		{ "count", unit_uint(32, 3) },
	};
	struct cap_value v = { .kind = CAP_STRUCT, .s = { ".data", m, NR(m) } };
	struct cap_map_report map = { .name = "bpf.data", .map_type = 2, .value = &v };
	struct cap_report r = { .map = &map, .nr_maps = 1 };

	(void)state;
	for (size_t i = 0; i < 3; i++)
		letters[i] = (struct cap_value){ .kind = CAP_CHAR, .c = (uint8_t)('a' + i) };
	assert_has(screen_of(&r, 80, 20), "bpf.data{count=3}\nmap bpf.data");
}

static void text_of_the_guest_cannot_spoil_the_terminal(void **state)
{
	struct cap_task t = { .kva = 1, .pid = 7, .tgid = 7, .comm = "\x1b[2J\nx" };
	struct cap_map_report map = { .name = "\x1b]0;evil\a", .map_type = 99 };
	struct cap_report r = { .task = &t,
				.nr_tasks = 1,
				.map = &map,
				.nr_maps = 1,
				.scx_walker_unavailable = "\x1b[31m" };
	const char *text = text_of(&r);

	(void)state;
	assert_null(strchr(text, 0x1b));
	assert_has(text, "map \\x1b]0;evil\\x07 (type=unknown(99), ");
	assert_has(text, "  \\x1b[2J\\x0ax  ");
	assert_null(strchr(screen_of(&r, 80, 10), 0x1b));
}

/* ---- the other documents ---- */

static void a_degraded_dump_says_who_did_not_stop(void **state)
{
	struct cap_vcpu_regs regs[2] = { { true, 0x10, 0x20, 0x30 }, { 0 } };
	struct cap_degraded d = { .reason = CAP_DEGRADED_TIMEOUT,
				  .vcpu_regs = regs,
				  .nr_vcpus = 2,
				  .bss_latch_state = "triggered",
				  .has_exit_kind = true,
				  .exit_kind = 1025,
				  .elapsed_ms = 30001 };
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	cap_degraded_text(&d, NULL, &b);
	assert_string_equal(kt_buf_str(&b),
			    "no dump: " CAP_DEGRADED_TIMEOUT "\n"
			    "vcpus_parked: 1/2\n"
			    "  vcpu 0: parked ip=0x0000000000000010 sp=0x0000000000000020 "
			    "ptroot=0x0000000000000030\n"
			    "  vcpu 1: not_parked\n"
			    "watchpoint_hit: false\n"
			    "bss_latch_state: triggered\n"
			    "exit_kind: ERROR_BPF (1025)\n"
			    "elapsed_ms: 30001\n");
}

static void a_dual_dump_has_both_one_after_the_other(void **state)
{
	struct cap_report early = { .has_truncated_at = true, .dump_truncated_at_us = 1 };
	struct cap_report late = { .has_truncated_at = true, .dump_truncated_at_us = 2 };
	struct cap_dual d = { .early = &early,
			      .late = &late,
			      .early_max_age_jiffies = 501,
			      .early_threshold_jiffies = 500 };
	const struct cap_text_opts o = { .max_lines = 20 };
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	cap_dual_text(&d, NULL, &b);
	assert_string_equal(kt_buf_str(&b),
			    "early: taken when a task had waited 501 of 500 jiffies; late: 0 maps, "
			    "registers of 0 vCPUs\n"
			    "\n=== early ===\n\n"
			    "dump truncated: deadline after 1 us\n"
			    "\n=== late ===\n\n"
			    "dump truncated: deadline after 2 us\n");
	d = (struct cap_dual){ .late = &late, .early_skipped_reason = "peak=3j" };
	kt_buf_reset(&b);
	cap_dual_text(&d, &o, &b);
	assert_string_equal(kt_buf_str(&b),
			    "early: none: peak=3j; late: 0 maps, registers of 0 vCPUs\n"
			    "dump truncated: deadline after 2 us\n");
}

/* ---- bars and names ---- */

static void bars_are_between_the_lowest_and_the_highest(void **state)
{
	static const struct {
		int64_t v[8];
		size_t nr;
		const char *bars;
	} cases[] = {
		{ { 0 }, 0, "" },          { { 0, 0 }, 2, "▁▁" },
		{ { 5, 5, 5 }, 3, "▅▅▅" }, { { 0, 1, 2, 3, 4, 5, 6, 7 }, 8, "▁▂▃▄▅▆▇█" },
		{ { 10, 20 }, 2, "▁█" },   { { -5, 7 }, 2, "▁█" },
		{ { -5, -7 }, 2, "▁▁" },   { { 0, INT64_MAX, INT64_MAX / 2 }, 3, "▁█▄" },
	};

	(void)state;
	for (size_t i = 0; i < NR(cases); i++) {
		kt_auto(buf) struct kt_buf b = { 0 };

		cap_sparkline(&b, cases[i].v, cases[i].nr);
		assert_string_equal(kt_buf_str(&b), cases[i].bars);
	}
}

static void numbers_of_sched_ext_have_names(void **state)
{
	static const struct {
		void (*decode)(struct kt_buf *b, uint64_t v);
		uint64_t v;
		const char *text;
	} cases[] = {
		{ cap_decode_dsq, UINT64_C(0xc000000000000003), "SCX_DSQ_LOCAL_ON|3" },
		{ cap_decode_dsq, UINT64_C(0x8000000000000000), "SCX_DSQ_INVALID" },
		{ cap_decode_dsq, UINT64_C(0x8000000000000001), "SCX_DSQ_GLOBAL" },
		{ cap_decode_dsq, UINT64_C(0x8000000000000002), "SCX_DSQ_LOCAL" },
		{ cap_decode_dsq, UINT64_C(0x8000000000000003), "SCX_DSQ_BYPASS" },
		{ cap_decode_dsq, UINT64_C(0x8000000000000009), "BUILTIN(9)" },
		{ cap_decode_dsq, 31, "DSQ(0x1f)" },
		{ cap_decode_dsq, UINT64_C(1) << 62, "DSQ(0x4000000000000000)" },
		{ cap_decode_enq_flags, 0, "NONE" },
		{ cap_decode_enq_flags, 1 | UINT64_C(1) << 32 | 2, "WAKEUP|PREEMPT|0x2" },
		{ cap_decode_enq_flags, UINT64_C(0x7) << 56, "CLEAR_OPSS|DSQ_PRIQ|NESTED" },
		{ cap_decode_kick_flags, 7, "IDLE|PREEMPT|WAIT" },
		{ cap_decode_rq_flags, 0x21, "ONLINE|CLK_VALID" },
		{ cap_decode_ops_state, 2, "QUEUED" },
		{ cap_decode_ops_state, 17 << 2 | 1, "QUEUEING qseq=17" },
	};

	(void)state;
	for (size_t i = 0; i < NR(cases); i++) {
		kt_auto(buf) struct kt_buf b = { 0 };

		cases[i].decode(&b, cases[i].v);
		assert_string_equal(kt_buf_str(&b), cases[i].text);
	}
}

static void states_of_tasks_have_the_names_that_the_report_gives(void **state)
{
	static const char older[] = "NONE INIT READY ENABLED";
	static const struct {
		uint64_t flags;
		const char *states, *text;
	} cases[] = {
		{ 0x305, older, "QUEUED|RESET_RUNNABLE_AT|ENABLED" },
		{ 0x305, "NONE INIT_BEGIN INIT READY ENABLED DEAD",
		  "QUEUED|RESET_RUNNABLE_AT|READY" },
		{ 0x100, older, "INIT" },
		{ 0, older, "NONE" },
		{ 8, older, "DEQD_FOR_SLEEP" },
		{ 0x501, older, "QUEUED|state=5" },
		{ 0x305, NULL, "QUEUED|RESET_RUNNABLE_AT|state=3" },
		{ 0x100, "", "state=1" },
		{ 0x100, "NONE \x1b[31m", "state=1" },
		{ 0x100, "NONE A\x1b", "state=1" },
	};

	(void)state;
	for (size_t i = 0; i < NR(cases); i++) {
		kt_auto(buf) struct kt_buf b = { 0 };

		assert_true(cap_decode_member(&b, "sched_ext_entity", "flags", cases[i].flags,
					      cases[i].states));
		assert_string_equal(kt_buf_str(&b), cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_says_so),
		cmocka_unit_test(parts_come_in_their_order_with_a_blank_line_between),
		cmocka_unit_test(no_line_ends_in_a_blank_or_holds_a_control_character),
		cmocka_unit_test(tasks_in_queues_are_told_by_name),
		cmocka_unit_test(tasks_are_a_table),
		cmocka_unit_test(event_counters_are_bars_and_their_last_value),
		cmocka_unit_test(alike_entries_are_a_table),
		cmocka_unit_test(entries_without_types_are_raw_bytes),
		cmocka_unit_test(elements_that_cannot_be_read_say_so),
		cmocka_unit_test(other_maps_are_summed_up),
		cmocka_unit_test(equal_cpus_are_told_together),
		cmocka_unit_test(cpus_that_differ_in_some_members_are_a_table),
		cmocka_unit_test(many_cpus_have_a_line_each),
		cmocka_unit_test(a_screen_begins_with_what_tells_most),
		cmocka_unit_test(a_screen_is_no_longer_than_asked_and_tells_of_the_rest),
		cmocka_unit_test(one_sample_of_events_has_no_bars),
		cmocka_unit_test(format_strings_are_no_variables),
		cmocka_unit_test(text_of_the_guest_cannot_spoil_the_terminal),
		cmocka_unit_test(a_degraded_dump_says_who_did_not_stop),
		cmocka_unit_test(a_dual_dump_has_both_one_after_the_other),
		cmocka_unit_test(bars_are_between_the_lowest_and_the_highest),
		cmocka_unit_test(numbers_of_sched_ext_have_names),
		cmocka_unit_test(states_of_tasks_have_the_names_that_the_report_gives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
