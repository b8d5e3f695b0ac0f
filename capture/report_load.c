/* SPDX-License-Identifier: GPL-2.0-only */
/* A document read back into a report, by the tables of schema.c. What is not as they say is named with its place. */
#include "capture/load.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum { POOL_MAX = 1 << 30 };

/* ---- keys ---- */

static int load_record(const struct cap_load *l, const struct json_object *o,
		       const struct cap_place *at, const struct cap_record *t, void *ret);

static void set_count(void *record, const struct cap_key *k, size_t nr)
{
	void *at = (char *)record + k->at_count;

	if (k->count_bytes == sizeof(uint32_t))
		*(uint32_t *)at = (uint32_t)nr;
	else
		*(size_t *)at = nr;
}

static int load_hex_key(const struct cap_load *l, const struct json_object *o,
			const struct cap_place *at, const struct cap_key *k, void *record)
{
	const uint8_t *data;
	const char *text = NULL;
	size_t len;
	int r = cap_load_str(l, o, at, &text);

	if (r < 0)
		return r;
	if (!cap_load_hex(l, text, &data, &len))
		return cap_load_fail(l, at, "bytes such as \"de ad be ef\"");
	*(const uint8_t **)((char *)record + k->at) = data;
	set_count(record, k, len);
	return 0;
}

/* cap_tree_parse() made [NaN, index] of it; no document can say NaN. */
static int load_page(const struct cap_load *l, struct json_object *o, const struct cap_place *at,
		     const uint8_t **ret)
{
	uint64_t index;
	uint8_t *page;

	if (!json_object_is_type(o, json_type_array) || json_object_array_length(o) != 2 ||
	    !json_object_is_type(json_object_array_get_idx(o, 0), json_type_double) ||
	    !isnan(json_object_get_double(json_object_array_get_idx(o, 0))))
		return cap_load_fail(l, at, "a list of 4096 numbers from 0 to 255");
	index = json_object_get_uint64(json_object_array_get_idx(o, 1));
	page = cap_alloc_raw(l->pool, CAP_PAGE);
	if (!page)
		return cap_load_no_memory(l);
	memcpy(page, l->tree->page[index], CAP_PAGE);
	*ret = page;
	return 0;
}

/* Numbers of 4 or 8 bytes each into @ret. */
static int load_numbers(const struct cap_load *l, struct json_object *o, const struct cap_place *at,
			size_t nr, size_t bytes, void *ret)
{
	uint64_t v;
	int r;

	for (size_t i = 0; i < nr; i++) {
		const struct cap_place here = { .up = at, .index = i };

		r = cap_load_u64(l, json_object_array_get_idx(o, i), &here,
				 bytes == sizeof(uint32_t) ? UINT32_MAX : UINT64_MAX, &v);
		if (r < 0)
			return r;
		if (bytes == sizeof(uint32_t))
			((uint32_t *)ret)[i] = (uint32_t)v;
		else
			((uint64_t *)ret)[i] = v;
	}
	return 0;
}

static int load_values(const struct cap_load *l, struct json_object *o, const struct cap_place *at,
		       size_t nr, const struct cap_value **ret)
{
	int r = 0;

	for (size_t i = 0; i < nr && r == 0; i++) {
		const struct cap_place here = { .up = at, .index = i };
		struct json_object *one = json_object_array_get_idx(o, i);
		struct cap_value *v;

		if (!one)
			continue;
		v = cap_alloc(l->pool, sizeof(*v));
		if (!v)
			return cap_load_no_memory(l);
		ret[i] = v;
		r = cap_load_value(l, one, &here, v);
	}
	return r;
}

static int load_records(const struct cap_load *l, struct json_object *o, const struct cap_place *at,
			size_t nr, const struct cap_record *t, char *ret)
{
	int r = 0;

	for (size_t i = 0; i < nr && r == 0; i++) {
		const struct cap_place here = { .up = at, .index = i };
		struct json_object *one = json_object_array_get_idx(o, i);

		if (one || !t->nullable)
			r = load_record(l, one, &here, t, ret + i * t->bytes);
	}
	return r;
}

static size_t element_bytes(const struct cap_key *k)
{
	switch (k->type) {
	case CAP_KEY_U32_LIST:
		return sizeof(uint32_t);
	case CAP_KEY_VALUES:
		return sizeof(void *);
	case CAP_KEY_RECORDS:
		return k->record->bytes;
	default: /* the other lists; nothing else comes here */
		return sizeof(uint64_t);
	}
}

static int load_list(const struct cap_load *l, struct json_object *o, const struct cap_place *at,
		     const struct cap_key *k, void *record)
{
	void *list = NULL;
	size_t nr = 0;
	int r = cap_load_array(l, o, at, &nr);

	if (r < 0 || !nr)
		return r; /* the record is zeroed: no list, of no elements */
	list = cap_alloc_array(l->pool, nr, element_bytes(k));
	if (!list)
		return cap_load_no_memory(l);
	*(void **)((char *)record + k->at) = list;
	set_count(record, k, nr);
	if (k->type == CAP_KEY_VALUES)
		return load_values(l, o, at, nr, list);
	if (k->type == CAP_KEY_RECORDS)
		return load_records(l, o, at, nr, k->record, list);
	return load_numbers(l, o, at, nr, element_bytes(k), list);
}

static int load_fixed(const struct cap_load *l, struct json_object *o, const struct cap_place *at,
		      const struct cap_key *k, void *ret)
{
	char what[32];
	size_t nr = 0;
	int r = cap_load_array(l, o, at, &nr);

	if (r < 0)
		return r;
	if (nr != k->nr) {
		(void)kt_snprintf(what, sizeof(what), "a list of %u numbers", k->nr);
		return cap_load_fail(l, at, what);
	}
	return load_numbers(l, o, at, nr, sizeof(uint64_t), ret);
}

static int load_new_value(const struct cap_load *l, const struct json_object *o,
			  const struct cap_place *at, const struct cap_value **ret)
{
	struct cap_value *v = cap_alloc(l->pool, sizeof(*v));

	if (!v)
		return cap_load_no_memory(l);
	*ret = v;
	return cap_load_value(l, o, at, v);
}

static int load_new_record(const struct cap_load *l, const struct json_object *o,
			   const struct cap_place *at, const struct cap_record *t, void **ret)
{
	void *record = cap_alloc(l->pool, t->bytes);

	if (!record)
		return cap_load_no_memory(l);
	*ret = record;
	return load_record(l, o, at, t, record);
}

static int load_number(const struct cap_load *l, const struct json_object *o,
		       const struct cap_place *at, const struct cap_key *k, void *ret)
{
	uint64_t u;
	int64_t i;
	int r;

	switch (k->type) {
	case CAP_KEY_U32:
		r = cap_load_u64(l, o, at, UINT32_MAX, &u);
		if (r == 0)
			*(uint32_t *)ret = (uint32_t)u;
		return r;
	case CAP_KEY_I32:
		r = cap_load_i64(l, o, at, INT32_MIN, INT32_MAX, &i);
		if (r == 0)
			*(int32_t *)ret = (int32_t)i;
		return r;
	case CAP_KEY_I64:
		return cap_load_i64(l, o, at, INT64_MIN, INT64_MAX, ret);
	default: /* nothing else comes here */
		return cap_load_u64(l, o, at, UINT64_MAX, ret);
	}
}

static int load_key(const struct cap_load *l, struct json_object *o, const struct cap_place *at,
		    const struct cap_key *k, void *record)
{
	void *ret = (char *)record + k->at;

	switch (k->type) {
	case CAP_KEY_U32:
	case CAP_KEY_I32:
	case CAP_KEY_U64:
	case CAP_KEY_I64:
		return load_number(l, o, at, k, ret);
	case CAP_KEY_BOOL:
		return cap_load_bool(l, o, at, ret);
	case CAP_KEY_STR:
		return cap_load_str(l, o, at, ret);
	case CAP_KEY_U32_LIST:
	case CAP_KEY_U64_LIST:
	case CAP_KEY_VALUES:
	case CAP_KEY_RECORDS:
		return load_list(l, o, at, k, record);
	case CAP_KEY_U64_ARRAY:
		return load_fixed(l, o, at, k, ret);
	case CAP_KEY_HEX:
		return load_hex_key(l, o, at, k, record);
	case CAP_KEY_PAGE:
		return load_page(l, o, at, ret);
	case CAP_KEY_VALUE:
		return load_new_value(l, o, at, ret);
	case CAP_KEY_VALUE_HERE:
		return cap_load_value(l, o, at, ret);
	case CAP_KEY_RECORD:
		return load_new_record(l, o, at, k->record, ret);
	case CAP_KEY_RECORD_HERE:
		return load_record(l, o, at, k->record, ret);
	}
	return -EINVAL;
}

/* Keys that no table has are of a newer writer, and passed over. @ret is zeroed. */
static int load_record(const struct cap_load *l, const struct json_object *o,
		       const struct cap_place *at, const struct cap_record *t, void *ret)
{
	int r = cap_load_object(l, o, at);

	if (r < 0)
		return r;
	if (t->nullable)
		*(bool *)ret = true;
	for (size_t i = 0; i < t->nr_keys; i++) {
		const struct cap_key *k = &t->key[i];
		const struct cap_place here = { .up = at, .key = k->name };
		struct json_object *member;

		if (!json_object_object_get_ex(o, k->name, &member)) {
			if (k->presence == CAP_ALWAYS)
				return cap_load_fail(l, &here, "there");
			continue;
		}
		r = load_key(l, member, &here, k, ret);
		if (r < 0)
			return r;
		if (k->presence == CAP_HAS)
			*(bool *)((char *)ret + k->has) = true;
	}
	return 0;
}

/* ---- documents ---- */

static int load_report(struct cap_load *l, const struct json_object *o, const char *key,
		       struct cap_report **ret)
{
	const struct cap_place here = { .key = key };
	kt_auto(cap_pool) struct cap_pool *pool = NULL;
	struct cap_report *report = NULL;
	int r;

	if (cap_pool_create(POOL_MAX, &pool) == 0)
		report = cap_alloc(pool, sizeof(*report));
	if (!report)
		return cap_load_no_memory(l);
	l->pool = pool;
	r = load_record(l, o, key ? &here : NULL, &cap_record_report, report);
	if (r < 0)
		return r;
	report->pool = kt_take(pool);
	*ret = report;
	return 0;
}

static int load_single(struct cap_load *l, const struct json_object *o, struct cap_document *ret)
{
	return load_report(l, o, NULL, &ret->single);
}

/* What is not a report: in a pool of the document. */
static void *load_outer(struct cap_load *l, const struct json_object *o, const struct cap_record *t,
			struct cap_document *ret, int *ret_r)
{
	void *outer = NULL;

	if (cap_pool_create(POOL_MAX, &ret->pool) == 0)
		outer = cap_alloc(ret->pool, t->bytes);
	if (!outer) {
		*ret_r = cap_load_no_memory(l);
		return NULL;
	}
	l->pool = ret->pool;
	*ret_r = load_record(l, o, NULL, t, outer);
	return outer;
}

static int load_degraded(struct cap_load *l, const struct json_object *o, struct cap_document *ret)
{
	int r;

	ret->degraded = load_outer(l, o, &cap_record_degraded, ret, &r);
	return r;
}

static int load_dual(struct cap_load *l, const struct json_object *o, struct cap_document *ret)
{
	struct json_object *inner = NULL;
	int r;

	ret->dual = load_outer(l, o, &cap_record_dual, ret, &r);
	if (r == 0 && json_object_object_get_ex(o, "early", &inner))
		r = load_report(l, inner, "early", &ret->early);
	if (r == 0)
		r = cap_load_member(l, o, NULL, "late", &inner);
	if (r == 0)
		r = load_report(l, inner, "late", &ret->late);
	if (r == 0) {
		ret->dual->early = ret->early;
		ret->dual->late = ret->late;
	}
	return r;
}

static int load_document(struct cap_load *l, struct cap_document *ret)
{
	static const struct {
		const char *schema;
		int (*load)(struct cap_load *l, const struct json_object *o,
			    struct cap_document *ret);
	} schemas[] = { { "single", load_single },
			{ "degraded", load_degraded },
			{ "dual", load_dual } };
	const struct json_object *root = l->tree->root;
	struct json_object *schema;
	const char *name;

	if (!json_object_is_type(root, json_type_object) ||
	    !json_object_object_get_ex(root, "schema", &schema) ||
	    !json_object_is_type(schema, json_type_string))
		return kt_fail(l->e, KT_E_USAGE, EINVAL,
			       "%s: no failure dump: there is no \"schema\" in it", l->name);
	name = json_object_get_string(schema);
	for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
		if (kt_streq(name, schemas[i].schema))
			return schemas[i].load(l, root, ret);
	}
	return kt_fail(l->e, KT_E_USAGE, EINVAL,
		       "%s: schema '%.64s' is not known: there is 'single', 'degraded' and 'dual'",
		       l->name, name);
}

int cap_document_parse(const char *text, size_t len, const char *name, struct cap_document *ret,
		       struct kt_err *e)
{
	struct cap_tree tree = { 0 };
	struct cap_document d = { 0 };
	struct cap_load l = { .name = name, .tree = &tree, .e = e };
	int r = cap_tree_parse(text, len, name, &tree, e);

	if (r < 0)
		return r;
	r = load_document(&l, &d);
	cap_tree_done(&tree);
	if (r < 0)
		cap_document_done(&d);
	else
		*ret = d;
	return r;
}

void cap_document_done(struct cap_document *d)
{
	cap_report_free(d->single);
	cap_report_free(d->early);
	cap_report_free(d->late);
	cap_pool_free(d->pool);
	*d = (struct cap_document){ 0 };
}
