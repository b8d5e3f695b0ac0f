/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The addresses whose writes stop the machine. By the time that anybody hears of a scheduler's error exit its state is being
 * taken apart: tasks leave for other classes, scx_root becomes NULL. So the store of the exit's kind itself is what stops.
 *
 * Where the kernel has one struct scx_sched a scheduler (6.16 and later), it is written to scx_root before the first
 * task is handed over (scx_enable(), kernel/sched/ext.c): that store is watched for first, then the kind of what it
 * points to, until the kind says that all is over; so one watchpoint is enough. Before, the kind is a global.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "driver/cell/coordinator.h"

/* The upper half of the address space: what is below is user space, or an offset. */
#define KERNEL_HALF (UINT64_C(1) << 63)

static void give_up(struct cell_watch *w, const struct kt_err *e)
{
	char text[KT_ERR_TEXT_BYTES];

	w->what = CELL_WATCH_NONE;
	(void)kt_snprintf(w->why_not, sizeof(w->why_not), "%s",
			  kt_err_text(e, text, sizeof(text))); /* cut is fine */
}

static void let_go(struct cell_watch *w, struct cell_view *v)
{
	struct kt_err e = { 0 };

	if (w->what != CELL_WATCH_NONE && vm_unwatch(v->vm, w->id, &e) < 0)
		give_up(w, &e);
	w->what = CELL_WATCH_NONE;
}

static void put(struct cell_watch *w, struct cell_view *v, enum cell_watching what)
{
	bool root = what == CELL_WATCH_ROOT;
	struct kt_err e = { 0 };

	let_go(w, v);
	if (vm_watch_write(v->vm, root ? w->root : w->kind, root ? 8 : 4, &w->id, &e) < 0)
		give_up(w, &e);
	else
		w->what = what;
}

/* A scheduler is there: to its exit_kind. */
static void follow(struct cell_watch *w, struct cell_view *v)
{
	uint64_t sched;
	int r;

	cap_guest_forget(v->live);
	r = cap_find_exit_kind(v->live, &w->kind, &sched);
	if (r == 0) {
		put(w, v, CELL_WATCH_KIND);
	} else if (r != -ENOENT) {
		struct kt_err e = { 0 };

		(void)kt_fail(&e, KT_E_GUEST, -r,
			      "find the attached scheduler's exit_kind in the guest");
		let_go(w, v);
		give_up(w, &e);
	} else if (w->what != CELL_WATCH_ROOT) {
		put(w, v, CELL_WATCH_ROOT);
	}
}

void cell_watch_arm(struct cell_watch *w, struct cell_view *v)
{
	struct kt_err e = { 0 };
	uint64_t at;

	if (!v->live) {
		(void)kt_fail(&e, KT_E_GUEST, EOPNOTSUPP, "the guest's memory cannot be read");
		give_up(w, &e);
		return;
	}
	w->in_sched = cap_find_sched_root(v->live, &w->root) == 0;
	if (w->in_sched) {
		follow(w, v);
	} else if (cap_symbols_find(v->symbols, "scx_exit_kind", &at)) {
		w->kind = (gva_t){ at };
		put(w, v, CELL_WATCH_KIND);
	} else {
		(void)kt_fail(&e, KT_E_GUEST, ENOENT,
			      "the guest's kernel has neither 'scx_root' nor 'scx_exit_kind'");
		give_up(w, &e);
	}
}

bool cell_watch_hit(struct cell_watch *w, struct cell_view *v)
{
	uint32_t kind = 0;

	if (w->what == CELL_WATCH_ROOT) {
		follow(w, v);
		return false;
	}
	if (w->what != CELL_WATCH_KIND || cell_view_peek(v, w->kind, &kind, sizeof(kind)) < 0)
		return false;
	kt_log(KT_AREA_DRIVER, KT_DEBUG, "exit_kind at gva 0x%016llx became %u",
	       (unsigned long long)w->kind.v, kind);
	if (kind == CAP_EXIT_DONE && w->in_sched)
		put(w, v, CELL_WATCH_ROOT);
	return kind >= CAP_EXIT_ERROR;
}

/*
 * The kernel's watchdog writes down when it looks at all run queues, every half of the time that it allows, and then looks
 * (scx_watchdog_workfn(), kernel/sched/ext.c, 6.12): so there is exactly one such store while the age of a task that will be
 * too much for it is between half and all of that time.
 */
void cell_watch_arm_check(struct cell_watch *w, struct cell_view *v)
{
	uint64_t at;

	w->has_check = v->live && cap_symbols_find(v->symbols, "scx_watchdog_timestamp", &at) &&
		       vm_watch_write(v->vm, (gva_t){ at }, 4, &w->check_id, NULL) == 0;
}

void cell_watch_disarm_check(struct cell_watch *w, struct cell_view *v)
{
	if (w->has_check)
		(void)vm_unwatch(v->vm, w->check_id, NULL); /* it is thawed again when it hits */
	w->has_check = false;
}

void cell_watch_disarm(struct cell_watch *w, struct cell_view *v)
{
	let_go(w, v);
}

/* ---- for programs in the guest ---- */

/* Of the kernel's own symbol table, where it has one: prebuilt kernels do not. */
static int find_in_vmlinux(const struct cell_view *v, const char *symbol, uint64_t *ret,
			   struct kt_err *e)
{
	const char *vmlinux = v->spec->kernel ? v->spec->kernel->vmlinux : NULL;
	kt_auto(cap_symbols) struct cap_symbols *all = NULL;
	uint64_t text, at;
	int r = cap_symbols_create(&all, e);

	if (r < 0)
		return r;
	if (!vmlinux || cap_symbols_add_elf(all, vmlinux, 0, e) < 0 ||
	    !cap_symbols_find(all, symbol, &at))
		return kt_fail(e, KT_E_GUEST, ENOENT, "symbol '%s' not found in vmlinux symtab",
			       symbol);
	if (!v->text || !cap_symbols_find(all, "_text", &text))
		return kt_fail(e, KT_E_GUEST, EOPNOTSUPP,
			       "symbol '%s': how far this kernel moved is unknown", symbol);
	*ret = at + (v->text - text);
	return 0;
}

static int find_symbol(const struct cell_view *v, const char *symbol, gva_t *ret, struct kt_err *e)
{
	uint64_t at;
	int r = 0;

	if (!cap_symbols_find(v->symbols, symbol, &at))
		r = find_in_vmlinux(v, symbol, &at, e);
	if (r < 0)
		return r;
	if (at % 4)
		return kt_fail(e, KT_E_GUEST, EINVAL,
			       "symbol '%s' is at 0x%016llx, which is no multiple of 4", symbol,
			       (unsigned long long)at);
	if (at < KERNEL_HALF)
		return kt_fail(e, KT_E_GUEST, EINVAL,
			       "symbol '%s' is no address in the kernel (per-CPU?)", symbol);
	*ret = (gva_t){ at };
	return 0;
}

int cell_watch_add_user(struct cell_watch *w, struct cell_view *v, const char *symbol,
			struct kt_err *e)
{
	gva_t at = { 0 };
	int r;

	for (size_t i = 0; i < w->nr_users; i++) {
		if (kt_streq(w->user[i].symbol, symbol))
			return 0;
	}
	if (w->nr_users == CELL_WATCHES_MAX)
		return kt_fail(e, KT_E_GUEST, ENOSPC,
			       "at most %d watches; one more is for exit_kind", CELL_WATCHES_MAX);
	r = find_symbol(v, symbol, &at, e);
	if (r == 0)
		r = vm_watch_write(v->vm, at, 4, &w->user[w->nr_users].id, e);
	if (r < 0)
		return r;
	(void)kt_snprintf(w->user[w->nr_users].symbol, sizeof(w->user[0].symbol), "%s", symbol);
	w->nr_users++;
	return 0;
}

void cell_watch_end_user(struct cell_watch *w, struct cell_view *v, unsigned id)
{
	for (size_t i = 0; i < w->nr_users; i++) {
		if (w->user[i].id != id)
			continue;
		(void)vm_unwatch(v->vm, id, NULL); /* it is thawed again when it hits */
		w->user[i] = w->user[--w->nr_users];
		return;
	}
}

const char *cell_watch_user(const struct cell_watch *w, unsigned id)
{
	for (size_t i = 0; i < w->nr_users; i++) {
		if (w->user[i].id == id)
			return w->user[i].symbol;
	}
	return NULL;
}
