/* SPDX-License-Identifier: GPL-2.0-only */
/* The front of all machines: hands each call to the back end that runs this one. */
#include "vmm/vmm.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/file.h"
#include "vmm/internal.h"

enum { BASE_CPU_MIB = 64, SMALLEST_MIB = 256, KERNEL_MIB = 192, INITRD_FACTOR = 3 };

uint64_t vm_memory_bytes(const struct kt_topology *t, uint64_t asked, uint64_t initrd_bytes)
{
	uint64_t want = (uint64_t)kt_topo_nr_cpus(t) * BASE_CPU_MIB * VM_MIB;
	/*
	 * The archive is in memory twice while it is unpacked, and the page cache that it becomes
	 * is never freed.
	 */
	uint64_t boot = KERNEL_MIB * VM_MIB + INITRD_FACTOR * initrd_bytes;
	uint64_t bytes[KT_TOPO_NODES_MAX];

	if (want < SMALLEST_MIB * VM_MIB)
		want = SMALLEST_MIB * VM_MIB;
	if (want < asked)
		want = asked;
	if (want < boot)
		want = boot;
	return vm_layout_nodes(t, want, bytes);
}

static const struct vm_backend *find_backend(enum vm_accel accel)
{
	static const struct vm_backend *const backends[] = { &vm_backend_kvm, &vm_backend_qemu };

	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
		if (backends[i]->accel == accel)
			return backends[i];
	}
	return NULL;
}

int vm_create(const struct vm_config *c, struct vm **ret, struct kt_err *e)
{
	kt_auto(vm) struct vm *vm = calloc(1, sizeof(*vm));
	int r;

	if (!vm)
		return kt_fail(e, KT_E_HOST, ENOMEM, "allocate a machine");
	vm->ops = find_backend(c->accel->accel);
	if (!vm->ops)
		return kt_fail(e, KT_E_INTERNAL, ENOTSUP, "no back end for accelerator '%s'",
			       c->accel->name);
	r = vm->ops->create(vm, c, &vm->machine, e);
	if (r < 0)
		return kt_context(e, r, "set up a machine (%s)", vm->ops->name);
	*ret = kt_take(vm);
	return 0;
}

int vm_start(struct vm *vm, struct kt_err *e)
{
	return kt_context(e, vm->ops->start(vm->machine, e), "start the machine");
}

void vm_free(struct vm *vm)
{
	int saved = errno;

	if (vm) {
		if (vm->ops)
			vm->ops->free(vm->machine);
		vm_ram_unmap(&vm->memory);
		free(vm);
	}
	errno = saved;
}

int vm_poll_fd(const struct vm *vm)
{
	return vm->ops->poll_fd(vm->machine);
}

int vm_wait(struct vm *vm, int timeout_ms, struct vm_event *ret, struct kt_err *e)
{
	return vm->ops->wait(vm->machine, timeout_ms, ret, e);
}

int vm_ring_bell(struct vm *vm, char bell)
{
	return vm->ops->ring_bell(vm->machine, bell);
}

void vm_stop(struct vm *vm)
{
	vm->ops->stop(vm->machine);
}

int vm_freeze(struct vm *vm, struct kt_err *e)
{
	return kt_context(e, vm->ops->freeze(vm->machine, e), "freeze the machine");
}

int vm_thaw(struct vm *vm, struct kt_err *e)
{
	return kt_context(e, vm->ops->thaw(vm->machine, e), "thaw the machine");
}

int vm_read_regs(struct vm *vm, unsigned vcpu, struct vm_regs *ret, struct kt_err *e)
{
	return kt_context(e, vm->ops->read_regs(vm->machine, vcpu, ret, e),
			  "read registers of vCPU %u", vcpu);
}

int vm_watch_write(struct vm *vm, gva_t addr, unsigned len, unsigned *ret_id, struct kt_err *e)
{
	return kt_context(e, vm->ops->watch_write(vm->machine, addr, len, ret_id, e),
			  "watch %u bytes at gva 0x%016llx", len, (unsigned long long)addr.v);
}

int vm_unwatch(struct vm *vm, unsigned id, struct kt_err *e)
{
	return kt_context(e, vm->ops->unwatch(vm->machine, id, e), "end watch %u", id);
}

pid_t vm_vcpu_thread(const struct vm *vm, unsigned vcpu)
{
	return vm->ops->vcpu_thread ? vm->ops->vcpu_thread(vm->machine, vcpu) : 0;
}

size_t vm_ram_pieces(const struct vm *vm, const struct vm_ram **ret)
{
	*ret = vm->memory.layout.piece;
	return vm->memory.layout.nr_pieces;
}

void *vm_guest_buf(struct vm *vm, gpa_t gpa, size_t len)
{
	return vm_ram_buf(&vm->memory, gpa, len);
}

int vm_read_gpa(struct vm *vm, gpa_t gpa, void *buf, size_t len)
{
	return vm_ram_copy(&vm->memory, gpa, buf, NULL, len);
}

int vm_write_gpa(struct vm *vm, gpa_t gpa, const void *buf, size_t len)
{
	return vm_ram_copy(&vm->memory, gpa, NULL, buf, len);
}

int vm_check_ram(struct vm *vm, struct kt_err *e)
{
	return kt_context(e, vm->ops->check_ram(vm->machine, e),
			  "compare the machine's RAM with our list");
}

size_t vm_notes(const struct vm *vm, const char *const **ret)
{
	*ret = NULL;
	return vm->ops->notes ? vm->ops->notes(vm->machine, ret) : 0;
}

size_t vm_exit_counts(const struct vm *vm, struct vm_exit_count *ret, size_t size)
{
	return vm->ops->exit_counts ? vm->ops->exit_counts(vm->machine, ret, size) : 0;
}

gpa_t vm_ring_gpa(const struct vm *vm, uint64_t *ret_len)
{
	*ret_len = vm->memory.layout.ring_len;
	return vm->memory.layout.ring;
}

int vm_log_file_write(const char *dir, const char *name, const void *data, size_t len,
		      struct kt_err *e)
{
	kt_auto(mem) char *path = kt_fmt("%s/%s", dir, name);

	if (!path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "write %s", name);
	return kt_file_write_atomic(path, data, len, 0644, e);
}
