/* SPDX-License-Identifier: GPL-2.0-only */
/* Fuzz what is read of a scheduler's program: ELF, BTF, .BTF.ext and instructions, and the casts that are found in them. */
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "capture/object.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	libbpf_set_print(NULL);
	return 0;
}

static void check_object(const struct cap_object *obj)
{
	for (size_t i = 0; i < obj->nr_rows; i++) {
		const struct cap_cast_row *row = &obj->row[i];
		const struct cap_cast *cast = cap_cast_lookup(obj, row->parent, row->offset);

		/* a place has one claim, to a type that is there, and names are only the kernel's */
		must(cast == &row->cast);
		must(cast->target_type_id < btf__type_cnt(obj->btf));
		must(!(cast->arena && cast->target_name));
	}
	for (size_t i = 0; i < obj->nr_payloads; i++)
		must(obj->payload[i] > 0 && obj->payload[i] < btf__type_cnt(obj->btf));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	kt_auto(cap_objects) struct cap_objects *o = calloc(1, sizeof(*o));
	const struct btf *btf;
	uint32_t id;

	must(o);
	if (cap_objects_add(o, data, size) < 0)
		return 0;
	must(o->nr == 1);
	must(cap_objects_match(o, o->object[0].btf) == &o->object[0]);
	check_object(&o->object[0]);
	(void)cap_objects_find_struct(o, "task_struct", &btf, &id); /* only that it ends */
	return 0;
}
