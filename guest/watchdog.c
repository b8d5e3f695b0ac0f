/* SPDX-License-Identifier: GPL-2.0-only */
/* Puts the asked stall timeout into any scheduler's struct_ops value as it is loaded. */
#include "guest/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/str.h"

/*
 * A timeout lowered after a scheduler is enabled makes the kernel kill it: the time since the
 * watchdog's last look already exceeds the new limit. So timeout_ms has to be right when the
 * struct_ops map is given its value, which every loader does by bpf(BPF_MAP_UPDATE_ELEM). A seccomp
 * filter stops just that command and asks init, which looks at the map and, when it is the
 * sched_ext one, edits the value in the scheduler's memory before letting the call go on.
 * Attributes live in memory that a filter cannot see, so every update of any map makes this round
 * trip, mostly two wake-ups: under emulation 0.8 ms of guest time an update instead of 0.03 ms.
 * Loaders make a dozen of them; a scheduler that updates maps thousands of times a second is better
 * tested without. All other system calls pay for a few instructions of the filter.
 */
int gst_watchdog_filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BPF_MAP_UPDATE_ELEM, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = { .len = sizeof(code) / sizeof(code[0]), .filter = code };
	long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			  &prog);

	return fd < 0 ? -errno : (int)fd;
}

/* "value_size:\t320" of a map's fdinfo. */
static bool has_number(const char *text, const char *key, uint64_t want)
{
	const char *at = strstr(text, key);
	char digits[24];
	uint64_t v;
	size_t len;

	if (!at)
		return false;
	at += strlen(key);
	len = strcspn(at, "\n");
	if (len >= sizeof(digits))
		return false;
	memcpy(digits, at, len);
	digits[len] = '\0';
	return kt_parse_u64(digits, &v) == 0 && v == want;
}

/*
 * Whether descriptor @map_fd of thread @tid is the sched_ext_ops map. fdinfo instead of
 * pidfd_getfd(): it works for threads and for children of the scheduler's process alike. The size
 * of the value tells sched_ext_ops from the few other kinds of struct_ops; the name of the map is
 * the scheduler's own choice.
 */
static bool is_ops_map(const struct gst_watchdog *w, pid_t tid, uint32_t map_fd)
{
	char path[64], text[1024];

	(void)kt_snprintf(path, sizeof(path), "/proc/%d/fdinfo/%u", tid, map_fd);
	if (kt_file_read_small(path, text, sizeof(text)) < 0)
		return false;
	return has_number(text, "map_type:\t", BPF_MAP_TYPE_STRUCT_OPS) &&
	       has_number(text, "value_size:\t", w->value_bytes);
}

/* The head of union bpf_attr for BPF_MAP_UPDATE_ELEM. */
struct update_attr {
	uint32_t map_fd;
	uint32_t pad;
	uint64_t key;
	uint64_t value;
	uint64_t flags;
};

static void edit_value(struct gst_watchdog *w, const struct seccomp_notif *n)
{
	kt_auto(fd) int mem = -1;
	struct update_attr attr;
	pid_t tid = (pid_t)n->pid;
	char path[64];

	if (n->data.args[2] < sizeof(attr))
		return;
	(void)kt_snprintf(path, sizeof(path), "/proc/%d/mem", tid);
	mem = open(path, O_RDWR | O_CLOEXEC);
	if (mem < 0 ||
	    pread(mem, &attr, sizeof(attr), (off_t)n->data.args[1]) != (ssize_t)sizeof(attr))
		return;
	if (!is_ops_map(w, tid, attr.map_fd))
		return;
	if (pwrite(mem, &w->timeout_ms, sizeof(w->timeout_ms), (off_t)(attr.value + w->offset)) ==
	    (ssize_t)sizeof(w->timeout_ms))
		w->set = true;
}

void gst_watchdog_serve(struct gst_watchdog *w)
{
	/* The kernel copies its own idea of the size, which may grow. */
	union {
		struct seccomp_notif n;
		char room[512];
	} in;
	union {
		struct seccomp_notif_resp r;
		char room[512];
	} out;

	memset(&in, 0, sizeof(in));
	memset(&out, 0, sizeof(out));
	if (ioctl(w->notify_fd, SECCOMP_IOCTL_NOTIF_RECV, &in) < 0)
		return; /* ENOENT: the caller was killed meanwhile */
	edit_value(w, &in.n);
	out.r.id = in.n.id;
	out.r.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	(void)ioctl(w->notify_fd, SECCOMP_IOCTL_NOTIF_SEND,
		    &out); /* fails only when the caller is gone */
}
