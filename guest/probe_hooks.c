/* SPDX-License-Identifier: GPL-2.0-only */
/* What the probe is hooked to: the best trigger that the kernel has, a function on the way of tasks, and what else is asked for. */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/str.h"
#include "bpf/events.h"
#include "guest/names.h"
#include "guest/probe.h"

/* Links are held by descriptors that nobody closes: the kernel does, when this process ends. */
static int attach_tracing(int prog_fd, struct kt_err *e)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.raw_tracepoint.prog_fd = (uint32_t)prog_fd;
	if (gst_bpf(BPF_RAW_TRACEPOINT_OPEN, &attr) < 0)
		return kt_fail(e, KT_E_HOST, errno, "attach");
	return 0;
}

static int attach_kprobe(int prog_fd, const char *function, struct kt_err *e)
{
	struct perf_event_attr perf = { .size = sizeof(perf) };
	union bpf_attr attr;
	char text[16];
	unsigned type;
	long fd;

	if (kt_file_read_small("/sys/bus/event_source/devices/kprobe/type", text, sizeof(text)) <
		    0 ||
	    kt_parse_uint(text, 0, UINT32_MAX, &type) < 0)
		return kt_fail(e, KT_E_HOST, EOPNOTSUPP, "find the kernel's kprobe events");
	perf.type = type;
	perf.kprobe_func = (uintptr_t)function;
	/* The event is one CPU's, the program runs on all. */
	fd = syscall(SYS_perf_event_open, &perf, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "make a kprobe at '%s'", function);
	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)prog_fd;
	attr.link_create.target_fd = (uint32_t)fd;
	attr.link_create.attach_type = BPF_PERF_EVENT;
	if (gst_bpf(BPF_LINK_CREATE, &attr) < 0)
		return kt_fail(e, KT_E_HOST, errno, "attach to a kprobe at '%s'", function);
	return 0;
}

/* -ENOENT without a text: the kernel has no such hook. */
static int find_target(const struct prb_loader *l, const struct prb_hook *h, uint32_t *ret_id)
{
	uint64_t address;
	char name[64];

	*ret_id = 0;
	if (h->kind == PRB_KPROBE)
		return gst_ask_symbol(l->symbols_fd, h->target, &address);
	if (h->kind != PRB_TP_BTF)
		return gst_ask_type(l->types_fd, BTF_KIND_FUNC, h->target, ret_id);
	/* Each tracepoint has a typedef of its handlers' prototype: include/trace/bpf_probe.h. */
	(void)kt_snprintf(name, sizeof(name), "btf_trace_%s", h->target);
	return gst_ask_type(l->types_fd, BTF_KIND_TYPEDEF, name, ret_id);
}

static int attach_hook(struct prb_loader *l, const struct prb_hook *h, struct kt_err *e)
{
	uint32_t target;
	int fd, r = find_target(l, h, &target);

	if (r == -ENOENT)
		return kt_fail(e, KT_E_HOST, -r, "%s: this kernel has no such hook", h->text);
	if (r < 0)
		return kt_fail(e, KT_E_HOST, -r, "%s: ask the kernel for it", h->text);
	fd = prb_load_program(l, h, target, e);
	if (fd < 0)
		return kt_context(e, fd, "%s", h->text);
	r = h->kind == PRB_KPROBE ? attach_kprobe(fd, h->target, e) : attach_tracing(fd, e);
	return r < 0 ? kt_context(e, r, "%s", h->text) : 0;
}

/* ---- what is hooked ---- */

/* Best first: the tracepoint comes right after the claim, the kprobe before it. */
static const struct prb_hook triggers[] = {
	{ "tp_btf/sched_ext_exit", "tp_btf sched_ext_exit", PRB_TP_BTF, "sched_ext_exit" },
	{ "fexit/scx_vexit", "fexit scx_vexit", PRB_FEXIT, "scx_vexit" },
	{ "kprobe/scx_ops_exit_kind", "kprobe scx_ops_exit_kind", PRB_KPROBE, "scx_ops_exit_kind" },
};

/* On every way of a task into the scheduler: kernel/sched/ext.c. The first that is not inlined away. */
static const char *const probed[] = { "enqueue_task_scx", "do_enqueue_task",
				      "scx_do_enqueue_task" };

static const struct prb_hook recorders[] = {
	{ "tp_btf/sched_switch", "tp_btf sched_switch", PRB_TP_BTF, "sched_switch" },
	{ "tp_btf/sched_migrate_task", "tp_btf sched_migrate_task", PRB_TP_BTF,
	  "sched_migrate_task" },
	{ "tp_btf/sched_wakeup", "tp_btf sched_wakeup", PRB_TP_BTF, "sched_wakeup" },
	{ "fentry/rt_mutex_setprio", "fentry rt_mutex_setprio", PRB_FENTRY, "rt_mutex_setprio" },
	{ "fexit/rt_mutex_setprio", "fexit rt_mutex_setprio", PRB_FEXIT, "rt_mutex_setprio" },
	{ "tp_btf/contention_begin", "tp_btf contention_begin", PRB_TP_BTF, "contention_begin" },
	{ "tp_btf/preempt_disable", "tp_btf preempt_disable", PRB_TP_BTF, "preempt_disable" },
	{ "tp_btf/preempt_enable", "tp_btf preempt_enable", PRB_TP_BTF, "preempt_enable" },
};

static void note(struct kt_buf *left_out, const struct kt_err *e)
{
	char text[KT_ERR_TEXT_BYTES];

	kt_buf_addf(left_out, "%s%s", left_out->len ? "; " : "",
		    kt_err_text(e, text, sizeof(text)));
}

static int attach_trigger(struct prb_loader *l, const char *only, const char **ret_hook,
			  struct kt_err *e)
{
	kt_auto(buf) struct kt_buf why = { 0 };

	for (size_t i = 0; i < sizeof(triggers) / sizeof(triggers[0]); i++) {
		struct kt_err one = { 0 };

		if (only && !kt_starts_with(triggers[i].text, only))
			continue;
		if (attach_hook(l, &triggers[i], &one) == 0) {
			*ret_hook = triggers[i].text;
			return 0;
		}
		note(&why, &one);
	}
	return kt_fail(e, KT_E_HOST, ENOENT, "%s", kt_buf_str(&why));
}

/* The handler looks its function up by address. */
static int describe_function(struct prb_loader *l, uint64_t address, struct kt_err *e)
{
	const struct func_meta meta = { .str_param_idx = PRB_NO_STRING };
	union bpf_attr attr;

	for (uint32_t i = 0; i < l->nr_maps; i++) {
		if (!kt_streq(l->map[i].name, "func_meta_map"))
			continue;
		memset(&attr, 0, sizeof(attr));
		attr.map_fd = (uint32_t)l->map[i].fd;
		attr.key = (uintptr_t)&address;
		attr.value = (uintptr_t)&meta;
		if (gst_bpf(BPF_MAP_UPDATE_ELEM, &attr) == 0)
			return 0;
		return kt_fail(e, KT_E_HOST, errno, "describe a function to its handler");
	}
	return kt_fail(e, KT_E_INTERNAL, ENOENT, "the handler has no func_meta_map");
}

static int attach_probe(struct prb_loader *l, struct kt_err *e)
{
	struct prb_hook h = { "kprobe", "kprobe", PRB_KPROBE, NULL };
	uint64_t address = 0;
	int fd, r;

	for (size_t i = 0; i < sizeof(probed) / sizeof(probed[0]) && !h.target; i++)
		if (gst_ask_symbol(l->symbols_fd, probed[i], &address) == 0)
			h.target = probed[i];
	if (!h.target)
		return kt_fail(e, KT_E_HOST, ENOENT, "kprobe: no function to probe");
	fd = prb_load_program(l, &h, 0, e);
	if (fd < 0)
		return kt_context(e, fd, "kprobe");
	r = describe_function(l, address, e);
	return r < 0 ? r : attach_kprobe(fd, h.target, e);
}

int prb_load(const struct prb_object *o, const struct prb_options *opt, const char **ret_hook,
	     char *ret_left_out, size_t size, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf left_out = { 0 };
	struct kt_err one = { 0 };
	struct prb_loader l;
	int r = prb_loader_init(&l, o, opt->all, e);

	if (r < 0)
		return r;
	r = attach_trigger(&l, opt->hook, ret_hook, e);
	if (r < 0)
		return r;
	if (attach_probe(&l, &one) < 0)
		note(&left_out, &one);
	for (size_t i = 0; opt->all && i < sizeof(recorders) / sizeof(recorders[0]); i++) {
		one = (struct kt_err){ 0 };
		if (attach_hook(&l, &recorders[i], &one) < 0)
			note(&left_out, &one);
	}
	(void)kt_snprintf(ret_left_out, size, "%s",
			  kt_buf_str(&left_out)); /* a longer text is cut */
	return 0;
}
