/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A capture's memory in a file, with all that a report is made of besides: so that it can be made again, of the same bytes,
 * without the machine; and the same as an ELF core for debuggers.
 */
#ifndef KTSTR_DRIVER_CAPTURE_IMAGE_H
#define KTSTR_DRIVER_CAPTURE_IMAGE_H

#include "capture/capture.h"
#include "vmm/vmm.h"

/* What is known of a guest that is not in its memory. Unknown: NULL or 0. */
struct drv_image_facts {
	const char *kernel_release;
	const char *vmlinux; /* path of the file that the types came from */
	const char *vmlinux_sha256; /* hex; NULL with a path: looked at when it is saved */
	const char *program; /* the scheduler's, for cap_objects_load() */
	bool has_phys_base;
	uint64_t phys_base;
	const struct cap_symbols *symbols;
	const struct drv_image_vcpu *vcpu;
	size_t nr_vcpus;
	const struct cap_perf *perf; /* as in cap_dump_opts */
	size_t nr_perf;
	const struct cap_event_sample *events;
	size_t nr_events;
};
struct drv_image_vcpu {
	bool valid;
	struct vm_regs regs;
};

/*
 * Everything that cap_dump() read through @i, and @f. When it is wanted as a core too, drv_image_want_core() is called
 * before the image is sealed.
 */
int drv_image_save(const struct vm_image *i, const struct drv_image_facts *f, const char *path,
		   struct kt_err *e);
/* Reads what debuggers need and a report does not: the kernel's vmcoreinfo. What cannot be read is left out. */
void drv_image_want_core(const struct cap_symbols *s, struct cap_guest *g);

/* The same for the types, of a kernel that has them nowhere else. */
void drv_image_want_types(struct cap_guest *g);

struct drv_image {
	struct vm_image *memory;
	struct drv_image_facts facts; /* borrows from the rest of this */
	struct cap_symbols *symbols;
	struct drv_image_vcpu *vcpu;
	struct cap_vcpu_regs *regs; /* of the same */
	struct cap_perf *perf;
	struct cap_event_sample *events;
	struct json_object *notes;
};
/* The file may come from anywhere: KT_E_HOST says what is wrong with it. */
int drv_image_load(const char *path, struct drv_image *ret, struct kt_err *e);
void drv_image_done(struct drv_image *i);
static inline void kt_cleanup_drv_image(struct drv_image *i)
{
	drv_image_done(i);
}
/* For cap_guest_open(); the image is borrowed. */
struct cap_guest_config drv_image_guest(struct drv_image *i, const struct cap_types *types,
					const struct cap_objects *objects);
/*
 * As an ELF core of the pages that are in it, by guest-physical address (driver/capture_core.c). @g is of the same image.
 */
int drv_image_write_core(const struct drv_image *i, struct cap_guest *g, const char *path,
			 struct kt_err *e);

#endif
