/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A scheduler's state in a fake guest: structures of our own shape under the kernel's names, with types that say where
 * their members are, so that nothing is found that was not looked up.
 *
 *   fake_init(&f, NULL);
 *   fake_sched_init(&s, &f, FAKE_SCHED_ROOT);        as since 6.16; FAKE_SCHED_GLOBALS: as in 6.12
 *   gva_t t = fake_task(&s, 42, "worker");
 *   fake_link(&f, at(rq, struct s_rq, scx.runnable_list), at(t, struct s_task, scx.runnable_node));
 *   fake_open(&f);
 *   struct cap_dump d = fake_dump(&f, &report);
 */
#ifndef KTSTR_TESTS_UNIT_FAKE_SCHED_H
#define KTSTR_TESTS_UNIT_FAKE_SCHED_H

#include "capture/scx.h"
#include "tests/unit/fake_guest.h"

struct s_list {
	uint64_t next, prev;
};
struct s_dsq {
	uint64_t lock, id;
	struct s_list list;
	uint32_t nr, seq;
	uint64_t hash_next;
};
struct s_entity {
	uint32_t weight, flags;
	struct s_list dsq_node;
	uint32_t dsq_flags, dsq_priv;
	struct s_list runnable_node, tasks_node;
	uint64_t runnable_at;
};
struct s_task {
	uint64_t state, sched_class;
	int32_t prio, static_prio, normal_prio;
	uint32_t rt_priority;
	struct s_entity scx;
	uint64_t core_cookie;
	int32_t pid, tgid;
	uint64_t real_parent, group_leader, signal, nvcsw, nivcsw;
	char comm[16];
	uint64_t sp;
};
struct s_signal {
	int32_t count, nr_threads;
	uint64_t pids[4], nvcsw, nivcsw;
};
struct s_pid {
	uint64_t count;
	struct {
		int32_t nr, pad;
		uint64_t ns;
	} numbers[1];
};
struct s_rq {
	uint64_t lock, clock, curr;
	struct {
		struct s_dsq local_dsq;
		struct s_list runnable_list;
		uint64_t ops_qseq, kick_sync, clock;
		uint32_t nr_running, flags, nr_immed;
		uint8_t cpu_released;
	} scx;
};
struct s_events {
	int64_t select_cpu_fallback, keep_last, repeat;
};
struct s_pcpu {
	uint64_t sch;
	struct s_events events;
	struct s_dsq bypass;
};
struct s_rhashtable {
	uint64_t tbl, key_len;
};
struct s_sched {
	uint64_t ops[8];
	struct s_rhashtable dsq_hash;
	uint64_t pnode, pcpu, watchdog_timeout;
	uint32_t exit_kind, bypass_depth;
	uint8_t aborting;
};
struct s_table {
	uint32_t size, nest;
	uint64_t future_tbl, buckets[];
};

#define at(base, type, member) ((gva_t){ (base).v + offsetof(type, member) })

enum fake_sched_kind { FAKE_SCHED_ROOT, FAKE_SCHED_GLOBALS };
struct fake_sched {
	struct fake_guest *f;
	gva_t runqueues, tasks; /* symbols */
	gva_t root, sched, pcpu; /* with a root */
	gva_t exit_kind, state, hash, globals; /* without */
};

/* ---- types ---- */

struct fake_row {
	const char *name;
	int type;
	size_t offset;
};

static inline int fake_struct(struct fake_guest *f, const char *name, size_t bytes,
			      const struct fake_row *rows, size_t nr)
{
	int id = btf__add_struct(f->btf, name, (uint32_t)bytes);

	for (size_t i = 0; i < nr; i++)
		fake_member(f, rows[i].name, rows[i].type, (uint32_t)rows[i].offset);
	return id;
}
#define FAKE_STRUCT(f, name, type, ...) \
	fake_struct(f, name, sizeof(type), (const struct fake_row[]){ __VA_ARGS__ }, \
		    sizeof((const struct fake_row[]){ __VA_ARGS__ }) / sizeof(struct fake_row))
#define M(type, member, id) \
	{ \
#member, id, offsetof(type, member) \
	}
#define N(type, name, member, id) \
	{ \
		name, id, offsetof(type, member) \
	}

static inline int fake_array(struct fake_guest *f, int elem, uint32_t nr)
{
	return btf__add_array(f->btf, fake_u32(f), elem, nr);
}

static inline void fake_task_types(struct fake_guest *f, int list)
{
	int u64 = fake_u64(f), u32 = fake_u32(f), s32 = fake_s32(f), comm = fake_char_array(f, 16),
	    four = fake_array(f, u64, 4), lnode, entity, thread, numbers, upid;

	lnode = fake_struct(f, "scx_dsq_list_node", 24,
			    (const struct fake_row[]){ { "node", list, 0 }, { "flags", u32, 16 } },
			    2);
	entity = FAKE_STRUCT(f, "sched_ext_entity", struct s_entity,
			     M(struct s_entity, weight, u32), M(struct s_entity, flags, u32),
			     N(struct s_entity, "dsq_list", dsq_node, lnode),
			     M(struct s_entity, runnable_node, list),
			     M(struct s_entity, tasks_node, list),
			     M(struct s_entity, runnable_at, u64));
	thread = fake_struct(f, "thread_struct", 8, (const struct fake_row[]){ { "sp", u64, 0 } },
			     1);
	(void)FAKE_STRUCT(f, "task_struct", struct s_task, M(struct s_task, sched_class, u64),
			  M(struct s_task, prio, s32), M(struct s_task, static_prio, s32),
			  M(struct s_task, normal_prio, s32), M(struct s_task, rt_priority, u32),
			  M(struct s_task, scx, entity), M(struct s_task, core_cookie, u64),
			  M(struct s_task, pid, s32), M(struct s_task, tgid, s32),
			  M(struct s_task, real_parent, u64), M(struct s_task, group_leader, u64),
			  M(struct s_task, signal, u64), M(struct s_task, nvcsw, u64),
			  M(struct s_task, nivcsw, u64), M(struct s_task, comm, comm),
			  N(struct s_task, "thread", sp, thread));
	(void)FAKE_STRUCT(f, "signal_struct", struct s_signal, M(struct s_signal, nr_threads, s32),
			  M(struct s_signal, pids, four), M(struct s_signal, nvcsw, u64),
			  M(struct s_signal, nivcsw, u64));
	upid = fake_struct(f, "upid", 16, (const struct fake_row[]){ { "nr", s32, 0 } }, 1);
	numbers = fake_array(f, upid, 0);
	(void)FAKE_STRUCT(f, "pid", struct s_pid, M(struct s_pid, numbers, numbers));
	(void)fake_struct(f, "inactive_task_frame", 24,
			  (const struct fake_row[]){ { "ret_addr", u64, 16 } }, 1);
}

static inline void fake_queue_types(struct fake_guest *f, int list, enum fake_sched_kind kind)
{
	int u64 = fake_u64(f), u32 = fake_u32(f), s32 = fake_s32(f), none = fake_array(f, u64, 0),
	    u8 = fake_int(f, "unsigned char", 1, 0), head, dsq, hash, atomic, rq, events;

	head = fake_struct(f, "rhash_head", 8, (const struct fake_row[]){ { "next", u64, 0 } }, 1);
	dsq = FAKE_STRUCT(f, "scx_dispatch_q", struct s_dsq, M(struct s_dsq, id, u64),
			  M(struct s_dsq, list, list), M(struct s_dsq, nr, u32),
			  M(struct s_dsq, seq, u32), N(struct s_dsq, "hash_node", hash_next, head));
	hash = FAKE_STRUCT(f, "rhashtable", struct s_rhashtable, M(struct s_rhashtable, tbl, u64));
	(void)FAKE_STRUCT(f, "bucket_table", struct s_table, M(struct s_table, size, u32),
			  M(struct s_table, nest, u32), M(struct s_table, future_tbl, u64),
			  M(struct s_table, buckets, none));
	atomic = fake_struct(f, "atomic_t", 4, (const struct fake_row[]){ { "counter", s32, 0 } },
			     1);
	rq = fake_struct(
		f, "scx_rq", sizeof(((struct s_rq *)0)->scx),
		(const struct fake_row[]){
			{ "local_dsq", dsq, 0 },
			{ "runnable_list", list,
			  offsetof(struct s_rq, scx.runnable_list) - offsetof(struct s_rq, scx) },
			{ kind == FAKE_SCHED_ROOT ? "kick_sync" : "pnt_seq", u64,
			  offsetof(struct s_rq, scx.kick_sync) - offsetof(struct s_rq, scx) },
			{ "nr_running", u32,
			  offsetof(struct s_rq, scx.nr_running) - offsetof(struct s_rq, scx) },
			{ "flags", u32,
			  offsetof(struct s_rq, scx.flags) - offsetof(struct s_rq, scx) },
			{ "cpu_released", u8,
			  offsetof(struct s_rq, scx.cpu_released) - offsetof(struct s_rq, scx) },
			{ kind == FAKE_SCHED_ROOT ? "nr_immed" : "ops_qseq",
			  kind == FAKE_SCHED_ROOT ? u32 : u64,
			  (kind == FAKE_SCHED_ROOT ? offsetof(struct s_rq, scx.nr_immed)
						   : offsetof(struct s_rq, scx.ops_qseq)) -
				  offsetof(struct s_rq, scx) },
			{ kind == FAKE_SCHED_ROOT ? "clock" : "another_clock", u64,
			  offsetof(struct s_rq, scx.clock) - offsetof(struct s_rq, scx) },
		},
		8);
	(void)FAKE_STRUCT(f, "rq", struct s_rq, M(struct s_rq, clock, u64),
			  M(struct s_rq, curr, u64), M(struct s_rq, scx, rq));
	if (kind == FAKE_SCHED_GLOBALS)
		return;
	events = FAKE_STRUCT(f, "scx_event_stats", struct s_events,
			     N(struct s_events, "SCX_EV_SELECT_CPU_FALLBACK", select_cpu_fallback,
			       u64),
			     N(struct s_events, "SCX_EV_DISPATCH_KEEP_LAST", keep_last, u64),
			     N(struct s_events, "SCX_EV_REENQ_LOCAL_REPEAT", repeat, u64));
	(void)FAKE_STRUCT(f, "scx_sched_pcpu", struct s_pcpu,
			  N(struct s_pcpu, "event_stats", events, events),
			  N(struct s_pcpu, "bypass_dsq", bypass, dsq));
	(void)FAKE_STRUCT(f, "scx_sched_pnode", struct s_dsq, { "global_dsq", dsq, 0 });
	(void)FAKE_STRUCT(f, "scx_sched", struct s_sched, M(struct s_sched, dsq_hash, hash),
			  M(struct s_sched, pnode, u64), M(struct s_sched, pcpu, u64),
			  M(struct s_sched, watchdog_timeout, u64),
			  M(struct s_sched, exit_kind, atomic),
			  M(struct s_sched, bypass_depth, s32), M(struct s_sched, aborting, u8));
}

static inline void fake_enum(struct fake_guest *f, const char *name, int64_t value)
{
	assert_true(btf__add_enum(f->btf, NULL, 4) > 0);
	assert_int_equal(btf__add_enum_value(f->btf, name, value), 0);
}

/* ---- what is in memory ---- */

static inline void fake_list_init(struct fake_guest *f, gva_t head)
{
	fake_put64(f, head, head.v);
	fake_put64(f, (gva_t){ head.v + 8 }, head.v);
}

/* To the end of the list. */
static inline void fake_link(struct fake_guest *f, gva_t head, gva_t node)
{
	uint64_t last;

	memcpy(&last, fake_at(f, (gva_t){ head.v + 8 }), sizeof(last));
	fake_put64(f, node, head.v);
	fake_put64(f, (gva_t){ node.v + 8 }, last);
	fake_put64(f, (gva_t){ last }, node.v);
	fake_put64(f, (gva_t){ head.v + 8 }, node.v);
}

static inline void fake_dsq_init(struct fake_guest *f, gva_t dsq, uint64_t id)
{
	fake_list_init(f, at(dsq, struct s_dsq, list));
	fake_put64(f, at(dsq, struct s_dsq, id), id);
}

static inline gva_t fake_rq(const struct fake_sched *s, unsigned cpu)
{
	return fake_percpu_at(s->f, s->runqueues, cpu);
}

/* On the list of all tasks, and nowhere else. */
static inline gva_t fake_task(struct fake_sched *s, int32_t pid, const char *comm)
{
	gva_t t = fake_alloc(s->f, sizeof(struct s_task));

	fake_put(s->f, at(t, struct s_task, pid), 4, (uint32_t)pid);
	fake_put(s->f, at(t, struct s_task, tgid), 4, (uint32_t)pid);
	fake_write(s->f, at(t, struct s_task, comm), comm, strlen(comm));
	fake_link(s->f, s->tasks, at(t, struct s_task, scx.tasks_node));
	return t;
}

/* A table of @size empty buckets. */
static inline gva_t fake_table(struct fake_guest *f, uint32_t size)
{
	gva_t t = fake_alloc(f, sizeof(struct s_table) + size * sizeof(uint64_t));

	fake_put(f, at(t, struct s_table, size), 4, size);
	return t;
}

static inline gva_t fake_bucket(gva_t table, unsigned n)
{
	return (gva_t){ table.v + offsetof(struct s_table, buckets) + n * sizeof(uint64_t) };
}

/* A DSQ of the scheduler's, first in bucket @n. */
static inline gva_t fake_user_dsq(struct fake_guest *f, gva_t table, unsigned n, uint64_t id)
{
	gva_t dsq = fake_alloc(f, sizeof(struct s_dsq));
	uint64_t next;

	fake_dsq_init(f, dsq, id);
	memcpy(&next, fake_at(f, fake_bucket(table, n)), sizeof(next));
	fake_put64(f, at(dsq, struct s_dsq, hash_next), next ? next : fake_bucket(table, n).v | 1);
	fake_put64(f, fake_bucket(table, n), at(dsq, struct s_dsq, hash_next).v);
	return dsq;
}

static inline void fake_sched_root(struct fake_sched *s)
{
	struct fake_guest *f = s->f;
	gva_t pnode = fake_alloc(f, 16), global = fake_alloc(f, sizeof(struct s_dsq));

	s->root = fake_static(f, "scx_root", 8);
	s->sched = fake_alloc(f, sizeof(struct s_sched));
	s->pcpu = fake_percpu(f, NULL, sizeof(struct s_pcpu));
	s->hash = at(s->sched, struct s_sched, dsq_hash);
	fake_put64(f, s->root, s->sched.v);
	fake_put64(f, pnode, global.v);
	fake_dsq_init(f, global, UINT64_C(1) << 63 | 1);
	fake_put64(f, at(s->sched, struct s_sched, pnode), pnode.v);
	fake_put64(f, at(s->sched, struct s_sched, pcpu), s->pcpu.v);
	for (unsigned cpu = 0; cpu < f->o.cpus; cpu++)
		fake_dsq_init(f, at(fake_percpu_at(f, s->pcpu, cpu), struct s_pcpu, bypass),
			      UINT64_C(1) << 63 | 3);
}

static inline void fake_sched_globals(struct fake_sched *s)
{
	struct fake_guest *f = s->f;
	gva_t nodes = fake_alloc(f, 16), global = fake_alloc(f, sizeof(struct s_dsq));

	s->exit_kind = fake_static(f, "scx_exit_kind", 4);
	s->state = fake_static(f, "scx_ops_enable_state_var", 4);
	s->hash = fake_static(f, "dsq_hash", sizeof(struct s_rhashtable));
	s->globals = fake_static(f, "global_dsqs", 8);
	fake_put(f, s->state, 4, 1);
	fake_put64(f, s->globals, nodes.v);
	fake_put64(f, nodes, global.v);
	fake_dsq_init(f, global, UINT64_C(1) << 63 | 1);
	fake_enum(f, "SCX_OPS_DISABLED", 3);
}

/* One node; an empty hash of four buckets; nothing queued. */
static inline void fake_sched_init(struct fake_sched *s, struct fake_guest *f,
				   enum fake_sched_kind kind)
{
	int list = fake_struct(f, "list_head", 16,
			       (const struct fake_row[]){ { "next", fake_u64(f), 0 },
							  { "prev", fake_u64(f), 8 } },
			       2);

	*s = (struct fake_sched){ .f = f };
	fake_task_types(f, list);
	fake_queue_types(f, list, kind);
	s->runqueues = fake_percpu(f, "runqueues", sizeof(struct s_rq));
	for (unsigned cpu = 0; cpu < f->o.cpus; cpu++) {
		fake_dsq_init(f, at(fake_rq(s, cpu), struct s_rq, scx.local_dsq),
			      UINT64_C(1) << 63 | 2);
		fake_list_init(f, at(fake_rq(s, cpu), struct s_rq, scx.runnable_list));
	}
	s->tasks = fake_static(f, "scx_tasks", 16);
	fake_list_init(f, s->tasks);
	fake_put(f, fake_static(f, "nr_node_ids", 4), 4, 1);
	if (kind == FAKE_SCHED_ROOT)
		fake_sched_root(s);
	else
		fake_sched_globals(s);
	fake_put64(f, s->hash, fake_table(f, 4).v);
}

static inline gva_t fake_hash_table(const struct fake_sched *s)
{
	gva_t t;

	memcpy(&t.v, fake_at(s->f, s->hash), sizeof(t.v));
	return t;
}

/* ---- a dump under way; fake_dump_done() frees it, with its report ---- */

static inline struct cap_dump fake_dump(struct fake_guest *f)
{
	static const struct cap_dump_opts none = { 0 };
	struct cap_pool *pool = NULL;
	struct cap_dump d = { .g = f->g, .opts = &none };

	assert_int_equal(cap_pool_create(16 << 20, &pool), 0);
	d.pool = pool;
	d.report = cap_alloc(pool, sizeof(*d.report));
	d.report->pool = pool;
	return d;
}

static inline void fake_dump_done(struct cap_dump *d)
{
	cap_prog_btfs_free(d->btfs);
	cap_scx_free(d->scx);
	cap_runnable_free(d->runnable);
	cap_report_free(d->report);
}

#endif
