/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a report's JSON looks like, as tables: one row a key, one table a record. The writer, the reader, "show" and the test that
 * holds docs/report-schema.md to it all follow them.
 */
#ifndef KTSTR_CAPTURE_SCHEMA_H
#define KTSTR_CAPTURE_SCHEMA_H

#include "capture/internal.h"

enum cap_key_type {
	CAP_KEY_U32,
	CAP_KEY_I32,
	CAP_KEY_U64,
	CAP_KEY_I64,
	CAP_KEY_BOOL,
	CAP_KEY_STR, /* const char *; NULL is left out whatever @presence says */
	CAP_KEY_U32_LIST, /* const uint32_t *, and a count */
	CAP_KEY_U64_LIST, /* const uint64_t *, and a count */
	CAP_KEY_U64_ARRAY, /* uint64_t[@nr], there */
	CAP_KEY_HEX, /* const uint8_t *, and a uint32_t or size_t of bytes */
	CAP_KEY_PAGE, /* const uint8_t *: CAP_PAGE bytes, as numbers */
	CAP_KEY_VALUE, /* const struct cap_value *; NULL is left out whatever @presence says */
	CAP_KEY_VALUE_HERE, /* struct cap_value */
	CAP_KEY_VALUES, /* const struct cap_value **, and a count; NULL in it is null */
	CAP_KEY_RECORD, /* pointer to a struct of @record; NULL is left out whatever @presence says */
	CAP_KEY_RECORD_HERE, /* a struct of @record */
	CAP_KEY_RECORDS, /* pointer to structs of @record, and a count */
};
enum cap_presence {
	CAP_ALWAYS,
	CAP_NOT_EMPTY, /* left out when 0, false, NULL, or without elements */
	CAP_HAS, /* left out unless the bool at @has is true */
};
struct cap_record;
struct cap_key {
	const char *name;
	enum cap_key_type type;
	enum cap_presence presence;
	uint16_t at; /* of the struct */
	uint16_t at_count; /* of lists */
	uint16_t count_bytes; /* 4 or 8 */
	uint16_t nr; /* U64_ARRAY */
	uint16_t has;
	const struct cap_record *record;
};
struct cap_record {
	const char *name; /* in docs/report-schema.md */
	const struct cap_key *key;
	size_t nr_keys;
	size_t bytes; /* of the struct */
	bool nullable; /* its first member is a bool: false is null */
	bool oneline; /* short enough to be a line */
};
extern const struct cap_record cap_record_report, cap_record_map, cap_record_degraded,
	cap_record_dual, cap_record_task, cap_record_rq, cap_record_dsq, cap_record_event_sample,
	cap_record_probe_counters;

/* All records there are; for the test of the docs. NULL-terminated. */
extern const struct cap_record *const cap_records[];

static inline const void *cap_key_at(const void *record, const struct cap_key *k)
{
	return (const char *)record + k->at;
}
size_t cap_key_count(const void *record, const struct cap_key *k);
/* Whether the JSON has the key. */
bool cap_key_there(const void *record, const struct cap_key *k);
/* Whether @record is one, and not a null. */
bool cap_record_there(const struct cap_record *t, const void *record);
/* All of the record's members; the caller begins and ends the object. */
void cap_record_json(struct kt_json *j, const struct cap_record *t, const void *record);
/* One key with its value; @name NULL in arrays and at the top. */
void cap_key_json(struct kt_json *j, const char *name, const struct cap_key *k, const void *record);
/* A record as an object, or null. */
void cap_record_object_json(struct kt_json *j, const char *name, const struct cap_record *t,
			    const void *record);

/* "int", "struct": the value of "kind". */
const char *cap_kind_name(enum cap_kind kind);
/*
 * How deep values nest at most, wherever they come from: rendering ends at 32, and a pointer's target or a cut value is one more. What
 * is deeper is "unsupported".
 */
enum { CAP_VALUE_DEPTH_MAX = 48 };
/* "de ad be ef" */
void cap_hex_add(struct kt_buf *b, const uint8_t *data, size_t len);
/* Text of string literals, \xHH for what does not print. */
void cap_text_bytes_add(struct kt_buf *b, const uint8_t *data, size_t len);

#endif
