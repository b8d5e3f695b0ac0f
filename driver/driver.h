/* SPDX-License-Identifier: GPL-2.0-only */
/* The program's frame: commands and their options as tables, what all commands share, exit codes. */
#ifndef KTSTR_DRIVER_DRIVER_H
#define KTSTR_DRIVER_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "driver/term.h"
#include "scenario/scenario.h"

/* ---- exit codes (design.md section 4) ---- */

enum drv_exit {
	DRV_EXIT_PASSED = 0,
	DRV_EXIT_FAILED = 1,
	DRV_EXIT_INCONCLUSIVE = 2,
	DRV_EXIT_USAGE = 3,
	DRV_EXIT_HOST = 4,
	DRV_EXIT_BUILD = 5,
	DRV_EXIT_INTERNAL = 70,
	DRV_EXIT_INTERRUPTED = 130,
};

struct drv_exit_row {
	enum drv_exit code;
	const char *meaning; /* one sentence, for docs/exit-codes.md and --help */
};
extern const struct drv_exit_row drv_exit_rows[];
extern const size_t drv_nr_exit_rows;

enum drv_exit drv_exit_of_kind(enum kt_kind kind);
/* "usage", "config", "host": for the error object of --json. */
const char *drv_kind_name(enum kt_kind kind);
/* "error": {kind, text, exit_code} of a document. */
void drv_error_json(struct kt_json *j, const struct kt_err *e);

/* How many cells ended how. */
struct drv_totals {
	unsigned nr[SCN_VERDICT_NR];
	unsigned interrupted; /* started, and stopped by Ctrl-C */
	unsigned not_run; /* never started, because of Ctrl-C */
};
enum drv_exit drv_exit_of_totals(const struct drv_totals *t);

/* ---- options ---- */

enum drv_option_kind {
	DRV_OPT_FLAG, /* bool */
	DRV_OPT_COUNT, /* unsigned, one more each time */
	DRV_OPT_STRING, /* const char *, the last one given */
	DRV_OPT_STRINGS, /* struct drv_strings, all that were given */
	DRV_OPT_NUMBER, /* unsigned, 1 or more */
	DRV_OPT_CHOICE, /* unsigned, index into choices */
};

enum { DRV_STRINGS_MAX = 64 };
struct drv_strings {
	const char *v[DRV_STRINGS_MAX]; /* of argv */
	size_t nr;
};

/* What a value or operand is, so that a shell can complete it. */
enum drv_complete {
	DRV_COMPLETE_NONE,
	DRV_COMPLETE_FILE,
	DRV_COMPLETE_DIR,
	DRV_COMPLETE_TEST,
	DRV_COMPLETE_KERNEL, /* what --kernel takes */
	DRV_COMPLETE_KEY, /* of a kernel in the cache */
	DRV_COMPLETE_COMMAND
};

struct drv_option {
	const char *name; /* "kernel", without dashes */
	char short_name; /* 0: none */
	enum drv_option_kind kind;
	const char *arg; /* "NAME|SPEC"; NULL: takes no value */
	const char *help;
	const char *const *choices; /* DRV_OPT_CHOICE; NULL-terminated */
	enum drv_complete complete;
	size_t offset; /* into the command's options struct */
};

/* An option table that stores into @opts. */
struct drv_option_set {
	const struct drv_option *rows;
	size_t nr;
	void *opts;
};

/**
 * Parse argv[0..argc): options of any of the @nr_sets sets are stored, the rest go to @ret_operands
 * (borrowed from argv; room for @argc). "--" ends options; "--name=value", "--name value",
 * "-nVALUE", "-n VALUE". With @stop_at_operand parsing ends at the first operand, which and what
 * follows are operands.
 *
 * KT_E_USAGE names the option, and the nearest one when unknown. @command is for that text ("test",
 * "").
 */
struct drv_parse_opts {
	const struct drv_option_set *sets;
	size_t nr_sets;
	const char *command;
	bool stop_at_operand;
};
int drv_options_parse(const struct drv_parse_opts *o, int argc, char **argv,
		      const char **ret_operands, size_t *ret_nr_operands, struct kt_err *e);

/* ---- commands ---- */

/* Options that every command takes. */
struct drv_globals {
	bool help;
	bool version;
	unsigned verbose;
	bool quiet;
	unsigned color; /* enum drv_color */
	const char *dir;
};
extern const struct drv_option drv_global_options[];
extern const size_t drv_nr_global_options;

struct drv_ctx {
	struct drv_globals globals;
	struct drv_term term;
	int argc; /* the whole command line, for run.json */
	char **argv;
	const char *const *operands;
	size_t nr_operands;
	const void *opts; /* the command's options struct */
	enum drv_exit exit; /* what to exit with when run returns 0 */
	/* How an error is to be told on stdout besides its text on stderr; main.c does it. */
	bool json_document; /* --json: {"error": ...} */
	bool json_events; /* --message-format json: {"event": "error", ...} */
};

struct drv_command {
	const char *name; /* "kernel fetch" */
	const char *summary; /* one line, lower case, no full stop */
	const char *operands; /* "[FILTER...]"; NULL: none */
	const char *help; /* paragraphs under the usage line; NULL: none */
	enum drv_complete complete; /* of operands */
	const char *const *operand_words; /* fixed words to complete operands with; NULL: none */
	size_t max_operands;
	const struct drv_option *options;
	size_t nr_options;
	size_t opts_bytes; /* of the options struct; zero-initialised */
	int (*run)(struct drv_ctx *ctx, struct kt_err *e);
};
extern const struct drv_command *const drv_commands[];
extern const size_t drv_nr_commands;

extern const struct drv_command drv_cmd_test, drv_cmd_kernel_build, drv_cmd_kernel_fetch,
	drv_cmd_kernel_config, drv_cmd_kernel_list, drv_cmd_kernel_show, drv_cmd_kernel_clean,
	drv_cmd_update, drv_cmd_capture, drv_cmd_show, drv_cmd_init, drv_cmd_doctor,
	drv_cmd_completions, drv_cmd_help;

enum { DRV_OPTS_BYTES_MAX = 4096 }; /* of any command's options struct */

/**
 * The command that words[0..nr) begin with; @ret_used words belong to its name. KT_E_USAGE: unknown
 * (with the nearest), incomplete ("kernel"), or one that is not supported yet.
 */
int drv_command_find(const char *const *words, size_t nr, const struct drv_command **ret,
		     size_t *ret_used, struct kt_err *e);

/* ---- text made of the tables ---- */

/* --help; @c NULL: of the program. */
void drv_help_text(struct kt_buf *b, const struct drv_command *c);
/* The commands that begin with the word @first ("kernel"); false when there are none. */
bool drv_help_group(struct kt_buf *b, const char *first);
/* docs/commands.md, docs/config.md, docs/exit-codes.md. */
void drv_markdown_commands(struct kt_buf *b);
void drv_markdown_config(struct kt_buf *b);
void drv_markdown_exit_codes(struct kt_buf *b);

#endif
