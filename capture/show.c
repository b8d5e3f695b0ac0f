/* SPDX-License-Identifier: GPL-2.0-only */
/* One part of a report, as text or as JSON. */
#include "capture/show.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "capture/decode.h"
#include "capture/text_entries.h"

enum { BYTES_PER_LINE = 32 };

/* ---- records that have no text of their own: a key a line ---- */

static void add_hex_lines(struct kt_buf *b, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i += BYTES_PER_LINE) {
		kt_buf_addf(b, "%04zx: ", i);
		cap_hex_add(b, data + i, len - i < BYTES_PER_LINE ? len - i : BYTES_PER_LINE);
		kt_buf_addc(b, '\n');
	}
}

static void add_numbers(struct cap_text *x, const struct cap_key *k, const void *record)
{
	const void *at = cap_key_at(record, k);
	size_t nr = cap_key_count(record, k);

	if (!nr)
		kt_buf_adds(x->out, "none");
	for (size_t i = 0; i < nr; i++) {
		if (k->type == CAP_KEY_U64_ARRAY)
			kt_buf_addf(x->out, "%s%" PRIu64, i ? " " : "", ((const uint64_t *)at)[i]);
		else if (k->type == CAP_KEY_U32_LIST)
			kt_buf_addf(x->out, "%s%" PRIu32, i ? " " : "",
				    (*(const uint32_t *const *)at)[i]);
		else
			kt_buf_addf(x->out, "%s0x%" PRIx64, i ? " " : "",
				    (*(const uint64_t *const *)at)[i]);
	}
}

static void add_decoded(struct cap_text *x, const char *type, const char *name, uint64_t v)
{
	kt_auto(buf) struct kt_buf text = { 0 };

	if (cap_decode_member(&text, type, name, v, x->r->scx_task_states))
		kt_buf_addf(x->out, " (%s)", kt_buf_str(&text));
}

/* Addresses read best in hexadecimal. */
static void add_u64(struct kt_buf *b, const char *name, uint64_t v)
{
	if (kt_ends_with(name, "_kva") || kt_ends_with(name, "vm_start") ||
	    kt_ends_with(name, "_addr") || kt_ends_with(name, "_pointer") ||
	    kt_ends_with(name, "_root"))
		kt_buf_addf(b, "0x%" PRIx64, v);
	else
		kt_buf_addf(b, "%" PRIu64, v);
}

/* What record @type is in the kernel, where its numbers have names there. */
static const char *kernel_type(const struct cap_record *type)
{
	if (type == &cap_record_dsq)
		return "scx_dispatch_q";
	return type == &cap_record_rq ? "scx_rq" : NULL;
}

static void add_record(struct cap_text *x, const struct cap_record *type, const void *record);

static void add_plain_key(struct cap_text *x, const struct cap_record *type,
			  const struct cap_key *k, const void *record)
{
	const void *at = cap_key_at(record, k);
	const char *kernel = type ? kernel_type(type) : NULL;

	switch (k->type) {
	case CAP_KEY_U32:
		kt_buf_addf(x->out, "%" PRIu32, *(const uint32_t *)at);
		add_decoded(x, kernel, k->name, *(const uint32_t *)at);
		break;
	case CAP_KEY_I32:
		kt_buf_addf(x->out, "%" PRId32, *(const int32_t *)at);
		break;
	case CAP_KEY_U64:
		add_u64(x->out, k->name, *(const uint64_t *)at);
		add_decoded(x, kernel, k->name, *(const uint64_t *)at);
		break;
	case CAP_KEY_I64:
		kt_buf_addf(x->out, "%" PRId64, *(const int64_t *)at);
		break;
	case CAP_KEY_BOOL:
		kt_buf_adds(x->out, *(const bool *)at ? "true" : "false");
		break;
	case CAP_KEY_STR:
		cap_text_name(x->out, *(const char *const *)at);
		break;
	case CAP_KEY_HEX:
		cap_hex_add(x->out, *(const uint8_t *const *)at, cap_key_count(record, k));
		break;
	case CAP_KEY_VALUE:
		cap_value_text(*(const struct cap_value *const *)at, 2, x->width, x->out);
		break;
	case CAP_KEY_VALUE_HERE:
		cap_value_text(at, 2, x->width, x->out);
		break;
	case CAP_KEY_U32_LIST:
	case CAP_KEY_U64_LIST:
	case CAP_KEY_U64_ARRAY:
		add_numbers(x, k, record);
		break;
	case CAP_KEY_PAGE:
		kt_buf_addf(x->out, "%u bytes", CAP_PAGE);
		break;
	case CAP_KEY_VALUES:
	case CAP_KEY_RECORDS:
		kt_buf_addf(x->out, "%zu elements", cap_key_count(record, k));
		break;
	case CAP_KEY_RECORD:
	case CAP_KEY_RECORD_HERE:
		kt_buf_adds(x->out, "{...}");
		break;
	}
	kt_buf_addc(x->out, '\n');
}

static void add_record(struct cap_text *x, const struct cap_record *type, const void *record)
{
	size_t width = 0;

	for (size_t i = 0; i < type->nr_keys; i++) {
		if (cap_key_there(record, &type->key[i]) && strlen(type->key[i].name) > width)
			width = strlen(type->key[i].name);
	}
	for (size_t i = 0; i < type->nr_keys; i++) {
		const struct cap_key *k = &type->key[i];

		if (!cap_key_there(record, k))
			continue;
		kt_buf_addf(x->out, "%-*s  ", (int)width, k->name);
		add_plain_key(x, type, k, record);
	}
}

/* ---- nodes ---- */

static void show_record(struct cap_text *x, const struct cap_node *n)
{
	const char *name = n->type->name;

	if (n->type == &cap_record_map)
		cap_text_map(x, n->record);
	else if (kt_streq(name, "entry"))
		cap_text_entry(x, n->record);
	else if (kt_streq(name, "array_entry"))
		cap_text_array_entry(x, n->record);
	else if (kt_streq(name, "percpu_entry") || kt_streq(name, "percpu_hash_entry"))
		cap_text_percpu_entry(x, n->record);
	else
		add_record(x, n->type, n->record);
}

/* A list of a record that is no section. */
static void show_list(struct cap_text *x, const struct cap_key *k, const void *record)
{
	const char *first = *(const char *const *)cap_key_at(record, k);
	size_t nr = cap_key_count(record, k);

	for (size_t i = 0; i < nr; i++) {
		const struct cap_node n = { .kind = CAP_NODE_RECORD,
					    .type = k->record,
					    .record = first + i * k->record->bytes };

		kt_buf_addf(x->out, "%s[%zu]\n", i ? "\n" : "", i);
		if (cap_record_there(n.type, n.record))
			show_record(x, &n);
	}
}

static void show_reason(struct cap_text *x, const struct cap_node *n)
{
	kt_buf_adds(x->out, "<unavailable: ");
	cap_text_name(x->out, *(const char *const *)cap_key_at(n->record, n->key));
	kt_buf_adds(x->out, ">\n");
}

/* By its key in the JSON. False: it is none. */
static bool show_section(struct cap_text *x, const char *key)
{
	for (const struct cap_section *s = cap_sections; s->name; s++) {
		if (kt_streq(s->key, key)) {
			cap_text_section(x, s);
			return true;
		}
	}
	return false;
}

static void show_key(struct cap_text *x, const struct cap_node *n)
{
	if (n->record == x->r && show_section(x, n->key->name))
		return;
	if (n->key->type == CAP_KEY_PAGE)
		add_hex_lines(x->out, *(const uint8_t *const *)cap_key_at(n->record, n->key),
			      CAP_PAGE);
	else if (n->key->type == CAP_KEY_VALUES)
		cap_text_percpu(
			x, *(const struct cap_value *const *const *)cap_key_at(n->record, n->key),
			cap_key_count(n->record, n->key), 0);
	else if (kt_ends_with(n->key->name, "_unavailable"))
		show_reason(x, n);
	else if (n->key->type == CAP_KEY_RECORDS)
		show_list(x, n->key, n->record);
	else
		add_plain_key(x, NULL, n->key, n->record);
}

static void show_value(struct cap_text *x, const struct cap_node *n)
{
	const struct cap_value *v = n->value;

	cap_value_text(v, 0, x->width, x->out);
	if (n->name && (v->kind == CAP_UINT || v->kind == CAP_INT))
		add_decoded(x, n->of_struct, n->name, v->u);
	kt_buf_addc(x->out, '\n');
}

int cap_show(const struct cap_report *r, const char *path, const struct cap_text_opts *o,
	     struct kt_buf *ret, struct kt_err *e)
{
	struct cap_node n;
	struct cap_text x;
	int status = cap_show_find(r, path, &n, e);

	if (status < 0)
		return status;
	cap_text_init(&x, r, o ? o->width : 0, ret);
	switch (n.kind) {
	case CAP_NODE_REPORT: /* no path leads there */
		break;
	case CAP_NODE_KEY:
		show_key(&x, &n);
		break;
	case CAP_NODE_RECORD:
		if (n.record == r->sched_state)
			(void)show_section(&x, "scx_sched_state"); /* it is one */
		else if (n.record == r->probe_counters)
			cap_text_counters(&x);
		else if (n.record == &r->scx_static)
			cap_text_static(&x);
		else
			show_record(&x, &n);
		break;
	case CAP_NODE_VALUE:
		show_value(&x, &n);
		break;
	case CAP_NODE_NUMBER:
		kt_buf_addf(ret, "%" PRIu64 "\n", n.number);
		break;
	}
	cap_text_done(&x);
	return 0;
}

int cap_show_json(const struct cap_report *r, const char *path, struct kt_buf *ret,
		  struct kt_err *e)
{
	struct cap_node n;
	struct kt_json j;
	int status = cap_show_find(r, path, &n, e);

	if (status < 0)
		return status;
	kt_json_init(&j, ret, true);
	switch (n.kind) {
	case CAP_NODE_REPORT: /* no path leads there */
		kt_json_null(&j, NULL);
		break;
	case CAP_NODE_KEY:
		cap_key_json(&j, NULL, n.key, n.record);
		break;
	case CAP_NODE_RECORD:
		cap_record_object_json(&j, NULL, n.type, n.record);
		break;
	case CAP_NODE_VALUE:
		cap_value_json(&j, NULL, n.value);
		break;
	case CAP_NODE_NUMBER:
		kt_json_u64(&j, NULL, n.number);
		break;
	}
	kt_json_finish(&j);
	return 0;
}
