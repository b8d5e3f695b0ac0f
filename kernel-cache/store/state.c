/* SPDX-License-Identifier: GPL-2.0-only */
/* How an entry stands to what would be made today. */
#include <ctype.h>

#include "kernel-cache/kconfig/kconfig.h"
#include "kernel-cache/source/source.h"

const char *const kc_state_names[] = {
	[KC_STATE_CURRENT] = "current", [KC_STATE_CORRUPT] = "corrupt", [KC_STATE_DIRTY] = "dirty",
	[KC_STATE_STALE] = "stale",     [KC_STATE_EOL] = "EOL",
};

static const char *skip_number(const char *s)
{
	while (isdigit((unsigned char)*s))
		s++;
	return s;
}

/* "6.12", "6.12.40", "6.15-rc3": what kernel.org calls its own, and distributions do not. */
static bool is_kernelorg_version(const char *s)
{
	const char *p = skip_number(s);

	for (int parts = 1; p > s; parts++) {
		if (!*p)
			return parts >= 2;
		if (kt_starts_with(p, "-rc"))
			return parts >= 2 && isdigit((unsigned char)p[3]) && !*skip_number(p + 3);
		if (*p != '.' || parts == 3)
			return false;
		s = p + 1;
		p = skip_number(s);
	}
	return false;
}

static bool is_stale(const struct kc_metadata *m)
{
	char now[KT_SHA256_HEX] = "";

	if (!m->flavour || !m->builtin_hash)
		return false;
	kc_config_builtin_hash(m->flavour, now);
	return now[0] && !kt_streq(now, m->builtin_hash);
}

enum kc_state kc_state_of(const char *cache_dir, const struct kc_metadata *m)
{
	if (m->dirty)
		return KC_STATE_DIRTY;
	if (is_stale(m))
		return KC_STATE_STALE;
	if ((m->flavour || is_kernelorg_version(m->version)) &&
	    kc_kernelorg_is_eol(cache_dir, m->version))
		return KC_STATE_EOL;
	return KC_STATE_CURRENT;
}
