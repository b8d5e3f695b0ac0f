/* SPDX-License-Identifier: GPL-2.0-only */
/* Signals that users send. */
#include "driver/interrupt.h"

#include <errno.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "driver/driver.h"

static const int signals[] = { SIGINT, SIGTERM, SIGHUP }; /* that ask us to stop */

/* Set before the handler is, and never again. */
static const char *early_text;

static void exit_now(int sig)
{
	(void)sig;
	/* The result does not matter: the program ends here. */
	(void)!write(STDERR_FILENO, early_text, strlen(early_text));
	_exit(DRV_EXIT_INTERRUPTED);
}

/* By nohup, or by a shell that runs us in the background: that stays so. */
static bool is_ignored(int sig)
{
	struct sigaction a;

	return sigaction(sig, NULL, &a) == 0 && a.sa_handler == SIG_IGN;
}

void drv_interrupt_exits(const struct drv_term *t)
{
	struct sigaction a = { .sa_handler = exit_now };

	early_text = t->live ? "\r\033[Kktstr-make: error: interrupted\n"
			     : "ktstr-make: error: interrupted\n";
	sigemptyset(&a.sa_mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (!is_ignored(signals[i]))
			(void)sigaction(signals[i], &a, NULL);
	}
}

/* A signal that is blocked reaches the descriptor even when it is ignored. */
static void stop_signals(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (!is_ignored(signals[i]))
			sigaddset(set, signals[i]);
	}
	sigaddset(set, SIGWINCH);
}

int drv_signals_begin(struct drv_signals *s, struct kt_err *e)
{
	sigset_t set;

	stop_signals(&set);
	if (sigprocmask(SIG_BLOCK, &set, &s->before) < 0)
		return kt_fail(e, KT_E_HOST, errno, "block signals");
	s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->fd < 0) {
		int err = errno;

		sigprocmask(SIG_SETMASK, &s->before, NULL);
		return kt_fail(e, KT_E_HOST, err, "create signalfd");
	}
	return 0;
}

void drv_signals_end(struct drv_signals *s)
{
	struct signalfd_siginfo info;

	if (s->fd < 0)
		return;
	/* One more Ctrl-C while we were at the end of it all changes nothing. */
	while (read(s->fd, &info, sizeof(info)) > 0)
		;
	close(s->fd);
	s->fd = -1;
	sigprocmask(SIG_SETMASK, &s->before, NULL);
}

void drv_signals_in_child(const struct drv_signals *s)
{
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	sigprocmask(SIG_SETMASK, &s->before, NULL);
}

unsigned drv_signals_take(struct drv_signals *s, struct drv_term *t)
{
	struct signalfd_siginfo info;
	unsigned stops = 0;

	while (read(s->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGWINCH)
			drv_term_resize(t);
		else
			stops++;
	}
	return stops;
}
