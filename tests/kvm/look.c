/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Boot one machine as vmm/ boots it and print what its guest (look_guest.c) says of its shape, the same lines under each
 * accelerator. What became of it goes to stderr: how it ended, after how long, its vCPUs' exits, its console if it
 * ended badly. Status 0: the guest said all it had to say and powered off.
 */
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/parse.h"
#include "config/config.h"
#include "vmm/vmm.h"

enum { PROGRAMS_MAX = 8, COUNTS_MAX = 32 };

struct look {
	enum vm_accel accel;
	const char *kernel, *vmlinux, *guest, *dir, *cmdline;
	struct vm_initrd_file program[PROGRAMS_MAX]; /* guest_path is ours */
	unsigned nr_programs;
	struct kt_topology topology;
	uint64_t memory_bytes;
	uint64_t deadline_ns;
	struct kt_buf console;
	bool said_all;
};

static _Noreturn void usage(const char *what)
{
	fprintf(stderr,
		"look: %s\n"
		"usage: look --accel kvm|tcg --kernel BZIMAGE [--vmlinux FILE] --guest PROGRAM --dir DIR\n"
		"            [--topology SHAPE|PRESET | --nodes LLCS[:MEMORY[:NS[:MB/S]]],... --cores N --threads N]\n"
		"            [--distances 10/20,20/10] [--memory SIZE] [--program FILE]... [--cmdline TEXT] [--seconds N]\n",
		what);
	exit(3);
}

static _Noreturn void die(struct look *l, const struct kt_err *e)
{
	char text[2 * KT_ERR_TEXT_BYTES];

	fprintf(stderr, "look: %s\n", kt_err_text(e, text, sizeof(text)));
	fprintf(stderr, "console:\n%s\n", kt_buf_str(&l->console));
	exit(1);
}

static unsigned number(const char *s, unsigned max)
{
	unsigned n;

	if (!s || kt_parse_uint(s, 0, max, &n) < 0)
		usage(s ? s : "a number is missing");
	return n;
}

/* "1:256M:100:20000" */
static void parse_node(char *s, struct kt_topo_node *ret)
{
	char *field[4] = { NULL };

	for (unsigned i = 0; i < 4 && s; i++)
		field[i] = strsep(&s, ":");
	ret->llcs = number(field[0], KT_TOPO_CPUS_MAX);
	if (field[1] && *field[1] && kt_parse_size(field[1], &ret->memory_bytes) < 0)
		usage(field[1]);
	ret->latency_ns = field[2] ? number(field[2], 1000000) : 0;
	ret->bandwidth_mbs = field[3] ? number(field[3], 1000000) : 0;
}

static void parse_nodes(char *s, struct kt_topology *t)
{
	t->nr_nodes = t->nr_llcs = 0;
	while (s) {
		if (t->nr_nodes == KT_TOPO_NODES_MAX)
			usage("too many nodes");
		parse_node(strsep(&s, ","), &t->node[t->nr_nodes]);
		t->nr_llcs += t->node[t->nr_nodes++].llcs;
	}
}

static void parse_distances(char *s, struct kt_topology *t)
{
	t->has_distance = true;
	for (unsigned i = 0; i < KT_TOPO_NODES_MAX && s; i++) {
		char *row = strsep(&s, ",");

		for (unsigned j = 0; j < KT_TOPO_NODES_MAX && row; j++)
			t->distance[i][j] = (uint8_t)number(strsep(&row, "/"), 255);
	}
}

static void add_program(struct look *l, const char *path)
{
	const char *name = strrchr(path, '/');

	if (l->nr_programs == PROGRAMS_MAX)
		usage("too many programs");
	l->program[l->nr_programs++] = (struct vm_initrd_file){
		.guest_path = kt_fmt("/bin/%s", name ? name + 1 : path),
		.host_path = path,
		.libraries = true,
	};
}

static void parse_topology(const char *s, struct kt_topology *t)
{
	char text[KT_ERR_TEXT_BYTES];
	struct kt_err e = { 0 };

	if (cfg_topology_parse(s, t, &e) < 0)
		usage(kt_err_text(&e, text, sizeof(text)));
}

static void parse_option(struct look *l, int c, char *value)
{
	switch (c) {
	case 'a':
		l->accel = strcmp(value, "kvm") == 0 ? VM_ACCEL_KVM : VM_ACCEL_TCG;
		break;
	case 'k':
		l->kernel = value;
		break;
	case 'v':
		l->vmlinux = value;
		break;
	case 'g':
		l->guest = value;
		break;
	case 'd':
		l->dir = value;
		break;
	case 'l':
		l->cmdline = value;
		break;
	case 'p':
		add_program(l, value);
		break;
	case 't':
		parse_topology(value, &l->topology);
		break;
	case 'n':
		parse_nodes(value, &l->topology);
		break;
	case 'x':
		parse_distances(value, &l->topology);
		break;
	case 'c':
		l->topology.cores = number(value, KT_TOPO_CPUS_MAX);
		break;
	case 'T':
		l->topology.threads = number(value, 2);
		break;
	case 'm':
		if (kt_parse_size(value, &l->memory_bytes) < 0)
			usage(value);
		break;
	case 's':
		l->deadline_ns = number(value, 3600) * UINT64_C(1000000000);
		break;
	default:
		usage("what is that?");
	}
}

static const struct option options[] = {
	{ "accel", required_argument, NULL, 'a' },
	{ "kernel", required_argument, NULL, 'k' },
	{ "vmlinux", required_argument, NULL, 'v' },
	{ "guest", required_argument, NULL, 'g' },
	{ "dir", required_argument, NULL, 'd' },
	{ "cmdline", required_argument, NULL, 'l' },
	{ "program", required_argument, NULL, 'p' },
	{ "topology", required_argument, NULL, 't' },
	{ "nodes", required_argument, NULL, 'n' },
	{ "cores", required_argument, NULL, 'c' },
	{ "distances", required_argument, NULL, 'x' },
	{ "threads", required_argument, NULL, 'T' },
	{ "memory", required_argument, NULL, 'm' },
	{ "seconds", required_argument, NULL, 's' },
	{ NULL, 0, NULL, 0 },
};

static void parse(struct look *l, int argc, char **argv)
{
	int c;

	*l = (struct look){ .deadline_ns = UINT64_C(120) * 1000000000 };
	l->topology = (struct kt_topology){
		.nr_nodes = 1, .nr_llcs = 1, .cores = 1, .threads = 1, .node = { { .llcs = 1 } }
	};
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		parse_option(l, c, optarg);
	if (optind != argc || !l->accel || !l->kernel || !l->guest || !l->dir)
		usage("an option is missing, or an operand too many");
}

/* ---- the machine ---- */

static char *make_initrd(struct look *l, struct kt_err *e)
{
	struct vm_initrd_file files[PROGRAMS_MAX + 1] = {
		{ .guest_path = "/init", .host_path = l->guest, .mode = 0755 },
	};
	char *path;

	memcpy(files + 1, l->program, l->nr_programs * sizeof(files[0]));
	if (vm_initramfs_base(l->dir, files, l->nr_programs + 1, &path, e) < 0)
		die(l, e);
	return path;
}

static struct vm *start(struct look *l, const char *initrd, struct kt_err *e)
{
	struct vm_accel_choice choice;
	struct vm *vm;

	if (vm_choose_accel(l->accel, NULL, &choice, e) < 0)
		die(l, e);
	{
		const struct vm_config c = {
			.accel = &choice,
			.topology = &l->topology,
			.memory_bytes = vm_memory_bytes(&l->topology, l->memory_bytes, 0),
			.kernel = l->kernel,
			.vmlinux = l->vmlinux,
			.initrd_base = initrd,
			.cmdline = l->cmdline ? l->cmdline : "quiet panic=-1",
			.clock = VM_CLOCK_REAL,
			.log_dir = l->dir,
		};

		if (vm_create(&c, &vm, e) < 0 || vm_start(vm, e) < 0)
			die(l, e);
	}
	return vm;
}

static void take(struct look *l, const struct vm_event *ev)
{
	if (ev->type == VM_EV_CONSOLE)
		kt_buf_add_printable(&l->console, ev->data, ev->len);
	else if (ev->type == VM_EV_FRAME && ev->frame.type == GST_F_SOUT)
		fwrite(ev->data, 1, ev->len, stdout);
	else if (ev->type == VM_EV_FRAME && ev->frame.type == GST_F_EXIT)
		l->said_all = true;
}

/* Until it has ended. */
static void watch(struct look *l, struct vm *vm, struct vm_event *ev, struct kt_err *e)
{
	uint64_t deadline = kt_now_ns() + l->deadline_ns;

	do {
		struct pollfd p = { .fd = vm_poll_fd(vm), .events = POLLIN };

		(void)poll(&p, 1, 1000);
		if (vm_wait(vm, 0, ev, e) < 0)
			die(l, e);
		take(l, ev);
		if (kt_now_ns() > deadline) {
			fprintf(stderr, "look: the deadline has passed\n");
			vm_stop(vm);
			deadline = UINT64_MAX;
		}
	} while (ev->type != VM_EV_END);
}

static void report(const struct look *l, const struct vm *vm, const struct vm_event *end,
		   uint64_t took_ns)
{
	struct vm_exit_count counts[COUNTS_MAX];
	size_t nr = vm_exit_counts(vm, counts, COUNTS_MAX);
	const char *const *notes;
	size_t nr_notes = vm_notes(vm, &notes);

	fprintf(stderr, "look: %s after %.1f s%s; exits:", end->text, (double)took_ns / 1e9,
		l->said_all ? "" : ", and the guest had more to say");
	for (size_t i = 0; i < nr; i++)
		fprintf(stderr, " %s %llu", counts[i].reason, (unsigned long long)counts[i].count);
	fprintf(stderr, "\n");
	for (size_t i = 0; i < nr_notes; i++)
		fprintf(stderr, "look: %s\n", notes[i]);
	if (end->end != VM_END_POWEROFF || !l->said_all)
		fprintf(stderr, "console:\n%s\n", kt_buf_str(&l->console));
}

int main(int argc, char **argv)
{
	struct kt_err e = { 0 };
	struct vm_event ev;
	uint64_t begin;
	struct look l;
	char *initrd;
	struct vm *vm;

	parse(&l, argc, argv);
	initrd = make_initrd(&l, &e);
	begin = kt_now_ns();
	vm = start(&l, initrd, &e);
	watch(&l, vm, &ev, &e);
	report(&l, vm, &ev, kt_now_ns() - begin);
	vm_free(vm);
	free(initrd);
	for (unsigned i = 0; i < l.nr_programs; i++)
		free((char *)l.program[i].guest_path);
	kt_buf_done(&l.console);
	return ev.end == VM_END_POWEROFF && l.said_all ? 0 : 1;
}
