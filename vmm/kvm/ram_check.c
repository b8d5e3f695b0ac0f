/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What KVM takes for RAM, compared with our list. KVM has no question for this, but it refuses, without changing a
 * thing, a memory slot that overlaps another (EEXIST) and a slot whose host address or size would change (EINVAL), and it
 * takes one that is as it was for done (kvm_set_memory_region(), virt/kvm/kvm_main.c, 6.12). Piece i of the list is slot i.
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "vmm/kvm/internal.h"

#define PAGE UINT64_C(4096)

static int set_slot(const struct kvm_machine *m, uint32_t slot, uint64_t gpa, uint64_t len,
		    const uint8_t *host)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = len,
		.userspace_addr = (uintptr_t)host,
	};

	return ioctl(m->vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0 ? -errno : 0;
}

static int check_page(const struct kvm_machine *m, uint64_t gpa, const uint8_t *host,
		      struct kt_err *e)
{
	const uint32_t spare = m->caps.nr_memslots - 1;
	int r = set_slot(m, spare, gpa, PAGE, host);

	if (r == -EEXIST)
		return 0;
	if (r < 0)
		return kt_fail(e, KT_E_HOST, -r, "ask KVM for gpa 0x%016llx",
			       (unsigned long long)gpa);
	(void)set_slot(m, spare, gpa, 0, host); /* out again: cannot fail */
	return kt_fail(e, KT_E_INTERNAL, EINVAL, "KVM has no RAM at gpa 0x%016llx",
		       (unsigned long long)gpa);
}

/*
 * A slot that is elsewhere, but has both ends of the piece, is there: only then is KVM asked to have it as the list does,
 * for that would move it.
 */
static int check_piece(const struct kvm_machine *m, uint32_t i, struct kt_err *e)
{
	const struct vm_ram *p = &m->memory->layout.piece[i];
	uint64_t last = p->len - PAGE;
	int r = check_page(m, p->gpa.v, p->host, e);

	if (r >= 0)
		r = check_page(m, p->gpa.v + last, p->host + last, e);
	if (r < 0)
		return r;
	r = set_slot(m, i, p->gpa.v, p->len, p->host);
	if (r < 0)
		return kt_fail(e, KT_E_INTERNAL, -r,
			       "KVM has the RAM at gpa 0x%016llx with another size or elsewhere",
			       (unsigned long long)p->gpa.v);
	return 0;
}

int kvm_check_ram(void *m, struct kt_err *e)
{
	const struct kvm_machine *machine = m;
	int r = 0;

	for (uint32_t i = 0; i < machine->memory->layout.nr_pieces && r >= 0; i++)
		r = check_piece(machine, i, e);
	return r;
}
