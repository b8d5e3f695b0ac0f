/* SPDX-License-Identifier: GPL-2.0-only */
/* QEMU's command line, and the parsers of what it says, on good and on hostile bytes. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/internal.h"
#include "vmm/qemu/internal.h"

static const struct vm_accel_choice tcg = { .accel = VM_ACCEL_TCG,
					    .name = "tcg",
					    .program = "/opt/qemu" };

/* ---- the command line ---- */

struct made {
	struct kt_strv words;
	struct kt_buf text; /* joined by blanks */
};

static void made_done(struct made *m)
{
	kt_strv_done(&m->words);
	kt_buf_done(&m->text);
}

static struct made command_of(const struct kt_topology *t, enum vm_clock clock, bool control,
			      unsigned host_cpus)
{
	struct vm_layout layout;
	struct vm_config config = {
		.accel = &tcg, .topology = t, .cmdline = "loglevel=7 x=\"a b\"", .clock = clock
	};
	struct qemu_command c = { .config = &config,
				  .layout = &layout,
				  .kernel = "/k",
				  .console = "socket,fd=10",
				  .bell = "socket,fd=11",
				  .initrd = "/i",
				  .control = control,
				  .host_cpus = host_cpus };
	struct made m = { 0 };
	uint64_t bytes[KT_TOPO_NODES_MAX];

	assert_int_equal(
		vm_layout_plan(&(struct vm_layout_opts){ .topology = t,
							 .memory_bytes = VM_GIB,
							 .low_bytes_max = qemu_low_bytes(
								 vm_layout_nodes(t, VM_GIB, bytes)),
							 .kernel_end = 64 * VM_MIB },
			       &layout, NULL),
		0);
	assert_int_equal(qemu_command_build(&c, &m.words, NULL), 0);
	for (size_t i = 0; i < m.words.nr; i++)
		kt_buf_addf(&m.text, "%s ", m.words.v[i]);
	return m;
}

static void expect(const struct made *m, const char *text)
{
	if (!strstr(kt_buf_str(&m->text), text))
		fail_msg("no '%s' in: %s", text, kt_buf_str(&m->text));
}

static void refuse(const struct made *m, const char *text)
{
	if (strstr(kt_buf_str(&m->text), text))
		fail_msg("'%s' in: %s", text, kt_buf_str(&m->text));
}

static void one_socket_per_llc_and_never_dies(void **state)
{
	const struct kt_topology t = { .nr_nodes = 2,
				       .nr_llcs = 3,
				       .cores = 4,
				       .threads = 2,
				       .node = { { .llcs = 1 }, { .llcs = 2 } } };
	struct made m = command_of(&t, VM_CLOCK_GUEST_WORK, true, 64);

	(void)state;
	expect(&m, "/opt/qemu -nodefaults -no-user-config -no-reboot -display none ");
	expect(&m, " -smp 24,sockets=3,dies=1,cores=4,threads=2 ");
	expect(&m,
	       " -numa cpu,node-id=0,socket-id=0 -numa cpu,node-id=1,socket-id=1 -numa cpu,node-id=1,socket-id=2 ");
	expect(&m, " -numa dist,src=0,dst=1,val=20 -numa dist,src=1,dst=0,val=20 ");
	expect(&m,
	       " -object memory-backend-file,id=node1,size=536870912,mem-path=/proc/self/fd/21,share=on ");
	expect(&m,
	       " -accel tcg,thread=single -icount shift=2,sleep=off -rtc clock=vm -cpu max,vendor=GenuineIntel ");
	expect(&m, " -chardev socket,fd=10,id=console -chardev socket,fd=11,id=bell ");
	expect(&m, " -mon chardev=qmp,mode=control ");
	expect(&m, " ktstr.ring=0x3fa00000,0x400000 loglevel=7 x=\"a b\" ");
	refuse(&m, "hmat");
	refuse(&m, "kernel-irqchip");
	refuse(&m, "dies=2");
	made_done(&m);
}

static void a_machine_to_run_by_hand_has_no_inherited_descriptors(void **state)
{
	const struct kt_topology t = {
		.nr_nodes = 1, .nr_llcs = 1, .cores = 2, .threads = 1, .node = { { .llcs = 1 } }
	};
	struct made m = command_of(&t, VM_CLOCK_REAL, false, 2);

	(void)state;
	expect(&m, " -accel tcg,thread=multi -rtc clock=vm ");
	expect(&m, " -object memory-backend-memfd,id=node0,size=1073741824,share=on ");
	refuse(&m, "/proc/self/fd");
	refuse(&m, "qmp");
	refuse(&m, "gdb");
	refuse(&m, "icount");
	made_done(&m);
	m = command_of(&t, VM_CLOCK_REAL, false, 1);
	expect(&m, "tcg,thread=single");
	made_done(&m);
}

static void memory_only_nodes_with_latency_have_an_hmat_and_their_nearest_initiator(void **state)
{
	const struct kt_topology t = {
		.nr_nodes = 3,
		.nr_llcs = 2,
		.cores = 1,
		.threads = 1,
		.node = { { .llcs = 1 },
			  { .llcs = 1 },
			  { .latency_ns = 300,
			    .bandwidth_mbs = 5000,
			    .mem_side_cache_bytes = VM_GIB } },
		.has_distance = true,
		.distance = { { 10, 20, 40 }, { 20, 10, 30 }, { 40, 30, 10 } },
	};
	struct made m = command_of(&t, VM_CLOCK_GUEST_WORK, true, 2);

	(void)state;
	expect(&m, ",hmat=on ");
	expect(&m, " -numa node,nodeid=2,memdev=node2,initiator=1 ");
	expect(&m, " -numa node,nodeid=0,memdev=node0,initiator=0 ");
	expect(&m, " -numa dist,src=2,dst=0,val=40 ");
	expect(&m,
	       "-numa hmat-lb,initiator=0,target=2,hierarchy=memory,data-type=access-latency,latency=300 ");
	expect(&m,
	       "-numa hmat-lb,initiator=1,target=2,hierarchy=memory,data-type=access-bandwidth,bandwidth=5000M ");
	expect(&m,
	       "bandwidth=5000M -numa hmat-cache,node-id=2,size=1073741824,level=1,associativity=direct,policy=write-back,line=64 ");
	refuse(&m, "initiator=2,target");
	refuse(&m, "hmat-cache,node-id=0");
	made_done(&m);
}

static void apic_ids_above_254_bring_interrupt_remapping(void **state)
{
	struct kt_topology t = {
		.nr_nodes = 1, .nr_llcs = 14, .cores = 18, .threads = 1, .node = { { .llcs = 14 } }
	};
	struct made m = command_of(&t, VM_CLOCK_GUEST_WORK, true, 2);

	(void)state;
	expect(&m, ",kernel-irqchip=off -device intel-iommu,intremap=on,eim=on ");
	refuse(&m, "qboot");
	made_done(&m);
	t.nr_llcs = t.node[0].llcs = 15; /* 240 CPUs, ids to 239 */
	t.cores = 16;
	m = command_of(&t, VM_CLOCK_GUEST_WORK, true, 2);
	refuse(&m, "intel-iommu");
	expect(&m, " -bios qboot.rom ");
	made_done(&m);
}

/* ---- QMP ---- */

static void feed(struct qmp *q, const char *text)
{
	qmp_feed(q, text, strlen(text));
}

static void events_are_known_whole_or_in_pieces(void **state)
{
	struct qmp q;

	(void)state;
	qmp_init(&q, -1);
	feed(&q,
	     "{\"QMP\": {\"version\": {}}}\r\n{\"return\": {}, \"id\": 1}\r\n{\"event\": \"STOP\"}\r\n{\"ev");
	assert_int_equal(q.stops, 1);
	feed(&q, "ent\": \"RESUME\"}");
	assert_int_equal(q.resumes, 0);
	feed(&q, "\r\n");
	assert_int_equal(q.resumes, 1);
	feed(&q,
	     "{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, \"reason\": \"guest-reset\"}}\r\n");
	assert_int_equal(q.shutdown, QMP_GUEST_RESET);
	assert_string_equal(q.reason, "guest-reset");
	assert_false(q.closed);
	qmp_done(&q);
}

static void only_the_reply_that_is_waited_for_is_kept(void **state)
{
	struct qmp q;

	(void)state;
	qmp_init(&q, -1);
	q.wanted_id = 7;
	feed(&q,
	     "{\"return\": {}, \"id\": 6}\n{\"return\": \"text\", \"id\": 7}\n{\"return\": \"other\", \"id\": 7}\n");
	assert_non_null(q.reply);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(q.reply, "return")), "text");
	qmp_done(&q);
}

static void nonsense_on_qmp_is_survived(void **state)
{
	static const char *const lines[] = {
		"\n\n\n",
		"}{\n",
		"[[[[\n",
		"\"\n",
		"{\"event\": 5}\n",
		"{\"event\": \"SHUTDOWN\"}\n",
		"{\"event\": \"SHUTDOWN\", \"data\": 3}\n",
		"{\"id\": \"x\"}\n",
		"null\n",
		"\xff\xfe\n",
	};
	kt_auto(mem) char *deep = NULL;
	struct qmp q;

	(void)state;
	qmp_init(&q, -1);
	q.wanted_id = 1;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		feed(&q, lines[i]);
	assert_false(q.closed);
	assert_null(q.reply);
	assert_int_equal(q.shutdown, QMP_OTHER_SHUTDOWN);
	assert_string_equal(q.reason, "unknown");
	deep = malloc(1 << 20);
	assert_non_null(deep);
	memset(deep, '[', 1 << 20);
	qmp_feed(&q, deep, 1 << 20);
	feed(&q, "\n");
	assert_false(q.closed);
	for (int i = 0; i < 5; i++) /* a line without an end */
		qmp_feed(&q, deep, 1 << 20);
	assert_true(q.closed);
	qmp_done(&q);
}

/* ---- an emulator that hangs ---- */

/* A process that is there and says nothing, with all that a machine has of one. */
static void begin_hung(struct qemu *q, int theirs[3])
{
	const char *const argv[] = { "sleep", "1000", NULL };
	const struct kt_proc_opts o = { .argv = argv, .stdout_fd = -1, .stderr_fd = -1 };
	int pair[3][2];

	*q = (struct qemu){ .proc = KT_PROC_NONE, .stderr_fd = -1, .frames = { .told = true } };
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair[i]), 0);
		theirs[i] = pair[i][1];
	}
	q->ours[0] = pair[0][0];
	q->ours[1] = pair[1][0];
	qmp_init(&q->qmp, pair[2][0]);
	q->qmp.limit_ns = 1000000;
	gdb_init(&q->gdb, -1);
	q->console = malloc(16 << 10);
	assert_non_null(q->console);
	assert_int_equal(kt_proc_start(&o, &q->proc, NULL), 0);
	assert_int_equal(qemu_events_init(q, NULL), 0);
}

static void end_hung(struct qemu *q, const int theirs[3])
{
	kt_proc_kill(&q->proc);
	for (size_t i = 0; i < 3; i++)
		close(theirs[i]);
	close(q->ours[0]);
	close(q->ours[1]);
	close(q->epoll_fd);
	close(q->wake_fd);
	close(q->tick_fd);
	qmp_done(&q->qmp);
	free(q->console);
}

static void an_emulator_that_does_not_answer_is_ended_and_said_to_have_hung(void **state)
{
	struct vm_event ev = { .type = VM_EV_NONE };
	struct kt_err e = { 0 };
	char asked[256];
	struct qemu q;
	int theirs[3];
	ssize_t n;

	(void)state;
	begin_hung(&q, theirs);
	assert_int_equal(qemu_freeze(&q, &e), -ETIMEDOUT);
	assert_non_null(strstr(unit_err_text(&e), "ask QEMU to 'stop': QEMU does not answer"));
	/* Nothing more is asked of it, and nothing is waited for. */
	assert_int_equal(qemu_freeze(&q, NULL), -ETIMEDOUT);
	n = recv(theirs[2], asked, sizeof(asked) - 1, MSG_DONTWAIT);
	assert_true(n > 0);
	asked[n] = '\0';
	assert_ptr_equal(strchr(asked, '\n'), asked + n - 1);
	while (ev.type != VM_EV_END)
		assert_int_equal(qemu_wait(&q, 10000, &ev, NULL), 0);
	assert_int_equal(ev.end, VM_END_CRASHED);
	assert_non_null(strstr(ev.text, "QEMU did not answer within"));
	end_hung(&q, theirs);
}

static void a_gdb_stub_that_does_not_answer_is_asked_nothing_more(void **state)
{
	struct vm_regs regs;
	char asked[64];
	struct gdb g;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	gdb_init(&g, pair[0]);
	g.limit_ns = 1000000;
	assert_int_equal(gdb_read_regs(&g, 0, &regs, NULL), -ETIMEDOUT);
	assert_true(g.hung);
	assert_int_equal(recv(pair[1], asked, sizeof(asked), MSG_DONTWAIT), strlen("$Hgp1.1#00"));
	assert_int_equal(gdb_read_regs(&g, 0, &regs, NULL), -ETIMEDOUT);
	assert_int_equal(gdb_resume(&g, NULL), -ETIMEDOUT);
	assert_int_equal(recv(pair[1], asked, sizeof(asked), MSG_DONTWAIT), -1);
	gdb_done(&g);
	close(pair[1]);
}

/* ---- gdb ---- */

static int packet(const char *bytes, size_t len, struct kt_buf *in, struct kt_buf *ret)
{
	kt_buf_reset(in);
	kt_buf_add(in, bytes, len);
	return gdb_next_packet(in, ret);
}

static void gdb_packets_are_unescaped_and_checked(void **state)
{
	struct kt_buf in = { 0 }, out = { 0 };

	(void)state;
	assert_int_equal(packet("++$OK#9a+", 9, &in, &out), 1);
	assert_string_equal(kt_buf_str(&out), "OK");
	assert_int_equal(gdb_next_packet(&in, &out), 0);
	assert_int_equal(packet("$#00", 4, &in, &out), 1);
	assert_int_equal(out.len, 0);
	assert_int_equal(packet("$OK#9", 5, &in, &out), 0);
	kt_buf_addc(&in, 'a');
	assert_int_equal(gdb_next_packet(&in, &out), 1);
	assert_int_equal(packet("$OK#9b", 6, &in, &out), -EPROTO);
	assert_int_equal(packet("$OK#zz", 6, &in, &out), -EPROTO);
	assert_int_equal(packet("$a}\x03#e1", 7, &in, &out), 1);
	assert_string_equal(kt_buf_str(&out), "a#");
	assert_int_equal(packet("$0* #7a", 7, &in, &out), 1);
	assert_string_equal(kt_buf_str(&out), "0000");
	assert_int_equal(packet("$0*\x01#5b", 7, &in, &out), -EPROTO);
	kt_buf_done(&in);
	kt_buf_done(&out);
}

static void a_gdb_packet_without_an_end_is_refused(void **state)
{
	struct kt_buf in = { 0 }, out = { 0 };

	(void)state;
	kt_buf_addc(&in, '$');
	for (int i = 0; i < GDB_PACKET_MAX; i++)
		kt_buf_addc(&in, 'a');
	assert_int_equal(gdb_next_packet(&in, &out), -EPROTO);
	kt_buf_done(&in);
	kt_buf_done(&out);
}

static void registers_come_in_the_order_of_the_architecture(void **state)
{
	char hex[2 * 212 + 1];
	struct vm_regs r;

	(void)state;
	for (int i = 0; i < 212; i++)
		(void)kt_snprintf(hex + 2 * i, 3, "%02x", i);
	assert_int_equal(gdb_parse_regs(hex, 424, &r), 0);
	assert_int_equal(r.gpr[0], 0x0706050403020100);
	assert_int_equal(r.gpr[3], 0x0f0e0d0c0b0a0908); /* rbx is gdb's second */
	assert_int_equal(r.gpr[1], 0x1716151413121110);
	assert_int_equal(r.gpr[6], 0x2726252423222120); /* rsi */
	assert_int_equal(r.gpr[5], 0x3736353433323130); /* rbp */
	assert_int_equal(r.rsp, 0x3f3e3d3c3b3a3938);
	assert_int_equal(r.gpr[15], 0x7f7e7d7c7b7a7978);
	assert_int_equal(r.rip, 0x8786858483828180);
	assert_int_equal(r.rflags, 0x8b8a8988);
	assert_int_equal(r.cr3, 0xd3d2d1d0cfcecdcc);
	assert_int_equal(gdb_parse_regs(hex, 422, &r), -EPROTO);
	hex[100] = 'x';
	assert_int_equal(gdb_parse_regs(hex, 424, &r), -EPROTO);
}

static void only_stops_at_our_watches_are_hits(void **state)
{
	static const char *const others[] = {
		"T05thread:p01.01;",
		"T05thread:p01.01;watch:;",
		"T05thread:p01.01;watch:1000;",
		"T05thread:p01.01;watch:ffffffff820010040000;",
		"S05",
		"W00",
		"",
		"OK;watch:ffffffff82001004;",
	};
	struct gdb g;

	(void)state;
	gdb_init(&g, -1);
	g.watch[2] = (struct gdb_watch){ .used = true, .addr = 0xffffffff82001000, .len = 8 };
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		gdb_judge_stop(&g, others[i]);
	assert_false(g.hit);
	gdb_judge_stop(&g, "T05thread:p01.03;watch:ffffffff82001004;");
	assert_true(g.hit);
	assert_int_equal(g.hit_id, 2);
	gdb_done(&g);
}

/* ---- info mtree ---- */

#define MTREE \
	"FlatView #0\r\n AS \"I/O\", root: io\r\n" \
	"  0000000000000000-0000000000000007 (prio 0, i/o): dma-chan\r\n" \
	"FlatView #2\r\n Root memory region: system\r\n" \
	"  0000000000000000-00000000000bffff (prio 0, ram): node0\r\n" \
	"  00000000000c0000-00000000000fffff (prio 1, rom): pc.rom\r\n" \
	"  0000000000100000-000000005fffffff (prio 0, ram): node0 @0000000000100000\r\n" \
	"  0000000060000000-000000007fffffff (prio 0, ram): node1\r\n"
#define MTREE_HIGH "  0000000100000000-000000013fffffff (prio 0, ram): node1 @0000000020000000\r\n"

static void the_machines_own_list_of_ram_is_compared_with_ours(void **state)
{
	const struct kt_topology t = { .nr_nodes = 2,
				       .nr_llcs = 2,
				       .cores = 1,
				       .threads = 1,
				       .node = { { .llcs = 1 }, { .llcs = 1 } } };
	struct vm_layout l;
	struct kt_err e = { 0 };

	(void)state;
	assert_int_equal(vm_layout_plan(&(struct vm_layout_opts){ .topology = &t,
								  .memory_bytes = 3 * VM_GIB,
								  .low_bytes_max = 2 * VM_GIB,
								  .kernel_end = 64 * VM_MIB },
					&l, NULL),
			 0);
	assert_int_equal(qemu_mtree_check(MTREE MTREE_HIGH, &l, &e), 0);
	assert_int_equal(qemu_mtree_check(MTREE, &l, &e), -EINVAL);
	assert_string_equal(
		unit_err_text(&e),
		"our list has RAM of node 1 at 0x100000000-0x13fffffff, offset 0x20000000; "
		"the machine has not");
	assert_int_equal(qemu_mtree_check(MTREE MTREE_HIGH
					  "  200000000-2ffffffff (prio 0, ram): node1\n",
					  &l, &e),
			 -EINVAL);
	assert_string_equal(
		unit_err_text(&e),
		"the machine has RAM of node 1 at 0x200000000-0x2ffffffff that our list has not");
	l.piece[2].offset += 4096;
	assert_int_equal(qemu_mtree_check(MTREE MTREE_HIGH, &l, &e), -EINVAL);
	assert_int_equal(qemu_mtree_check("", &l, &e), -EINVAL);
	assert_int_equal(
		qemu_mtree_check(
			"  fff-ffffffffffffffff (prio 0, ram): node1\n  -\n (\n 5-4 (prio 0, ram): node0",
			&l, &e),
		-EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_socket_per_llc_and_never_dies),
		cmocka_unit_test(a_machine_to_run_by_hand_has_no_inherited_descriptors),
		cmocka_unit_test(
			memory_only_nodes_with_latency_have_an_hmat_and_their_nearest_initiator),
		cmocka_unit_test(apic_ids_above_254_bring_interrupt_remapping),
		cmocka_unit_test(events_are_known_whole_or_in_pieces),
		cmocka_unit_test(only_the_reply_that_is_waited_for_is_kept),
		cmocka_unit_test(nonsense_on_qmp_is_survived),
		cmocka_unit_test(an_emulator_that_does_not_answer_is_ended_and_said_to_have_hung),
		cmocka_unit_test(a_gdb_stub_that_does_not_answer_is_asked_nothing_more),
		cmocka_unit_test(gdb_packets_are_unescaped_and_checked),
		cmocka_unit_test(a_gdb_packet_without_an_end_is_refused),
		cmocka_unit_test(registers_come_in_the_order_of_the_architecture),
		cmocka_unit_test(only_stops_at_our_watches_are_hits),
		cmocka_unit_test(the_machines_own_list_of_ram_is_compared_with_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
