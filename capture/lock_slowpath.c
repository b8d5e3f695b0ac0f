/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether a task waits for a lock of the kernel's: where it stands, or, as it sleeps, who called the scheduler for it. A
 * sleeping task's stack is followed by its return addresses, without frame pointers: a word is taken for one when the
 * call before it is a call of the function that the address before lies in, so that words left over from earlier calls
 * are not.
 */
#include <string.h>

#include "capture/scx.h"

enum {
	FUNCTION_BYTES = 4096, /* of a slow path: wire-schema.md section 2.2 */
	CALLEE_BYTES =
		16384, /* from the start of a function to a call in it; __schedule() is the long one */
	STACK_BYTES =
		1024, /* above the saved stack pointer; a lock's slow path calls schedule() at once */
	CALL_BYTES = 5, /* e8 rel32 */
};

/* kernel/locking: qspinlock.c, mutex.c, rwsem.c. Names as compilers leave them: 6.12 (gcc 12) and 7.3 (gcc 14). */
static const struct {
	const char *symbol, *name;
} slowpaths[] = {
	{ "queued_spin_lock_slowpath", "queued_spin_lock_slowpath" },
	{ "native_queued_spin_lock_slowpath", "queued_spin_lock_slowpath" },
	{ "__pv_queued_spin_lock_slowpath", "queued_spin_lock_slowpath" },
	{ "__mutex_lock_slowpath", "mutex_lock_slowpath" },
	{ "__mutex_lock", "mutex_lock_slowpath" },
	{ "__mutex_lock.constprop.0", "mutex_lock_slowpath" },
	{ "__mutex_lock.isra.0", "mutex_lock_slowpath" },
	{ "rwsem_down_read_slowpath", "rwsem_down_read_slowpath" },
	{ "rwsem_down_write_slowpath", "rwsem_down_write_slowpath" },
};

_Static_assert(sizeof(slowpaths) / sizeof(slowpaths[0]) == CAP_SLOWPATHS, "CAP_SLOWPATHS");

void cap_slowpaths_find(const struct cap_guest *g, struct cap_slowpaths *ret)
{
	gva_t at;

	*ret = (struct cap_slowpaths){ .from = UINT64_MAX };
	for (size_t i = 0; i < CAP_SLOWPATHS; i++) {
		if (!cap_guest_symbol(g, slowpaths[i].symbol, &at) || !cap_is_kernel(at))
			continue;
		ret->path[ret->nr].at = at.v;
		ret->path[ret->nr++].name = slowpaths[i].name;
		ret->from = at.v < ret->from ? at.v : ret->from;
		if (at.v < UINT64_MAX - FUNCTION_BYTES && at.v + FUNCTION_BYTES > ret->to)
			ret->to = at.v + FUNCTION_BYTES;
	}
}

/* The nearest of them that begins at @pc or before it. */
static const char *match(const struct cap_slowpaths *s, uint64_t pc)
{
	uint64_t nearest = FUNCTION_BYTES;
	const char *name = NULL;

	if (pc < s->from || pc >= s->to)
		return NULL;
	for (size_t i = 0; i < s->nr; i++) {
		if (pc - s->path[i].at >= nearest)
			continue;
		nearest = pc - s->path[i].at;
		name = s->path[i].name;
	}
	return name;
}

/* Whether @pc is where a call returns to, of a function that @callee lies in. */
static bool returns_from(struct cap_guest *g, uint64_t pc, uint64_t callee)
{
	uint8_t insn[CALL_BYTES];
	int32_t distance;

	if (cap_guest_read(g, (gva_t){ pc - CALL_BYTES }, insn, sizeof(insn)) < 0 ||
	    insn[0] != 0xe8)
		return false;
	memcpy(&distance, insn + 1, sizeof(distance));
	return callee - (pc + (uint64_t)(int64_t)distance) < CALLEE_BYTES;
}

/* The words above the saved stack pointer; fewer where the stack ends. */
static size_t read_stack(struct cap_guest *g, gva_t sp, uint64_t *ret)
{
	size_t bytes = STACK_BYTES;

	while (bytes >= sizeof(uint64_t) && cap_guest_read(g, sp, ret, bytes) < 0)
		bytes /= 2;
	return bytes / sizeof(uint64_t);
}

static const char *match_stack(struct cap_guest *g, const struct cap_slowpaths *s, gva_t saved_sp)
{
	const struct cap_types *t = cap_guest_types(g);
	uint64_t stack[STACK_BYTES / sizeof(uint64_t)], pc;
	uint32_t frame;
	bool any = false;
	size_t nr, i;

	if (!cap_is_kernel(saved_sp))
		return NULL;
	nr = read_stack(g, saved_sp, stack);
	for (i = 0; i < nr && !any; i++)
		any = match(s, stack[i]);
	/* arch/x86/include/asm/switch_to.h: what is saved of a task that does not run ends with a return address. */
	frame = any && t ? cap_type_bytes(t, "inactive_task_frame") : 0;
	if (frame < sizeof(uint64_t) || frame > STACK_BYTES / 2)
		return NULL;
	i = frame / sizeof(uint64_t);
	for (pc = stack[i - 1]; i < nr; i++) {
		const char *name = match(s, stack[i]);

		if (!cap_is_kernel((gva_t){ stack[i] }) || !returns_from(g, stack[i], pc))
			continue;
		if (name)
			return name;
		pc = stack[i];
	}
	return NULL;
}

const char *cap_lock_slowpath(struct cap_guest *g, const struct cap_slowpaths *s, int cpu,
			      gva_t saved_sp)
{
	size_t nr;
	const struct cap_vcpu_regs *regs = cap_guest_vcpus(g, &nr);

	if (cpu < 0)
		return match_stack(g, s, saved_sp);
	if (!regs || (size_t)cpu >= nr || !regs[cpu].valid)
		return NULL;
	return match(s, regs[cpu].instruction_pointer);
}
