/* SPDX-License-Identifier: GPL-2.0-only */
/* The attached scheduler's state, where the kernel keeps it, and what the walkers together could not tell. */
#include <errno.h>

#include "capture/scx.h"

#define SCHED_OPT(member, type, path) CAP_FIELD_OPT(cap_sched_fields, member, type, path)
/* kernel/sched/ext/internal.h (7.3), kernel/sched/ext.c and ext_internal.h (6.16 to 7.0): struct scx_sched. */
static const struct cap_field_row sched_rows[] = {
	CAP_FIELD(cap_sched_fields, exit_kind, "scx_sched", "exit_kind"),
	SCHED_OPT(aborting, "scx_sched", "aborting"),
	SCHED_OPT(bypass_depth, "scx_sched", "bypass_depth"),
	SCHED_OPT(watchdog_timeout, "scx_sched", "watchdog_timeout"),
	SCHED_OPT(dsq_hash, "scx_sched", "dsq_hash"),
	SCHED_OPT(pnode, "scx_sched", "pnode"),
	SCHED_OPT(global_dsqs, "scx_sched", "global_dsqs"), /* until 7.0 */
	SCHED_OPT(pcpu, "scx_sched", "pcpu"),
	SCHED_OPT(event_stats_cpu, "scx_sched", "event_stats_cpu"), /* 6.16, 6.17 */
	SCHED_OPT(pcpu_bypass_dsq, "scx_sched_pcpu", "bypass_dsq"),
	SCHED_OPT(pcpu_event_stats, "scx_sched_pcpu", "event_stats"),
	SCHED_OPT(pnode_global_dsq, "scx_sched_pnode", "global_dsq"),
};
const struct cap_layout_desc cap_layout_sched = {
	.group = "sched",
	.row = sched_rows,
	.nr_rows = sizeof(sched_rows) / sizeof(sched_rows[0]),
	.bytes = sizeof(struct cap_sched_fields),
};

/* Before 6.16 the state is in variables of kernel/sched/ext.c; atomic_t has its number in its only member. */
struct global_fields {
	struct cap_field counter;
};
static const struct cap_field_row global_rows[] = {
	CAP_FIELD(global_fields, counter, "atomic_t", "counter"),
};
const struct cap_layout_desc cap_layout_sched_globals = {
	.group = "sched_globals",
	.row = global_rows,
	.nr_rows = sizeof(global_rows) / sizeof(global_rows[0]),
	.bytes = sizeof(struct global_fields),
};

/* ---- where the state is ---- */

static int read_atomic(struct cap_guest *g, const char *symbol, uint32_t *ret)
{
	const struct global_fields *f =
		cap_layout(cap_guest_types(g), &cap_layout_sched_globals, NULL);
	uint64_t v;
	gva_t at;

	if (!f || !cap_guest_symbol(g, symbol, &at) || cap_read_field(g, at, &f->counter, &v) < 0)
		return -ENOENT;
	*ret = (uint32_t)v;
	return 0;
}

/* Whether the kernel says that no scheduler is there; where state is in globals. */
static bool is_disabled(struct cap_guest *g)
{
	const struct cap_types *t = cap_guest_types(g);
	uint64_t disabled;
	uint32_t state;

	if (read_atomic(g, "scx_enable_state_var", &state) < 0 &&
	    read_atomic(g, "scx_ops_enable_state_var", &state) < 0)
		return false;
	if (!cap_type_enum_value(t, "SCX_DISABLED", &disabled) &&
	    !cap_type_enum_value(t, "SCX_OPS_DISABLED", &disabled))
		return false;
	return state == disabled;
}

int cap_find_sched_root(struct cap_guest *g, gva_t *ret_at)
{
	return cap_guest_symbol(g, "scx_root", ret_at) ? 0 : -ENOENT;
}

int cap_find_exit_kind(struct cap_guest *g, gva_t *ret_at, uint64_t *ret_sched)
{
	const struct cap_sched_fields *f = cap_layout(cap_guest_types(g), &cap_layout_sched, NULL);
	gva_t at, sched;
	int r;

	if (cap_find_sched_root(g, &at) == 0) {
		if (!f)
			return -EOPNOTSUPP;
		r = cap_read_ptr(g, at, &sched);
		if (r < 0)
			return r;
		if (!cap_is_kernel(sched))
			return -ENOENT;
		*ret_at = cap_at(sched, f->exit_kind.offset);
		*ret_sched = sched.v;
		return 0;
	}
	if (!cap_guest_symbol(g, "scx_exit_kind", &at))
		return -EOPNOTSUPP;
	if (is_disabled(g))
		return -ENOENT;
	*ret_at = at;
	*ret_sched = 0;
	return 0;
}

const char *cap_exit_kind_name(uint32_t kind, char *buf, size_t size)
{
	/* enum scx_exit_kind, kernel/sched/ext/internal.h (7.3) */
	static const struct {
		uint32_t kind;
		const char *name;
	} names[] = {
		{ CAP_EXIT_NONE, "NONE" },
		{ CAP_EXIT_DONE, "DONE" },
		{ 64, "UNREG" },
		{ 65, "UNREG_BPF" },
		{ 66, "UNREG_KERN" },
		{ 67, "SYSRQ" },
		{ 68, "PARENT" },
		{ 69, "PARENT_KILL" },
		{ CAP_EXIT_ERROR, "ERROR" },
		{ CAP_EXIT_ERROR + 1, "ERROR_BPF" },
		{ CAP_EXIT_ERROR + 2, "ERROR_STALL" },
		{ CAP_EXIT_ERROR + 3, "ERROR_REENQ" },
		{ CAP_EXIT_ERROR + 4, "ERROR_RESCUE" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].kind == kind)
			return names[i].name;
	(void)kt_snprintf(buf, size, "UNKNOWN(%u)", kind);
	return buf;
}

/* ---- the phases ---- */

/* Of a field of the scheduler's, or of the variable that older kernels have for it. */
static bool read_state(struct cap_dump *d, const struct cap_field *f, const char *const *symbols,
		       uint64_t *ret)
{
	gva_t at;

	if (f && d->scx->sched.v && cap_read_field(d->g, d->scx->sched, f, ret) == 0)
		return true;
	for (; *symbols; symbols++)
		if (cap_guest_symbol(d->g, *symbols, &at))
			return cap_read_u64(d->g, at, ret) == 0;
	return false;
}

static bool read_live(struct cap_dump *d, struct cap_sched_state *ret)
{
	static const char *const aborting[] = { "scx_aborting", NULL };
	static const char *const depth[] = { "scx_bypass_depth", "scx_ops_bypass_depth", NULL };
	static const char *const timeout[] = { "scx_watchdog_timeout", NULL };
	const struct cap_sched_fields *f =
		cap_layout(cap_guest_types(d->g), &cap_layout_sched, NULL);
	uint64_t sched, v;
	gva_t at;

	if (cap_find_exit_kind(d->g, &at, &sched) < 0 ||
	    cap_read_u32(d->g, at, &ret->exit_kind) < 0)
		return false;
	ret->source = "live";
	ret->sched_kva = sched;
	if (read_state(d, f ? &f->aborting : NULL, aborting, &v))
		ret->aborting = (uint8_t)v;
	if (read_state(d, f ? &f->bypass_depth : NULL, depth, &v))
		ret->bypass_depth = (int32_t)v;
	ret->has_watchdog_timeout =
		read_state(d, f ? &f->watchdog_timeout : NULL, timeout, &ret->watchdog_timeout);
	return true;
}

void cap_dump_sched_state(struct cap_dump *d)
{
	struct cap_sched_state state = { 0 };
	struct cap_exit_snapshot snap;
	bool live;

	if (!cap_scx(d))
		return;
	live = read_live(d, &state);
	if ((!live || state.exit_kind == CAP_EXIT_DONE) && cap_read_exit_snapshot(d, &snap)) {
		state = (struct cap_sched_state){
			.aborting = snap.aborting,
			.bypass_depth = snap.bypass_depth,
			.exit_kind = snap.exit_kind,
			.has_watchdog_timeout = true,
			.watchdog_timeout = snap.watchdog_timeout,
			.source = "bss_snapshot",
			.sched_kva = snap.sched_kva,
		};
		live = true;
	}
	if (live)
		d->report->sched_state = cap_keep(d->pool, &state, 1, sizeof(state));
}

static const char *partial_reason(struct cap_dump *d)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	kt_buf_adds(&b, CAP_WHY_SCX_PARTIAL);
	for (size_t i = 0; i < d->scx->nr_missing; i++)
		kt_buf_addf(&b, "%s%s", i ? ", " : "", d->scx->missing[i]);
	kt_buf_addc(&b, ']');
	return cap_fmt(d->pool, "%s", kt_buf_str(&b));
}

void cap_dump_scx_reason(struct cap_dump *d)
{
	struct cap_report *r = d->report;
	const struct cap_scx *s = d->scx;

	if (s && s->nr_missing)
		r->scx_walker_unavailable = partial_reason(d);
	else if (r->scx_walker_unavailable)
		return; /* a part of it was skipped: what is not there was not looked for */
	else if (!s)
		r->scx_walker_unavailable = CAP_WHY_SCX;
	else if (cap_pool_full(d->pool))
		r->scx_walker_unavailable = CAP_WHY_SCX_CUT CAP_WHY_FULL;
	else if (!r->sched_state)
		r->scx_walker_unavailable = s->detached ? CAP_WHY_NO_SCHED
							: CAP_WHY_SCX_CUT
						    "the scheduler's state cannot be read";
	else if (r->nr_rqs == 0 && r->nr_dsqs == 0)
		r->scx_walker_unavailable = CAP_WHY_SCX_NOTHING;
	else if (r->has_truncated_at)
		r->scx_walker_unavailable = CAP_WHY_SCX_CUT CAP_WHY_CUT_LATE;
	else if (s->nr_cut == 1)
		r->scx_walker_unavailable = cap_fmt(d->pool, CAP_WHY_SCX_CUT "%s", s->cut);
	else if (s->nr_cut)
		r->scx_walker_unavailable =
			cap_fmt(d->pool, CAP_WHY_SCX_CUT "%s, and %zu more", s->cut, s->nr_cut - 1);
}
