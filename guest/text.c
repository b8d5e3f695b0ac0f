/* SPDX-License-Identifier: GPL-2.0-only */
/* Texts that the kernel hands to init: its command line, records of its log. */
#include "guest/internal.h"

#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"

int gst_find_window(char *cmdline, uint64_t *ret_gpa, uint64_t *ret_len)
{
	static const char key[] = "ktstr.ring=";
	char *save = NULL;

	for (char *word = strtok_r(cmdline, " \n", &save); word;
	     word = strtok_r(NULL, " \n", &save)) {
		char *comma;
		int r;

		if (!kt_starts_with(word, key))
			continue;
		word += sizeof(key) - 1;
		comma = strchr(word, ',');
		if (!comma)
			return -EINVAL;
		*comma = '\0';
		r = kt_parse_u64(word, ret_gpa);
		return r < 0 ? r : kt_parse_u64(comma + 1, ret_len);
	}
	return -ENOENT;
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
