/* SPDX-License-Identifier: GPL-2.0-only */
/* Virtual machines: start, watch, freeze, read, stop; and the initramfs they boot. One interface, several accelerators. */
#ifndef KTSTR_VMM_VMM_H
#define KTSTR_VMM_VMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "base/topology.h"
#include "guest/proto.h"

/* ---- accelerators ---- */

enum vm_accel { VM_ACCEL_AUTO, VM_ACCEL_KVM, VM_ACCEL_TCG };

struct vm_accel_choice {
	enum vm_accel accel; /* never AUTO */
	char name[8]; /* "kvm", "tcg" */
	char why[256]; /* one line for people: "tcg: /dev/kvm: Permission denied" */
	char version[64]; /* "QEMU 10.0.2"; "" for kvm */
	char program[256]; /* path of the emulator; "" for kvm */
};
/**
 * Choose once per run. AUTO prefers KVM where it can run a stock kernel, never silently: @ret->why says which
 * and why. VM_ACCEL_KVM that cannot be had is KT_E_HOST; a missing or too old QEMU is KT_E_TOOL and names the
 * package and the version wanted (>= 10). $KTSTR_QEMU overrides the program looked up in PATH.
 *
 * Whether KVM can is found out by running a small guest, once per boot of this host: the answer is kept in @cache_dir
 * (NULL: nowhere), and not believed when /dev/kvm, this program or the host's boot id are others than then.
 */
int vm_choose_accel(enum vm_accel wanted, const char *cache_dir, struct vm_accel_choice *ret,
		    struct kt_err *e);
/**
 * Can KVM run a stock kernel here? Looked at anew, and the answer kept in @cache_dir as above. 0, or KT_E_HOST that
 * names what is missing. @ret_lacks gets what this KVM does without and what that costs, a line each.
 */
int vm_check_kvm(const char *cache_dir, struct kt_strv *ret_lacks, struct kt_err *e);

/* ---- one machine ---- */

enum vm_clock {
	VM_CLOCK_GUEST_WORK, /* tcg: -icount, time follows executed instructions */
	VM_CLOCK_REAL,
};

/* Everything is borrowed until vm_create returns. */
struct vm_config {
	const struct vm_accel_choice *accel;
	const struct kt_topology *topology;
	uint64_t memory_bytes; /* sum over nodes; see vm_memory_bytes() */
	const char *kernel; /* bzImage */
	const char
		*vmlinux; /* uncompressed ELF, may be NULL: lets the back end boot the faster one */
	const char *initrd_base; /* cached cpio file */
	const void *initrd_extra; /* second cpio, appended */
	size_t initrd_extra_len;
	const char *
		cmdline; /* user's and init's part; the back end adds console, ring and memory words */
	enum vm_clock clock;
	/*
	 * Pin vCPUs, real-time priority, huge pages, memory on its vCPUs' host node, no exits for idling: what this
	 * host refuses is one of vm_notes(). kvm only.
	 */
	bool performance;
	const char *
		log_dir; /* vm.txt (the machine, to be looked at or run by hand) is here once vm_start has returned */
};

struct vm;

/* How a machine ended. */
enum vm_end {
	VM_END_POWEROFF,
	VM_END_RESET, /* reboot or panic=-1: look at the console */
	VM_END_CRASHED, /* the emulator died or broke; not the guest's doing */
	VM_END_STOPPED, /* vm_stop */
};

enum vm_event_type {
	VM_EV_NONE, /* nothing within the timeout */
	VM_EV_CONSOLE, /* data, len: bytes of COM1, valid until the next call on this vm */
	VM_EV_FRAME, /* frame + data, len: one frame, valid until the next call */
	VM_EV_RING_BROKEN, /* the guest wrote nonsense into the ring; reported once, no more frames */
	VM_EV_WATCH, /* a watched address was written: the machine is frozen; watch_id, vm_thaw() goes on */
	VM_EV_END, /* end, text: reported once, the last event */
};
struct vm_event {
	enum vm_event_type type;
	const void *data;
	size_t len;
	struct gst_frame frame;
	unsigned watch_id;
	enum vm_end end;
	char text[512]; /* VM_EV_END: "exited with status 1: <last line of its stderr>" */
};

/* Set up, but do not run: RAM, initrd, layout. */
int vm_create(const struct vm_config *c, struct vm **ret, struct kt_err *e);
int vm_start(struct vm *vm, struct kt_err *e);
/* Kills and reaps whatever runs. Accepts NULL. */
void vm_free(struct vm *vm);
KT_DEFINE_AUTO(vm, struct vm *, vm_free);

/* Becomes readable when vm_wait may have an event; valid from vm_start to vm_free. For the caller's poll(). */
int vm_poll_fd(const struct vm *vm);
/**
 * The next event, waiting at most @timeout_ms (0: do not wait, -1: for ever). Bounded work a call, whatever the guest
 * does. After VM_EV_END only VM_EV_NONE. Frames still in the ring are delivered before VM_EV_END.
 */
int vm_wait(struct vm *vm, int timeout_ms, struct vm_event *ret, struct kt_err *e);

/* Send one doorbell byte down (GST_BELL_STOP ...). Leaf; -ENOTCONN after the end. */
int vm_ring_bell(struct vm *vm, char bell);
/* Kill the machine now; the next events drain, then VM_EV_END with VM_END_STOPPED. */
void vm_stop(struct vm *vm);

/* Stop and continue all vCPUs; freezes nest. The guest's clock stands still meanwhile. */
int vm_freeze(struct vm *vm, struct kt_err *e);
int vm_thaw(struct vm *vm, struct kt_err *e);

/*
 * General registers of one vCPU; only while frozen. On kvm also after a freeze that timed out: as they were then, of the vCPUs
 * that had stopped.
 */
struct vm_regs {
	uint64_t rip, rsp, rflags, cr3;
	uint64_t gpr[16]; /* rax rcx rdx rbx rsp rbp rsi rdi r8..r15 */
};
int vm_read_regs(struct vm *vm, unsigned vcpu, struct vm_regs *ret, struct kt_err *e);
/* Of the thread that runs a vCPU, for counters of it; 0: it has none of its own, or none yet. kvm only. */
pid_t vm_vcpu_thread(const struct vm *vm, unsigned vcpu);
/* Report writes to @len (1, 2, 4, 8) bytes at a kernel virtual address. At most 4 at a time. Only while frozen. */
int vm_watch_write(struct vm *vm, gva_t addr, unsigned len, unsigned *ret_id, struct kt_err *e);
int vm_unwatch(struct vm *vm, unsigned id, struct kt_err *e);

/* Guest RAM: pieces in ascending gpa order, mapped here. The list lives as long as the vm. */
struct vm_ram {
	gpa_t gpa;
	uint64_t len;
	uint8_t *host; /* mapping */
	uint64_t offset; /* in the backing object of its node: never the gpa */
	unsigned node; /* as in the topology */
};
size_t vm_ram_pieces(const struct vm *vm, const struct vm_ram **ret);
/* Bounds- and overflow-checked pointer to [gpa, gpa+len) inside one piece; NULL when any byte is outside. */
void *vm_guest_buf(struct vm *vm, gpa_t gpa, size_t len);
/* Any thread, any time; not a snapshot. 0; -EFAULT: outside RAM (nothing is copied). Leaf. */
int vm_read_gpa(struct vm *vm, gpa_t gpa, void *buf, size_t len);
int vm_write_gpa(struct vm *vm, gpa_t gpa, const void *buf, size_t len);
/* Ask the machine itself where its RAM is (qemu: info mtree -f) and compare with our list. */
int vm_check_ram(struct vm *vm, struct kt_err *e);
/*
 * What the machine does without, one line for people each ("cannot pin vCPU 3 to CPU 11: Operation not permitted;
 * timings will vary more"). Valid until vm_free.
 */
size_t vm_notes(const struct vm *vm, const char *const **ret);
/* How often vCPUs left the guest, and for what. kvm only: elsewhere 0 rows. */
struct vm_exit_count {
	const char *reason; /* "io", "mmio", "hlt" ... */
	uint64_t count; /* all vCPUs together */
};
size_t vm_exit_counts(const struct vm *vm, struct vm_exit_count *ret, size_t size);
/**
 * Give up what this process does not need once its machine runs: new privileges, other programs, other processes,
 * sockets, new devices. Files can still be written. For a process that runs one machine; there is no way back.
 */
int vm_sandbox_process(struct kt_err *e);
/* Where the frame ring is. */
gpa_t vm_ring_gpa(const struct vm *vm, uint64_t *ret_len);

/* max(cpus * 64 MiB, 256 MiB, asked, what the initrd and kernel need), rounded to MiB a node. */
uint64_t vm_memory_bytes(const struct kt_topology *t, uint64_t asked, uint64_t initrd_bytes);

/* ---- the memory of a frozen machine, kept while it goes on ---- */

/*
 * Two ways, both made while the machine is frozen and read the same:
 *   record  vm_image_read() reads guest memory and keeps every page that it touched. After vm_image_seal() (before the
 *           thaw) only these can be read: walk once under the freeze, decode from the recording at leisure.
 *   fork    a child process holds all of guest memory as it was; reads go to it, also after the thaw. The guest pays
 *           for copies of the pages that it writes as long as the image lives. Only where RAM is private (kvm).
 */
struct vm_image;
enum vm_image_kind { VM_IMAGE_RECORD, VM_IMAGE_FORK };
/*
 * What costs the guest less work, for a walk of about @walk_bytes (docs/performance.md has the figures behind it).
 */
enum vm_image_kind vm_image_prefer(const struct vm *vm, uint64_t walk_bytes);
/*
 * VM_IMAGE_FORK that cannot be had becomes a recording: vm_image_kind() tells, vm_image_why() why. The machine must be
 * frozen. The image is freed before the vm is.
 */
int vm_image_create(struct vm *vm, enum vm_image_kind kind, struct vm_image **ret,
		    struct kt_err *e);
void vm_image_free(struct vm_image *i);
KT_DEFINE_AUTO(vm_image, struct vm_image *, vm_image_free);
enum vm_image_kind vm_image_kind(const struct vm_image *i);
const char *vm_image_why(const struct vm_image *i); /* "": it is what was asked for */
/*
 * Keeps all of @vm's memory, which the image is of (vmm/image_whole.c): what has anything but zeros in it is copied, and
 * the rest is known to be zeros. Before the image is sealed; a fork can do it after the thaw. Failing, what it has is
 * kept. Leaf.
 */
int vm_image_keep_all(struct vm_image *i, const struct vm *vm);
/* Call before the thaw. Nothing to do for VM_IMAGE_FORK. */
void vm_image_seal(struct vm_image *i);
/*
 * 0; -EFAULT: outside RAM; -ENODATA: sealed, and not recorded; -ENOMEM; -ESRCH: the child is gone; -EIO: the child has
 * it no more. On failure @buf is as it was. Leaf.
 */
int vm_image_read(struct vm_image *i, gpa_t gpa, void *buf, size_t len);
/* Bytes of guest memory that were read of it, in whole pages: kept here, each once. */
uint64_t vm_image_bytes(const struct vm_image *i);
/*
 * What was read of it, and where RAM was, into a file (vmm/image_file.c); whole or not at all. Also after the thaw. @notes
 * is a text that the file carries, for what is not memory; NULL: none.
 */
int vm_image_save(const struct vm_image *i, const char *notes, const char *path, struct kt_err *e);
/* A sealed recording, of no machine. The file may come from anywhere: KT_E_HOST says what is wrong with it. */
int vm_image_load(const char *path, struct vm_image **ret, struct kt_err *e);
/* Of a loaded image; "": none. As long as the image. */
const char *vm_image_notes(const struct vm_image *i);
/*
 * Piece @n of RAM, ascending, of an image that has all of them whole; false: there are no more, or it has only pages of
 * them. Nothing is mapped: ret->host is NULL.
 */
bool vm_image_whole(const struct vm_image *i, size_t n, struct vm_ram *ret);
/* All pages that are kept here, ascending, of 4 KiB each; where all of RAM is, those that are not are zeros alone. */
void vm_image_each_page(const struct vm_image *i,
			void (*fn)(void *ctx, gpa_t gpa, const void *page), void *ctx);

/* ---- initramfs (newc) ---- */

struct vm_initrd_file {
	const char *guest_path; /* absolute in the guest; parent directories are made */
	const char *host_path; /* a file to copy, or NULL: */
	const void *data; /* these bytes */
	size_t len;
	unsigned mode; /* permissions; 0: 0644, or 0755 with libraries */
	bool libraries; /* an ELF program: bring its interpreter and DT_NEEDED closure (RPATH, RUNPATH, ld.so.cache dirs) */
};
/**
 * Build (or find) the base in @cache_dir/initramfs/, named by the hash of all contents; atomic, safe for
 * concurrent runs. KT_E_TOOL names a library that cannot be found and who needs it. Caller frees @ret_path.
 * Bases that were not asked for in two weeks are removed when another is built.
 */
int vm_initramfs_base(const char *cache_dir, const struct vm_initrd_file *files, size_t nr,
		      char **ret_path, struct kt_err *e);
/* A small cpio in memory; nothing cached. */
int vm_initramfs_build(const struct vm_initrd_file *files, size_t nr, struct kt_buf *ret,
		       struct kt_err *e);

#endif
