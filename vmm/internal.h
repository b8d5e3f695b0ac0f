/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of vmm/ share: memory layout, RAM, kernel images, and the face of a back end. */
#ifndef KTSTR_VMM_INTERNAL_H
#define KTSTR_VMM_INTERNAL_H

#include "vmm/vmm.h"

#define VM_KIB (UINT64_C(1) << 10)
#define VM_MIB (UINT64_C(1) << 20)
#define VM_GIB (UINT64_C(1) << 30)

/* ---- kernel images (kernel_image.c) ---- */

struct vm_kernel {
	bool elf; /* an uncompressed vmlinux, else a bzImage */
	bool pvh; /* has the note that QEMU and we can start it by */
	uint64_t end; /* guest-physical: all of it, running or unpacking, is below (KASLR aside) */
	uint64_t pvh_entry; /* guest-physical; what the note says, not checked */
};
int vm_kernel_probe(const char *path, struct vm_kernel *ret, struct kt_err *e);

/* ---- memory layout (layout.c) ---- */

/* Below 1 MiB everybody has legacy areas; RAM that we list ends here and goes on at 1 MiB. */
#define VM_BASE_RAM_END UINT64_C(0xa0000)
#define VM_HIGH_RAM_GPA (UINT64_C(4) << 30)
enum { VM_PIECES_MAX = 2 * KT_TOPO_NODES_MAX + 2 };

struct vm_layout_opts {
	const struct kt_topology *topology;
	uint64_t memory_bytes;
	uint64_t
		low_bytes_max; /* what the machine can have below 4 GiB; the rest starts at 4 GiB */
	uint64_t kernel_end;
	uint64_t initrd_bytes;
};
struct vm_layout {
	unsigned nr_nodes;
	uint64_t node_bytes[KT_TOPO_NODES_MAX];
	uint64_t total_bytes;
	uint64_t low_bytes;
	size_t nr_pieces;
	struct vm_ram piece[VM_PIECES_MAX]; /* ascending gpa; host is filled in by vm_ram_map() */
	gpa_t initrd_floor; /* the initrd and the tables of the firmware are at or above */
	gpa_t ring;
	uint64_t ring_len;
};
/* KT_E_CONFIG when the memory cannot hold what must be in it. */
int vm_layout_plan(const struct vm_layout_opts *o, struct vm_layout *ret, struct kt_err *e);
/* Bytes of every node: what was asked, or an even share, in whole MiB. Their sum. */
uint64_t vm_layout_nodes(const struct kt_topology *t, uint64_t memory_bytes,
			 uint64_t ret[KT_TOPO_NODES_MAX]);
/* Aborts when the window overlaps anything: that is our own mistake. */
void vm_layout_assert(const struct vm_layout *l, uint64_t kernel_end);
/* " memmap=LEN$GPA", for who cannot write the machine's memory map. */
void vm_layout_reserve_ring(const struct vm_layout *l, struct kt_buf *b);
/* Words of every kernel command line, " ktstr.ring=0xGPA,0xLEN", and then @user's, which override. */
void vm_kernel_cmdline(const struct vm_layout *l, const char *user, struct kt_buf *b);
/* Where the tables of a machine without firmware are: the end of low RAM, above the initrd. */
gpa_t vm_layout_tables(const struct vm_layout *l, uint64_t *ret_len);

/* ---- RAM (ram.c, ram_load.c): one mapping a node ---- */

enum vm_ram_kind {
	VM_RAM_SHARED, /* a memfd, for another process to map, too */
	VM_RAM_PRIVATE, /* anonymous, aligned and advised for huge pages: a fork gets a copy */
	VM_RAM_HUGETLB, /* as PRIVATE, from the host's pool of huge pages; VM_RAM_PRIVATE when that has too few */
};
struct vm_memory {
	enum vm_ram_kind kind;
	int fd[KT_TOPO_NODES_MAX]; /* -1: private */
	uint8_t *map[KT_TOPO_NODES_MAX];
	unsigned nr;
	struct vm_layout layout;
};
/* Takes a copy of @l; on failure @ret is as before. ret->kind is what it became, all of it. */
int vm_ram_map(const struct vm_layout *l, enum vm_ram_kind kind, struct vm_memory *ret,
	       struct kt_err *e);
/* How a file comes into RAM; ram_load.c says what each costs. */
enum vm_load {
	VM_LOAD_MAP, /* copy-on-write, where the pages of both lie alike and RAM is VM_RAM_PRIVATE; else read */
	VM_LOAD_READ,
};
#define VM_LOAD_INITRD VM_LOAD_MAP
#define VM_LOAD_BZIMAGE VM_LOAD_READ
#define VM_LOAD_VMLINUX VM_LOAD_READ
/*
 * Put @path's bytes from @offset into RAM at @gpa. KT_E_GUEST: not all of it is RAM; KT_E_HOST: the file is shorter, or
 * cannot be read or mapped. *ret_copied: bytes that were read.
 */
int vm_ram_load_file(struct vm_memory *m, gpa_t gpa, int fd, const char *path, uint64_t offset,
		     uint64_t len, enum vm_load how, uint64_t *ret_copied, struct kt_err *e);
/* What the initrd takes: @base_bytes, and @extra_len from the next multiple of 4 on. For the layout. */
uint64_t vm_initrd_bytes(uint64_t base_bytes, size_t extra_len);
/*
 * The initrd: @base (a file) and @extra after it, at the next multiple of 4, at @gpa (page-aligned). It must end below
 * the tables (vm_layout_tables()), else KT_E_CONFIG.
 */
int vm_ram_load_initrd(struct vm_memory *m, gpa_t gpa, const char *base, const void *extra,
		       size_t extra_len, uint64_t *ret_len, uint64_t *ret_copied, struct kt_err *e);
void vm_ram_unmap(struct vm_memory *m);
/* Of node @n: mappings of huge pages come, go and are told where to be in whole ones. */
uint64_t vm_ram_mapped_bytes(const struct vm_memory *m, unsigned n);
void *vm_ram_buf(const struct vm_memory *m, gpa_t gpa, size_t len);
/* Whether all of [gpa, gpa + len) is RAM, of however many pieces. */
bool vm_ram_covers(const struct vm_memory *m, gpa_t gpa, uint64_t len);
/* Bytes from @gpa to the end of its piece or of @len, and where they are; 0: not RAM. */
uint64_t vm_ram_straight(const struct vm_memory *m, gpa_t gpa, uint64_t len, uint8_t **ret);
int vm_ram_copy(const struct vm_memory *m, gpa_t gpa, void *out, const void *in, size_t len);
/* The initrd, whole, in a sealed memfd: @base (a file) and @extra after it. */
int vm_initrd_memfd(const char *base, const void *extra, size_t extra_len, int *ret_fd,
		    struct kt_err *e);
/* Size of the base file, for the layout. */
int vm_file_size(const char *path, uint64_t *ret, struct kt_err *e);

/* ---- frames of the up ring, for vm_wait() (frames.c) ---- */

struct vm_frames {
	struct gst_ring up;
	uint8_t *payload; /* GST_FRAME_MAX; touched only as far as frames are long */
	bool pending; /* the ring may have some */
	bool told; /* that it is broken */
};
/* Formats the window in @m and attaches to it. */
int vm_frames_init(struct vm_frames *f, const struct vm_memory *m, struct kt_err *e);
void vm_frames_done(struct vm_frames *f);
/* Fills in VM_EV_FRAME or VM_EV_RING_BROKEN (once) and returns true, or has nothing: pending is false then. */
bool vm_frames_next(struct vm_frames *f, struct vm_event *ret);

/* ---- files beside vm.txt (vmm.c) ---- */

/* Whole or not at all. */
int vm_log_file_write(const char *dir, const char *name, const void *data, size_t len,
		      struct kt_err *e);

/* ---- which kernel file to boot (kernel_image.c) ---- */

/* config->vmlinux where it has a PVH entry, else config->kernel. @ret_path is absolute; caller frees. */
int vm_kernel_choose(const struct vm_config *c, struct vm_kernel *ret, char **ret_path,
		     struct kt_err *e);

/* ---- a back end ---- */

struct vm_backend {
	const char *name;
	enum vm_accel accel;
	int (*create)(struct vm *vm, const struct vm_config *c, void **ret, struct kt_err *e);
	int (*start)(void *m, struct kt_err *e);
	void (*free)(void *m); /* accepts NULL */
	int (*poll_fd)(const void *m);
	int (*wait)(void *m, int timeout_ms, struct vm_event *ret, struct kt_err *e);
	int (*ring_bell)(void *m, char bell);
	void (*stop)(void *m);
	int (*freeze)(void *m, struct kt_err *e);
	int (*thaw)(void *m, struct kt_err *e);
	int (*read_regs)(void *m, unsigned vcpu, struct vm_regs *ret, struct kt_err *e);
	int (*watch_write)(void *m, gva_t addr, unsigned len, unsigned *ret_id, struct kt_err *e);
	int (*unwatch)(void *m, unsigned id, struct kt_err *e);
	int (*check_ram)(void *m, struct kt_err *e);
	size_t (*notes)(const void *m, const char *const **ret); /* may be NULL: none */
	size_t (*exit_counts)(const void *m, struct vm_exit_count *ret,
			      size_t size); /* may be NULL */
	pid_t (*vcpu_thread)(const void *m, unsigned vcpu); /* may be NULL: none */
};
extern const struct vm_backend vm_backend_qemu;
extern const struct vm_backend vm_backend_kvm;

struct vm {
	const struct vm_backend *ops;
	void *machine;
	struct vm_memory memory; /* filled in by the back end's create() */
};

/* ---- initramfs (cpio.c, elf_deps.c) ---- */

/* One file of the archive, with everything decided. */
struct vm_cpio_file {
	char *guest_path; /* absolute, normalised */
	char *host_path; /* NULL: data */
	const void *data; /* borrowed */
	size_t len;
	unsigned mode;
	char sha256[65]; /* of the contents; "" when not hashed */
};
struct vm_cpio_list {
	struct vm_cpio_file *v;
	size_t nr;
	size_t cap;
};
void vm_cpio_list_done(struct vm_cpio_list *l);
static inline void kt_cleanup_cpio_list(struct vm_cpio_list *l)
{
	vm_cpio_list_done(l);
}
struct vm_cpio_file *vm_cpio_find(const struct vm_cpio_list *l, const char *guest_path);
/* Copies both paths. -EEXIST (no text) when the guest path is there already. */
int vm_cpio_add(struct vm_cpio_list *l, const char *guest_path, const char *host_path,
		const void *data, size_t len, unsigned mode);
/*
 * Write the archive, directories first made; the same list gives the same bytes. Contents are
 * compared with sha256.
 */
int vm_cpio_write_fd(const struct vm_cpio_list *l, int fd, struct kt_err *e);
int vm_cpio_write_buf(const struct vm_cpio_list *l, struct kt_buf *ret, struct kt_err *e);

/*
 * Add the interpreter and all libraries that the ELF file @host_path, seen as @guest_path in the
 * guest, needs.
 */
int vm_elf_closure(const char *host_path, const char *guest_path, struct vm_cpio_list *l,
		   struct kt_err *e);

#endif
