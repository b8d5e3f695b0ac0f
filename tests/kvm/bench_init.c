/* SPDX-License-Identifier: GPL-2.0-only */
/* PID 1 of the machines that scripts/bench-kvm counts: ends them at once. */
#include <sys/reboot.h>
#include <unistd.h>

int main(void)
{
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}
