/* SPDX-License-Identifier: GPL-2.0-only */
/* Which shared libraries a program needs, found as its loader would find them. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "vmm/internal.h"

enum { LIBRARIES_MAX = 512, DYNAMIC_MAX = 4096, CONF_DEPTH_MAX = 8, CONF_BYTES_MAX = 1 << 20 };

/* Where loaders look without being told: Debian's multiarch places, then what others have. */
static const char *const default_dirs[] = {
	"/lib/x86_64-linux-gnu",
	"/usr/lib/x86_64-linux-gnu",
	"/lib64",
	"/usr/lib64",
	"/lib",
	"/usr/lib",
};
enum { NR_DEFAULT_DIRS = sizeof(default_dirs) / sizeof(default_dirs[0]) };

/* One program or library: what its headers say. */
struct object {
	char *host_path, *guest_path;
	char *interp, *rpath, *runpath; /* NULL: none; rpath only counts without runpath */
	struct kt_strv needed;
	size_t loader; /* who needed it first, an index; SIZE_MAX: the program itself */
	unsigned machine, class;
};
struct closure {
	KT_VEC(struct object) objects;
	struct kt_strv conf_dirs; /* of ld.so.conf */
	bool conf_read;
	struct vm_cpio_list *list;
};

static void object_done(struct object *o)
{
	free(o->host_path);
	free(o->guest_path);
	free(o->interp);
	free(o->rpath);
	free(o->runpath);
	kt_strv_done(&o->needed);
}

static void closure_done(struct closure *c)
{
	for (size_t i = 0; i < c->objects.nr; i++)
		object_done(&c->objects.v[i]);
	free(c->objects.v);
	kt_strv_done(&c->conf_dirs);
}

/* ---- headers ---- */

/* File offset of virtual address @addr. */
static bool file_offset(Elf *elf, size_t nr_phdr, uint64_t addr, int64_t *ret)
{
	GElf_Phdr ph;

	for (size_t i = 0; i < nr_phdr; i++) {
		if (gelf_getphdr(elf, (int)i, &ph) && ph.p_type == PT_LOAD && addr >= ph.p_vaddr &&
		    addr - ph.p_vaddr < ph.p_filesz) {
			*ret = (int64_t)(ph.p_offset + (addr - ph.p_vaddr));
			return true;
		}
	}
	return false;
}

/*
 * The string at @index of the dynamic string table [table, table + bytes), new memory; NULL:
 * damaged.
 */
static char *dynamic_string(Elf *elf, int64_t table, uint64_t bytes, uint64_t index)
{
	const Elf_Data *data = elf_getdata_rawchunk(elf, table, bytes, ELF_T_BYTE);
	const char *s;

	if (!data || index >= data->d_size)
		return NULL;
	s = (const char *)data->d_buf + index;
	return memchr(s, '\0', data->d_size - index) ? strdup(s) : NULL;
}

struct dynamic {
	uint64_t strtab, strsz;
	int64_t strtab_offset;
};

/* One entry that names something. Returns false when the name is damaged. */
static bool take_dynamic(Elf *elf, const struct dynamic *d, const GElf_Dyn *dyn, struct object *o)
{
	kt_auto(mem) char *s = NULL;
	char **to = NULL;

	if (dyn->d_tag == DT_RPATH)
		to = &o->rpath;
	else if (dyn->d_tag == DT_RUNPATH)
		to = &o->runpath;
	else if (dyn->d_tag != DT_NEEDED)
		return true;
	s = dynamic_string(elf, d->strtab_offset, d->strsz, dyn->d_un.d_val);
	if (!s)
		return false;
	if (!to)
		return kt_strv_add(&o->needed, s) == 0;
	free(*to);
	*to = kt_take(s);
	return true;
}

static bool read_dynamic(Elf *elf, size_t nr_phdr, const GElf_Phdr *ph, struct object *o)
{
	Elf_Data *data = elf_getdata_rawchunk(elf, (int64_t)ph->p_offset, ph->p_filesz, ELF_T_DYN);
	struct dynamic d = { 0 };
	GElf_Dyn dyn;

	for (int i = 0;
	     data && i < DYNAMIC_MAX && gelf_getdyn(data, i, &dyn) && dyn.d_tag != DT_NULL; i++) {
		if (dyn.d_tag == DT_STRTAB)
			d.strtab = dyn.d_un.d_ptr;
		else if (dyn.d_tag == DT_STRSZ)
			d.strsz = dyn.d_un.d_val;
	}
	if (!data || !file_offset(elf, nr_phdr, d.strtab, &d.strtab_offset))
		return false;
	for (int i = 0; i < DYNAMIC_MAX && gelf_getdyn(data, i, &dyn) && dyn.d_tag != DT_NULL;
	     i++) {
		if (!take_dynamic(elf, &d, &dyn, o))
			return false;
	}
	return true;
}

static bool read_segments(Elf *elf, struct object *o)
{
	GElf_Ehdr eh;
	GElf_Phdr ph;
	size_t nr;

	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &eh) || elf_getphdrnum(elf, &nr) < 0)
		return false;
	o->machine = eh.e_machine;
	o->class = eh.e_ident[EI_CLASS];
	for (size_t i = 0; i < nr; i++) {
		if (!gelf_getphdr(elf, (int)i, &ph))
			return false;
		if (ph.p_type == PT_INTERP && !o->interp) {
			o->interp = dynamic_string(elf, (int64_t)ph.p_offset, ph.p_filesz, 0);
			if (!o->interp)
				return false;
		}
		if (ph.p_type == PT_DYNAMIC && !read_dynamic(elf, nr, &ph, o))
			return false;
	}
	return true;
}

/* -ENOEXEC (no text): no ELF file, or a damaged one. -errno of open otherwise. Leaf. */
static int read_object(const char *path, struct object *o)
{
	kt_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok;
	Elf *elf;

	if (fd < 0)
		return -errno;
	(void)elf_version(EV_CURRENT); /* cannot fail for the version that we were compiled with */
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	ok = elf && read_segments(elf, o);
	elf_end(elf);
	return ok ? 0 : -ENOEXEC;
}

/* ---- /etc/ld.so.conf ---- */

static int read_conf(const char *path, unsigned depth, struct kt_strv *dirs);

static int include_conf(const char *pattern, unsigned depth, struct kt_strv *dirs)
{
	glob_t g;
	int r = 0;

	if (glob(pattern, 0, NULL, &g) != 0)
		return 0; /* an include of nothing is usual */
	for (size_t i = 0; i < g.gl_pathc && r == 0; i++)
		r = read_conf(g.gl_pathv[i], depth + 1, dirs);
	globfree(&g);
	return r;
}

static int conf_line(char *line, unsigned depth, struct kt_strv *dirs)
{
	size_t n;

	line[strcspn(line, "#")] = '\0';
	line += strspn(line, " \t");
	n = strlen(line);
	while (n && strchr(" \t\r", line[n - 1]))
		line[--n] = '\0';
	if (kt_starts_with(line, "include") && strchr(" \t", line[strlen("include")]))
		return include_conf(line + strlen("include") +
					    strspn(line + strlen("include"), " \t"),
				    depth, dirs);
	return *line == '/' ? kt_strv_add(dirs, line) : 0;
}

/* A missing or unreadable file is no error: then there is no such directory. */
static int read_conf(const char *path, unsigned depth, struct kt_strv *dirs)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	char *save = NULL;
	int r = 0;

	if (depth > CONF_DEPTH_MAX || kt_file_read(path, CONF_BYTES_MAX, &b, NULL) < 0 || !b.data)
		return 0;
	for (char *line = strtok_r(b.data, "\n", &save); line && r == 0;
	     line = strtok_r(NULL, "\n", &save))
		r = conf_line(line, depth, dirs);
	return r;
}

/* ---- searching ---- */

static bool is_default_dir(const char *dir)
{
	for (size_t i = 0; i < NR_DEFAULT_DIRS; i++) {
		if (kt_streq(default_dirs[i], dir))
			return true;
	}
	return false;
}

/* The default directory that this host's loader knows: the first that exists. */
static const char *main_default_dir(void)
{
	for (size_t i = 0; i < NR_DEFAULT_DIRS; i++) {
		if (access(default_dirs[i], X_OK) == 0)
			return default_dirs[i];
	}
	return default_dirs[0];
}

/* The same library may be there for another machine; a loader passes that over. */
static bool usable(const char *path, const struct object *for_whom)
{
	struct object o = { 0 };
	bool ok = read_object(path, &o) == 0 && o.machine == for_whom->machine &&
		  o.class == for_whom->class;

	object_done(&o);
	return ok;
}

/* What was found and where the guest is to see it. */
struct found {
	char *host, *guest;
};

static int try_at(char *host, char *guest, const struct object *o, struct found *ret)
{
	if (!host || !guest) {
		free(host);
		free(guest);
		return -ENOMEM;
	}
	if (!usable(host, o)) {
		free(host);
		free(guest);
		return 0;
	}
	*ret = (struct found){ .host = host, .guest = guest };
	return 1;
}

/* @word, with $ORIGIN (or ${ORIGIN}) as the directory of @path. */
static char *expand(const char *word, size_t len, const char *path)
{
	static const char *const names[] = { "${ORIGIN}", "$ORIGIN" };
	const char *slash = strrchr(path, '/');
	struct kt_buf b = { 0 };

	for (size_t i = 0; i < len;) {
		size_t skip = 0;

		for (size_t n = 0; n < 2 && !skip; n++) {
			if (len - i >= strlen(names[n]) &&
			    strncmp(word + i, names[n], strlen(names[n])) == 0)
				skip = strlen(names[n]);
		}
		if (skip)
			kt_buf_add(&b, path, slash ? (size_t)(slash - path) : 0);
		else
			kt_buf_addc(&b, word[i]);
		i += skip ? skip : 1;
	}
	kt_buf_adds(&b, "");
	return kt_buf_take(&b);
}

/* Directories of a colon list, relative to @owner where they say so. 1: found, 0: not, -errno. */
static int search_list(const char *list, const struct object *owner, const char *name,
		       const struct object *o, struct found *ret)
{
	int r = 0;

	while (list && *list && r == 0) {
		size_t n = strcspn(list, ":");
		kt_auto(mem) char *host = expand(list, n, owner->host_path);
		kt_auto(mem) char *guest = expand(list, n, owner->guest_path);

		if (!host || !guest)
			return -ENOMEM;
		if (*host == '/')
			r = try_at(kt_fmt("%s/%s", host, name), kt_fmt("%s/%s", guest, name), o,
				   ret);
		list += n + (list[n] == ':');
	}
	return r;
}

/*
 * The guest has no ld.so.cache, so a library from a directory that only ld.so.conf names goes where
 * the guest's loader looks anyway.
 */
static int search_system(struct closure *c, const char *name, const struct object *o,
			 struct found *ret)
{
	int r = 0;

	if (!c->conf_read) {
		r = read_conf("/etc/ld.so.conf", 0, &c->conf_dirs);
		c->conf_read = true;
	}
	for (size_t i = 0; i < c->conf_dirs.nr && r == 0; i++) {
		const char *dir = c->conf_dirs.v[i];

		r = try_at(kt_fmt("%s/%s", dir, name),
			   kt_fmt("%s/%s", is_default_dir(dir) ? dir : main_default_dir(), name), o,
			   ret);
	}
	for (size_t i = 0; i < NR_DEFAULT_DIRS && r == 0; i++)
		r = try_at(kt_fmt("%s/%s", default_dirs[i], name),
			   kt_fmt("%s/%s", default_dirs[i], name), o, ret);
	return r;
}

/*
 * As ld.so(8): RPATH of the object and of those that loaded it, RUNPATH of the object, the system.
 */
static int search(struct closure *c, size_t who, const char *name, struct found *ret)
{
	const struct object *o = &c->objects.v[who];
	int r = 0;

	if (strchr(name, '/'))
		return try_at(expand(name, strlen(name), o->host_path),
			      expand(name, strlen(name), o->guest_path), o, ret);
	if (o->runpath) {
		r = search_list(o->runpath, o, name, o, ret);
	} else {
		for (size_t i = who; i != SIZE_MAX && r == 0; i = c->objects.v[i].loader) {
			if (!c->objects.v[i].runpath)
				r = search_list(c->objects.v[i].rpath, &c->objects.v[i], name, o,
						ret);
		}
	}
	return r ? r : search_system(c, name, o, ret);
}

/* ---- the closure ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/*
 * Put one found file into the list and, unless it is there, among the objects that are still to be
 * looked at.
 */
static int add_object(struct closure *c, const struct found *f, size_t loader, struct kt_err *e)
{
	struct object o = { .loader = loader };
	int r;

	for (size_t i = 0; i < c->objects.nr; i++) {
		if (kt_streq(c->objects.v[i].guest_path, f->guest))
			return 0;
	}
	if (c->objects.nr >= LIBRARIES_MAX)
		return kt_fail(e, KT_E_TOOL, E2BIG, "'%s' needs more than %u libraries",
			       c->objects.v[0].host_path, LIBRARIES_MAX);
	r = read_object(f->host, &o);
	if (r < 0) {
		object_done(&o);
		return r == -ENOEXEC ? kt_fail(e, KT_E_TOOL, ENOEXEC,
					       "'%s' is not an ELF program or library", f->host)
				     : kt_fail(e, KT_E_HOST, -r, "open '%s'", f->host);
	}
	o.host_path = strdup(f->host);
	o.guest_path = strdup(f->guest);
	r = o.host_path && o.guest_path ? KT_VEC_PUSH(&c->objects, o) : -ENOMEM;
	if (r < 0)
		object_done(&o);
	else if (loader != SIZE_MAX)
		r = vm_cpio_add(c->list, f->guest, f->host, NULL, 0, 0755);
	if (r < 0 && r != -EEXIST) /* two programs share most of their libraries */
		return kt_fail(e, KT_E_HOST, -r, "put '%s' into the initramfs", f->host);
	return 0;
}

static int add_needed(struct closure *c, size_t who, const char *name, struct kt_err *e)
{
	struct found f = { 0 };
	int r;

	/* A loader takes one that it has already by that name. */
	for (size_t i = 1; i < c->objects.nr; i++) {
		if (kt_streq(base_name(c->objects.v[i].guest_path), name))
			return 0;
	}
	r = search(c, who, name, &f);
	if (r == 0)
		return kt_fail(e, KT_E_TOOL, ENOENT, "library '%s', needed by '%s', is not found",
			       name, c->objects.v[who].host_path);
	if (r < 0)
		return kt_fail(e, KT_E_HOST, -r, "look for library '%s'", name);
	r = add_object(c, &f, who, e);
	free(f.host);
	free(f.guest);
	return r;
}

static int follow(struct closure *c, struct kt_err *e)
{
	int r = 0;

	for (size_t who = 0; who < c->objects.nr && r == 0; who++) {
		if (c->objects.v[who].interp) {
			char *interp = c->objects.v[who].interp;

			r = add_object(c, &(struct found){ .host = interp, .guest = interp }, who,
				       e);
		}
		/* The array may move: never keep a pointer into it. */
		for (size_t i = 0; i < c->objects.v[who].needed.nr && r == 0; i++)
			r = add_needed(c, who, c->objects.v[who].needed.v[i], e);
	}
	return r;
}

int vm_elf_closure(const char *host_path, const char *guest_path, struct vm_cpio_list *l,
		   struct kt_err *e)
{
	struct closure c = { .list = l };
	kt_auto(mem) char *host = realpath(host_path, NULL); /* $ORIGIN is of the real file */
	kt_auto(mem) char *guest = strdup(guest_path);
	int r;

	if (!host)
		return kt_fail(e, KT_E_HOST, errno, "open '%s'", host_path);
	if (!guest)
		return kt_fail(e, KT_E_HOST, ENOMEM, "look for the libraries of '%s'", host_path);
	r = add_object(&c, &(struct found){ .host = host, .guest = guest }, SIZE_MAX, e);
	if (r == 0)
		r = follow(&c, e);
	closure_done(&c);
	return r;
}
