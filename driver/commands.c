/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of commands, and finding one by its words. */
#include <errno.h>
#include <string.h>

#include "driver/driver.h"

const struct drv_command *const drv_commands[] = {
	&drv_cmd_test,        &drv_cmd_kernel_build, &drv_cmd_kernel_fetch, &drv_cmd_kernel_config,
	&drv_cmd_kernel_list, &drv_cmd_kernel_show,  &drv_cmd_kernel_clean, &drv_cmd_update,
	&drv_cmd_capture,     &drv_cmd_show,         &drv_cmd_init,         &drv_cmd_doctor,
	&drv_cmd_completions, &drv_cmd_help,
};
const size_t drv_nr_commands = sizeof(drv_commands) / sizeof(drv_commands[0]);

/* Named by the design and not there yet: refused by name, so that nobody takes them for a typo. */
static const char *const later[] = {
	"build", "verifier", "shell", "stats", "replay", "export", "report", "locks",
};

enum { WORDS_MAX = 40 };

/* How many of @words[0..nr) make up @name ("kernel fetch": 2), 0 when they do not. */
static size_t match(const char *name, const char *const *words, size_t nr)
{
	size_t used = 0;

	while (*name) {
		size_t len = strcspn(name, " ");

		if (used == nr || strlen(words[used]) != len || memcmp(words[used], name, len) != 0)
			return 0;
		used++;
		name += len;
		name += *name == ' ';
	}
	return used;
}

/* The words that may follow @first ("kernel": "fetch list"), or the first words when it is NULL. */
static size_t next_words(const char *first, const char **ret)
{
	size_t nr = 0;

	for (size_t i = 0; i < drv_nr_commands && nr < WORDS_MAX; i++) {
		const char *name = drv_commands[i]->name;

		if (!first)
			ret[nr++] = name;
		else if (kt_starts_with(name, first) && name[strlen(first)] == ' ')
			ret[nr++] = name + strlen(first) + 1;
	}
	return nr;
}

static int fail_incomplete(const char *first, const char *second, const char *const *sub, size_t nr,
			   struct kt_err *e)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	const char *nearest = second ? kt_nearest(second, sub, nr) : NULL;

	for (size_t i = 0; i < nr; i++)
		kt_buf_addf(&b, "%s'%s %s'", i ? ", " : "", first, sub[i]);
	if (nearest)
		return kt_fail(e, KT_E_USAGE, EINVAL,
			       "unknown command '%s %s': did you mean '%s %s'?", first, second,
			       first, nearest);
	if (second)
		return kt_fail(e, KT_E_USAGE, EINVAL, "unknown command '%s %s': there is %s", first,
			       second, kt_buf_str(&b));
	return kt_fail(e, KT_E_USAGE, EINVAL, "command '%s' needs a second word: there is %s",
		       first, kt_buf_str(&b));
}

int drv_command_find(const char *const *words, size_t nr, const struct drv_command **ret,
		     size_t *ret_used, struct kt_err *e)
{
	const char *names[WORDS_MAX];
	const char *nearest;
	size_t used, nr_names;

	for (size_t i = 0; i < drv_nr_commands; i++) {
		used = match(drv_commands[i]->name, words, nr);
		if (used) {
			*ret = drv_commands[i];
			*ret_used = used;
			return 0;
		}
	}
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		if (match(later[i], words, nr))
			return kt_fail(e, KT_E_USAGE, ENOSYS, "command '%s' is not supported yet",
				       later[i]);
	}
	nr_names = next_words(words[0], names);
	if (nr_names)
		return fail_incomplete(words[0], nr > 1 ? words[1] : NULL, names, nr_names, e);
	nr_names = next_words(NULL, names);
	nearest = kt_nearest(words[0], names, nr_names);
	if (nearest)
		return kt_fail(e, KT_E_USAGE, EINVAL, "unknown command '%s': did you mean '%s'?",
			       words[0], nearest);
	return kt_fail(e, KT_E_USAGE, EINVAL, "unknown command '%s': see 'ktstr-make --help'",
		       words[0]);
}
