/* SPDX-License-Identifier: GPL-2.0-only */
/* Paths into a dump: sections, maps, members, indices and keys, through pointers; and what is said when there is no such thing. */
#include "tests/unit/capture_report.h"
#include "tests/unit/unit.h"

static void assert_shows(const char *path, const char *expected)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_err e = { 0 };

	if (cap_show(unit_full_report(), path, NULL, &b, &e) < 0)
		fail_msg("%s: %s", path, unit_err_text(&e));
	assert_string_equal(kt_buf_str(&b), expected);
}

static void assert_begins(const char *path, const char *expected)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_err e = { 0 };

	if (cap_show(unit_full_report(), path, NULL, &b, &e) < 0)
		fail_msg("%s: %s", path, unit_err_text(&e));
	if (!kt_starts_with(kt_buf_str(&b), expected))
		fail_msg("%s shows:\n%s", path, kt_buf_str(&b));
}

static void assert_json(const char *path, const char *expected)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_err e = { 0 };

	if (cap_show_json(unit_full_report(), path, &b, &e) < 0)
		fail_msg("%s: %s", path, unit_err_text(&e));
	assert_string_equal(kt_buf_str(&b), expected);
}

static void assert_refused(const char *path, const char *message)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_err e = { 0 };

	assert_true(cap_show(unit_full_report(), path, NULL, &b, &e) < 0);
	assert_string_equal(unit_err_text(&e), message);
	assert_int_equal(e.kind, KT_E_USAGE);
	assert_int_equal(b.len, 0);
}

static void a_variable_is_shown_by_map_and_name(void **state)
{
	(void)state;
	assert_shows("bpf.bss.stall", "1\n");
	assert_shows("bpf.bss.state", "ENABLED (2)\n");
	assert_shows("bpf.bss.value.stall", "1\n");
	assert_shows("maps.bpf.bss.stall", "1\n");
	assert_shows("maps[0].stall", "1\n");
	assert_shows("bpf.bss.cpus", "cpus={0-2,5}\n");
	assert_shows("bpf.bss.map_kva", "0xffff888004000000\n");
}

static void paths_go_through_arrays_pointers_and_what_was_cut(void **state)
{
	(void)state;
	assert_shows("bpf.bss.list[1]", "1099511627776\n");
	assert_shows("bpf.bss.ctx.magic", "16045690984503098046\n");
	assert_shows("bpf.bss.cut.counter", "42\n");
	assert_shows("bpf.bss.ctx", "0x100000048 (cast→arena) → "
				    "ktstr_arena_ctx{magic=16045690984503098046, counter=42}\n");
	assert_shows("sdt[0].entries[0].payload.counter", "42\n");
}

static void entries_are_found_by_their_keys(void **state)
{
	static const char raw[] = "  entry: key=de ad be ef (raw)\n    value: de ad be ef (raw)\n";

	(void)state;
	assert_begins("hash[1]", "  entry: key=1\n    value: 2\n    .data ktstr_arena_ctx{");
	assert_shows("hash[0x1].value", "2\n");
	assert_shows("hash[1].payload.counter", "42\n");
	assert_shows("hash.entries[1]", raw);
	assert_shows("array[0]", "  key 0: 12379813738877118345\n");
	assert_shows("array[15]", "  key 15: <unreadable>\n");
	assert_shows("percpu[0][2]", "2\n");
	assert_shows("percpu_hash[1][0]", "1\n");
	assert_shows("percpu_hash[de ad be ef].key_hex", "de ad be ef\n");
}

static void sections_have_short_names_and_those_of_the_json(void **state)
{
	static const char dsqs[] =
		"dsq_states: 2 dispatch queues\n"
		"  dsq DSQ(0x0) (user): 2 queued: 0xffff888003a40000 worker \"1\"[101] ... (truncated)\n"
		"  1 more are empty\n";

	(void)state;
	assert_shows("dsq", dsqs);
	assert_shows("dsq_states", dsqs);
	assert_begins("tasks", "task_enrichments: 2 tasks\n");
	assert_begins("regs", "vcpu 0: ip=0xffffffff81000010 ");
	assert_begins("sdt", "sdt_alloc scx_task_allocator (");
	assert_begins("static", "scx_static scx_static [");
	assert_begins("progs", "ktstr_enqueue: ");
	assert_begins("cpu_time", "per_cpu_time: 2 CPUs");
	assert_begins("psi", "cgroup_psi: 1 cgroups");
	assert_begins("numa", "per_node_numa: 1 nodes");
	assert_begins("sched", "scx_walker: rq_scx=2 dsq=2 sched=captured\n");
	assert_begins("rq", "rq_scx_states: 2 CPUs\n");
	assert_begins("perf", "vcpu_perf 0: ");
	assert_begins("counters", "probe_counters: ");
	assert_begins("maps", "map bpf.bss (");
	assert_shows("active_obj_name", "bpf\n");
}

/* A map may be called as a section is. */
static void a_section_comes_before_a_map_of_its_name(void **state)
{
	(void)state;
	assert_begins("events", "event_counter_timeline: 2 samples");
	assert_begins("maps.events", "map events (type=ringbuf, ");
}

static void one_of_a_section_is_its_keys(void **state)
{
	(void)state;
	assert_shows("rq[1]", "cpu                 1\n"
			      "nr_running          0\n"
			      "flags               0 (NONE)\n"
			      "cpu_released        false\n"
			      "ops_qseq            0\n"
			      "runnable_task_kvas  none\n");
	assert_shows("dsq[0].id", "9223372036854775810\n");
	assert_begins("dsq[0]", "id         9223372036854775810 (SCX_DSQ_LOCAL)\n");
	assert_shows("rq[0].runnable_task_kvas[1]", "18446612682131116032\n");
	assert_shows("tasks[0].comm", "worker \"1\"\n");
	assert_shows("sched.exit_kind", "1026 (ERROR_STALL)\n");
	assert_shows("cpu_time[0].softirqs[9]", "10\n");
	assert_shows("queues.fd_array.indices[1]", "3\n");
}

static void a_page_is_shown_in_hexadecimal(void **state)
{
	(void)state;
	assert_begins("arena.arena.pages[0].bytes",
		      "0000: 00 07 0e 15 1c 23 2a 31 38 3f 46 4d 54 5b 62 69 "
		      "70 77 7e 85 8c 93 9a a1 a8 af b6 bd c4 cb d2 d9\n"
		      "0020: e0 ");
}

static void what_is_not_there_leads_to_its_reason(void **state)
{
	struct cap_report r = { .task_enrichments_unavailable = "no task walker available",
				.maps_unavailable = "there is no symbol map_idr" };
	kt_auto(buf) struct kt_buf b = { 0 };

	(void)state;
	assert_int_equal(cap_show(&r, "tasks", NULL, &b, NULL), 0);
	assert_string_equal(kt_buf_str(&b), "<unavailable: no task walker available>\n");
	kt_buf_reset(&b);
	assert_int_equal(cap_show(&r, "maps", NULL, &b, NULL), 0);
	assert_string_equal(kt_buf_str(&b), "maps: <unavailable: there is no symbol map_idr>\n");
}

static void what_is_there_in_part_has_its_reason_beside_it(void **state)
{
	static const struct {
		const char *path, *reason;
	} parts[] = {
		{ "maps", "maps: <unavailable: no maps>\n" },
		{ "tasks", "task_enrichments: <unavailable: no tasks>\n" },
		{ "sched", "scx_sched_state: <unavailable: no walker>\n" },
	};

	(void)state;
	for (size_t i = 0; i < NR(parts); i++) {
		kt_auto(buf) struct kt_buf b = { 0 };

		assert_int_equal(cap_show(unit_full_report(), parts[i].path, NULL, &b, NULL), 0);
		assert_true(kt_ends_with(kt_buf_str(&b), parts[i].reason));
		assert_true(b.len > strlen(parts[i].reason));
	}
}

static void the_same_parts_are_had_as_json(void **state)
{
	(void)state;
	assert_json("bpf.bss.stall", "{\"kind\": \"int\", \"bits\": 32, \"value\": 1}\n");
	assert_json("dsq[0]",
		    "{\"id\": 9223372036854775810, \"origin\": \"local cpu 0\", \"nr\": 0, "
		    "\"seq\": 3, \"task_kvas\": []}\n");
	assert_json("dsq[0].id", "9223372036854775810\n");
	assert_json("tasks[0].comm", "\"worker \\\"1\\\"\"\n");
	assert_json("rq[0].runnable_task_kvas[1]", "18446612682131116032\n");
	assert_json("regs[0]", "{\"instruction_pointer\": 18446744071578845200, \"stack_pointer\": "
			       "18446683600570040064, \"page_table_root\": 48250880}\n");
}

static void a_wrong_name_is_answered_with_the_nearest_and_with_what_there_is(void **state)
{
	(void)state;
	assert_refused("sched.exit_kid",
		       "there is no 'exit_kid' in 'sched': did you mean 'exit_kind'? There is: "
		       "aborting bypass_depth exit_kind watchdog_timeout source sched_kva");
	assert_refused("bpf.bss.ctx.nothing_alike",
		       "there is no 'nothing_alike' in 'bpf.bss.ctx': there is: magic counter");
	assert_refused("bpf.bss.stall.x",
		       "there is no 'x' in 'bpf.bss.stall': it has no parts with names");
	assert_refused(
		"bss.stall",
		"there is no 'bss' in this dump: did you mean 'bpf.bss'? There is: maps regs sdt "
		"static progs cpu_time psi numa tasks sched dsq rq events perf counters bpf.bss "
		"hash array percpu percpu_hash arena events stacks queues");
	assert_refused("tasks.pid", "there is no 'pid' in 'tasks': it has no parts with names");
}

static void a_wrong_index_is_answered_with_how_many_there_are(void **state)
{
	(void)state;
	assert_refused("rq[2]", "there is no [2] in 'rq': it has 2 elements, counted from 0");
	assert_refused("rq[x]", "there is no [x] in 'rq': it has 2 elements, counted from 0");
	assert_refused("rq[-1]", "there is no [-1] in 'rq': it has 2 elements, counted from 0");
	assert_refused("hash[77]", "there is no [77] in 'hash': it has 2 entries, by key");
	assert_refused("bpf.bss.list[4]",
		       "there is no [4] in 'bpf.bss.list': it has 4 elements, counted from 0");
	assert_refused("bpf.bss.stall[0]", "there is no [0] in 'bpf.bss.stall': it is no list");
	assert_refused("bpf.bss[0]", "there is no [0] in 'bpf.bss': it is no list");
	assert_refused("percpu[0][1]",
		       "there is no [1] in 'percpu[0]': it has 3 elements, and this "
		       "one is not known");
	assert_refused("regs[1]",
		       "there is no [1] in 'regs': it has 2 elements, and this one is not known");
	assert_refused("arena[0]", "there is no [0] in 'arena': it has no entries, by key");
}

static void a_broken_path_is_refused(void **state)
{
	(void)state;
	assert_refused("rq[1", "the path 'rq[1' has a '[' without its ']'");
	assert_refused("[0]", "there is no [0] in this dump: it is no list");
	assert_refused("rq[1]x",
		       "there is no 'x' in 'rq[1]': there is: cpu nr_running flags cpu_released "
		       "ops_qseq runnable_task_kvas");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_variable_is_shown_by_map_and_name),
		cmocka_unit_test(paths_go_through_arrays_pointers_and_what_was_cut),
		cmocka_unit_test(entries_are_found_by_their_keys),
		cmocka_unit_test(sections_have_short_names_and_those_of_the_json),
		cmocka_unit_test(a_section_comes_before_a_map_of_its_name),
		cmocka_unit_test(one_of_a_section_is_its_keys),
		cmocka_unit_test(a_page_is_shown_in_hexadecimal),
		cmocka_unit_test(what_is_not_there_leads_to_its_reason),
		cmocka_unit_test(what_is_there_in_part_has_its_reason_beside_it),
		cmocka_unit_test(the_same_parts_are_had_as_json),
		cmocka_unit_test(a_wrong_name_is_answered_with_the_nearest_and_with_what_there_is),
		cmocka_unit_test(a_wrong_index_is_answered_with_how_many_there_are),
		cmocka_unit_test(a_broken_path_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
