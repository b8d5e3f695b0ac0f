/* SPDX-License-Identifier: GPL-2.0-only */
/* The checks of "doctor". */
#ifndef KTSTR_DRIVER_DOCTOR_H
#define KTSTR_DRIVER_DOCTOR_H

#include <stddef.h>

#include "base/str.h"
#include "vmm/vmm.h"

enum drv_health { DRV_OK, DRV_WARN, DRV_BROKEN };

struct drv_check_result {
	enum drv_health health;
	struct kt_buf text; /* what was found */
	struct kt_buf hint; /* what to do; empty: nothing */
};

/* What the checks share: found once. */
struct drv_doctor {
	struct vm_accel_choice tcg, automatic;
	struct kt_err kvm_err, tcg_err, auto_err; /* kind KT_E_NONE: that one is there */
	struct kt_strv kvm_lacks; /* what KVM does without, and what it costs */
};
void drv_doctor_look(struct drv_doctor *d);
void drv_doctor_done(struct drv_doctor *d);

struct drv_check {
	const char *name;
	void (*run)(const struct drv_doctor *d, struct drv_check_result *ret);
};
extern const struct drv_check drv_checks[];
extern const size_t drv_nr_checks;

#endif
