/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A parsed TOML document as a plain tree; the only thing that the C++ side gives to the C side.
 * Plain C and C++.
 */
#ifndef KTSTR_CONFIG_TREE_H
#define KTSTR_CONFIG_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum cfg_node_type {
	CFG_TABLE,
	CFG_ARRAY,
	CFG_STRING,
	CFG_INT,
	CFG_FLOAT,
	CFG_BOOL,
	CFG_DATE, /* dates and times: nothing takes them */
};

struct cfg_node {
	enum cfg_node_type type;
	int line, column; /* of the value, 1-based, in characters; 0: not from the file */
	int key_line, key_column; /* of its key; 0: an array's element */
	char *key; /* NULL: an array's element. Never holds NUL bytes, nor does string */
	char *string;
	int64_t integer;
	double real;
	bool boolean;
	struct cfg_node
		*child; /* members of a table in the order of the file, elements of an array */
	size_t nr;
};

struct cfg_tree_error {
	int line, column;
	char text[256];
};

/**
 * Parse @text. 0; -EINVAL with @err filled; -ENOMEM. Caller frees @ret with cfg_tree_free.
 * @text has passed cfg_scan: its nesting is bounded.
 */
int cfg_tree_parse(const char *text, size_t len, struct cfg_node **ret, struct cfg_tree_error *err);
void cfg_tree_free(struct cfg_node *root);

#ifdef __cplusplus
}
#endif

#endif
