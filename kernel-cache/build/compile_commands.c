/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compile_commands.json, which tells an editor (clangd) how each file of a tree is compiled. The kernel's own script
 * writes it. What is committed was compiled from a copy of the user's tree, so paths of that copy become the user's;
 * headers that the build has made stay in the object directory, where the commands find them.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "kernel-cache/build/build.h"

enum {
	COMMANDS_MS = 120000,
	SAID_BYTES_MAX = 4 << 10,
	COMMANDS_BYTES_MAX = 256 << 20,
};

/* A directory by both of its names, and what takes its place. */
struct replaced {
	const char *from, *from_real, *to;
};

/* Whether @text begins with the directory @dir, and not with one whose name only begins so. */
static bool begins_with_dir(const char *text, const char *dir)
{
	size_t len = strlen(dir);

	if (strncmp(text, dir, len) != 0)
		return false;
	return !isalnum((unsigned char)text[len]) && (!text[len] || !strchr(".+~_-", text[len]));
}

/* @in_command: for a shell. */
static void add_dir(struct kt_buf *b, const char *dir, bool in_command)
{
	for (; *dir; dir++) {
		if (in_command && !isalnum((unsigned char)*dir) && !strchr("/._-+=:,@%", *dir) &&
		    (unsigned char)*dir < 0x80)
			kt_buf_addc(b, '\\');
		kt_buf_addc(b, *dir);
	}
}

static void add_replaced(struct kt_json *j, const cJSON *o, const char *name,
			 const struct replaced *r)
{
	const char *text = kc_json_get_str(o, name);
	kt_auto(buf) struct kt_buf b = { 0 };

	for (; text && *text;) {
		const char *dir = begins_with_dir(text, r->from)        ? r->from
				  : begins_with_dir(text, r->from_real) ? r->from_real
									: NULL;

		if (dir) {
			add_dir(&b, r->to, kt_streq(name, "command"));
			text += strlen(dir);
		} else {
			kt_buf_addc(&b, *text++);
		}
	}
	kt_json_str(j, name, kt_buf_str(&b));
}

static int move_paths(const char *file, const struct replaced *r, struct kt_err *e)
{
	static const char *const names[] = { "directory", "command", "file" };
	kt_auto(buf) struct kt_buf text = { 0 }, moved = { 0 };
	kt_auto(cjson) cJSON *root = NULL;
	const cJSON *o;
	struct kt_json j;
	int err = kt_file_read(file, COMMANDS_BYTES_MAX, &text, e);

	if (err < 0)
		return err;
	root = cJSON_ParseWithLength(kt_buf_str(&text), text.len);
	if (!cJSON_IsArray(root))
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' is no JSON array", file);
	kt_json_init(&j, &moved, true);
	kt_json_array_begin(&j, NULL);
	cJSON_ArrayForEach(o, root)
	{
		kt_json_object_begin(&j, NULL);
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			add_replaced(&j, o, names[i], r);
		kt_json_object_end(&j);
	}
	kt_json_array_end(&j);
	kt_json_finish(&j);
	if (!kt_buf_ok(&moved))
		return kt_fail(e, KT_E_HOST, ENOMEM, "write '%s'", file);
	return kt_file_write_atomic(file, moved.data, moved.len, 0644, e);
}

static int run_script(const char *script, const char *objects, const char *file, struct kt_err *e)
{
	const char *const argv[] = { "python3", script, "-d", objects, "-o", file, NULL };
	kt_auto(buf) struct kt_buf said = { 0 };
	struct kt_proc_end end = { 0 };
	int r = kt_proc_run(&(struct kt_proc_opts){ .argv = argv }, COMMANDS_MS, SAID_BYTES_MAX,
			    NULL, &said, &end, e);

	if (r == 0 && (end.signalled || end.code != 0))
		r = kt_fail(e, KT_E_TOOL, ENOEXEC, "%s", kt_buf_str(&said));
	return r;
}

/* Until the link is there. */
static void say_how(const char *file, const char *own_dir)
{
	kt_auto(mem) char *link = kt_fmt("%s/compile_commands.json", own_dir);
	kt_auto(buf) struct kt_buf text = { 0 };
	char target[PATH_MAX] = "";
	bool is_link = link && readlink(link, target, sizeof(target) - 1) >= 0;

	if (is_link && kt_streq(target, file))
		return;
	kt_buf_adds(&text, is_link ? "ln -sf " : "ln -s ");
	kt_buf_add_shell(&text, file);
	kt_buf_addc(&text, ' ');
	kt_buf_add_shell(&text, own_dir);
	kt_log(KT_AREA_KERNEL_CACHE, KT_INFO, "compile_commands.json for clangd: %s/",
	       kt_buf_str(&text));
}

/* Best effort: a kernel is no worse without it. */
void kc_compile_commands(const struct kc_kernel *k)
{
	const char *src = k->tree->dir;
	kt_auto(mem) char *script = kt_fmt("%s/scripts/clang-tools/gen_compile_commands.py", src);
	kt_auto(mem) char *file = kt_fmt("%s/compile_commands.json", k->objects);
	kt_auto(mem) char *real = realpath(src, NULL);
	const struct replaced moved = { src, real ? real : src, k->own_dir };
	struct kt_err why = { 0 };
	char text[KT_ERR_TEXT_BYTES];
	int r;

	if (!script || !file || access(script, R_OK) < 0)
		return;
	r = run_script(script, k->objects, file, &why);
	if (r == 0 && !kt_streq(src, k->own_dir))
		r = move_paths(file, &moved, &why);
	if (r == 0)
		say_how(file, k->own_dir);
	else
		kt_log(KT_AREA_KERNEL_CACHE, KT_WARN, "no compile_commands.json for %s: %s",
		       k->tree->version, kt_err_text(&why, text, sizeof(text)));
}
