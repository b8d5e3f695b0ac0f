# SPDX-License-Identifier: GPL-2.0-only
# scenario: what a test does, as data; its encoding; checks on results. Links into the guest: base only.
scenario-src := scenario/check.c scenario/check_scheduler.c scenario/check_topology.c scenario/codec.c \
	scenario/exit.c scenario/periodic.c scenario/plan.c scenario/result.c scenario/stats.c scenario/work.c
scenario-deps := base
