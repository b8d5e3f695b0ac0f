/* SPDX-License-Identifier: GPL-2.0-only */
/* Entries of maps as text. */
#ifndef KTSTR_CAPTURE_TEXT_ENTRIES_H
#define KTSTR_CAPTURE_TEXT_ENTRIES_H

#include "capture/text.h"

/* All of a map's, whichever kind it has. */
void cap_text_entries(struct cap_text *x, const struct cap_map_report *m);
/* One of them, by its place among its kind. */
void cap_text_entry(struct cap_text *x, const struct cap_entry *entry);
void cap_text_array_entry(struct cap_text *x, const struct cap_array_entry *entry);
void cap_text_percpu_entry(struct cap_text *x, const struct cap_percpu_entry *entry);
/* A value of each CPU; equal ones together. (text_percpu.c) */
void cap_text_percpu(struct cap_text *x, const struct cap_value *const *per_cpu, size_t nr,
		     unsigned indent);
/* A struct of plain members, which fits into columns of a table. */
bool cap_value_is_flat(const struct cap_value *v);
/* Both flat, with the same names. */
bool cap_value_same_shape(const struct cap_value *a, const struct cap_value *b);
/* "0-2,5" of the CPUs in a list of numbers that grow. */
void cap_add_cpu_ranges(struct kt_buf *b, const uint32_t *cpu, size_t nr);

#endif
