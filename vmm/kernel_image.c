/* SPDX-License-Identifier: GPL-2.0-only */
/* What a kernel file is, and how much guest memory it takes. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/internal.h"

/* Documentation/arch/x86/boot.rst: offsets into the setup header of a bzImage. */
enum {
	SETUP_MAGIC = 0x202,
	SETUP_VERSION = 0x206,
	SETUP_PREF_ADDRESS = 0x258,
	SETUP_INIT_SIZE = 0x260,
	SETUP_BYTES = 0x264,
	SETUP_PROTOCOL_MIN = 0x20a, /* 2.10: has init_size */
};
/* The note that gives the PVH entry point (xen/include/public/elfnote.h). */
enum { PHYS32_ENTRY = 18, SEGMENTS_MAX = 256, NOTES_MAX = 1024 };
/* A packed kernel is loaded here and unpacks itself upwards from its preferred address. */
#define BZIMAGE_GPA VM_MIB

static int probe_bzimage(const char *path, const uint8_t *head, uint64_t file_bytes,
			 struct vm_kernel *ret, struct kt_err *e)
{
	uint64_t pref, end;
	uint32_t init_size;
	uint16_t version;

	memcpy(&version, head + SETUP_VERSION, sizeof(version));
	memcpy(&pref, head + SETUP_PREF_ADDRESS, sizeof(pref));
	memcpy(&init_size, head + SETUP_INIT_SIZE, sizeof(init_size));
	if (version < SETUP_PROTOCOL_MIN)
		return kt_fail(e, KT_E_KERNEL, EINVAL,
			       "'%s' is a kernel with boot protocol %u.%u, need 2.10", path,
			       version >> 8, version & 0xff);
	if (pref > VM_GIB || init_size == 0)
		return kt_fail(e, KT_E_KERNEL, EINVAL, "'%s' has a damaged setup header", path);
	end = pref + init_size;
	if (end < BZIMAGE_GPA + file_bytes)
		end = BZIMAGE_GPA + file_bytes;
	*ret = (struct vm_kernel){ .end = end };
	return 0;
}

/* 32 bits by the interface; a 64-bit kernel has 64. */
static bool take_entry(const char *desc, size_t len, uint64_t *ret)
{
	*ret = 0;
	if (len != sizeof(uint32_t) && len != sizeof(uint64_t))
		return false;
	memcpy(ret, desc, len);
	return true;
}

static bool find_pvh_entry(Elf *elf, const GElf_Phdr *ph, uint64_t *ret)
{
	Elf_Data *data = elf_getdata_rawchunk(elf, (int64_t)ph->p_offset, ph->p_filesz,
					      ph->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
	size_t at = 0, name, desc;
	GElf_Nhdr note;

	if (!data)
		return false;
	for (unsigned i = 0; i < NOTES_MAX; i++) {
		at = gelf_getnote(data, at, &note, &name, &desc);
		if (at == 0)
			return false;
		if (note.n_type == PHYS32_ENTRY && note.n_namesz == sizeof("Xen") &&
		    memcmp((const char *)data->d_buf + name, "Xen", sizeof("Xen")) == 0)
			return take_entry((const char *)data->d_buf + desc, note.n_descsz, ret);
	}
	return false;
}

static int probe_elf(const char *path, int fd, struct vm_kernel *ret, struct kt_err *e)
{
	struct vm_kernel k = { .elf = true };
	size_t nr = 0;
	Elf *elf;

	(void)elf_version(EV_CURRENT); /* cannot fail for the version that we were compiled with */
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf || elf_getphdrnum(elf, &nr) < 0 || nr > SEGMENTS_MAX)
		nr = 0;
	for (size_t i = 0; i < nr; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(elf, (int)i, &ph))
			continue;
		if (ph.p_type == PT_LOAD && ph.p_paddr <= VM_GIB && ph.p_memsz <= VM_GIB &&
		    k.end < ph.p_paddr + ph.p_memsz)
			k.end = ph.p_paddr + ph.p_memsz;
		if (ph.p_type == PT_NOTE && !k.pvh)
			k.pvh = find_pvh_entry(elf, &ph, &k.pvh_entry);
	}
	elf_end(elf);
	if (k.end == 0)
		return kt_fail(e, KT_E_KERNEL, EINVAL,
			       "'%s' is not a kernel: nothing in it is to be loaded", path);
	*ret = k;
	return 0;
}

int vm_kernel_probe(const char *path, struct vm_kernel *ret, struct kt_err *e)
{
	kt_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t head[SETUP_BYTES];
	off_t size;
	ssize_t n;

	if (fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "open kernel '%s'", path);
	size = lseek(fd, 0, SEEK_END);
	n = pread(fd, head, sizeof(head), 0);
	if (size < 0 || n < 0)
		return kt_fail(e, KT_E_HOST, errno, "read kernel '%s'", path);
	if (n >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0)
		return probe_elf(path, fd, ret, e);
	if (n == (ssize_t)sizeof(head) && memcmp(head + SETUP_MAGIC, "HdrS", 4) == 0)
		return probe_bzimage(path, head, (uint64_t)size, ret, e);
	return kt_fail(e, KT_E_KERNEL, EINVAL, "'%s' is neither a bzImage nor an ELF vmlinux",
		       path);
}

/*
 * The uncompressed kernel where it has a PVH entry: it needs no unpacking, which under emulation
 * takes longer than all of the host's work (7.3 cloud kernel, 4 vCPUs: bzImage 4.2 s, vmlinux 3.2 s
 * to init and off).
 */
int vm_kernel_choose(const struct vm_config *c, struct vm_kernel *ret, char **ret_path,
		     struct kt_err *e)
{
	struct vm_kernel k = { 0 };
	const char *path = c->kernel;
	int r;

	if (c->vmlinux) {
		r = vm_kernel_probe(c->vmlinux, &k, e);
		if (r < 0)
			return r;
	}
	if (k.pvh) {
		path = c->vmlinux;
	} else {
		r = vm_kernel_probe(c->kernel, &k, e);
		if (r < 0)
			return r;
		if (k.elf && !k.pvh)
			return kt_fail(
				e, KT_E_KERNEL, ENOTSUP,
				"'%s' is an uncompressed kernel without a PVH entry (CONFIG_PVH): give its bzImage",
				path);
	}
	*ret_path = realpath(path, NULL);
	if (!*ret_path)
		return kt_fail(e, KT_E_HOST, errno, "resolve '%s'", path);
	*ret = k;
	return 0;
}
