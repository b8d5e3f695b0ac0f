/* SPDX-License-Identifier: GPL-2.0-only */
/* Where things are in one kernel, by name. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/parse.h"
#include "capture/memory.h"

enum {
	SYMBOLS_MAX = 1 << 20, /* a whole kernel has some 200 000 */
	NAME_BYTES_MAX = 512, /* KSYM_NAME_LEN (include/linux/kallsyms.h, 6.12) */
	SLOTS_MIN = 256,
};

struct cap_symbols {
	KT_VEC(const char *) name; /* owned */
	KT_VEC(uint64_t) addr;
	uint32_t *slot; /* index plus 1; 0: free */
	uint32_t nr_slots; /* a power of two */
	uint64_t seed;
};

int cap_symbols_create(struct cap_symbols **ret, struct kt_err *e)
{
	struct cap_symbols *s = calloc(1, sizeof(*s));

	if (!s)
		return kt_fail(e, KT_E_HOST, ENOMEM, "make a list of symbols");
	s->seed = cap_hash_seed(s);
	*ret = s;
	return 0;
}

void cap_symbols_free(struct cap_symbols *s)
{
	if (!s)
		return;
	for (size_t n = 0; n < s->name.nr; n++)
		free((char *)s->name.v[n]);
	free(s->name.v);
	free(s->addr.v);
	free(s->slot);
	free(s);
}

uint64_t cap_hash_seed(const void *without)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0)
		seed = (uintptr_t)without;
	return seed;
}

/* Both halves of the product: whoever does not know the seed cannot let one difference undo another. */
static uint64_t folded(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint32_t cap_hash_name(uint64_t seed, const char *name)
{
	const uint64_t secret = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
	uint64_t h = seed, word;
	size_t len = strlen(name);

	for (size_t at = 0; at < len; at += sizeof(word)) {
		word = 0;
		memcpy(&word, name + at, len - at < sizeof(word) ? len - at : sizeof(word));
		h = folded(h ^ word, secret) + seed;
	}
	return (uint32_t)folded(h ^ len, secret);
}

/* The slots are more than half free. */
static uint32_t *slot_of(const struct cap_symbols *s, const char *name)
{
	for (uint64_t n = cap_hash_name(s->seed, name);; n++) {
		uint32_t *slot = &s->slot[n & (s->nr_slots - 1)];

		if (!*slot || kt_streq(s->name.v[*slot - 1], name))
			return slot;
	}
}

static int grow(struct cap_symbols *s)
{
	uint32_t *old = s->slot, nr = s->nr_slots ? s->nr_slots * 2 : SLOTS_MIN;
	uint32_t *slot = calloc(nr, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	s->slot = slot;
	s->nr_slots = nr;
	for (uint32_t n = 0; n < s->name.nr; n++)
		*slot_of(s, s->name.v[n]) = n + 1;
	free(old);
	return 0;
}

int cap_symbols_add(struct cap_symbols *s, const char *name, uint64_t addr)
{
	uint32_t *slot;
	char *copy;

	if (s->name.nr >= SYMBOLS_MAX)
		return -ENOSPC;
	if (s->name.nr * 2 >= s->nr_slots && grow(s) < 0)
		return -ENOMEM;
	slot = slot_of(s, name);
	if (*slot)
		return 0;
	copy = strdup(name);
	if (!copy ||
	    kt_vec_reserve((void **)&s->addr.v, &s->addr.cap, s->addr.nr + 1, sizeof(*s->addr.v)) <
		    0 ||
	    KT_VEC_PUSH(&s->name, copy) < 0) {
		free(copy);
		return -ENOMEM;
	}
	s->addr.v[s->addr.nr++] = addr;
	*slot = (uint32_t)s->name.nr;
	return 0;
}

bool cap_symbols_find(const struct cap_symbols *s, const char *name, uint64_t *ret)
{
	const uint32_t *slot = s->nr_slots ? slot_of(s, name) : NULL;

	if (!slot || !*slot)
		return false;
	*ret = s->addr.v[*slot - 1];
	return true;
}

size_t cap_symbols_list(const struct cap_symbols *s, const char *const **ret_names,
			const uint64_t **ret_addrs)
{
	*ret_names = s->name.v;
	*ret_addrs = s->addr.v;
	return s->name.nr;
}

/* ---- from the guest ---- */

static bool is_name(const char *s, size_t len)
{
	if (len == 0 || len >= NAME_BYTES_MAX)
		return false;
	for (size_t n = 0; n < len; n++) {
		if (s[n] <= ' ' || s[n] > '~')
			return false;
	}
	return true;
}

/* "hex name" of @len bytes. */
static bool take_line(struct cap_symbols *s, const char *line, size_t len)
{
	char name[NAME_BYTES_MAX];
	uint64_t addr = 0;
	size_t n = 0;

	for (; n < len && n < 2 * sizeof(addr) && kt_hex_digit(line[n]) >= 0; n++)
		addr = addr << 4 | (unsigned)kt_hex_digit(line[n]);
	if (n == 0 || n == len || line[n] != ' ' || !is_name(line + n + 1, len - n - 1))
		return false;
	memcpy(name, line + n + 1, len - n - 1);
	name[len - n - 1] = '\0';
	return cap_symbols_add(s, name, addr) == 0;
}

size_t cap_symbols_add_text(struct cap_symbols *s, const char *text, size_t len)
{
	size_t taken = 0;

	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : 0;

		if (!end)
			break;
		taken += take_line(s, text, n);
		text += n + 1;
		len -= n + 1;
	}
	return taken;
}

/* ---- from an ELF file ---- */

static void end_elf(Elf *elf)
{
	(void)elf_end(elf); /* the number of users left, of which there are none */
}
KT_DEFINE_AUTO(elf, Elf *, end_elf);

/* What is wanted of a file. */
struct wanted {
	struct cap_symbols *s;
	uint64_t slide;
	bool all; /* else those that a capture asks for */
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, *(const char *const *)b);
}

static bool is_asked_for(const char *name)
{
	const char *const *names = cap_symbol_names();
	size_t nr = 0;

	while (names[nr])
		nr++;
	return bsearch(name, names, nr, sizeof(*names), compare_names);
}

/* Per-CPU symbols are offsets in kernels before 6.15, and do not move. */
static uint64_t moved(uint64_t addr, uint64_t slide)
{
	return addr >= CAP_KERNEL_MAP ? addr + slide : addr;
}

static int add_symbol(const struct wanted *w, Elf *elf, size_t strings, const GElf_Sym *sym)
{
	const char *name = elf_strptr(elf, strings, sym->st_name);
	unsigned type = GELF_ST_TYPE(sym->st_info);

	if (!name || !is_name(name, strnlen(name, NAME_BYTES_MAX)) || sym->st_shndx == SHN_UNDEF ||
	    type == STT_SECTION || type == STT_FILE || (!w->all && !is_asked_for(name)))
		return 0;
	return cap_symbols_add(w->s, name, moved(sym->st_value, w->slide));
}

static int add_table(const struct wanted *w, Elf *elf, Elf_Scn *scn, const GElf_Shdr *sh)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t nr = data && sh->sh_entsize ? data->d_size / sh->sh_entsize : 0;
	GElf_Sym sym;
	int r = 0;

	for (size_t n = 0; r == 0 && n < nr && n <= INT_MAX; n++) {
		if (gelf_getsym(data, (int)n, &sym))
			r = add_symbol(w, elf, sh->sh_link, &sym);
	}
	return r;
}

/* -ENOENT: there is none. */
static int add_tables(const struct wanted *w, Elf *elf)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;
	int r = -ENOENT;

	while ((scn = elf_nextscn(elf, scn))) {
		if (!gelf_getshdr(scn, &sh) || sh.sh_type != SHT_SYMTAB)
			continue;
		r = add_table(w, elf, scn, &sh);
		if (r < 0)
			break;
	}
	return r;
}

static int add_file(const struct wanted *w, const char *path, struct kt_err *e)
{
	kt_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	kt_auto(elf) Elf *elf = NULL;
	int r;

	if (fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "open '%s'", path);
	(void)elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF)
		return kt_fail(e, KT_E_KERNEL, 0, "'%s' is no ELF file", path);
	r = add_tables(w, elf);
	if (r == -ENOENT)
		return kt_fail(e, KT_E_KERNEL, ENOENT, "'%s' has no symbol table", path);
	if (r < 0)
		return kt_fail(e, KT_E_HOST, -r, "read the symbols of '%s'", path);
	return 0;
}

int cap_symbols_add_elf(struct cap_symbols *s, const char *path, uint64_t slide, struct kt_err *e)
{
	return add_file(&(struct wanted){ .s = s, .slide = slide, .all = true }, path, e);
}

int cap_symbols_add_linked(struct cap_symbols *s, const char *path, struct kt_err *e)
{
	return add_file(&(struct wanted){ .s = s }, path, e);
}

size_t cap_symbols_add_moved(struct cap_symbols *s, const struct cap_symbols *linked, uint64_t text)
{
	size_t before = s->name.nr;
	uint64_t from;

	if (!cap_symbols_find(linked, "_text", &from))
		return 0;
	for (size_t n = 0; n < linked->name.nr; n++) {
		if (cap_symbols_add(s, linked->name.v[n], moved(linked->addr.v[n], text - from)) <
		    0)
			break;
	}
	return s->name.nr - before;
}
