/* SPDX-License-Identifier: GPL-2.0-only */
/* The Kconfig files of a source tree: which options there are, and what each hangs on. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-cache/kconfig/reader.h"

/* Linux 6.12 has 1 600 files, 10 deep, 6 MB, and 20 000 options. */
enum {
	FILES_MAX = 20000,
	DEPTH_MAX = 64,
	BLOCKS_DEEP_MAX = 64,
	FILE_BYTES_MAX = 8 << 20,
	TREE_BYTES_MAX = 64 << 20,
	SYMBOLS_MAX = 200000,
	STATEMENTS_MAX = 4 << 20,
};

struct kc_sym *kc_sym_get(struct kc_kconfig *k, const char *name, size_t len)
{
	struct kc_sym *s = kc_names_get(&k->syms, name, len);
	void **at;

	if (s)
		return s;
	s = kc_arena_get(&k->arena, sizeof(*s));
	if (!s)
		return NULL;
	s->name = kc_arena_text(&k->arena, name, len);
	at = s->name ? kc_names_put(&k->syms, s->name) : NULL;
	if (!at) {
		k->arena.oom = true;
		return NULL;
	}
	*at = s;
	return s;
}

int kc_kfile_broken(const struct kc_kfile *f, const char *what)
{
	return kt_fail(f->r->e, KT_E_KERNEL, EINVAL, "%s:%u: %s", f->path, f->lex->statement, what);
}

static int on_help(struct kc_kfile *f)
{
	kc_lex_skip_help(f->lex);
	return 0;
}

/* --- entries ------------------------------------------------------------------------------------------ */
static struct kc_block *choice_around(struct kc_block *b)
{
	while (b && b->kind == KC_BLOCK_IF)
		b = b->parent;
	return b && b->kind == KC_BLOCK_CHOICE ? b : NULL;
}

const struct kc_block *kc_choice_of(const struct kc_def *d)
{
	return choice_around(d->parent);
}

static int on_config(struct kc_kfile *f)
{
	struct kc_reader *r = f->r;
	struct kc_def *d = kc_arena_get(&r->k->arena, sizeof(*d));
	struct kc_block *choice;

	if (!d)
		return -ENOMEM;
	if (f->lex->nr < 2 || f->lex->token[1].kind != KC_T_WORD)
		return kc_kfile_broken(f, "the name of an option is missing");
	d->sym = kc_sym_get(r->k, f->lex->token[1].p, f->lex->token[1].len);
	if (!d->sym)
		return -ENOMEM;
	d->parent = r->block;
	d->next = d->sym->defs;
	d->sym->defs = d;
	choice = choice_around(r->block);
	if (choice) {
		d->next_member = choice->members;
		choice->members = d;
	}
	r->entry = (struct kc_entry_head){ .def = d };
	return 0;
}

static int open_block(struct kc_kfile *f, enum kc_block_kind kind)
{
	struct kc_reader *r = f->r;
	struct kc_block *b;

	if (++r->blocks_deep > BLOCKS_DEEP_MAX)
		return kc_kfile_broken(f, "menus and conditions are nested too deep");
	b = kc_arena_get(&r->k->arena, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->kind = kind;
	b->parent = r->block;
	r->block = b;
	r->entry = (struct kc_entry_head){ .block = b };
	return 0;
}

static int on_if(struct kc_kfile *f)
{
	size_t at = 1;
	int r = open_block(f, KC_BLOCK_IF);

	if (r < 0)
		return r;
	f->r->entry = (struct kc_entry_head){ 0 };
	f->r->block->depends = kc_expr_parse(f->r->k, f->lex->token, f->lex->nr, &at);
	return f->r->block->depends ? 0 : kc_kfile_broken(f, "not an expression");
}

static int on_menu(struct kc_kfile *f)
{
	return open_block(f, KC_BLOCK_MENU);
}

static int on_choice(struct kc_kfile *f)
{
	return open_block(f, KC_BLOCK_CHOICE);
}

static int close_block(struct kc_kfile *f, enum kc_block_kind kind)
{
	struct kc_reader *r = f->r;

	if (!r->block || r->block->kind != kind)
		return kc_kfile_broken(f, "ends what was not begun");
	r->block = r->block->parent;
	r->blocks_deep--;
	r->entry = (struct kc_entry_head){ 0 };
	return 0;
}

static int on_endif(struct kc_kfile *f)
{
	return close_block(f, KC_BLOCK_IF);
}

static int on_endmenu(struct kc_kfile *f)
{
	return close_block(f, KC_BLOCK_MENU);
}

static int on_endchoice(struct kc_kfile *f)
{
	return close_block(f, KC_BLOCK_CHOICE);
}

static int on_comment(struct kc_kfile *f)
{
	f->r->entry = (struct kc_entry_head){ 0 };
	return 0;
}

/* --- files ------------------------------------------------------------------------------------------------ */
static int read_named(struct kc_reader *r, const char *path);

/* @what: "source" from the top, "rsource" from beside this file, "osource" may be missing. */
/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX */
static int source(struct kc_kfile *f, bool relative, bool optional)
{
	kt_auto(mem) char *path = NULL, *at = NULL;
	const struct kc_token *t = &f->lex->token[1];
	const char *slash = strrchr(f->path, '/');
	struct stat st;
	int r;

	f->r->entry = (struct kc_entry_head){ 0 };
	if (f->lex->nr < 2 || (t->kind != KC_T_QUOTED && t->kind != KC_T_WORD))
		return f->lex->nr >= 2 && t->kind == KC_T_MACRO ? 0
								: /* named by a program's answer */
			       kc_kfile_broken(f, "the name of a file is missing");
	if (relative && slash)
		path = kt_fmt("%.*s/%.*s", (int)(slash - f->path), f->path, (int)t->len, t->p);
	else
		path = kt_fmt("%.*s", (int)t->len, t->p);
	at = path ? kt_fmt("%s/%s", f->r->src, path) : NULL;
	if (!at)
		return -ENOMEM;
	if (path[0] == '/' || strstr(path, "../"))
		return kc_kfile_broken(f, "a file outside of the source tree");
	if (optional && stat(at, &st) < 0)
		return 0;
	r = read_named(f->r, path);
	return r == -ENOENT
		       ? kt_context(f->r->e, r, "read '%s' for line %u", f->path, f->lex->statement)
		       : r;
}

/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX */
static int on_source(struct kc_kfile *f)
{
	return source(f, false, false);
}

/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX */
static int on_rsource(struct kc_kfile *f)
{
	return source(f, true, false);
}

/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX */
static int on_osource(struct kc_kfile *f)
{
	return source(f, false, true);
}

/* Sorted. What is not here says nothing about dependencies (mainmenu, option, modules, imply, transitional, macros). */
static const struct statement {
	const char *word;
	int (*on)(struct kc_kfile *f);
} statements[] = {
	{ "---help---", on_help },
	{ "bool", kc_on_bool },
	{ "choice", on_choice },
	{ "comment", on_comment },
	{ "config", on_config },
	{ "def_bool", kc_on_def_bool },
	{ "def_tristate", kc_on_def_tristate },
	{ "default", kc_on_default },
	{ "depends", kc_on_depends },
	{ "endchoice", on_endchoice },
	{ "endif", on_endif },
	{ "endmenu", on_endmenu },
	{ "help", on_help },
	{ "hex", kc_on_hex },
	{ "if", on_if },
	{ "int", kc_on_int },
	{ "menu", on_menu },
	{ "menuconfig", on_config },
	{ "osource", on_osource },
	{ "prompt", kc_on_plain_prompt },
	{ "range", kc_on_range },
	{ "rsource", on_rsource },
	{ "select", kc_on_select },
	{ "source", on_source },
	{ "string", kc_on_string },
	{ "tristate", kc_on_tristate },
	{ "visible", kc_on_visible },
};

static int compare_word(const void *key, const void *row)
{
	const struct kc_token *t = key;
	const char *word = ((const struct statement *)row)->word;
	int r = strncmp(t->p, word, t->len);

	return r != 0 ? r : -(word[t->len] != '\0');
}

/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX */
static int read_statements(struct kc_kfile *f)
{
	while (kc_lex_next(f->lex)) {
		const struct kc_token *t = f->lex->token;
		const struct statement *s;
		int r;

		if (f->lex->too_long || ++f->r->statements > STATEMENTS_MAX ||
		    f->r->k->syms.nr > SYMBOLS_MAX)
			return kc_kfile_broken(f, "more than any kernel has");
		s = t->kind != KC_T_WORD
			    ? NULL
			    : bsearch(t, statements, sizeof(statements) / sizeof(statements[0]),
				      sizeof(statements[0]), compare_word);
		r = s ? s->on(f) : 0;
		if (r == -ENOMEM || f->r->k->arena.oom)
			return kt_fail(f->r->e, KT_E_HOST, ENOMEM, "read Kconfig");
		if (r < 0)
			return r;
	}
	return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX */
static int read_text(struct kc_reader *r, const char *path, const struct kt_buf *text)
{
	kt_auto(mem) struct kc_lex *lex = calloc(1, sizeof(*lex));
	struct kc_kfile f = { .r = r, .path = path, .lex = lex };
	const struct kc_block *outer = r->block;
	int ret;

	if (!lex)
		return kt_fail(r->e, KT_E_HOST, ENOMEM, "read Kconfig");
	lex->at = kt_buf_str(text);
	lex->end = lex->at + text->len;
	lex->line = 1;
	lex->arena = &r->k->arena;
	ret = read_statements(&f);
	r->entry = (struct kc_entry_head){ 0 };
	if (ret == 0 && r->block != outer)
		return kt_fail(r->e, KT_E_KERNEL, EINVAL, "%s: ends in the middle of a block",
			       path);
	return ret;
}

/* NOLINTNEXTLINE(misc-no-recursion): DEPTH_MAX */
static int read_named(struct kc_reader *r, const char *path)
{
	kt_auto(mem) char *at = kt_fmt("%s/%s", r->src, path);
	kt_auto(buf) struct kt_buf text = { 0 };
	struct stat st;
	int ret;

	if (!at)
		return kt_fail(r->e, KT_E_HOST, ENOMEM, "read Kconfig");
	if (stat(at, &st) < 0 || !S_ISREG(st.st_mode))
		return kt_fail(r->e, KT_E_KERNEL, ENOENT, "the source tree has no file '%s'", path);
	if (r->depth >= DEPTH_MAX)
		return kt_fail(r->e, KT_E_KERNEL, ELOOP, "'%s' is included %d files deep", path,
			       DEPTH_MAX);
	if (r->files >= FILES_MAX || r->bytes + (size_t)st.st_size > TREE_BYTES_MAX)
		return kt_fail(r->e, KT_E_KERNEL, EFBIG,
			       "'%s': more than %d Kconfig files or %d MiB", path, FILES_MAX,
			       TREE_BYTES_MAX >> 20);
	ret = kt_file_read(at, FILE_BYTES_MAX, &text, r->e);
	if (ret < 0)
		return ret;
	r->files++;
	r->bytes += text.len;
	r->depth++;
	ret = read_text(r, path, &text);
	r->depth--;
	return ret;
}

int kc_kconfig_read(const char *src, struct kc_kconfig **ret, struct kt_err *e)
{
	kt_auto(kc_kconfig) struct kc_kconfig *k = calloc(1, sizeof(*k));
	struct kc_reader r = { .k = k, .src = src, .e = e };
	int n;

	if (!k)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read Kconfig");
	n = read_named(&r, "Kconfig");
	if (n < 0)
		return kt_context(e, n, "read the configuration options of '%s'", src);
	*ret = kt_take(k);
	return 0;
}

void kc_kconfig_free(struct kc_kconfig *k)
{
	if (!k)
		return;
	kc_names_done(&k->syms);
	kc_arena_done(&k->arena);
	free(k);
}

bool kc_kconfig_has(const struct kc_kconfig *k, const char *name)
{
	const struct kc_sym *s = kc_names_get(&k->syms, name, strlen(name));

	return s && s->defs;
}
