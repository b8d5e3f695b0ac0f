# SPDX-License-Identifier: GPL-2.0-only
# driver: the program ktstr-make; plans, schedules and reports. cell/ is one cell's life.
driver-src := \
	driver/build.c \
	driver/capture_core.c \
	driver/capture_image.c \
	driver/cell/capture_dual.c \
	driver/cell/capture_events.c \
	driver/cell/capture_exit.c \
	driver/cell/capture_files.c \
	driver/cell/capture_freeze.c \
	driver/cell/capture_guest.c \
	driver/cell/capture_perf.c \
	driver/cell/capture_requests.c \
	driver/cell/capture_state.c \
	driver/cell/capture_watch.c \
	driver/cell/cell.c \
	driver/cell/console.c \
	driver/cell/coordinator.c \
	driver/cell/failure_text.c \
	driver/cell/frames.c \
	driver/cell/guest_init.S \
	driver/cell/host_context.c \
	driver/cell/judge.c \
	driver/cell/log.c \
	driver/cell/machine.c \
	driver/cell/sched_log.c \
	driver/cell/sidecar.c \
	driver/cell/variant.c \
	driver/cmd_capture.c \
	driver/cmd_completions.c \
	driver/cmd_doctor.c \
	driver/cmd_help.c \
	driver/cmd_init.c \
	driver/cmd_kernel_build.c \
	driver/cmd_kernel_clean.c \
	driver/cmd_kernel_config.c \
	driver/cmd_kernel_fetch.c \
	driver/cmd_kernel_list.c \
	driver/cmd_kernel_show.c \
	driver/cmd_show.c \
	driver/cmd_test.c \
	driver/cmd_update.c \
	driver/commands.c \
	driver/commit.c \
	driver/doctor_checks.c \
	driver/exit_codes.c \
	driver/fetch.c \
	driver/host.c \
	driver/interrupt.c \
	driver/kernel_args.c \
	driver/main.c \
	driver/markdown.c \
	driver/options.c \
	driver/plan.c \
	driver/plan_cell.c \
	driver/prepare.c \
	driver/progress.c \
	driver/report.c \
	driver/report_json.c \
	driver/run_dir.c \
	driver/run_json.c \
	driver/sched.c \
	driver/sched_cell.c \
	driver/term.c \
	driver/times.c
driver-deps := base config scenario kernel-cache guest vmm capture
driver-pkgs := libgit2
