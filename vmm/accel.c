/* SPDX-License-Identifier: GPL-2.0-only */
/* Which accelerator runs the machines of this run, and why. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/proc.h"
#include "vmm/kvm/internal.h"

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

static int choose_kvm(struct vm_accel_choice *ret)
{
	*ret = (struct vm_accel_choice){
		.accel = VM_ACCEL_KVM,
		.name = "kvm",
		.why = "kvm: /dev/kvm runs what a stock kernel needs",
	};
	return 0;
}

/* @why_not: why there is no KVM; NULL: it was not wanted. */
static int choose_tcg(const char *why_not, struct vm_accel_choice *ret, struct kt_err *e)
{
	struct vm_accel_choice c = { .accel = VM_ACCEL_TCG, .name = "tcg" };
	int r = find_qemu(&c, e);

	if (r == 0)
		r = read_version(&c, e);
	if (r < 0)
		return why_not ? kt_context(e, r, "emulate, as KVM cannot be used (%s)", why_not)
			       : r;
	(void)kt_snprintf(c.why, sizeof(c.why), "tcg: %s", why_not ? why_not : "as asked");
	*ret = c;
	return 0;
}

int vm_choose_accel(enum vm_accel wanted, const char *cache_dir, struct vm_accel_choice *ret,
		    struct kt_err *e)
{
	struct kt_err kvm = { 0 };
	char why_not[KT_ERR_TEXT_BYTES];

	if (wanted == VM_ACCEL_TCG)
		return choose_tcg(NULL, ret, e);
	if (kvm_probe(cache_dir, false, NULL, &kvm) == 0)
		return choose_kvm(ret);
	kt_err_text(&kvm, why_not, sizeof(why_not));
	if (wanted == VM_ACCEL_KVM)
		return kt_fail(e, KT_E_HOST, 0, "KVM was asked for and cannot be used: %s",
			       why_not);
	return choose_tcg(why_not, ret, e);
}

int vm_check_kvm(const char *cache_dir, struct kt_strv *ret_lacks, struct kt_err *e)
{
	struct kvm_caps caps = { 0 };
	int r = kvm_probe(cache_dir, true, &caps, e);

	/* No vCPU at all: it could not even be asked. */
	if (caps.max_vcpus && kvm_lacks(&caps, ret_lacks) < 0 && r == 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "look at /dev/kvm");
	return r;
}
