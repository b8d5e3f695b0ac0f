/* SPDX-License-Identifier: GPL-2.0-only */
/* From a path to a part of a report: sections and maps, then keys, members and indices. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "capture/show.h"
#include "capture/text.h"
#include "capture/value.h"

enum { NAMES_TEXT_MAX = 600, INDEX_MAX = 256, KEY_LINE_MAX = 200 };

struct child {
	const char *name;
	struct cap_node node;
	bool hidden; /* another name of something */
};
struct children {
	struct child *v;
	size_t nr, cap;
	bool oom;
};
struct walk {
	const struct cap_report *r;
	const char *path, *at; /* what is left of it */
	struct cap_node node;
	struct kt_err *e;
};

static void cleanup_children(struct children *c)
{
	free(c->v);
}

static void add_child(struct children *c, const char *name, struct cap_node node)
{
	struct child one = { .name = name ? name : "", .node = node };

	if (KT_VEC_PUSH(c, one) < 0)
		c->oom = true;
}

/* ---- what a node has ---- */

/* Through pointers that were followed, and what was cut. */
static const struct cap_value *peel(const struct cap_value *v)
{
	for (int depth = 0; v && depth < CAP_VALUE_DEPTH_MAX; depth++) {
		if (v->kind == CAP_PTR && v->p.deref)
			v = v->p.deref;
		else if (v->kind == CAP_TRUNCATED && v->t.partial)
			v = v->t.partial;
		else
			break;
	}
	return v;
}

static struct cap_node value_node(const struct cap_value *v)
{
	return (struct cap_node){ .kind = CAP_NODE_VALUE, .value = v };
}

static struct cap_node record_node(const struct cap_record *type, const void *record)
{
	return (struct cap_node){ .kind = CAP_NODE_RECORD, .type = type, .record = record };
}

/* A key, or at once the one thing that it holds. */
static struct cap_node key_node(const struct cap_key *k, const void *record)
{
	const void *at = cap_key_at(record, k);

	switch (k->type) {
	case CAP_KEY_VALUE:
		return value_node(*(const struct cap_value *const *)at);
	case CAP_KEY_VALUE_HERE:
		return value_node(at);
	case CAP_KEY_RECORD:
		return record_node(k->record, *(void *const *)at);
	case CAP_KEY_RECORD_HERE:
		return record_node(k->record, at);
	default: /* what has no parts, or is a list */
		return (struct cap_node){ .kind = CAP_NODE_KEY, .key = k, .record = record };
	}
}

static void add_members(struct children *c, const struct cap_value *value)
{
	const struct cap_value *v = peel(value);

	for (size_t i = 0; v && v->kind == CAP_STRUCT && i < v->s.nr; i++) {
		struct cap_node node = value_node(&v->s.member[i].value);

		node.of_struct = v->s.type_name;
		node.name = v->s.member[i].name;
		add_child(c, node.name, node);
	}
}

static void add_keys(struct children *c, const struct cap_record *t, const void *record)
{
	for (size_t i = 0; i < t->nr_keys; i++) {
		if (cap_key_there(record, &t->key[i]))
			add_child(c, t->key[i].name, key_node(&t->key[i], record));
	}
}

static void add_maps(struct children *c, const struct cap_report *r)
{
	for (size_t i = 0; i < r->nr_maps; i++)
		add_child(c, r->map[i].name, record_node(&cap_record_map, &r->map[i]));
}

static const struct cap_key *find_key(const struct cap_record *t, const char *name)
{
	for (size_t i = 0; i < t->nr_keys; i++) {
		if (kt_streq(t->key[i].name, name))
			return &t->key[i];
	}
	return NULL;
}

/* What is not there leads to its reason. */
static void add_sections(struct children *c, const struct cap_report *r)
{
	for (const struct cap_section *s = cap_sections; s->name; s++) {
		const struct cap_key *k = find_key(&cap_record_report, s->key);
		const struct cap_key *why =
			s->unavailable ? find_key(&cap_record_report, s->unavailable) : NULL;

		if (k && cap_key_there(r, k))
			add_child(c, s->name, key_node(k, r));
		else if (why && cap_key_there(r, why))
			add_child(c, s->name, key_node(why, r));
	}
}

/* Under the names that they have in the JSON as well. */
static void add_report_keys(struct children *c, const struct cap_report *r)
{
	size_t from = c->nr;

	add_keys(c, &cap_record_report, r);
	for (size_t i = from; i < c->nr; i++)
		c->v[i].hidden = true;
}

/* The value that a map's or an entry's members are of. */
static const struct cap_value *value_of_record(const struct cap_node *n)
{
	const struct cap_key *k = find_key(n->type, "value");

	if (!k || k->type != CAP_KEY_VALUE)
		return NULL;
	return *(const struct cap_value *const *)cap_key_at(n->record, k);
}

/* Of equal names the first counts. */
static void list_children(const struct cap_report *r, const struct cap_node *n, struct children *c)
{
	switch (n->kind) {
	case CAP_NODE_REPORT:
		add_sections(c, r);
		add_maps(c, r);
		add_report_keys(c, r);
		break;
	case CAP_NODE_KEY:
		if (n->key->type == CAP_KEY_RECORDS && n->key->record == &cap_record_map)
			add_maps(c, r);
		break;
	case CAP_NODE_RECORD:
		add_members(c, value_of_record(n));
		add_keys(c, n->type, n->record);
		break;
	case CAP_NODE_VALUE:
		add_members(c, n->value);
		break;
	case CAP_NODE_NUMBER:
		break;
	}
}

/* ---- what there is not ---- */

static void add_place(struct kt_buf *b, const struct walk *w)
{
	size_t len = (size_t)(w->at - w->path);

	if (!len) {
		kt_buf_adds(b, "this dump");
		return;
	}
	kt_buf_addc(b, '\'');
	kt_buf_add_printable(b, w->path, len);
	kt_buf_addc(b, '\'');
}

/* ".bss" of whom? */
static const char *find_end(const char *word, const struct children *c)
{
	size_t len = strlen(word);

	for (size_t i = 0; i < c->nr && len; i++) {
		size_t longer = strlen(c->v[i].name);

		if (longer > len && kt_ends_with(c->v[i].name, word) &&
		    (word[0] == '.' || c->v[i].name[longer - len - 1] == '.'))
			return c->v[i].name;
	}
	return NULL;
}

static int fail_name(const struct walk *w, const char *word, const struct children *c)
{
	kt_auto(buf) struct kt_buf text = { 0 };
	kt_auto(mem) const char **names = calloc(c->nr + 1, sizeof(*names));
	const char *nearest;
	size_t start, i;

	kt_buf_adds(&text, "there is no '");
	kt_buf_add_printable(&text, word, strlen(word));
	kt_buf_adds(&text, "' in ");
	add_place(&text, w);
	for (i = 0; names && i < c->nr; i++)
		names[i] = c->v[i].name;
	nearest = names ? kt_nearest(word, names, c->nr) : NULL;
	if (!nearest)
		nearest = find_end(word, c);
	if (nearest) {
		kt_buf_adds(&text, ": did you mean '");
		cap_text_name(&text, nearest);
		kt_buf_adds(&text, "'?");
	}
	kt_buf_adds(&text, c->nr ? (nearest ? " There is:" : ": there is:")
				 : ": it has no parts with names");
	start = text.len;
	for (i = 0; i < c->nr && text.len - start < NAMES_TEXT_MAX; i++) {
		if (c->v[i].hidden)
			continue;
		kt_buf_addc(&text, ' ');
		cap_text_name(&text, c->v[i].name);
	}
	if (i < c->nr)
		kt_buf_addf(&text, " and %zu more", c->nr - i);
	return kt_fail(w->e, KT_E_USAGE, ENOENT, "%s", kt_buf_str(&text));
}

static int fail_index(const struct walk *w, const char *index, const char *what, size_t nr)
{
	kt_auto(buf) struct kt_buf text = { 0 };

	kt_buf_adds(&text, "there is no [");
	kt_buf_add_printable(&text, index, strlen(index));
	kt_buf_adds(&text, "] in ");
	add_place(&text, w);
	if (!what)
		return kt_fail(w->e, KT_E_USAGE, ENOENT, "%s: it is no list", kt_buf_str(&text));
	if (!nr)
		return kt_fail(w->e, KT_E_USAGE, ENOENT, "%s: it has no %s", kt_buf_str(&text),
			       what);
	return kt_fail(w->e, KT_E_USAGE, ENOENT, "%s: it has %zu %s", kt_buf_str(&text), nr, what);
}

/* ---- steps ---- */

/* Whether what is left of the path begins with the name, and then ends or goes on to a part. */
static bool begins_with(const char *at, const char *name)
{
	size_t len = strlen(name);

	return len && strncmp(at, name, len) == 0 &&
	       (at[len] == '\0' || at[len] == '.' || at[len] == '[');
}

/* Names may have dots in them: the longest that fits is meant. */
static int step_name(struct walk *w)
{
	__attribute__((cleanup(cleanup_children))) struct children c = { 0 };
	const char *start = w->at + (w->at > w->path && *w->at == '.');
	const struct child *best = NULL;
	char word[INDEX_MAX];

	list_children(w->r, &w->node, &c);
	if (c.oom)
		return kt_fail(w->e, KT_E_HOST, ENOMEM, "look into the dump");
	for (size_t i = 0; i < c.nr; i++) {
		if (begins_with(start, c.v[i].name) &&
		    (!best || strlen(c.v[i].name) > strlen(best->name)))
			best = &c.v[i];
	}
	if (!best) {
		(void)kt_snprintf(word, sizeof(word), "%.*s", (int)strcspn(start, ".["), start);
		return fail_name(w, word, &c);
	}
	w->at = start + strlen(best->name);
	w->node = best->node;
	return 0;
}

static bool parse_index(const char *text, size_t nr, size_t *ret)
{
	uint64_t v;

	if (kt_parse_u64(text, &v) < 0 || v >= nr)
		return false;
	*ret = (size_t)v;
	return true;
}

static int index_key(struct walk *w, const char *text)
{
	const struct cap_key *k = w->node.key;
	const void *at, *list;
	size_t nr, i;

	if (!k || (k->type != CAP_KEY_U32_LIST && k->type != CAP_KEY_U64_LIST &&
		   k->type != CAP_KEY_U64_ARRAY && k->type != CAP_KEY_VALUES &&
		   k->type != CAP_KEY_RECORDS))
		return fail_index(w, text, NULL, 0);
	at = cap_key_at(w->node.record, k);
	nr = cap_key_count(w->node.record, k);
	if (!parse_index(text, nr, &i))
		return fail_index(w, text, "elements, counted from 0", nr);
	list = k->type == CAP_KEY_U64_ARRAY ? at : *(void *const *)at;
	if (k->type == CAP_KEY_RECORDS)
		w->node = record_node(k->record, (const char *)list + i * k->record->bytes);
	else if (k->type == CAP_KEY_VALUES)
		w->node = value_node(((const struct cap_value *const *)list)[i]);
	else
		w->node = (struct cap_node){ .kind = CAP_NODE_NUMBER,
					     .number = k->type == CAP_KEY_U32_LIST
							       ? ((const uint32_t *)list)[i]
							       : ((const uint64_t *)list)[i] };
	if ((w->node.kind == CAP_NODE_VALUE && !w->node.value) ||
	    (w->node.kind == CAP_NODE_RECORD && !cap_record_there(w->node.type, w->node.record)))
		return fail_index(w, text, "elements, and this one is not known", nr);
	return 0;
}

/* Whether @text is how somebody would write the key: its number, its text, its bytes. */
static bool is_key(const char *text, const struct cap_value *key, const uint8_t *data, size_t len)
{
	kt_auto(buf) struct kt_buf line = { 0 };
	uint64_t number;

	if (key && kt_parse_u64(text, &number) == 0) {
		if ((key->kind == CAP_UINT || key->kind == CAP_INT) && key->u == number)
			return true;
		if (key->kind == CAP_PTR && key->p.value == number)
			return true;
	}
	if (key && cap_value_line(key, CAP_ALONE, KEY_LINE_MAX, &line) &&
	    kt_streq(kt_buf_str(&line), text))
		return true;
	kt_buf_reset(&line);
	cap_hex_add(&line, data, len);
	return kt_streq(kt_buf_str(&line), text);
}

static const void *find_entry(const struct cap_map_report *m, const char *text,
			      const struct cap_key **ret_list)
{
	uint64_t number = UINT64_MAX;
	const bool is_number = kt_parse_u64(text, &number) == 0;

	*ret_list = find_key(&cap_record_map, "entries");
	for (size_t i = 0; i < m->nr_entries; i++) {
		if (is_key(text, m->entry[i].key, m->entry[i].key_data, m->entry[i].key_len))
			return &m->entry[i];
	}
	*ret_list = find_key(&cap_record_map, "percpu_hash_entries");
	for (size_t i = 0; i < m->nr_percpu_hash_entries; i++) {
		const struct cap_percpu_entry *p = &m->percpu_hash_entry[i];

		if (is_key(text, p->key_value, p->key_data, p->key_len))
			return p;
	}
	*ret_list = find_key(&cap_record_map, "array_entries");
	for (size_t i = 0; is_number && i < m->nr_array_entries; i++) {
		if (m->array_entry[i].key == number)
			return &m->array_entry[i];
	}
	*ret_list = find_key(&cap_record_map, "percpu_entries");
	for (size_t i = 0; is_number && i < m->nr_percpu_entries; i++) {
		if (m->percpu_entry[i].key == number)
			return &m->percpu_entry[i];
	}
	return NULL;
}

static int index_value(struct walk *w, const struct cap_value *value, const char *text)
{
	const struct cap_value *v = peel(value);
	size_t i;

	if (!v || v->kind != CAP_ARRAY)
		return fail_index(w, text, NULL, 0);
	if (!parse_index(text, v->a.nr, &i))
		return fail_index(w, text, "elements, counted from 0", v->a.nr);
	w->node = value_node(&v->a.element[i]);
	return 0;
}

static int index_record(struct walk *w, const char *text)
{
	const struct cap_key *per_cpu = find_key(w->node.type, "per_cpu"), *list;
	const struct cap_map_report *m = w->node.record;
	const void *found;
	size_t nr;

	if (per_cpu) {
		w->node = key_node(per_cpu, w->node.record);
		return index_key(w, text);
	}
	if (w->node.type != &cap_record_map || m->value)
		return index_value(w, value_of_record(&w->node), text);
	found = find_entry(m, text, &list);
	nr = m->nr_entries + m->nr_array_entries + m->nr_percpu_entries + m->nr_percpu_hash_entries;
	if (!found)
		return fail_index(w, text, "entries, by key", nr);
	w->node = record_node(list->record, found);
	return 0;
}

static int step_index(struct walk *w)
{
	const char *end = strchr(w->at, ']');
	char text[INDEX_MAX];
	int r = 0;

	if (!end || (size_t)(end - w->at) >= sizeof(text))
		return kt_fail(w->e, KT_E_USAGE, EINVAL, "the path '%s' has a '[' without its ']'",
			       w->path);
	(void)kt_snprintf(text, sizeof(text), "%.*s", (int)(end - w->at) - 1, w->at + 1);
	switch (w->node.kind) {
	case CAP_NODE_KEY:
		r = index_key(w, text);
		break;
	case CAP_NODE_RECORD:
		r = index_record(w, text);
		break;
	case CAP_NODE_VALUE:
		r = index_value(w, w->node.value, text);
		break;
	case CAP_NODE_REPORT:
	case CAP_NODE_NUMBER:
		r = fail_index(w, text, NULL, 0);
		break;
	}
	w->at = end + 1;
	return r;
}

int cap_show_find(const struct cap_report *r, const char *path, struct cap_node *ret,
		  struct kt_err *e)
{
	struct walk w = { .r = r, .path = path, .at = path, .e = e };
	int status = 0;

	while (status == 0 && (*w.at || w.at == path))
		status = *w.at == '[' ? step_index(&w) : step_name(&w);
	if (status == 0)
		*ret = w.node;
	return status;
}
