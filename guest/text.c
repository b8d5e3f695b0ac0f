/* SPDX-License-Identifier: GPL-2.0-only */
/* Texts that the kernel hands to init: its command line, records of its log. */
#include "guest/internal.h"

#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"

enum { WORD_MAX = 128 }; /* of a word that is for us */

/* What follows @key in the first word that begins with it. -ENOENT: no such word; -EINVAL: too long for any of ours. */
static int find_word(const char *cmdline, const char *key, char *ret, size_t size)
{
	size_t len;

	for (;;) {
		cmdline += strspn(cmdline, " \n");
		if (!*cmdline)
			return -ENOENT;
		len = strcspn(cmdline, " \n");
		if (len >= strlen(key) && kt_starts_with(cmdline, key))
			break;
		cmdline += len;
	}
	len -= strlen(key);
	if (len >= size)
		return -EINVAL;
	memcpy(ret, cmdline + strlen(key), len);
	ret[len] = '\0';
	return 0;
}

int gst_find_window(const char *cmdline, uint64_t *ret_gpa, uint64_t *ret_len)
{
	char word[WORD_MAX], *comma;
	uint64_t gpa;
	int r = find_word(cmdline, "ktstr.ring=", word, sizeof(word));

	if (r < 0)
		return r;
	comma = strchr(word, ',');
	if (!comma)
		return -EINVAL;
	*comma = '\0';
	r = kt_parse_u64(word, &gpa);
	if (r == 0)
		r = kt_parse_u64(comma + 1, ret_len);
	if (r == 0)
		*ret_gpa = gpa;
	return r;
}

int gst_find_bell(const char *cmdline, uint64_t *ret_gpa)
{
	char word[WORD_MAX];
	int r = find_word(cmdline, "ktstr.bell=", word, sizeof(word));

	return r < 0 ? r : kt_parse_u64(word, ret_gpa);
}

/* The kernel writes control bytes, non-ASCII and backslashes as \xHH. In place. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		int high, low;

		if (s[0] == '\\' && s[1] == 'x' && (high = kt_hex_digit(s[2])) >= 0 &&
		    (low = kt_hex_digit(s[3])) >= 0 && (high || low)) {
			*to++ = (char)(high << 4 | low);
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

char *gst_log_record_text(char *record, uint64_t *ret_us)
{
	char *text = strchr(record, ';'), *end, *save = NULL, *stamp = NULL;

	if (!text)
		return NULL;
	*text++ = '\0';
	end = strchr(text, '\n');
	if (end)
		*end = '\0';
	if (strtok_r(record, ",", &save) && strtok_r(NULL, ",", &save))
		stamp = strtok_r(NULL, ",", &save);
	if (!stamp || kt_parse_u64(stamp, ret_us) < 0)
		*ret_us = 0;
	unescape(text);
	return text;
}

const char *gst_kallsyms_line(char *line, uint64_t *ret_address)
{
	char *type = strchr(line, ' '), *name, digits[24];

	if (!type || type[1] == '\0' || type[2] != ' ')
		return NULL;
	*type = '\0';
	name = type + 3;
	name[strcspn(name, "\t\n")] = '\0';
	if (*name == '\0' || kt_snprintf(digits, sizeof(digits), "0x%s", line) < 0 ||
	    kt_parse_u64(digits, ret_address) < 0)
		return NULL;
	return name;
}

int gst_take_line(char *text, size_t *len, size_t cap, char *ret, size_t size)
{
	char *end = memchr(text, '\n', *len);
	size_t n = end ? (size_t)(end - text) : *len;
	int r = n < size ? 1 : -EMSGSIZE;

	if (!end && *len < cap)
		return 0;
	if (!end)
		r = -EMSGSIZE;
	if (r == 1) {
		memcpy(ret, text, n);
		ret[n] = '\0';
	}
	*len -= n + (end ? 1 : 0);
	memmove(text, text + n + (end ? 1 : 0), *len);
	return r;
}
