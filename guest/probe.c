/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loads the probe and keeps it loaded until it is killed. Says in one line on stdout what the trigger is hooked to
 * ("tp_btf sched_ext_exit"), or "-" and why to nothing; on stderr, what else was left out.
 */
#include "guest/probe.h"

#include <stdio.h>
#include <unistd.h>

#include "base/str.h"

/* guest/probe_bytes.S */
extern const unsigned char prb_object_bytes[];
extern const uint64_t prb_object_len;

static int usage(void)
{
	(void)fputs(
		"usage: probe [--all] [--hook tp_btf|fexit|kprobe]\n"
		"  --all   also record the timeline, priority inheritance, locks and preemption\n"
		"  --hook  only this kind of trigger, for tests\n",
		stderr);
	return 2;
}

int main(int argc, char **argv)
{
	char text[KT_ERR_TEXT_BYTES], left_out[KT_ERR_TEXT_BYTES];
	static struct prb_object object;
	struct prb_options opt = { 0 };
	struct kt_err e = { 0 };
	const char *hook;

	for (int i = 1; i < argc; i++) {
		if (kt_streq(argv[i], "--all"))
			opt.all = true;
		else if (kt_streq(argv[i], "--hook") && i + 1 < argc)
			opt.hook = argv[++i];
		else
			return usage();
	}
	if (prb_object_open(prb_object_bytes, prb_object_len, &object) < 0) {
		(void)puts("- the probe's object is damaged");
		return 1;
	}
	if (prb_load(&object, &opt, &hook, left_out, sizeof(left_out), &e) < 0) {
		(void)printf("- %s\n", kt_err_text(&e, text, sizeof(text)));
		return 1;
	}
	if (left_out[0])
		(void)fprintf(stderr, "probe: left out: %s\n", left_out);
	(void)puts(hook);
	if (fflush(stdout) != 0)
		return 1;
	for (;;)
		(void)pause(); /* a signal that does not end us is none of ours */
}
