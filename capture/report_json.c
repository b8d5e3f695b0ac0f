/* SPDX-License-Identifier: GPL-2.0-only */
/* A report as JSON, by the tables of schema.c. */
#include "capture/schema.h"

static void hex_json(struct kt_json *j, const char *name, const uint8_t *data, size_t len)
{
	kt_auto(buf) struct kt_buf text = { 0 };

	cap_hex_add(&text, data, len);
	if (text.oom)
		j->out->oom = true;
	kt_json_strn(j, name, kt_buf_str(&text), text.len);
}

static void u64_list_json(struct kt_json *j, const char *name, const uint64_t *v, size_t nr)
{
	kt_json_array_begin_oneline(j, name);
	for (size_t i = 0; i < nr; i++)
		kt_json_u64(j, NULL, v[i]);
	kt_json_array_end(j);
}

static void u32_list_json(struct kt_json *j, const char *name, const uint32_t *v, size_t nr)
{
	kt_json_array_begin_oneline(j, name);
	for (size_t i = 0; i < nr; i++)
		kt_json_u64(j, NULL, v[i]);
	kt_json_array_end(j);
}

static void values_json(struct kt_json *j, const char *name, const struct cap_value *const *v,
			size_t nr)
{
	kt_json_array_begin(j, name);
	for (size_t i = 0; i < nr; i++) {
		if (v[i])
			cap_value_json(j, NULL, v[i]);
		else
			kt_json_null(j, NULL);
	}
	kt_json_array_end(j);
}

void cap_record_object_json(struct kt_json *j, const char *name, const struct cap_record *t,
			    const void *record)
{
	if (!cap_record_there(t, record)) {
		kt_json_null(j, name);
		return;
	}
	if (t->oneline)
		kt_json_object_begin_oneline(j, name);
	else
		kt_json_object_begin(j, name);
	cap_record_json(j, t, record);
	kt_json_object_end(j);
}

static void records_json(struct kt_json *j, const char *name, const struct cap_record *t,
			 const void *first, size_t nr)
{
	kt_json_array_begin(j, name);
	for (size_t i = 0; i < nr; i++)
		cap_record_object_json(j, NULL, t, (const char *)first + i * t->bytes);
	kt_json_array_end(j);
}

static void page_json(struct kt_json *j, const char *name, const uint8_t *bytes)
{
	kt_json_bytes(j, name, bytes, bytes ? CAP_PAGE : 0);
}

void cap_key_json(struct kt_json *j, const char *name, const struct cap_key *k, const void *record)
{
	const void *at = cap_key_at(record, k);
	const char *text;

	switch (k->type) {
	case CAP_KEY_U32:
		kt_json_u64(j, name, *(const uint32_t *)at);
		break;
	case CAP_KEY_I32:
		kt_json_i64(j, name, *(const int32_t *)at);
		break;
	case CAP_KEY_U64:
		kt_json_u64(j, name, *(const uint64_t *)at);
		break;
	case CAP_KEY_I64:
		kt_json_i64(j, name, *(const int64_t *)at);
		break;
	case CAP_KEY_BOOL:
		kt_json_bool(j, name, *(const bool *)at);
		break;
	case CAP_KEY_STR:
		text = *(const char *const *)at;
		kt_json_str(j, name, text ? text : "");
		break;
	case CAP_KEY_U32_LIST:
		u32_list_json(j, name, *(const uint32_t *const *)at, cap_key_count(record, k));
		break;
	case CAP_KEY_U64_LIST:
		u64_list_json(j, name, *(const uint64_t *const *)at, cap_key_count(record, k));
		break;
	case CAP_KEY_U64_ARRAY:
		u64_list_json(j, name, at, k->nr);
		break;
	case CAP_KEY_HEX:
		hex_json(j, name, *(const uint8_t *const *)at, cap_key_count(record, k));
		break;
	case CAP_KEY_PAGE:
		page_json(j, name, *(const uint8_t *const *)at);
		break;
	case CAP_KEY_VALUE:
		cap_value_json(j, name, *(const struct cap_value *const *)at);
		break;
	case CAP_KEY_VALUE_HERE:
		cap_value_json(j, name, at);
		break;
	case CAP_KEY_VALUES:
		values_json(j, name, *(const struct cap_value *const *const *)at,
			    cap_key_count(record, k));
		break;
	case CAP_KEY_RECORD:
		cap_record_object_json(j, name, k->record, *(void *const *)at);
		break;
	case CAP_KEY_RECORD_HERE:
		cap_record_object_json(j, name, k->record, at);
		break;
	case CAP_KEY_RECORDS:
		records_json(j, name, k->record, *(void *const *)at, cap_key_count(record, k));
		break;
	}
}

void cap_record_json(struct kt_json *j, const struct cap_record *t, const void *record)
{
	for (size_t i = 0; i < t->nr_keys; i++) {
		if (cap_key_there(record, &t->key[i]))
			cap_key_json(j, t->key[i].name, &t->key[i], record);
	}
}

static void document(const char *schema, const struct cap_record *t, const void *record,
		     struct kt_buf *ret)
{
	struct kt_json j;

	kt_json_init(&j, ret, true);
	kt_json_object_begin(&j, NULL);
	kt_json_str(&j, "schema", schema);
	cap_record_json(&j, t, record);
	kt_json_object_end(&j);
	kt_json_finish(&j);
}

void cap_report_json(const struct cap_report *r, struct kt_buf *ret)
{
	document("single", &cap_record_report, r, ret);
}

void cap_degraded_json(const struct cap_degraded *d, struct kt_buf *ret)
{
	document("degraded", &cap_record_degraded, d, ret);
}

/* A report inside of another document says what it is as well. */
static void inner_report(struct kt_json *j, const char *key, const struct cap_report *r)
{
	kt_json_object_begin(j, key);
	kt_json_str(j, "schema", "single");
	cap_record_json(j, &cap_record_report, r);
	kt_json_object_end(j);
}

void cap_dual_json(const struct cap_dual *d, struct kt_buf *ret)
{
	struct kt_json j;

	kt_json_init(&j, ret, true);
	kt_json_object_begin(&j, NULL);
	kt_json_str(&j, "schema", "dual");
	if (d->early)
		inner_report(&j, "early", d->early);
	inner_report(&j, "late", d->late);
	cap_record_json(&j, &cap_record_dual, d);
	kt_json_object_end(&j);
	kt_json_finish(&j);
}
