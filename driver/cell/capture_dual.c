/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When the first of two captures is due: once a runnable task has waited for half of what the scheduler's watchdog allows,
 * so that state is told from before the kernel takes it apart, and from when it does.
 */
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/parse.h"
#include "driver/cell/coordinator.h"

#define MS UINT64_C(1000000)
static const uint64_t scan_ns = 250 * MS;
/* The kernel's own limit, where the test does not set one (SCX_WATCHDOG_MAX_TIMEOUT, kernel/sched/ext.c, 6.12). */
static const uint64_t watchdog_default_ns = 30000 * MS;
enum { CONFIG_MAX = 1 << 20 };

/* CONFIG_HZ of the kernel's configuration; 0: not told. */
unsigned cell_config_hz(const char *config)
{
	const char *line = strstr(config, "\nCONFIG_HZ=");
	char number[16];
	unsigned hz;

	if (!line)
		return 0;
	line += strlen("\nCONFIG_HZ=");
	if (kt_snprintf(number, sizeof(number), "%.*s", (int)strcspn(line, "\n"), line) < 0 ||
	    kt_parse_uint(number, 1, 10000, &hz) < 0)
		return 0;
	return hz;
}

static unsigned read_hz(const struct kc_entry *k)
{
	kt_auto(buf) struct kt_buf config = { 0 };

	if (!k || !k->config || kt_file_read(k->config, CONFIG_MAX, &config, NULL) < 0)
		return 0;
	return cell_config_hz(kt_buf_str(&config));
}

uint64_t cell_early_threshold(uint64_t watchdog_ns, unsigned hz)
{
	return watchdog_ns / MS * hz / 1000 / 2;
}

void cell_dual_begin(struct cell_dual *d, const struct cell_spec *spec, struct cap_guest *g)
{
	uint64_t watchdog = spec->plan.watchdog_ns ? spec->plan.watchdog_ns : watchdog_default_ns;

	if (!spec->dual)
		return;
	d->g = g;
	d->threshold = cell_early_threshold(watchdog, read_hz(spec->kernel));
	if (!g)
		d->missing = "guest memory";
	else if (!d->threshold)
		d->missing = "CONFIG_HZ";
}

bool cell_dual_look(struct cell_dual *d, struct cell_early *ret)
{
	struct cap_oldest oldest = { 0 };
	int r;

	if (!d->g || !d->threshold)
		return false;
	cap_guest_forget(d->g);
	r = cap_oldest_runnable(d->g, &oldest);
	if (r == -EOPNOTSUPP)
		d->missing = "runnable lists (types or symbols)";
	if (r < 0)
		return false;
	d->nr_scans++;
	d->nr_tasks += oldest.nr_tasks;
	if (oldest.age > d->peak)
		d->peak = oldest.age;
	if (oldest.age < d->threshold)
		return false;
	*ret = (struct cell_early){ .age = oldest.age, .threshold = d->threshold };
	return true;
}

bool cell_dual_scan(struct cell_dual *d, uint64_t now_ns, struct cell_early *ret)
{
	if (now_ns < d->next_ns)
		return false;
	d->next_ns = now_ns + scan_ns;
	return cell_dual_look(d, ret);
}

void cell_dual_why(const struct cell_dual *d, char *buf, size_t size)
{
	if (d->missing || !d->nr_scans)
		(void)kt_snprintf(buf, size, "scan prerequisites unavailable: %s",
				  d->missing ? d->missing : "no scheduler was seen");
	else if (!d->nr_tasks)
		(void)kt_snprintf(buf, size, "scx_tick stall — no per-task runnable_at data");
	else
		(void)kt_snprintf(buf, size,
				  "max_age never crossed threshold (peak=%lluj, threshold=%lluj)",
				  (unsigned long long)d->peak, (unsigned long long)d->threshold);
}
