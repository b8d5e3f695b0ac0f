/* SPDX-License-Identifier: GPL-2.0-only */
/* completions: scripts for bash, zsh and fish, from the tables of commands and options. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "driver/driver.h"

static const char *const shells[] = { "bash", "zsh", "fish", NULL };

/* Shell code that prints the names that can stand there; NULL: none to offer. */
static const char *words_of(enum drv_complete c)
{
	switch (c) {
	case DRV_COMPLETE_TEST:
		return "ktstr-make test --list --include-ignored 2>/dev/null | cut -d' ' -f1 | sort -u";
	case DRV_COMPLETE_KERNEL:
		return "ktstr-make kernel list --names 2>/dev/null";
	case DRV_COMPLETE_KEY:
		return "ktstr-make kernel list 2>/dev/null | tail -n +2 | cut -d' ' -f1";
	case DRV_COMPLETE_NONE:
	case DRV_COMPLETE_FILE:
	case DRV_COMPLETE_DIR:
	case DRV_COMPLETE_COMMAND:
		return NULL;
	}
	return NULL;
}

static void add_words(struct kt_buf *b, const char *const *words)
{
	for (size_t i = 0; words[i]; i++)
		kt_buf_addf(b, "%s%s", i ? " " : "", words[i]);
}

/* The first words of all commands, each once ("kernel"). */
static void add_first_words(struct kt_buf *b)
{
	const char *before = "";
	size_t before_len = 0;

	for (size_t i = 0; i < drv_nr_commands; i++) {
		const char *name = drv_commands[i]->name;
		size_t len = strcspn(name, " ");

		if (len == before_len && !memcmp(name, before, len))
			continue;
		kt_buf_addf(b, "%s%.*s", i ? " " : "", (int)len, name);
		before = name;
		before_len = len;
	}
}

static void add_second_words(struct kt_buf *b, const char *first, size_t len)
{
	for (size_t i = 0; i < drv_nr_commands; i++) {
		const char *name = drv_commands[i]->name;

		if (!strncmp(name, first, len) && name[len] == ' ')
			kt_buf_addf(b, " %s", name + len + 1);
	}
}

/* ---- bash and zsh: one body, whose few differences are in a row each ---- */

struct dialect {
	const char *head;
	const char *locals;
	const char *words; /* the words typed so far, without the program's name */
	const char *directories; /* offer directories, and be done */
	const char *files; /* likewise */
	const char *tail;
};

static const struct dialect bash = {
	.head = "# bash completion of ktstr-make: source <(ktstr-make completions bash)\n",
	.locals =
		"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd=\"\" list=\"\" skip=\"\" w\n"
		"\tCOMPREPLY=()\n",
	.words = "\"${COMP_WORDS[@]:1:COMP_CWORD-1}\"",
	.directories = "mapfile -t COMPREPLY < <(compgen -d -- \"$cur\"); return",
	.files = "mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return",
	.tail = "\tmapfile -t COMPREPLY < <(compgen -W \"$list\" -- \"$cur\")\n}\n"
		"complete -F _ktstr_make ktstr-make\n",
};

static const struct dialect zsh = {
	.head = "#compdef ktstr-make\n# zsh completion of ktstr-make: source <(ktstr-make completions zsh)\n",
	.locals =
		"\tlocal cur=${words[CURRENT]} prev=${words[CURRENT-1]} cmd=\"\" list=\"\" skip=\"\" w\n",
	.words = "\"${(@)words[2,CURRENT-1]}\"",
	.directories = "_files -/; return",
	.files = "_files; return",
	.tail = "\tcompadd -- ${=list}\n}\ncompdef _ktstr_make ktstr-make\n",
};

static void add_option_names(struct kt_buf *b, const struct drv_option *rows, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		kt_buf_addf(b, " --%s", rows[i].name);
		if (rows[i].short_name)
			kt_buf_addf(b, " -%c", rows[i].short_name);
	}
}

/*
 * A case arm for each option that takes a value: what to offer after it. @command is quoted, or
 * "*".
 */
static void add_value_arms(struct kt_buf *b, const struct dialect *d, const char *command,
			   const struct drv_option *rows, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		const struct drv_option *o = &rows[i];
		const char *source = words_of(o->complete);

		if (!o->arg)
			continue;
		kt_buf_addf(b, "\t%s:--%s", command, o->name);
		if (o->short_name)
			kt_buf_addf(b, "|%s:-%c", command, o->short_name);
		kt_buf_adds(b, ")\n\t\t");
		if (o->choices) {
			kt_buf_adds(b, "list=\"");
			add_words(b, o->choices);
			kt_buf_adds(b, "\"");
		} else if (source) {
			kt_buf_addf(b, "list=\"$(%s)\"", source);
		} else if (o->complete == DRV_COMPLETE_DIR) {
			kt_buf_adds(b, d->directories);
		} else if (o->complete == DRV_COMPLETE_FILE) {
			kt_buf_adds(b, d->files);
		} else {
			kt_buf_adds(b, "list=\"\"");
		}
		kt_buf_adds(b, " ;;\n");
	}
}

static void add_command_arm(struct kt_buf *b, const struct drv_command *c)
{
	const char *source = words_of(c->complete);

	kt_buf_addf(b, "\t\"%s:\"*)\n\t\tlist=\"", c->name);
	add_option_names(b, c->options, c->nr_options);
	add_option_names(b, drv_global_options, drv_nr_global_options);
	kt_buf_adds(b, "\"\n");
	if (c->operand_words || source || c->complete == DRV_COMPLETE_COMMAND) {
		kt_buf_adds(b, "\t\t[[ $cur == -* ]] || list=\"");
		if (c->operand_words)
			add_words(b, c->operand_words);
		else if (source)
			kt_buf_addf(b, "$(%s)", source);
		else
			add_first_words(b);
		kt_buf_adds(b, "\"\n");
	}
	kt_buf_adds(b, "\t\t;;\n");
}

/* "kernel" alone: its second words. */
static void add_group_arms(struct kt_buf *b)
{
	for (size_t i = 0; i < drv_nr_commands; i++) {
		const char *name = drv_commands[i]->name;
		size_t len = strcspn(name, " ");

		if (!name[len] || (i && !strncmp(drv_commands[i - 1]->name, name, len + 1)))
			continue;
		kt_buf_addf(b, "\t\"%.*s:\"*)\n\t\tlist=\"", (int)len, name);
		add_second_words(b, name, len);
		kt_buf_adds(b, "\" ;;\n");
	}
}

/* Before the command, what follows one of these is its value, not the command. */
static void add_skip_arm(struct kt_buf *b)
{
	const char *between = "\t\t";

	for (size_t i = 0; i < drv_nr_global_options; i++) {
		const struct drv_option *o = &drv_global_options[i];

		if (!o->arg)
			continue;
		kt_buf_addf(b, "%s:--%s", between, o->name);
		if (o->short_name)
			kt_buf_addf(b, "|:-%c", o->short_name);
		between = "|";
	}
	kt_buf_adds(b, ") skip=1 ;;\n");
}

static void add_script(struct kt_buf *b, const struct dialect *d)
{
	kt_buf_addf(
		b,
		"%s_ktstr_make()\n{\n%s\tfor w in %s; do\n\t\t[[ $skip ]] && skip=\"\" && continue\n"
		"\t\tcase \"$cmd:$w\" in\n",
		d->head, d->locals, d->words);
	add_skip_arm(b);
	kt_buf_adds(b, "\t\t*:-*) ;;\n\t\t:*) cmd=$w ;;\n");
	for (size_t i = 0; i < drv_nr_commands; i++) {
		const char *name = drv_commands[i]->name;
		const char *space = strchr(name, ' ');

		if (space)
			kt_buf_addf(b, "\t\t%.*s:%s) cmd=\"%s\" ;;\n", (int)(space - name), name,
				    space + 1, name);
	}
	kt_buf_adds(b, "\t\tesac\n\tdone\n\tcase \"$cmd\":\"$prev\" in\n");
	for (size_t i = 0; i < drv_nr_commands; i++) {
		char quoted[40];

		(void)kt_snprintf(quoted, sizeof(quoted), "\"%s\"", drv_commands[i]->name);
		add_value_arms(b, d, quoted, drv_commands[i]->options, drv_commands[i]->nr_options);
	}
	add_value_arms(b, d, "*", drv_global_options, drv_nr_global_options);
	for (size_t i = 0; i < drv_nr_commands; i++)
		add_command_arm(b, drv_commands[i]);
	add_group_arms(b);
	kt_buf_adds(b, "\t*)\n\t\tlist=\"");
	add_first_words(b);
	add_option_names(b, drv_global_options, drv_nr_global_options);
	kt_buf_addf(b, "\" ;;\n\tesac\n%s", d->tail);
}

static void bash_script(struct kt_buf *b)
{
	add_script(b, &bash);
}

static void zsh_script(struct kt_buf *b)
{
	add_script(b, &zsh);
}

/* ---- fish ---- */

static void fish_quote(struct kt_buf *b, const char *s)
{
	kt_buf_addc(b, '\'');
	for (; *s; s++) {
		if (*s == '\'' || *s == '\\')
			kt_buf_addc(b, '\\');
		kt_buf_addc(b, *s);
	}
	kt_buf_addc(b, '\'');
}

static void fish_options(struct kt_buf *b, const char *condition, const struct drv_option *rows,
			 size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		const struct drv_option *o = &rows[i];
		const char *source = words_of(o->complete);

		kt_buf_addf(b, "complete -c ktstr-make%s -l %s", condition, o->name);
		if (o->short_name)
			kt_buf_addf(b, " -s %c", o->short_name);
		if (o->arg)
			kt_buf_adds(b, o->complete == DRV_COMPLETE_DIR    ? " -r"
				       : o->complete == DRV_COMPLETE_FILE ? " -rF"
									  : " -x");
		if (o->choices) {
			kt_buf_adds(b, " -a '");
			add_words(b, o->choices);
			kt_buf_addc(b, '\'');
		} else if (source) {
			kt_buf_addf(b, " -a \"(%s)\"", source);
		}
		kt_buf_adds(b, " -d ");
		fish_quote(b, o->help);
		kt_buf_addc(b, '\n');
	}
}

static void fish_command(struct kt_buf *b, const struct drv_command *c)
{
	const char *source = words_of(c->complete);
	size_t len = strcspn(c->name, " ");
	kt_auto(buf) struct kt_buf seen = { 0 };

	if (c->name[len]) {
		kt_buf_addf(
			b, "complete -c ktstr-make -n '__fish_seen_subcommand_from %.*s' -a %s -d ",
			(int)len, c->name, c->name + len + 1);
		kt_buf_addf(
			&seen,
			" -n '__fish_seen_subcommand_from %.*s; and __fish_seen_subcommand_from %s'",
			(int)len, c->name, c->name + len + 1);
	} else {
		kt_buf_addf(b, "complete -c ktstr-make -n __fish_use_subcommand -a %s -d ",
			    c->name);
		kt_buf_addf(&seen, " -n '__fish_seen_subcommand_from %s'", c->name);
	}
	fish_quote(b, c->summary);
	kt_buf_addc(b, '\n');
	fish_options(b, kt_buf_str(&seen), c->options, c->nr_options);
	if (c->operand_words) {
		kt_buf_addf(b, "complete -c ktstr-make%s -a '", kt_buf_str(&seen));
		add_words(b, c->operand_words);
		kt_buf_adds(b, "'\n");
	} else if (source) {
		kt_buf_addf(b, "complete -c ktstr-make%s -a \"(%s)\"\n", kt_buf_str(&seen), source);
	}
}

static void fish_script(struct kt_buf *b)
{
	kt_buf_adds(b, "# fish completion of ktstr-make: ktstr-make completions fish | source\n"
		       "complete -c ktstr-make -f\n");
	fish_options(b, "", drv_global_options, drv_nr_global_options);
	for (size_t i = 0; i < drv_nr_commands; i++) {
		const char *name = drv_commands[i]->name;
		size_t len = strcspn(name, " ");

		if (name[len] && (i == 0 || strncmp(drv_commands[i - 1]->name, name, len + 1) != 0))
			kt_buf_addf(b, "complete -c ktstr-make -n __fish_use_subcommand -a %.*s\n",
				    (int)len, name);
		fish_command(b, drv_commands[i]);
	}
}

/* ---- the command ---- */

static const struct {
	const char *shell;
	void (*script)(struct kt_buf *b);
} scripts[] = {
	{ "bash", bash_script },
	{ "zsh", zsh_script },
	{ "fish", fish_script },
};

static int completions_run(struct drv_ctx *ctx, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	if (ctx->nr_operands == 0)
		return kt_fail(e, KT_E_USAGE, EINVAL, "which shell? Give bash, zsh or fish");
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		if (!kt_streq(scripts[i].shell, ctx->operands[0]))
			continue;
		scripts[i].script(&b);
		if (!kt_buf_ok(&b))
			return kt_fail(e, KT_E_HOST, ENOMEM, "make the completion script");
		fputs(kt_buf_str(&b), stdout);
		return 0;
	}
	return kt_fail(e, KT_E_USAGE, EINVAL,
		       "no completions for '%s': there are bash, zsh and fish", ctx->operands[0]);
}

const struct drv_command drv_cmd_completions = {
	.name = "completions",
	.summary = "print a completion script for a shell",
	.operands = "bash|zsh|fish",
	.help = "For bash: source <(ktstr-make completions bash), in ~/.bashrc for every shell.",
	.operand_words = shells,
	.max_operands = 1,
	.run = completions_run,
};
