/* SPDX-License-Identifier: GPL-2.0-only */
/* Loads the scx_ktstr scheduler, sets its switches when asked to, and reports how it ended. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/scx_ktstr.h"
#include "bpf/scx_ktstr.skel.h"

#define PROGRAM "scx_ktstr"
#define POLL_MS 100
#define NEVER (-1.0)
#define SECONDS_MAX 1e6
#define TIMEOUT_MS_MAX 30000 /* the kernel takes no more */

#define STALL_SENTINEL "/tmp/ktstr_stall"
#define DEGRADE_SENTINEL "/tmp/ktstr_degrade"

enum { EXIT_ENDED = 1, EXIT_USAGE = 2 };

struct options {
	double stall_after_s;
	double degrade_after_s;
	unsigned int timeout_ms; /* 0: the kernel's own */
	bool degrade;
	bool fail_verify;
	bool verify_loop;
	bool scattershot;
	bool slow;
	bool crash;
	bool verbose;
};

/* What libbpf says, kept until it is known whether anyone wants to read it. */
static struct {
	FILE *stream;
	char *text;
	size_t len;
	bool verbose;
	bool rejected; /* a verifier's log was among it */
} libbpf_log;

static const char help[] =
	"Usage: " PROGRAM " [OPTION]...\n"
	"Run a sched_ext scheduler made for tests until SIGINT or SIGTERM.\n"
	"\n"
	"  --stall-after=S    stop dispatching S seconds after the attach (0: at once)\n"
	"  --degrade-after=S  place tasks badly from S seconds after the attach on\n"
	"  --degrade          place tasks badly from the start\n"
	"  --scattershot      send every task to a random CPU\n"
	"  --slow             dispatch in one round of four\n"
	"  --crash            end in an error of its own in the first dispatch\n"
	"  --fail-verify      load a program that the verifier rejects\n"
	"  --verify-loop      the same, after some blocks that it accepts\n"
	"  --timeout-ms=N     watchdog timeout, 1 to 30000 (default: the kernel's)\n"
	"  -v, --verbose      show libbpf's messages and the kernel's debug dump\n"
	"  -h, --help         print this\n"
	"\n"
	"Creating " STALL_SENTINEL " or " DEGRADE_SENTINEL " switches the same way while it runs.\n"
	"Exit status: 0 stopped by a signal or from outside, 1 not loaded or ended by an error, 2 usage.\n";

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int usage_error(const char *what, const char *arg)
{
	fprintf(stderr, PROGRAM ": %s '%s'; try --help\n", what, arg);
	return -EINVAL;
}

static int parse_seconds(const char *text, double *ret)
{
	char *end;
	double value;

	errno = 0;
	value = strtod(text, &end);
	if (end == text || *end || errno || !isfinite(value) || value < 0 || value > SECONDS_MAX)
		return usage_error("bad number of seconds", text);
	*ret = value;
	return 0;
}

static int parse_timeout(const char *text, unsigned int *ret)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value < 1 || value > TIMEOUT_MS_MAX)
		return usage_error("bad timeout (1 to 30000 milliseconds)", text);
	*ret = (unsigned int)value;
	return 0;
}

/* Returns 0, 1 when there is nothing left to do, or a negative errno after it said why. */
static int parse_options(int argc, char **argv, struct options *opts)
{
	enum {
		STALL_AFTER = 256,
		DEGRADE_AFTER,
		DEGRADE,
		FAIL_VERIFY,
		VERIFY_LOOP,
		SCATTERSHOT,
		SLOW,
		CRASH,
		TIMEOUT_MS
	};
	static const struct option table[] = {
		{ "stall-after", required_argument, NULL, STALL_AFTER },
		{ "degrade-after", required_argument, NULL, DEGRADE_AFTER },
		{ "degrade", no_argument, NULL, DEGRADE },
		{ "fail-verify", no_argument, NULL, FAIL_VERIFY },
		{ "verify-loop", no_argument, NULL, VERIFY_LOOP },
		{ "scattershot", no_argument, NULL, SCATTERSHOT },
		{ "slow", no_argument, NULL, SLOW },
		{ "crash", no_argument, NULL, CRASH },
		{ "timeout-ms", required_argument, NULL, TIMEOUT_MS },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	char letter[] = "-?";
	int opt, r = 0;

	opterr = 0;
	while (!r && (opt = getopt_long(argc, argv, ":vh", table, NULL)) != -1) {
		switch (opt) {
		case STALL_AFTER:
			r = parse_seconds(optarg, &opts->stall_after_s);
			break;
		case DEGRADE_AFTER:
			r = parse_seconds(optarg, &opts->degrade_after_s);
			break;
		case DEGRADE:
			opts->degrade = true;
			break;
		case FAIL_VERIFY:
			opts->fail_verify = true;
			break;
		case VERIFY_LOOP:
			opts->verify_loop = true;
			break;
		case SCATTERSHOT:
			opts->scattershot = true;
			break;
		case SLOW:
			opts->slow = true;
			break;
		case CRASH:
			opts->crash = true;
			break;
		case TIMEOUT_MS:
			r = parse_timeout(optarg, &opts->timeout_ms);
			break;
		case 'v':
			opts->verbose = true;
			break;
		case 'h':
			fputs(help, stdout);
			return 1;
		case ':':
			r = usage_error("no value for option", argv[optind - 1]);
			break;
		default:
			/* optopt is the letter; of a group like -xv, argv still has to pass it. */
			letter[1] = (char)optopt;
			r = usage_error("unknown option", optopt ? letter : argv[optind - 1]);
			break;
		}
	}
	if (!r && optind < argc)
		r = usage_error("unexpected argument", argv[optind]);
	return r;
}

__attribute__((format(printf, 2, 0))) static int log_libbpf(enum libbpf_print_level level,
							    const char *format, va_list args)
{
	if (strstr(format, "BEGIN PROG LOAD LOG"))
		libbpf_log.rejected = true;
	if (libbpf_log.verbose)
		return vfprintf(stderr, format, args);
	if (level != LIBBPF_WARN || !libbpf_log.stream)
		return 0;
	return vfprintf(libbpf_log.stream, format, args);
}

static void start_libbpf_log(bool verbose)
{
	libbpf_log.verbose = verbose;
	libbpf_log.stream = open_memstream(&libbpf_log.text, &libbpf_log.len);
	libbpf_set_print(log_libbpf);
}

static void end_libbpf_log(bool show)
{
	if (!libbpf_log.stream)
		return;
	fclose(libbpf_log.stream);
	libbpf_log.stream = NULL;
	if (show)
		fwrite(libbpf_log.text, 1, libbpf_log.len, stderr);
	free(libbpf_log.text);
}

static const char *load_hint(int error)
{
	if (libbpf_log.rejected)
		return " (rejected by the verifier, see above)";
	if (access("/sys/kernel/btf/vmlinux", R_OK) < 0)
		return " (this kernel has no BTF)";
	if (access("/sys/kernel/sched_ext", F_OK) < 0)
		return " (this kernel has no sched_ext)";
	switch (error) {
	case EPERM:
		return " (loading BPF needs root)";
	case EBUSY:
		return " (another sched_ext scheduler is running)";
	default:
		return "";
	}
}

static void report_load_failure(const char *step, int error)
{
	end_libbpf_log(true);
	fprintf(stderr, PROGRAM ": cannot %s the scheduler: %s%s\n", step, strerror(error),
		load_hint(error));
}

/* Returns NULL after it said why. */
static struct bpf *load(const struct options *opts)
{
	struct bpf *skel;
	int r;

	start_libbpf_log(opts->verbose);
	skel = bpf__open();
	if (!skel) {
		report_load_failure("open", errno);
		return NULL;
	}
	skel->rodata->degrade = opts->degrade;
	skel->rodata->fail_verify = opts->fail_verify;
	skel->rodata->verify_loop = opts->verify_loop;
	skel->rodata->scattershot = opts->scattershot;
	skel->rodata->slow = opts->slow;
	skel->bss->crash = opts->crash;
	skel->struct_ops.ktstr_ops->timeout_ms = opts->timeout_ms;
	r = bpf__load(skel);
	if (r < 0) {
		report_load_failure("load", -r);
		bpf__destroy(skel);
		return NULL;
	}
	return skel;
}

static unsigned int exit_kind(const struct bpf *skel)
{
	return __atomic_load_n(&skel->bss_exit->ktstr_exit.kind, __ATOMIC_ACQUIRE);
}

/* Says how the kernel ended the scheduler; returns the exit status. */
static int report_exit(const struct bpf *skel, bool verbose)
{
	const struct ktstr_exit_record *rec = &skel->bss_exit->ktstr_exit;
	unsigned int kind = exit_kind(skel);

	if (!kind)
		return 0;
	if (verbose && rec->dump[0])
		fprintf(stderr, "DEBUG DUMP\n%s\n", rec->dump);
	fprintf(stderr, "EXIT: %s", rec->reason);
	if (rec->msg[0])
		fprintf(stderr, " (%s)", rec->msg);
	fputc('\n', stderr);
	return kind >= KTSTR_EXIT_ERROR ? EXIT_ENDED : 0;
}

static int block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void set_switches(struct bpf *skel, const struct options *opts, double attached_s)
{
	double age = now_s() - attached_s;

	if ((opts->stall_after_s >= 0 && age >= opts->stall_after_s) ||
	    access(STALL_SENTINEL, F_OK) == 0)
		skel->bss->stall = 1;
	if ((opts->degrade_after_s >= 0 && age >= opts->degrade_after_s) ||
	    access(DEGRADE_SENTINEL, F_OK) == 0)
		skel->bss->degrade_rt = 1;
}

/* Until a signal comes or the kernel ends the scheduler. */
static void watch(struct bpf *skel, const struct options *opts, int signals)
{
	struct pollfd pfd = { .fd = signals, .events = POLLIN };
	double attached_s = now_s();

	do
		set_switches(skel, opts, attached_s);
	while (!exit_kind(skel) && poll(&pfd, 1, POLL_MS) == 0);
}

static int run(const struct options *opts)
{
	struct bpf *skel;
	struct bpf_link *link;
	int signals, status;

	signals = block_signals();
	if (signals < 0) {
		fprintf(stderr, PROGRAM ": cannot receive signals: %s\n", strerror(errno));
		return EXIT_ENDED;
	}
	skel = load(opts);
	if (!skel) {
		close(signals);
		return EXIT_ENDED;
	}
	link = bpf_map__attach_struct_ops(skel->maps.ktstr_ops);
	if (!link) {
		report_load_failure("attach", errno);
		report_exit(skel, opts->verbose);
		bpf__destroy(skel);
		close(signals);
		return EXIT_ENDED;
	}
	end_libbpf_log(false);
	printf(PROGRAM ": attached, sched_ext ops '%s'\n", "ktstr_ops");
	watch(skel, opts, signals);
	bpf_link__destroy(link);
	status = report_exit(skel, opts->verbose);
	bpf__destroy(skel);
	close(signals);
	return status;
}

int main(int argc, char **argv)
{
	struct options opts = { .stall_after_s = NEVER, .degrade_after_s = NEVER };
	int r;

	setvbuf(stdout, NULL, _IOLBF, 0);
	r = parse_options(argc, argv, &opts);
	if (r < 0)
		return EXIT_USAGE;
	return r ? 0 : run(&opts);
}
