/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A vmlinux without DWARF: a tenth of the size, with everything that decoding a guest's memory
 * needs.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-cache/internal.h"

enum { STEP_BYTES = 1 << 20, ALIGN = 8 };

struct strip {
	const char *from, *to;
	int in, out;
	uint64_t in_bytes;
	uint64_t end; /* of what is written so far */
	Elf64_Ehdr eh;
	Elf64_Shdr *sh;
	char *names;
	uint64_t names_bytes;
	struct kt_err *e;
};

static int bad(const struct strip *s, const char *what)
{
	return kt_fail(s->e, KT_E_KERNEL, EBADMSG, "'%s' is no vmlinux that can be read: %s",
		       s->from, what);
}

static int read_at(const struct strip *s, void *buf, uint64_t len, uint64_t offset)
{
	uint64_t done = 0;

	while (done < len) {
		ssize_t n = pread(s->in, (char *)buf + done, len - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return kt_fail(s->e, KT_E_HOST, errno, "read '%s'", s->from);
		if (n == 0)
			return bad(s, "it is cut");
		done += (uint64_t)n;
	}
	return 0;
}

static int write_end(struct strip *s, const void *buf, uint64_t len)
{
	int r = kt_write_all(s->out, buf, len);

	if (r < 0)
		return kt_fail(s->e, KT_E_HOST, -r, "write '%s' (%llu bytes)", s->to,
			       (unsigned long long)s->end);
	s->end += len;
	return 0;
}

static int copy_range(struct strip *s, uint64_t offset, uint64_t len)
{
	kt_auto(mem) char *step = malloc(STEP_BYTES);

	if (!step)
		return kt_fail(s->e, KT_E_HOST, ENOMEM, "copy '%s'", s->from);
	while (len) {
		uint64_t part = len < STEP_BYTES ? len : STEP_BYTES;
		int r = read_at(s, step, part, offset);

		if (r == 0)
			r = write_end(s, step, part);
		if (r < 0)
			return r;
		offset += part;
		len -= part;
	}
	return 0;
}

static int pad(struct strip *s)
{
	static const char zeros[ALIGN];

	return write_end(s, zeros, (ALIGN - s->end % ALIGN) % ALIGN);
}

static bool in_file(const struct strip *s, uint64_t offset, uint64_t len)
{
	uint64_t end;

	return !__builtin_add_overflow(offset, len, &end) && end <= s->in_bytes;
}

static int read_headers(struct strip *s)
{
	const Elf64_Shdr *names;
	int r;

	if (s->in_bytes < sizeof(s->eh))
		return bad(s, "it is cut");
	r = read_at(s, &s->eh, sizeof(s->eh), 0);
	if (r < 0)
		return r;
	if (memcmp(s->eh.e_ident, ELFMAG, SELFMAG) != 0 || s->eh.e_ident[EI_CLASS] != ELFCLASS64 ||
	    s->eh.e_ident[EI_DATA] != ELFDATA2LSB)
		return bad(s, "not a 64-bit little-endian ELF file");
	if (!s->eh.e_shnum || s->eh.e_shentsize != sizeof(Elf64_Shdr) ||
	    s->eh.e_shstrndx >= s->eh.e_shnum ||
	    !in_file(s, s->eh.e_shoff, (uint64_t)s->eh.e_shnum * sizeof(Elf64_Shdr)))
		return bad(s, "no section headers");
	s->sh = calloc(s->eh.e_shnum, sizeof(Elf64_Shdr));
	if (!s->sh)
		return kt_fail(s->e, KT_E_HOST, ENOMEM, "read '%s'", s->from);
	r = read_at(s, s->sh, s->eh.e_shnum * sizeof(Elf64_Shdr), s->eh.e_shoff);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < s->eh.e_shnum; i++) {
		if (s->sh[i].sh_type != SHT_NOBITS &&
		    !in_file(s, s->sh[i].sh_offset, s->sh[i].sh_size))
			return bad(s, "a section outside the file");
	}
	names = &s->sh[s->eh.e_shstrndx];
	s->names = malloc(names->sh_size + 1);
	if (!s->names)
		return kt_fail(s->e, KT_E_HOST, ENOMEM, "read '%s'", s->from);
	s->names_bytes = names->sh_size;
	s->names[names->sh_size] = '\0';
	return read_at(s, s->names, names->sh_size, names->sh_offset);
}

static bool is_dropped(const struct strip *s, const Elf64_Shdr *sh)
{
	const char *name = sh->sh_name < s->names_bytes ? s->names + sh->sh_name : "";

	if (sh->sh_flags & SHF_ALLOC || sh->sh_type == SHT_NULL)
		return false;
	return kt_starts_with(name, ".debug") || kt_starts_with(name, ".zdebug") ||
	       kt_starts_with(name, ".rela.") || kt_starts_with(name, ".gdb_index");
}

/*
 * Up to here the file is copied as it is, so that whatever the program headers point to stays in
 * place.
 */
static int loaded_end(const struct strip *s, uint64_t *ret)
{
	uint64_t end = sizeof(s->eh);

	if (s->eh.e_phnum) {
		if (s->eh.e_phentsize != sizeof(Elf64_Phdr) ||
		    !in_file(s, s->eh.e_phoff, (uint64_t)s->eh.e_phnum * sizeof(Elf64_Phdr)))
			return bad(s, "program headers outside the file");
		end = s->eh.e_phoff + (uint64_t)s->eh.e_phnum * sizeof(Elf64_Phdr);
	}
	for (unsigned i = 0; i < s->eh.e_phnum; i++) {
		Elf64_Phdr ph;
		int r = read_at(s, &ph, sizeof(ph), s->eh.e_phoff + i * sizeof(ph));

		if (r < 0)
			return r;
		if (!in_file(s, ph.p_offset, ph.p_filesz))
			return bad(s, "a segment outside the file");
		if (ph.p_offset + ph.p_filesz > end)
			end = ph.p_offset + ph.p_filesz;
	}
	for (unsigned i = 0; i < s->eh.e_shnum; i++) {
		const Elf64_Shdr *sh = &s->sh[i];

		if (sh->sh_flags & SHF_ALLOC && sh->sh_type != SHT_NOBITS &&
		    sh->sh_offset + sh->sh_size > end)
			end = sh->sh_offset + sh->sh_size;
	}
	*ret = end;
	return 0;
}

/*
 * Dropped sections keep their header, as SHT_NULL: section numbers, which symbols and links use,
 * stay what they are.
 */
static int write_sections(struct strip *s, uint64_t loaded)
{
	for (unsigned i = 0; i < s->eh.e_shnum; i++) {
		Elf64_Shdr *sh = &s->sh[i];
		uint64_t from = sh->sh_offset;
		int r;

		if (is_dropped(s, sh)) {
			*sh = (Elf64_Shdr){ 0 };
			continue;
		}
		if (sh->sh_type == SHT_NOBITS || sh->sh_type == SHT_NULL ||
		    from + sh->sh_size <= loaded)
			continue;
		r = pad(s);
		sh->sh_offset = s->end;
		if (r == 0)
			r = copy_range(s, from, sh->sh_size);
		if (r < 0)
			return r;
	}
	return 0;
}

static int write_all(struct strip *s)
{
	uint64_t loaded = 0;
	int r = loaded_end(s, &loaded);

	if (r == 0)
		r = copy_range(s, 0, loaded);
	if (r == 0)
		r = write_sections(s, loaded);
	if (r == 0)
		r = pad(s);
	s->eh.e_shoff = s->end;
	if (r == 0)
		r = write_end(s, s->sh, s->eh.e_shnum * sizeof(Elf64_Shdr));
	if (r == 0 && pwrite(s->out, &s->eh, sizeof(s->eh), 0) != sizeof(s->eh))
		r = kt_fail(s->e, KT_E_HOST, errno, "write '%s'", s->to);
	return r;
}

int kc_strip_vmlinux(const char *from, const char *to, struct kt_err *e)
{
	struct strip s = { .from = from, .to = to, .out = -1, .e = e };
	struct stat st;
	int r;

	s.in = open(from, O_RDONLY | O_CLOEXEC);
	if (s.in < 0 || fstat(s.in, &st) < 0) {
		r = kt_fail(e, KT_E_HOST, errno, "open '%s'", from);
	} else {
		s.in_bytes = (uint64_t)st.st_size;
		s.out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		r = s.out < 0 ? kt_fail(e, KT_E_HOST, errno, "create '%s'", to) : read_headers(&s);
	}
	if (r == 0)
		r = write_all(&s);
	kt_cleanup_fd(&s.in);
	kt_cleanup_fd(&s.out);
	free(s.sh);
	free(s.names);
	return r;
}
