/* SPDX-License-Identifier: GPL-2.0-only */
/* The environment of a kernel's make: what the user's shell says must not get into a kernel that others are given. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "kernel-cache/build/build.h"

extern char **environ;

/* Everything that kbuild and the makefiles of tools/ read from the environment. */
static const char *const taken_out[] = {
	"MAKEFLAGS",
	"MFLAGS",
	"MAKELEVEL",
	"MAKEOVERRIDES",
	"GNUMAKEFLAGS",
	"MAKEFILES",
	"MAKE_TERMOUT",
	"MAKE_TERMERR",
	"sub_make_done",
	"srctree",
	"objtree",
	"O",
	"M",
	"V",
	"C",
	"W",
	"ARCH",
	"SUBARCH",
	"SRCARCH",
	"CROSS_COMPILE",
	"LLVM",
	"LLVM_IAS",
	"CC",
	"CXX",
	"CPP",
	"LD",
	"AR",
	"AS",
	"NM",
	"OBJCOPY",
	"OBJDUMP",
	"READELF",
	"STRIP",
	"PAHOLE",
	"PAHOLE_FLAGS",
	"HOSTCC",
	"HOSTCXX",
	"HOSTLD",
	"HOSTAR",
	"HOSTCFLAGS",
	"HOSTCXXFLAGS",
	"HOSTLDFLAGS",
	"HOSTLDLIBS",
	"KCFLAGS",
	"KAFLAGS",
	"KCPPFLAGS",
	"KRUSTFLAGS",
	"USERCFLAGS",
	"USERLDFLAGS",
	"CFLAGS",
	"CPPFLAGS",
	"CXXFLAGS",
	"LDFLAGS",
	"EXTRA_CFLAGS",
	"EXTRA_CPPFLAGS",
	"LOCALVERSION",
	"EXTRAVERSION",
	"KERNELRELEASE",
	"INSTALL_PATH",
	"INSTALL_MOD_PATH",
	"CHECK",
	"CF",
	"LANGUAGE",
	"SOURCE_DATE_EPOCH",
	"DEBUG",
};
/* GIT_: in a hook of git's they name the project's repository, whose state would end up in the kernel's release. */
static const char *const taken_out_prefixes[] = { "KBUILD_", "KCONFIG_", "CONFIG_", "GIT_" };

static bool has_bad_prefix(const char *var)
{
	for (size_t i = 0; i < sizeof(taken_out_prefixes) / sizeof(taken_out_prefixes[0]); i++) {
		if (kt_starts_with(var, taken_out_prefixes[i]))
			return true;
	}
	return false;
}

static int take_out(struct kt_strv *env)
{
	int r = 0;

	for (size_t i = 0; i < sizeof(taken_out) / sizeof(taken_out[0]); i++)
		r |= kt_strv_add(env, taken_out[i]);
	for (char **v = environ; *v; v++) {
		if (has_bad_prefix(*v))
			r |= kt_strv_addf(env, "%.*s", (int)strcspn(*v, "="), *v);
	}
	return r;
}

/* In the form of date(1), which parts of the build parse. What is in the image depends on the source alone. */
static int add_timestamp(const char *src, struct kt_strv *env)
{
	kt_auto(mem) char *makefile = kt_fmt("%s/Makefile", src);
	char text[64];
	struct stat st;
	struct tm tm;

	if (!makefile)
		return -ENOMEM;
	if (stat(makefile, &st) < 0 || !gmtime_r(&st.st_mtime, &tm) ||
	    strftime(text, sizeof(text), "%a %b %e %H:%M:%S UTC %Y", &tm) == 0)
		return kt_strv_add(env, "KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:00 UTC 1970");
	return kt_strv_addf(env, "KBUILD_BUILD_TIMESTAMP=%s", text);
}

int kc_make_env(const struct kc_toolchain *t, const char *src, bool keep_debug, struct kt_strv *ret,
		struct kt_err *e)
{
	kt_auto(strv) struct kt_strv env = { 0 };
	int r = take_out(&env);

	r |= add_timestamp(src, &env);
	r |= kt_strv_add(&env, "KBUILD_BUILD_VERSION=1");
	r |= kt_strv_add(&env, "KBUILD_BUILD_USER=ktstr");
	r |= kt_strv_add(&env, "KBUILD_BUILD_HOST=ktstr");
	r |= kt_strv_add(&env, "LC_ALL=C");
	/* Each build has an object directory of its own, whose name is only in DWARF. */
	if (t->ccache && !keep_debug)
		r |= kt_strv_add(&env, "CCACHE_NOHASHDIR=1");
	if (r < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "set up the environment of make");
	*ret = env;
	env = (struct kt_strv){ 0 };
	return 0;
}
