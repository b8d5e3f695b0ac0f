/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared inside scenario/: the field tables that encoding, decoding and JSON walk, and the parts of
 * the judge.
 */
#ifndef KTSTR_SCENARIO_INTERNAL_H
#define KTSTR_SCENARIO_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "scenario/scenario.h"

/* ---- codec: one table a struct ---- */

enum scn_field_kind {
	SCN_F_BOOL,
	SCN_F_U32, /* also enums, whose greatest value is in max */
	SCN_F_I32,
	SCN_F_U64,
	SCN_F_TEXT, /* char array in the struct, NUL-terminated */
	SCN_F_STR, /* owned char *, at most max bytes */
	SCN_F_STRV, /* struct kt_strv, at most max strings of SCN_TEXT_MAX bytes */
	SCN_F_CPUSET, /* struct kt_cpuset */
	SCN_F_BYTES, /* uint8_t array in the struct */
	SCN_F_RECORD, /* embedded struct */
	SCN_F_ARRAY, /* owned array of at most max structs; their number is a size_t at nr_offset */
};

struct scn_record;

struct scn_field {
	const char *name; /* also the JSON key */
	enum scn_field_kind kind;
	uint16_t tag; /* on the wire: never reused for another meaning */
	size_t offset;
	size_t bytes; /* of the member */
	uint64_t max;
	size_t nr_offset;
	const struct scn_record *sub;
	const char *(*value_name)(uint32_t v); /* an enum's name in JSON */
};

struct scn_record {
	const char *name;
	size_t bytes;
	const struct scn_field *fields;
	size_t nr_fields;
	/*
	 * What a table cannot say: relations between fields. Leaf; the text goes into @e. May be
	 * NULL.
	 */
	int (*check)(const void *obj, struct kt_err *e);
};

struct scn_format {
	uint32_t magic;
	uint32_t version;
	const struct scn_record *record;
};

#define SCN_MEMBER(type, m) .name = #m, .offset = offsetof(type, m), .bytes = sizeof(((type *)0)->m)
#define SCN_POINTER(type, m) .name = #m, .offset = offsetof(type, m)
#define SCN_FIELDS(fields_) .fields = (fields_), .nr_fields = sizeof(fields_) / sizeof((fields_)[0])

int scn_encode(const struct scn_format *f, const void *obj, struct kt_buf *ret, struct kt_err *e);
/* @obj is written only on success. */
int scn_decode(const struct scn_format *f, const void *data, size_t len, void *obj,
	       struct kt_err *e);
/* Free what the struct owns and zero it. */
void scn_record_done(const struct scn_record *r, void *obj);
void scn_record_json(const struct scn_record *r, const void *obj, struct kt_json *j,
		     const char *key);

/* ---- the judge ---- */

/* Whether the exit is an error as far as the kernel's words tell. */
bool scn_exit_is_error(const struct scn_exit *x);
/* "ERROR_STALL (runnable task stall): scx_x: task[3] failed to run for 3.004s" */
void scn_exit_describe(struct kt_buf *b, const struct scn_exit *x);

void scn_stats(const struct scn_plan *p, const struct scn_result *r, struct scn_judgement *j);
void scn_check_topology(const struct kt_topology *t, const struct scn_result *r,
			struct scn_judgement *j);
/* How the scheduler ended decides which worker checks make sense. */
enum scn_sched_outcome {
	SCN_OUT_LIVED, /* or none was asked for */
	SCN_OUT_EXPECTED, /* it died as the test wants it */
	SCN_OUT_DIED, /* or left when it should not have; the workers ran nevertheless */
	SCN_OUT_NO_RUN, /* the workers never ran under it */
};
enum scn_sched_outcome scn_check_scheduler(const struct scn_judge_opts *o,
					   const struct scn_result *r, struct scn_judgement *j);

#endif
