/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading a document back: its plain things, and the places that messages name. */
#include "capture/load.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/parse.h"

enum { PLACE_DEPTH_MAX = 512 };

/* ---- places and failures ---- */

static void add_place(struct kt_buf *b, const struct cap_place *at)
{
	const struct cap_place *way[PLACE_DEPTH_MAX];
	size_t nr = 0;

	for (; at && nr < PLACE_DEPTH_MAX; at = at->up)
		way[nr++] = at;
	while (nr-- > 0) {
		if (!way[nr]->key)
			kt_buf_addf(b, "[%zu]", way[nr]->index);
		else
			kt_buf_addf(b, "%s%s", b->len ? "." : "", way[nr]->key);
	}
}

int cap_load_fail(const struct cap_load *l, const struct cap_place *at, const char *what)
{
	kt_auto(buf) struct kt_buf place = { 0 };

	add_place(&place, at);
	return kt_fail(l->e, KT_E_USAGE, EINVAL, "%s: %s should be %s", l->name,
		       place.len ? kt_buf_str(&place) : "it", what);
}

int cap_load_no_memory(const struct cap_load *l)
{
	return kt_fail(l->e, KT_E_HOST, ENOMEM, "read '%s'", l->name);
}

int cap_load_member(const struct cap_load *l, const struct json_object *o,
		    const struct cap_place *at, const char *key, struct json_object **ret)
{
	const struct cap_place here = { .up = at, .key = key };

	if (!json_object_object_get_ex(o, key, ret))
		return cap_load_fail(l, &here, "there");
	return 0;
}

/* ---- plain things ---- */

int cap_load_u64(const struct cap_load *l, const struct json_object *o, const struct cap_place *at,
		 uint64_t max, uint64_t *ret)
{
	char what[64];

	/* What is beyond INT64_MAX reads as that by get_int64, and only get_uint64 has it as it is. */
	if (json_object_is_type(o, json_type_int) && json_object_get_int64(o) >= 0 &&
	    json_object_get_uint64(o) <= max) {
		*ret = json_object_get_uint64(o);
		return 0;
	}
	(void)kt_snprintf(what, sizeof(what), "a whole number from 0 to %" PRIu64, max);
	return cap_load_fail(l, at, what);
}

int cap_load_i64(const struct cap_load *l, const struct json_object *o, const struct cap_place *at,
		 int64_t min, int64_t max, int64_t *ret)
{
	char what[80];
	int64_t v;

	if (json_object_is_type(o, json_type_int) && json_object_get_uint64(o) <= INT64_MAX) {
		v = json_object_get_int64(o);
		if (v >= min && v <= max) {
			*ret = v;
			return 0;
		}
	}
	(void)kt_snprintf(what, sizeof(what), "a whole number from %" PRId64 " to %" PRId64, min,
			  max);
	return cap_load_fail(l, at, what);
}

int cap_load_bool(const struct cap_load *l, const struct json_object *o, const struct cap_place *at,
		  bool *ret)
{
	if (!json_object_is_type(o, json_type_boolean))
		return cap_load_fail(l, at, "true or false");
	*ret = json_object_get_boolean(o);
	return 0;
}

int cap_load_str(const struct cap_load *l, const struct json_object *o, const struct cap_place *at,
		 const char **ret)
{
	const char *text;

	if (!json_object_is_type(o, json_type_string))
		return cap_load_fail(l, at, "a string");
	text = cap_strdup(l->pool, json_object_get_string((struct json_object *)o));
	if (!text)
		return cap_load_no_memory(l);
	*ret = text;
	return 0;
}

int cap_load_object(const struct cap_load *l, const struct json_object *o,
		    const struct cap_place *at)
{
	return json_object_is_type(o, json_type_object) ? 0 : cap_load_fail(l, at, "an object");
}

int cap_load_array(const struct cap_load *l, const struct json_object *o,
		   const struct cap_place *at, size_t *ret_nr)
{
	if (!json_object_is_type(o, json_type_array))
		return cap_load_fail(l, at, "a list");
	*ret_nr = json_object_array_length(o);
	return 0;
}

bool cap_load_hex(const struct cap_load *l, const char *text, const uint8_t **ret, size_t *ret_len)
{
	size_t len = strlen(text), nr = (len + 1) / 3;
	uint8_t *data;

	if (len && len % 3 != 2)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (i % 3 == 2 ? text[i] != ' ' : !strchr("0123456789abcdef", text[i]))
			return false;
	}
	data = cap_alloc_raw(l->pool, nr ? nr : 1);
	if (!data)
		return false;
	for (size_t i = 0; i < nr; i++)
		data[i] = (uint8_t)(kt_hex_digit(text[3 * i]) << 4 | kt_hex_digit(text[3 * i + 1]));
	*ret = data;
	*ret_len = nr;
	return true;
}
