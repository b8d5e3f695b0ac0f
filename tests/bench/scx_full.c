/* SPDX-License-Identifier: GPL-2.0-only */
/* Loads the scheduler of bpf/scx_full.bpf.c (INNER is its file), fills its maps and attaches it; stays until it is told to end. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/bench/scx_full.h"

enum { PAGE = 4096 };

__asm__(".section .rodata\n"
	"	.balign 8\n"
	"inner: .incbin \"" INNER "\"\n"
	"1: .balign 8\n"
	"inner_len: .quad 1b - inner\n"
	".previous");
extern const char inner[];
extern const uint64_t inner_len;

static void must(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "scx_full: %s: %s\n", what, strerror(-r));
	exit(1);
}

static struct bpf_map *find_map(struct bpf_object *obj, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, name);

	must(map ? 0 : -ENOENT, name);
	return map;
}

static uint64_t page_address(uint64_t nr)
{
	return FULL_ARENA_START + nr * PAGE;
}

/* Every byte is written, so that none of what is captured is cheap to show. */
static void fill_arena(struct bpf_object *obj)
{
	size_t ignored; /* of variables in the arena: there are none */
	char *arena = bpf_map__initial_value(find_map(obj, "full_arena"), &ignored);

	must(arena ? 0 : -ENOMEM, "map the arena");
	for (uint64_t nr = 0; nr < FULL_PAGES; nr++) {
		char *at = arena + nr * PAGE;
		struct full_page page = {
			.magic = 0x66756c6c00000000 + nr,
			.nr = (uint32_t)nr,
			.cpu = (uint32_t)nr % 8,
			.text = "a page",
		};

		for (int i = 0; i < PAGE; i++)
			at[i] = (char)(i * 37 + (int)nr);
		memcpy(at, &page, sizeof(page));
	}
}

static void fill_hash(struct bpf_object *obj)
{
	int fd = bpf_map__fd(find_map(obj, "full_tasks"));

	for (uint32_t n = 0; n < FULL_ENTRIES; n++) {
		struct full_task t = {
			.vtime = n * 1000003ULL,
			.deadline = n * 1000033ULL,
			.sum_runtime = n * 50021ULL,
			.last_run_at = UINT64_MAX - n,
			.weight = 100 + n,
			.llc = n % 4,
			.flags = n << 8,
			.nr_runs = n * 3,
			.pid = (int)n,
			.cpu = (int)n % 16,
			.history = { (uint16_t)n, 1, 2, 3, 4, 5, 6, 7 },
			.interactive = n % 2,
			.page = (void *)page_address(n % FULL_PAGES),
		};

		must(bpf_map_update_elem(fd, &n, &t, BPF_ANY), "fill the hash");
	}
}

int main(void)
{
	struct bpf_object *obj = bpf_object__open_mem(inner, inner_len, NULL);

	must(obj ? 0 : -errno, "open the object");
	must(bpf_object__load(obj), "load the object");
	fill_arena(obj);
	fill_hash(obj);
	must(bpf_map__attach_struct_ops(find_map(obj, "full_ops")) ? 0 : -errno, "attach");
	pause();
	return 0;
}
