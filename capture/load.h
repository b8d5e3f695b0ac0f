/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files that read a document back share: its tree, its pages, and places for messages. */
#ifndef KTSTR_CAPTURE_LOAD_H
#define KTSTR_CAPTURE_LOAD_H

#include <json-c/json.h>

#include "capture/schema.h"

/* ---- text to tree (report_scan.c) ---- */

/*
 * The tree has no pages in it: an object for each of their bytes would take a gigabyte. A page is
 * [NaN, index into @page]; no document can say NaN.
 */
struct cap_tree {
	struct json_object *root; /* never NULL */
	uint8_t (*page)[CAP_PAGE];
	size_t nr_pages, pages_cap;
};
void cap_tree_done(struct cap_tree *t);
/* KT_E_USAGE: "NAME:LINE:COLUMN: what is wrong there", for all that is no JSON, too large, or no number of 64 bits. */
int cap_tree_parse(const char *text, size_t len, const char *name, struct cap_tree *ret,
		   struct kt_err *e);

/* ---- tree to report (load.c, report_load.c, value_load.c) ---- */

/* Where in the document: "maps[3].entries[0].key". */
struct cap_place {
	const struct cap_place *up; /* NULL: the top */
	const char *key; /* NULL: @index */
	size_t index;
};
struct cap_load {
	const char *name; /* of the document */
	const struct cap_tree *tree;
	struct cap_pool *pool;
	struct kt_err *e;
};
/* KT_E_USAGE: "NAME: PLACE: it should be @what". */
int cap_load_fail(const struct cap_load *l, const struct cap_place *at, const char *what);
int cap_load_no_memory(const struct cap_load *l);
/* The object's member of that name, which may be null. Fails when it is not there. */
int cap_load_member(const struct cap_load *l, const struct json_object *o,
		    const struct cap_place *at, const char *key, struct json_object **ret);
int cap_load_u64(const struct cap_load *l, const struct json_object *o, const struct cap_place *at,
		 uint64_t max, uint64_t *ret);
int cap_load_i64(const struct cap_load *l, const struct json_object *o, const struct cap_place *at,
		 int64_t min, int64_t max, int64_t *ret);
int cap_load_bool(const struct cap_load *l, const struct json_object *o, const struct cap_place *at,
		  bool *ret);
int cap_load_str(const struct cap_load *l, const struct json_object *o, const struct cap_place *at,
		 const char **ret);
int cap_load_object(const struct cap_load *l, const struct json_object *o,
		    const struct cap_place *at);
int cap_load_array(const struct cap_load *l, const struct json_object *o,
		   const struct cap_place *at, size_t *ret_nr);
/* "de ad be ef". False: it is not such a text; then nothing is set. */
bool cap_load_hex(const struct cap_load *l, const char *text, const uint8_t **ret, size_t *ret_len);
int cap_load_value(const struct cap_load *l, const struct json_object *o,
		   const struct cap_place *at, struct cap_value *ret);

#endif
