/* SPDX-License-Identifier: GPL-2.0-only */
/* Types for arena memory that no declaration names: by what the source line says, or by which struct fits every access. */
#include <string.h>

#include "capture/alloc.h"
#include "capture/cast.h"

/* Whether every access is a scalar of @type: exactly one, or within one. */
static bool fits(struct casts *c, const struct cast_node *n, uint32_t type, bool exactly)
{
	for (unsigned i = 0; i < n->nr_accesses; i++) {
		struct cast_leaf leaf = cast_leaf_at(c, type, n->access[i].offset);

		if (leaf.kind == CAST_LEAF_NONE ||
		    leaf.skew + (uint64_t)n->access[i].bytes > leaf.bytes)
			return false;
		if (exactly && (leaf.skew || n->access[i].bytes != leaf.bytes))
			return false;
	}
	return true;
}

static bool may_be_arena(const struct casts *c, uint32_t id)
{
	const struct btf_type *t = btf__type_by_id(c->btf, id);

	return btf_is_struct(t) && !c->kernel_type[id] && !c->var_type[id] &&
	       !cap_is_machinery(btf__name_by_offset(c->btf, t->name_off));
}

/* The only struct that fits; 0: none, or several. */
static uint32_t only_fit(struct casts *c, const struct cast_node *n)
{
	uint32_t found = 0;

	if (n->nr_accesses < 2 || n->nr_accesses == CAST_ACCESSES)
		return 0;
	for (size_t i = 0; i < c->structs.nr; i++) {
		uint32_t id = c->structs.v[i].id;

		if (c->work == 0)
			return 0;
		if (!may_be_arena(c, id) || !fits(c, n, id, true))
			continue;
		if (found)
			return 0;
		found = id;
	}
	return c->work ? found : 0;
}

/* The one type that all typed payloads have; 0: none, or several. */
static uint32_t only_payload(const struct casts *c)
{
	uint32_t found = 0;

	for (size_t i = 1; i < c->node.nr; i++) {
		const struct cast_node *n = &c->node.v[i];

		if (!n->payload || !n->type || n->conflict)
			continue;
		if (found && found != n->type)
			return 0;
		found = n->type;
	}
	return found;
}

void cast_infer_types(struct casts *c)
{
	uint32_t payload;

	for (uint32_t i = 1; i < c->node.nr; i++) {
		struct cast_node n = c->node.v[i];
		uint32_t type = 0;

		if (n.type || n.conflict || n.space != CAST_ARENA)
			continue;
		if (n.hint && !n.hint_conflict && fits(c, &n, n.hint, false))
			type = n.hint;
		else if (!n.is_field || n.nr_accesses)
			type = only_fit(c, &n);
		cast_add_type(c, i, type);
	}
	payload = only_payload(c);
	for (uint32_t i = 1; payload && i < c->node.nr; i++) {
		struct cast_node n = c->node.v[i];

		if (n.payload && !n.type && !n.conflict && n.nr_accesses &&
		    fits(c, &n, payload, false))
			cast_add_type(c, i, payload);
	}
}

static size_t identifier(const char *p)
{
	return strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
}

static const char *skip_qualifiers(const char *p)
{
	static const char *const words[] = { "__arena_arg", "__arena",     "const",     "volatile",
					     "__kptr",      "__arg_arena", "__restrict" };

	for (unsigned i = 0; i < 8; i++) {
		size_t len;

		p += strspn(p, " \t");
		len = identifier(p);
		for (size_t w = 0; len && w < sizeof(words) / sizeof(words[0]); w++) {
			if (strlen(words[w]) == len && strncmp(p, words[w], len) == 0) {
				p += len;
				len = 0;
			}
		}
		if (len || !identifier(p))
			break;
	}
	return p + strspn(p, " \t");
}

uint32_t cast_line_type(const struct casts *c, const char *line)
{
	uint32_t found = 0;

	for (const char *p = line; (p = strstr(p, "struct"));) {
		size_t len;
		uint32_t id;

		if (p > line && identifier(p - 1)) {
			p++;
			continue;
		}
		p += strlen("struct");
		p += strspn(p, " \t");
		len = identifier(p);
		id = len ? cast_names_find(&c->structs, p, len) : 0;
		p = skip_qualifiers(p + len);
		if (*p != '*')
			continue;
		if (!id || (found && found != id))
			return 0;
		found = id;
	}
	return found;
}
