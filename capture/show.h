/* SPDX-License-Identifier: GPL-2.0-only */
/* A path into a report, and what it leads to. */
#ifndef KTSTR_CAPTURE_SHOW_H
#define KTSTR_CAPTURE_SHOW_H

#include "capture/schema.h"

enum cap_node_kind {
	CAP_NODE_REPORT,
	CAP_NODE_KEY, /* @key of @record */
	CAP_NODE_RECORD, /* @record, of type @type */
	CAP_NODE_VALUE,
	CAP_NODE_NUMBER, /* one of a list */
};
struct cap_node {
	enum cap_node_kind kind;
	const struct cap_key *key;
	const struct cap_record *type;
	const void *record;
	const struct cap_value *value;
	uint64_t number;
	/* Of a value that is a member: for numbers that have names. */
	const char *of_struct, *name;
};
/* KT_E_USAGE: what there is instead, and the nearest name. */
int cap_show_find(const struct cap_report *r, const char *path, struct cap_node *ret,
		  struct kt_err *e);

#endif
