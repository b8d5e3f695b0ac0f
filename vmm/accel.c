/* SPDX-License-Identifier: GPL-2.0-only */
/* Which accelerator runs the machines of this run, and why. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/proc.h"
#include "vmm/internal.h"

#define QEMU_PROGRAM "qemu-system-x86_64"
#define QEMU_HINT "install qemu-system-x86 " /* then the version */
enum { QEMU_MAJOR_MIN = 10, VERSION_TIMEOUT_MS = 20000, VERSION_TEXT_MAX = 4096 };

/* Full path of @name by PATH into @ret. */
static int find_in_path(const char *name, char *ret, size_t size)
{
	const char *path = getenv("PATH"), *end;

	if (!path)
		path = "/usr/local/bin:/usr/bin:/bin";
	for (; *path; path = *end ? end + 1 : end) {
		end = strchrnul(path, ':');
		if (end > path &&
		    kt_snprintf(ret, size, "%.*s/%s", (int)(end - path), path, name) == 0 &&
		    access(ret, X_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

static int find_qemu(struct vm_accel_choice *c, struct kt_err *e)
{
	const char *given = getenv("KTSTR_QEMU");

	if (given && strchr(given, '/')) {
		if (access(given, X_OK) < 0)
			return kt_fail(e, KT_E_TOOL, errno, "KTSTR_QEMU='%s': %s", given,
				       strerror(errno));
		if (kt_snprintf(c->program, sizeof(c->program), "%s", given) < 0)
			return kt_fail(e, KT_E_TOOL, ENAMETOOLONG,
				       "KTSTR_QEMU='%s': path is too long", given);
		return 0;
	}
	if (given && *given) {
		if (find_in_path(given, c->program, sizeof(c->program)) < 0)
			return kt_fail(e, KT_E_TOOL, ENOENT, "KTSTR_QEMU='%s': not found in PATH",
				       given);
		return 0;
	}
	if (find_in_path(QEMU_PROGRAM, c->program, sizeof(c->program)) < 0)
		return kt_fail(e, KT_E_TOOL, ENOENT,
			       "%s not found in PATH: " QEMU_HINT
			       "%d or newer (Debian 12: from bookworm-backports)",
			       QEMU_PROGRAM, QEMU_MAJOR_MIN);
	return 0;
}

/* "QEMU emulator version 10.0.2 (Debian ...)" */
static int read_version(struct vm_accel_choice *c, struct kt_err *e)
{
	static const char word[] = "version ";
	const char *argv[] = { c->program, "--version", NULL };
	kt_auto(buf) struct kt_buf out = { 0 };
	struct kt_proc_end end;
	const char *at;
	unsigned major = 0;
	size_t n;
	int r;

	r = kt_proc_run(&(struct kt_proc_opts){ .argv = argv }, VERSION_TIMEOUT_MS,
			VERSION_TEXT_MAX, &out, NULL, &end, e);
	if (r < 0)
		return kt_context(e, r, "ask QEMU for its version");
	at = strstr(kt_buf_str(&out), word);
	at = at ? at + strlen(word) : "";
	n = strspn(at, "0123456789.");
	if (n == 0 || n > 32)
		return kt_fail(e, KT_E_TOOL, EINVAL,
			       "'%s --version' does not say which version of QEMU it is",
			       c->program);
	for (const char *p = at; isdigit((unsigned char)*p) && major < 1000; p++)
		major = major * 10 + (unsigned)(*p - '0');
	(void)kt_snprintf(c->version, sizeof(c->version), "QEMU %.*s", (int)n, at); /* fits */
	if (major < QEMU_MAJOR_MIN)
		return kt_fail(e, KT_E_TOOL, EINVAL,
			       "'%s' is %s: " QEMU_HINT
			       "%d or newer (Debian 12: from bookworm-backports)",
			       c->program, c->version, QEMU_MAJOR_MIN);
	return 0;
}

/* Why there is no KVM, in words that follow "/dev/kvm: " or stand alone. */
static void describe_kvm(char *ret, size_t size)
{
	kt_auto(fd) int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		(void)kt_snprintf(ret, size,
				  "/dev/kvm is there, but this version has no KVM back end yet");
	else if (errno == ENOENT)
		(void)kt_snprintf(ret, size, "no /dev/kvm on this host");
	else
		(void)kt_snprintf(ret, size, "/dev/kvm: %s", strerror(errno));
}

int vm_choose_accel(enum vm_accel wanted, struct vm_accel_choice *ret, struct kt_err *e)
{
	struct vm_accel_choice c = { .accel = VM_ACCEL_TCG, .name = "tcg" };
	char why[128];
	int r;

	describe_kvm(why, sizeof(why));
	if (wanted == VM_ACCEL_KVM)
		return kt_fail(e, KT_E_HOST, 0, "KVM was asked for and cannot be used: %s", why);
	r = find_qemu(&c, e);
	if (r < 0)
		return r;
	r = read_version(&c, e);
	if (r < 0)
		return r;
	if (wanted == VM_ACCEL_TCG)
		(void)kt_snprintf(c.why, sizeof(c.why), "tcg: as asked");
	else
		(void)kt_snprintf(c.why, sizeof(c.why), "tcg: %s", why);
	*ret = c;
	return 0;
}
