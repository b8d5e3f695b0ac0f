/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads what the probe leaves in its maps, from inside: runs a real scheduler (INNER, a file's name at build time) with its own
 * arguments, and when that has ended prints the variables and counts as a line "probe: {...}".
 *
 * usage: probe_watch [probe OPTION... --] [SCHEDULER'S OPTION...]
 * With "probe": loads a probe of its own with these options first, prints its line as "loader: ...", and reads that one's maps.
 * Then there are migrations, a boosted task and a contended lock for it to see before the scheduler starts.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "bpf/events.h"
#include "guest/proto.h"

__asm__(".section .rodata\n"
	"inner: .incbin \"" INNER "\"\n"
	"1: .balign 8\n"
	"inner_len: .quad 1b - inner\n"
	".previous");
extern const char inner[];
extern const uint64_t inner_len;

static pid_t scheduler;

static void pass_on(int signal)
{
	if (scheduler > 0)
		kill(scheduler, signal);
}

/* ---- the maps ---- */

/* The newest of that name, or -1. The kernel keeps 15 characters of it. */
static int find_map(const char *name, struct bpf_map_info *ret)
{
	uint32_t id = 0;
	int found = -1;

	while (bpf_map_get_next_id(id, &id) == 0) {
		struct bpf_map_info info = { 0 };
		uint32_t len = sizeof(info);
		int fd = bpf_map_get_fd_by_id(id);

		if (fd < 0 || bpf_map_get_info_by_fd(fd, &info, &len) < 0 ||
		    strncmp(info.name, name, sizeof(info.name) - 1) != 0) {
			if (fd >= 0)
				close(fd);
			continue;
		}
		if (found >= 0)
			close(found);
		found = fd;
		*ret = info;
	}
	return found;
}

static uint64_t number_at(const uint8_t *at, size_t size)
{
	uint64_t v = 0;

	memcpy(&v, at, size < sizeof(v) ? size : sizeof(v));
	return v;
}

/* A line for each variable of up to 8 bytes; of the longer ones a sum of their words, by column. */
static void print_variable(const char *name, const uint8_t *at, size_t size)
{
	uint64_t sums[PRB_COUNTERS] = { 0 };

	if (strcmp(name, "ktstr_pcpu_counters") == 0) {
		for (size_t i = 0; i < size / sizeof(struct pcpu_counter); i++)
			sums[i % PRB_COUNTERS] +=
				number_at(at + i * sizeof(struct pcpu_counter), 8);
		printf("\"counters\": [");
		for (size_t i = 0; i < PRB_COUNTERS; i++)
			printf("%s%" PRIu64, i ? ", " : "", sums[i]);
		printf("], ");
		return;
	}
	for (size_t i = 0; size > 8 && i < size / 8; i++)
		sums[0] += number_at(at + 8 * i, 8);
	printf("\"%s\": %" PRIu64 ", ", name, size > 8 ? sums[0] : number_at(at, size));
}

static int print_variables(void)
{
	struct bpf_map_info info;
	int fd = find_map("probe_bp.bss", &info);
	const struct btf_var_secinfo *v;
	const struct btf_type *section;
	uint32_t key = 0;
	uint8_t *value;
	struct btf *btf;

	if (fd < 0)
		return -1;
	value = malloc(info.value_size);
	btf = btf__load_from_kernel_by_id(info.btf_id);
	if (!value || !btf || bpf_map_lookup_elem(fd, &key, value) < 0)
		return -1;
	section = btf__type_by_id(btf, info.btf_value_type_id);
	v = btf_var_secinfos(section);
	for (unsigned i = 0; i < btf_vlen(section); i++) {
		const struct btf_type *var = btf__type_by_id(btf, v[i].type);

		print_variable(btf__name_by_offset(btf, var->name_off), value + v[i].offset,
			       v[i].size);
	}
	return 0;
}

static unsigned count_entries(const char *name)
{
	struct bpf_map_info info;
	int fd = find_map(name, &info);
	struct probe_key key, next;
	unsigned n = 0;

	if (fd < 0)
		return 0;
	for (void *at = NULL; bpf_map_get_next_key(fd, at, &next) == 0; at = &key, n++)
		key = next;
	return n;
}

/* ---- what the timeline must have ---- */

static pid_t migrated, boosted, contender;

/* From one CPU to the other and back, as often. */
static pid_t migrate(void)
{
	pid_t pid = fork();

	for (int i = 0; pid == 0 && i < 8; i++) {
		cpu_set_t one;

		CPU_ZERO(&one);
		CPU_SET(i % 2, &one);
		if (sched_setaffinity(0, sizeof(one), &one) < 0)
			_exit(1);
	}
	if (pid == 0)
		_exit(0);
	return pid;
}

static long futex(uint32_t *word, int op)
{
	return syscall(SYS_futex, word, op, 0, NULL, NULL, 0);
}

/* A task of the lowest rank has the lock, until we, who are above it, wait for that. */
static pid_t boost(void)
{
	struct sched_param none = { 0 };
	uint32_t *word =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	if (word == MAP_FAILED)
		return -1;
	pid = fork();
	if (pid == 0) {
		if (sched_setscheduler(0, SCHED_OTHER, &none) < 0 || futex(word, FUTEX_LOCK_PI) < 0)
			_exit(1);
		while (!(__atomic_load_n(word, __ATOMIC_ACQUIRE) & FUTEX_WAITERS))
			;
		_exit(futex(word, FUTEX_UNLOCK_PI) < 0);
	}
	while (pid > 0 && __atomic_load_n(word, __ATOMIC_ACQUIRE) == 0) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return -1;
		usleep(1000);
	}
	if (pid > 0 && (futex(word, FUTEX_LOCK_PI) < 0 || futex(word, FUTEX_UNLOCK_PI) < 0))
		return -1;
	return pid;
}

/* An open file that two processes share is written by one at a time: its f_pos_lock is a mutex (fs/file.c, 6.12). */
static void write_often(int fd)
{
	static char block[1 << 20];

	for (int i = 0; i < 16; i++) {
		if (lseek(fd, 0, SEEK_SET) < 0 || write(fd, block, sizeof(block)) < 0)
			_exit(1);
	}
}

static pid_t contend(void)
{
	int fd = memfd_create("contended", MFD_CLOEXEC);
	pid_t pid = fork();

	write_often(fd);
	if (pid == 0)
		_exit(0);
	close(fd);
	return pid;
}

static int reap(pid_t pid)
{
	int status = 1;

	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

static int show_things(void)
{
	migrated = migrate();
	if (reap(migrated) < 0)
		return -1;
	boosted = boost();
	if (reap(boosted) < 0)
		return -1;
	contender = contend();
	return reap(contender);
}

/* ---- its events ---- */

/* Of the tasks above: moves, what the boost was from and to, and waits for the lock. */
static unsigned nr_moves, nr_waits;
static int64_t boost_from, boost_to;

static void look_for_ours(const struct timeline_event *e)
{
	if (e->type == TL_MIGRATE && (pid_t)e->prev_pid == migrated && e->a < 2)
		nr_moves++;
	if (e->type == TL_PI_BOOST && (pid_t)e->prev_pid == getpid() &&
	    (pid_t)e->next_pid == boosted) {
		boost_from = (int64_t)e->a;
		boost_to = (int64_t)e->b;
	}
	if (e->type == TL_LOCK_CONTEND && e->a >> 63 && e->b &&
	    ((pid_t)e->prev_pid == getpid() || (pid_t)e->prev_pid == contender))
		nr_waits++;
}

static struct probe_event last_trigger;
static unsigned nr_triggers, nr_timeline[TL_LOCK_CONTEND + 1], nr_odd;

static int take_trigger(void *ctx, void *data, size_t size)
{
	(void)ctx;
	if (size < sizeof(last_trigger))
		return -1;
	memcpy(&last_trigger, data, sizeof(last_trigger));
	nr_triggers++;
	return 0;
}

static int take_timeline(void *ctx, void *data, size_t size)
{
	const struct timeline_event *e = data;

	(void)ctx;
	if (size < sizeof(*e) || e->type > TL_LOCK_CONTEND || e->ts == 0)
		nr_odd++;
	else
		nr_timeline[e->type]++;
	if (size >= sizeof(*e))
		look_for_ours(e);
	return 0;
}

static void drain(const char *name, ring_buffer_sample_fn take)
{
	struct bpf_map_info info;
	int fd = find_map(name, &info);
	struct ring_buffer *rb = fd < 0 ? NULL : ring_buffer__new(fd, take, NULL, NULL);

	if (rb)
		ring_buffer__consume(rb);
	ring_buffer__free(rb);
}

static int report(void)
{
	printf("probe: {");
	if (print_variables() < 0) {
		printf("\"error\": \"there is no probe_bp.bss to be read\"}\n");
		return 1;
	}
	drain("ktstr_events", take_trigger);
	drain("timeline_events", take_timeline);
	printf("\"probe_data\": %u, ", count_entries("probe_data"));
	printf("\"triggers\": %u, \"trigger_type\": %u, \"trigger_kind\": %" PRIu64
	       ", \"trigger_has_task\": %s, \"trigger_stack\": %u, ",
	       nr_triggers, last_trigger.type, (uint64_t)last_trigger.args[1],
	       last_trigger.args[0] ? "true" : "false", last_trigger.kstack_sz);
	printf("\"odd\": %u, \"timeline\": [", nr_odd);
	for (int i = TL_SWITCH; i <= TL_LOCK_CONTEND; i++)
		printf("%s%u", i > TL_SWITCH ? ", " : "", nr_timeline[i]);
	printf("], \"moves\": %u, \"boost\": [%" PRId64 ", %" PRId64 "], \"waits\": %u}\n",
	       nr_moves, boost_from, boost_to, nr_waits);
	return 0;
}

/* ---- the processes ---- */

/* A probe of our own: starts it, and passes its line on. */
static int load_probe(char **argv)
{
	char line[1024];
	int pair[2];
	FILE *f;

	argv[0] = (char *)GST_PROBE_PATH;
	if (pipe2(pair, O_CLOEXEC) < 0)
		return -1;
	if (fork() == 0) {
		dup2(pair[1], 1);
		execv(argv[0], argv);
		_exit(127);
	}
	close(pair[1]);
	f = fdopen(pair[0], "r");
	if (!f || !fgets(line, sizeof(line), f))
		return -1;
	printf("loader: %s", line);
	return 0;
}

static int run_scheduler(char **argv)
{
	char *const env[] = { NULL };
	int fd = memfd_create("scx_ktstr", MFD_CLOEXEC);
	struct sigaction act = { .sa_handler = pass_on };

	if (fd < 0 || write(fd, inner, inner_len) != (ssize_t)inner_len)
		return 8;
	scheduler = fork();
	if (scheduler == 0) {
		struct sched_param none = { 0 };

		sched_setscheduler(0, SCHED_OTHER, &none);
		argv[0] = (char *)"scx_ktstr";
		fexecve(fd, argv, env);
		_exit(9);
	}
	sigaction(SIGINT, &act, NULL);
	while (waitpid(scheduler, NULL, 0) != scheduler)
		;
	return 0;
}

int main(int argc, char **argv)
{
	struct sched_param top = { .sched_priority = 40 };
	int first = 0, r;

	/* Line by line, and above what a stalled scheduler holds up. */
	setvbuf(stdout, NULL, _IOLBF, 4096);
	if (sched_setscheduler(0, SCHED_FIFO, &top) < 0)
		return 7;
	if (argc > 1 && strcmp(argv[1], "probe") == 0) {
		for (first = 2; first < argc && strcmp(argv[first], "--") != 0; first++)
			;
		if (first == argc)
			return 2;
		argv[first] = NULL;
		if (load_probe(argv + 1) < 0)
			return 6;
		if (show_things() < 0)
			return 5;
	}
	r = run_scheduler(argv + first);
	return r ? r : report();
}
