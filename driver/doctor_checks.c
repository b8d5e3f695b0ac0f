/* SPDX-License-Identifier: GPL-2.0-only */
/* What a host needs to run tests, one row each. */
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/parse.h"
#include "config/config.h"
#include "driver/doctor.h"
#include "driver/host.h"
#include "kernel-cache/kernel-cache.h"

enum { APT_FILE_MAX = 1 << 20 };
#define GIB (UINT64_C(1) << 30)
/* One cloud kernel with its vmlinux takes about 0.1 GiB. */
#define CACHE_FREE_WARN_BYTES GIB
#define CACHE_FREE_NEED_BYTES (GIB / 4)
#define MEMORY_WARN_BYTES GIB
#define MEMORY_NEED_BYTES (GIB / 2)

void drv_doctor_look(struct drv_doctor *d)
{
	kt_auto(mem) char *dir = kc_default_dir();

	*d = (struct drv_doctor){ 0 };
	/* Anew, whatever was found before; the errors are what is shown. */
	(void)vm_check_kvm(dir, &d->kvm_lacks, &d->kvm_err);
	(void)vm_choose_accel(VM_ACCEL_TCG, dir, &d->tcg, &d->tcg_err);
	(void)vm_choose_accel(VM_ACCEL_AUTO, dir, &d->automatic, &d->auto_err);
}

void drv_doctor_done(struct drv_doctor *d)
{
	kt_strv_done(&d->kvm_lacks);
}

static void add_err(struct kt_buf *b, const struct kt_err *e)
{
	char text[KT_ERR_TEXT_BYTES];

	kt_buf_adds(b, kt_err_text(e, text, sizeof(text)));
}

static void check_qemu(const struct drv_doctor *d, struct drv_check_result *ret)
{
	if (d->tcg_err.kind == KT_E_NONE) {
		kt_buf_addf(&ret->text, "%s, %s", d->tcg.version, d->tcg.program);
		return;
	}
	ret->health = d->kvm_err.kind == KT_E_NONE ? DRV_WARN : DRV_BROKEN;
	add_err(&ret->text, &d->tcg_err);
	kt_buf_adds(
		&ret->hint,
		"install qemu-system-x86 (10 or newer; bookworm-backports has it), or set $KTSTR_QEMU");
}

static void check_kvm(const struct drv_doctor *d, struct drv_check_result *ret)
{
	if (d->kvm_err.kind == KT_E_NONE) {
		kt_buf_adds(&ret->text, "/dev/kvm runs what a stock kernel needs");
		for (size_t i = 0; i < d->kvm_lacks.nr; i++)
			kt_buf_addf(&ret->text, "\n%s", d->kvm_lacks.v[i]);
		return;
	}
	ret->health = DRV_WARN;
	add_err(&ret->text, &d->kvm_err);
	kt_buf_adds(&ret->hint,
		    d->tcg_err.kind == KT_E_NONE
			    ? "nothing to do: machines are emulated, which is slower"
			    : "give this user access to a usable /dev/kvm, or install QEMU");
}

static void check_auto(const struct drv_doctor *d, struct drv_check_result *ret)
{
	if (d->auto_err.kind == KT_E_NONE) {
		kt_buf_addf(&ret->text, "%s",
			    d->automatic.why[0] ? d->automatic.why : d->automatic.name);
		return;
	}
	ret->health = DRV_BROKEN;
	add_err(&ret->text, &d->auto_err);
	kt_buf_adds(&ret->hint, "one of kvm and qemu must work");
}

/* "1 test", "2 tests" */
static void add_count(struct kt_buf *b, size_t nr, const char *what)
{
	kt_buf_addf(b, "%zu %s%s", nr, what, nr == 1 ? "" : "s");
}

static bool in_path(const char *name, struct kt_buf *found)
{
	const char *path = getenv("PATH");

	while (path && *path) {
		size_t len = strcspn(path, ":");

		kt_buf_reset(found);
		kt_buf_addf(found, "%.*s/%s", (int)len, path, name);
		if (kt_buf_ok(found) && access(kt_buf_str(found), X_OK) == 0)
			return true;
		path += len;
		path += *path == ':';
	}
	return false;
}

static void check_gpgv(const struct drv_doctor *d, struct drv_check_result *ret)
{
	kt_auto(buf) struct kt_buf found = { 0 };

	(void)d;
	if (in_path("gpgv", &found)) {
		kt_buf_adds(&ret->text, kt_buf_str(&found));
		return;
	}
	ret->health = DRV_WARN;
	kt_buf_adds(&ret->text,
		    "not in PATH: kernels from Debian cannot be verified, so they are not fetched");
	kt_buf_adds(&ret->hint, "install gpgv");
}

static void check_cache(const struct drv_doctor *d, struct drv_check_result *ret)
{
	kt_auto(mem) char *dir = kc_default_dir();
	struct kt_err e = { 0 };
	struct statvfs fs;
	uint64_t left;

	(void)d;
	if (!dir || kt_mkdir_p(dir, 0755, &e) < 0 || access(dir, W_OK | X_OK) < 0 ||
	    statvfs(dir, &fs) < 0) {
		ret->health = DRV_BROKEN;
		if (e.kind != KT_E_NONE)
			add_err(&ret->text, &e);
		else
			kt_buf_addf(&ret->text, "cannot write '%s': %s", dir ? dir : "?",
				    strerror(errno));
		kt_buf_adds(&ret->hint, "set $KTSTR_CACHE_DIR to a directory that can be written");
		return;
	}
	if (kc_dir_check(dir, &e) < 0) {
		ret->health = DRV_BROKEN;
		add_err(&ret->text, &e); /* which says what to do */
		return;
	}
	left = (uint64_t)fs.f_bavail * fs.f_frsize;
	kt_buf_addf(&ret->text, "%s, ", dir);
	kt_format_size(&ret->text, left);
	kt_buf_adds(&ret->text, " free");
	if (left >= CACHE_FREE_WARN_BYTES)
		return;
	ret->health = left < CACHE_FREE_NEED_BYTES ? DRV_BROKEN : DRV_WARN;
	kt_buf_adds(&ret->hint, "make room, or set $KTSTR_CACHE_DIR to a larger file system");
}

static void check_toolchain(const struct drv_doctor *d, struct drv_check_result *ret)
{
	kt_auto(mem) char *dir = kc_default_dir();
	struct kt_err e = { 0 };

	(void)d;
	if (dir && kc_can_build(dir, &ret->text, &ret->hint, &e) == 0) {
		ret->health = ret->hint.len ? DRV_WARN : DRV_OK;
		return;
	}
	ret->health = DRV_WARN;
	kt_buf_reset(&ret->text);
	kt_buf_adds(&ret->text, "kernels cannot be built from source here: ");
	add_err(&ret->text, &e);
	kt_buf_adds(&ret->hint, "prebuilt kernels ('debian:SUITE/cloud') need none of it");
}

/* A line that names a mirror: "deb [...] URI suite", or deb822's "URIs:". */
static bool names_mirror(const char *text)
{
	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += strspn(p, "\n \t");
		if (!strncmp(p, "deb ", 4) || !strncmp(p, "deb\t", 4) ||
		    !strncasecmp(p, "URIs:", 5))
			return true;
	}
	return false;
}

static void check_mirror(const struct drv_doctor *d, struct drv_check_result *ret)
{
	static const char *const patterns[] = { "/etc/apt/sources.list",
						"/etc/apt/sources.list.d/*.list",
						"/etc/apt/sources.list.d/*.sources" };
	glob_t g = { 0 };

	(void)d;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		(void)glob(patterns[i], i ? GLOB_APPEND : 0, NULL,
			   &g); /* no match is a fine answer */
	for (size_t i = 0; i < g.gl_pathc && !ret->text.len; i++) {
		kt_auto(buf) struct kt_buf b = { 0 };

		if (kt_file_read(g.gl_pathv[i], APT_FILE_MAX, &b, NULL) == 0 &&
		    names_mirror(kt_buf_str(&b)))
			kt_buf_addf(&ret->text, "configured in %s", g.gl_pathv[i]);
	}
	globfree(&g);
	if (ret->text.len)
		return;
	ret->health = DRV_WARN;
	kt_buf_adds(&ret->text,
		    "apt names no mirror: kernels from 'debian:' sources are not to be had");
	kt_buf_adds(&ret->hint, "add one to /etc/apt/sources.list, or use 'path:' kernels");
}

static void check_host(const struct drv_doctor *d, struct drv_check_result *ret)
{
	struct drv_host h;

	(void)d;
	drv_host_read(&h);
	add_count(&ret->text, h.nr_cpus, "CPU");
	kt_buf_adds(&ret->text, ", ");
	kt_format_size(&ret->text, h.available_bytes);
	kt_buf_adds(&ret->text, " of ");
	kt_format_size(&ret->text, h.memory_bytes);
	kt_buf_adds(&ret->text, " memory available");
	if (h.available_bytes >= MEMORY_WARN_BYTES)
		return;
	ret->health = h.available_bytes < MEMORY_NEED_BYTES ? DRV_BROKEN : DRV_WARN;
	kt_buf_adds(&ret->hint,
		    "the smallest machine takes 256 MiB; large topologies take 64 MiB a CPU");
}

static void check_project(const struct drv_doctor *d, struct drv_check_result *ret)
{
	kt_auto(cfg_project) struct cfg_project *p = NULL;
	kt_auto(mem) char *path = NULL;
	struct kt_err e = { 0 };

	(void)d;
	if (cfg_find(".", &path, &e) < 0) {
		kt_buf_adds(&ret->text, "none here");
		kt_buf_adds(&ret->hint, "'ktstr-make init' writes one");
		return;
	}
	if (cfg_load(path, &p, &e) < 0) {
		ret->health = DRV_BROKEN;
		add_err(&ret->text, &e);
		kt_buf_adds(&ret->hint, "correct the file");
		return;
	}
	kt_buf_addf(&ret->text, "%s: ", p->file);
	add_count(&ret->text, p->nr_tests, "test");
	kt_buf_adds(&ret->text, ", ");
	add_count(&ret->text, p->nr_schedulers, "scheduler");
	kt_buf_adds(&ret->text, ", ");
	add_count(&ret->text, p->nr_kernels, "kernel");
}

const struct drv_check drv_checks[] = {
	{ "accelerator", check_auto }, { "kvm", check_kvm },       { "qemu", check_qemu },
	{ "gpgv", check_gpgv },        { "mirror", check_mirror }, { "toolchain", check_toolchain },
	{ "cache", check_cache },      { "host", check_host },     { "project", check_project },
};
const size_t drv_nr_checks = sizeof(drv_checks) / sizeof(drv_checks[0]);
