/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A witness of a scheduler's end, for tests of what a capture tells: runs a real scheduler (INNER, a file's name at build time)
 * with its own arguments, and until that ends asks the kernel again and again, in /proc and /sys, for what a capture reads from
 * memory. At the end it prints two answers as lines "witness: {...}": the last one before the kernel began to disable the
 * scheduler, and one afterwards. Two children read /dev/kmsg through one open file: one of them sleeps in it with the file's
 * mutex, and the other waits for that. All are real-time tasks: no stalled scheduler holds them up. Static, runs anywhere.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

__asm__(".section .rodata\n"
	"inner: .incbin \"" INNER "\"\n"
	"1: .balign 8\n"
	"inner_len: .quad 1b - inner\n"
	".previous");
extern const char inner[];
extern const uint64_t inner_len;

enum { REPORT_BYTES = 256 << 10, REPORTS = 16, EVERY_MS = 100, SETTLED_MS = 300 };

struct report {
	uint64_t at_ms;
	size_t len;
	char text[REPORT_BYTES];
};
static struct report reports[REPORTS], after;

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

__attribute__((format(printf, 2, 3))) static void add(struct report *r, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(r->text + r->len, REPORT_BYTES - r->len, fmt, ap);
	va_end(ap);
	if (n > 0 && r->len + (size_t)n < REPORT_BYTES)
		r->len += (size_t)n;
}

/* All of a file of the kernel's, as text; its length, 0 when there is none. */
static size_t get(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	while (fd >= 0 && len < size - 1 && (n = read(fd, buf + len, size - 1 - len)) > 0)
		len += (size_t)n;
	if (fd >= 0)
		close(fd);
	buf[len] = '\0';
	return len;
}

/* ---- tasks ---- */

/* The number behind @key in a status file. */
static long status_of(const char *status, const char *key)
{
	const char *at = strstr(status, key);

	return at ? strtol(at + strlen(key), NULL, 10) : -1;
}

/* "pid (comm) state ppid pgrp session ...", see proc_pid_stat(5). */
static void add_task(struct report *r, const char *dir, long tgid)
{
	char path[320], stat[1024], status[4096], *open_, *close_, *save = NULL, *word;
	long field[48] = { 0 };
	unsigned nr = 3;

	(void)snprintf(path, sizeof(path), "%s/stat", dir);
	if (!get(path, stat, sizeof(stat)))
		return; /* it ended meanwhile */
	(void)snprintf(path, sizeof(path), "%s/status", dir);
	(void)get(path, status, sizeof(status));
	open_ = strchr(stat, '(');
	close_ = strrchr(stat, ')');
	if (!open_ || !close_)
		return;
	*close_ = '\0';
	for (word = strtok_r(close_ + 1, " ", &save); word && nr < 48;
	     word = strtok_r(NULL, " ", &save))
		field[nr++] = strtol(word, NULL, 10);
	add(r,
	    "{\"task\":{\"pid\":%ld,\"tgid\":%ld,\"comm\":\"%s\",\"ppid\":%ld,\"pgid\":%ld,\"sid\":%ld,",
	    strtol(stat, NULL, 10), tgid, open_ + 1, field[4], field[5], field[6]);
	add(r, "\"prio\":%ld,\"nice\":%ld,\"threads\":%ld,\"rt_priority\":%ld,\"policy\":%ld,",
	    field[18], field[19], field[20], field[40], field[41]);
	add(r, "\"nvcsw\":%ld,\"nivcsw\":%ld}}\n", status_of(status, "\nvoluntary_ctxt_switches:"),
	    status_of(status, "\nnonvoluntary_ctxt_switches:"));
}

static void add_threads(struct report *r, const char *process)
{
	char path[300];
	struct dirent *e;
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%s/task", process);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%s/task/%.16s", process, e->d_name);
		add_task(r, path, strtol(process, NULL, 10));
	}
	if (d)
		closedir(d);
}

static void add_tasks(struct report *r)
{
	DIR *d = opendir("/proc");
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] >= '0' && e->d_name[0] <= '9')
			add_threads(r, e->d_name);
	if (d)
		closedir(d);
}

/* ---- numbers ---- */

/* The rest of a line as a list of numbers. */
static void add_numbers(struct report *r, char *text)
{
	char *save = NULL, *word = strtok_r(text, " \t", &save);

	for (unsigned n = 0; word; n++, word = strtok_r(NULL, " \t", &save))
		add(r, "%s%s", n ? "," : "", word);
}

/* Lines "name numbers..." of @path, those that begin with @prefix, as {"@what":["name",[numbers]]}. */
static void add_lines(struct report *r, const char *what, const char *path, const char *prefix)
{
	static char text[64 << 10];
	char *save = NULL, *line;

	(void)get(path, text, sizeof(text));
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		size_t n;

		line += strspn(line, " ");
		n = strcspn(line, " ");
		if (strncmp(line, prefix, strlen(prefix)) != 0 || !line[n] ||
		    strchr(line + n, 'C')) /* the heads of columns, "CPU0 CPU1" */
			continue;
		line[n] = '\0';
		add(r, "{\"%s\":[\"%s\",[", what, line);
		add_numbers(r, line + n + 1);
		add(r, "]]}\n");
	}
}

/* "full avg10=0.00 avg60=0.00 avg300=0.00 total=123" of a cgroup. */
static void add_pressure(struct report *r, const char *cgroup)
{
	char path[320], text[256];
	const char *total;

	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/ktstr/%s/irq.pressure", cgroup);
	if (!get(path, text, sizeof(text)))
		return;
	total = strstr(text, "total=");
	if (total)
		add(r, "{\"irq_pressure\":[\"%s\",%ld]}\n", cgroup, strtol(total + 6, NULL, 10));
}

static void take(struct report *r)
{
	DIR *d = opendir("/sys/fs/cgroup/ktstr");
	struct dirent *e;

	r->len = 0;
	add_tasks(r);
	add_lines(r, "cpu", "/proc/stat", "cpu");
	add_lines(r, "softirq", "/proc/softirqs", "");
	add_lines(r, "node0", "/sys/devices/system/node/node0/numastat", "");
	add_lines(r, "node1", "/sys/devices/system/node/node1/numastat", "");
	while (d && (e = readdir(d)))
		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			add_pressure(r, e->d_name);
	if (d)
		closedir(d);
	r->at_ms = now_ms();
}

static void print(const char *when, struct report *r)
{
	char *save = NULL;

	for (char *line = strtok_r(r->text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		printf("witness: {\"%s\":%s}\n", when, line);
	fflush(stdout);
}

/* ---- the scheduler ---- */

static pid_t start(char **argv)
{
	int fd = memfd_create("scx_ktstr", MFD_CLOEXEC);
	char *const env[] = { NULL };
	pid_t pid;

	if (fd < 0 || write(fd, inner, inner_len) != (ssize_t)inner_len)
		return -1;
	pid = fork();
	if (pid == 0) {
		fexecve(fd, argv, env);
		_exit(9);
	}
	return pid;
}

static int is_enabled(void)
{
	char state[32];

	return get("/sys/kernel/sched_ext/state", state, sizeof(state)) &&
	       strncmp(state, "enabled", 7) == 0;
}

/* The newest answer that was whole before @ended_ms; NULL: none was. */
static struct report *last_before(uint64_t ended_ms)
{
	struct report *best = NULL;

	for (unsigned i = 0; i < REPORTS; i++)
		if (reports[i].len && reports[i].at_ms + SETTLED_MS <= ended_ms &&
		    (!best || reports[i].at_ms > best->at_ms))
			best = &reports[i];
	return best;
}

/* devkmsg_read() (kernel/printk/printk.c) waits for messages with the open file's mutex held. */
static pid_t start_reader(int kmsg)
{
	static char message[8192];
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NAME, "kmsg-reader");
	for (;;)
		if (read(kmsg, message, sizeof(message)) < 0 && errno != EPIPE)
			_exit(11); /* EPIPE: messages were lost to newer ones */
}

int main(int argc, char **argv)
{
	struct sched_param rt = { .sched_priority = 10 };
	uint64_t ended_ms = 0;
	struct report *before;
	int status = 0, seen = 0;
	pid_t pid, reader[2];
	int kmsg = open("/dev/kmsg", O_RDONLY | O_CLOEXEC);

	(void)argc;
	pid = start(argv);
	/* Init ends a scheduler that is gone by SIGINT, and waits a while: what is left to say is said. */
	(void)signal(SIGINT, SIG_IGN);
	if (pid < 0 || kmsg < 0 || lseek(kmsg, 0, SEEK_END) < 0 ||
	    sched_setscheduler(0, SCHED_FIFO, &rt) < 0)
		return 8;
	for (unsigned i = 0; i < 2; i++)
		reader[i] = start_reader(kmsg);
	for (unsigned n = 0; waitpid(pid, &status, WNOHANG) == 0; n++) {
		int enabled = is_enabled();

		if (enabled)
			take(&reports[n % REPORTS]);
		if (seen && !enabled && !ended_ms)
			ended_ms = now_ms();
		seen |= enabled;
		usleep(EVERY_MS * 1000);
	}
	take(&after);
	for (unsigned i = 0; i < 2; i++)
		kill(reader[i], SIGKILL);
	before = last_before(ended_ms ? ended_ms : now_ms());
	if (before)
		print("before", before);
	print("after", &after);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 10;
}
