/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the QEMU back end share. */
#ifndef KTSTR_VMM_QEMU_INTERNAL_H
#define KTSTR_VMM_QEMU_INTERNAL_H

#include <cjson/cJSON.h>

#include "base/proc.h"
#include "vmm/internal.h"

/*
 * Descriptors as QEMU sees them: fixed, so that the same machine always has the same command line.
 */
enum {
	QEMU_FD_CONSOLE = 10,
	QEMU_FD_BELL,
	QEMU_FD_QMP,
	QEMU_FD_GDB,
	QEMU_FD_INITRD,
	QEMU_FD_NODE0 = 20,
};
enum { QEMU_NR_CHANNELS = 4, QEMU_WATCHES_MAX = 4 };
/*
 * An answer takes microseconds, on a host that is drowning seconds. Seen once in 60 machines: QEMU 10.0.2 with -icount that
 * never answered "stop" again. It is ended then: nothing would come of waiting for it.
 */
#define QEMU_REPLY_LIMIT_NS (UINT64_C(20) * 1000000000)

/* ---- the command line (command.c) ---- */

struct qemu_command {
	const struct vm_config *config;
	const struct vm_layout *layout;
	const char *kernel; /* the image that is booted */
	const char *console; /* chardev of COM1, without its id */
	const char *bell; /* chardev of COM2 */
	const char *initrd;
	bool control; /* with QMP and gdb channels and inherited RAM; else a machine of its own */
	unsigned host_cpus;
};
int qemu_command_build(const struct qemu_command *c, struct kt_strv *ret, struct kt_err *e);
/* q35 has at most this much below 4 GiB when it has @total in all. */
uint64_t qemu_low_bytes(uint64_t total);
/* Nanoseconds of guest time an instruction takes, as a power of two, for this many vCPUs. */
unsigned qemu_icount_shift(unsigned nr_cpus);
/* The whole kernel command line: what emulation wants, and the words of every machine. */
void qemu_kernel_cmdline(const struct vm_layout *l, const char *user, struct kt_buf *b);
/* Write vm.txt and the files it needs into config->log_dir. */
int qemu_script_write(const struct qemu_command *live, struct kt_err *e);

/* ---- QMP (qmp.c) ---- */

enum qmp_shutdown { QMP_RUNNING, QMP_GUEST_SHUTDOWN, QMP_GUEST_RESET, QMP_OTHER_SHUTDOWN };

struct qmp {
	int fd;
	struct kt_buf in; /* bytes that are not a whole line yet */
	uint64_t next_id;
	uint64_t wanted_id; /* 0: nobody waits */
	cJSON *reply; /* to wanted_id */
	enum qmp_shutdown shutdown;
	char reason[64]; /* SHUTDOWN's own word */
	uint64_t resumes, stops; /* events seen */
	uint64_t limit_ns; /* for an answer */
	bool hung; /* there was none: no more questions */
	bool closed; /* end of file, or it talked nonsense */
};
void qmp_init(struct qmp *q, int fd);
void qmp_done(struct qmp *q);
/* Take what has come in; never blocks. */
void qmp_pump(struct qmp *q);
/* Judge bytes as if they had been read. */
void qmp_feed(struct qmp *q, const char *data, size_t len);
/* Send the capabilities handshake; its reply is nobody's. */
int qmp_hello(struct qmp *q, struct kt_err *e);
/* Run @command and wait for its reply. @ret_text (may be NULL): a returned string; caller frees. */
int qmp_command(struct qmp *q, const char *command, char **ret_text, struct kt_err *e);
/* The monitor for people: @line in, text out (may be NULL; caller frees). */
int qmp_monitor(struct qmp *q, const char *line, char **ret_text, struct kt_err *e);
/* Wait until q->resumes is at least @count. */
int qmp_wait_resumed(struct qmp *q, uint64_t count, struct kt_err *e);

/* ---- gdb's remote protocol (gdb.c) ---- */

enum { GDB_PACKET_MAX = 64 << 10 };

struct gdb_watch {
	bool used;
	uint64_t addr;
	unsigned len;
};
struct gdb {
	int fd;
	bool attached;
	bool running; /* told to continue, has not said that it stopped */
	struct kt_buf in;
	struct gdb_watch watch[QEMU_WATCHES_MAX];
	bool hit; /* a watch hit that was not reported yet */
	unsigned hit_id;
	bool closed;
	uint64_t limit_ns; /* as of QMP */
	bool hung;
};
void gdb_init(struct gdb *g, int fd);
void gdb_done(struct gdb *g);
/* After the monitor started the server on the other end; the machine is stopped. */
int gdb_attach(struct gdb *g, struct kt_err *e);
int gdb_resume(struct gdb *g, struct kt_err *e);
/* Wait for the report that the machine stopped, which must be under way. */
int gdb_wait_stopped(struct gdb *g, struct kt_err *e);
/* Take what has come in while running; never blocks. Sets hit and running. */
void gdb_pump(struct gdb *g);
int gdb_read_regs(struct gdb *g, unsigned vcpu, struct vm_regs *ret, struct kt_err *e);
int gdb_watch_add(struct gdb *g, uint64_t addr, unsigned len, unsigned *ret_id, struct kt_err *e);
int gdb_watch_remove(struct gdb *g, unsigned id, struct kt_err *e);
/*
 * Parsers, for these functions and for tests. 1: @ret filled and taken out of @in; 0: not whole
 * yet; -EPROTO.
 */
int gdb_next_packet(struct kt_buf *in, struct kt_buf *ret);
int gdb_parse_regs(const char *hex, size_t len, struct vm_regs *ret);
/* Sets g->hit when the stop report @packet is of one of our watches. */
void gdb_judge_stop(struct gdb *g, const char *packet);

/* ---- where the RAM is (mtree.c) ---- */

/* Compare the text of "info mtree -f" with @l; memory of node n is called "node<n>". */
int qemu_mtree_check(const char *text, const struct vm_layout *l, struct kt_err *e);

/* ---- the machine ---- */

struct qemu {
	struct vm_memory *memory; /* the vm's */
	unsigned nr_cpus;
	struct kt_strv argv;
	int ours[QEMU_NR_CHANNELS]; /* ordered as QEMU_FD_*; [2] and [3] belong to qmp and gdb */
	int theirs[QEMU_NR_CHANNELS]; /* -1 once QEMU has them */
	int initrd_fd;
	int stderr_fd;
	int epoll_fd, wake_fd, tick_fd;
	struct kt_proc proc;
	struct kt_proc_end end;
	struct qmp qmp;
	struct gdb gdb;
	struct vm_frames frames;
	uint8_t *console; /* CONSOLE_CHUNK */
	unsigned freezes; /* nesting; a watch hit counts one until it is thawed */
	bool console_ready, console_closed;
	bool console_turn; /* whose turn it is when both have something */
	bool awake; /* wake_fd is readable */
	bool ended; /* reaped */
	bool end_told;
	bool stopped; /* by vm_stop */
	uint64_t shutdown_deadline_ns; /* it said that it shuts down: should be gone by then */
};
/* events.c */
int qemu_events_init(struct qemu *q, struct kt_err *e);
int qemu_poll_fd(const void *m);
int qemu_wait(void *m, int timeout_ms, struct vm_event *ret, struct kt_err *e);
/* State may have changed without a descriptor showing it: make poll_fd readable. */
void qemu_wake(struct qemu *q);
/* freeze.c */
int qemu_freeze(void *m, struct kt_err *e);
int qemu_thaw(void *m, struct kt_err *e);
int qemu_read_regs(void *m, unsigned vcpu, struct vm_regs *ret, struct kt_err *e);
int qemu_watch_write(void *m, gva_t addr, unsigned len, unsigned *ret_id, struct kt_err *e);
int qemu_unwatch(void *m, unsigned id, struct kt_err *e);
int qemu_check_ram(void *m, struct kt_err *e);

#endif
