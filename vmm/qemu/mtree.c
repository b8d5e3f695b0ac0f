/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads QEMU's own account of where RAM is, "info mtree -f", and compares it with ours. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/qemu/internal.h"

/* One row: "  0000000000100000-000000003e7fffff (prio 0, ram): node0 @0000000000100000" */
struct row {
	uint64_t start, end; /* end is exclusive */
	uint64_t offset;
	unsigned node;
};

static bool parse_hex(const char **at, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(*at, &end, 16);
	if (end == *at || errno)
		return false;
	*at = end;
	return true;
}

static bool skip(const char **at, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*at, word, n) != 0)
		return false;
	*at += n;
	return true;
}

/* A row of RAM that belongs to one of our nodes. */
static bool parse_row(const char *line, struct row *ret)
{
	struct row row = { 0 };
	uint64_t last, prio;
	char *end;

	line += strspn(line, " ");
	if (!parse_hex(&line, &row.start) || !skip(&line, "-") || !parse_hex(&line, &last))
		return false;
	if (last < row.start || last == UINT64_MAX || !skip(&line, " (prio ") ||
	    !parse_hex(&line, &prio))
		return false;
	if (!skip(&line, ", ram): node"))
		return false;
	row.end = last + 1;
	row.node = (unsigned)strtoul(line, &end, 10);
	if (end == line)
		return false;
	line = end;
	if (skip(&line, " @") && !parse_hex(&line, &row.offset))
		return false;
	*ret = row;
	return true;
}

/* Whether one of the rows says the same of all of @p. */
static bool row_covers(const struct row *row, const struct vm_ram *p)
{
	return row->node == p->node && row->start <= p->gpa.v && row->end >= p->gpa.v + p->len &&
	       row->offset + (p->gpa.v - row->start) == p->offset;
}

/* RAM that the machine has and our list has not, from 1 MiB up. */
static bool row_is_listed(const struct row *row, const struct vm_layout *l)
{
	uint64_t at = row->start < VM_MIB ? VM_MIB : row->start;

	for (size_t i = 0; i < l->nr_pieces && at < row->end; i++) {
		const struct vm_ram *p = &l->piece[i];

		if (p->gpa.v <= at && at < p->gpa.v + p->len)
			at = p->gpa.v + p->len;
	}
	return at >= row->end;
}

/* The next line into @line (cut when longer: rows are short). False at the end. */
static bool next_line(const char **text, char *line, size_t size)
{
	size_t n = strcspn(*text, "\r\n"), keep = n < size ? n : size - 1;

	if (**text == '\0')
		return false;
	memcpy(line, *text, keep);
	line[keep] = '\0';
	*text += n;
	*text += strspn(*text, "\r\n");
	return true;
}

int qemu_mtree_check(const char *text, const struct vm_layout *l, struct kt_err *e)
{
	bool found[VM_PIECES_MAX] = { false };
	unsigned long long start, last;
	char line[256];
	struct row row;

	while (next_line(&text, line, sizeof(line))) {
		if (!parse_row(line, &row))
			continue;
		if (!row_is_listed(&row, l)) {
			start = row.start;
			last = row.end - 1;
			return kt_fail(
				e, KT_E_INTERNAL, EINVAL,
				"the machine has RAM of node %u at 0x%llx-0x%llx that our list has not",
				row.node, start, last);
		}
		for (size_t i = 0; i < l->nr_pieces; i++)
			found[i] |= row_covers(&row, &l->piece[i]);
	}
	for (size_t i = 0; i < l->nr_pieces; i++) {
		start = l->piece[i].gpa.v;
		last = start + l->piece[i].len - 1;
		if (!found[i])
			return kt_fail(
				e, KT_E_INTERNAL, EINVAL,
				"our list has RAM of node %u at 0x%llx-0x%llx, offset 0x%llx; the machine has not",
				l->piece[i].node, start, last,
				(unsigned long long)l->piece[i].offset);
	}
	return 0;
}
