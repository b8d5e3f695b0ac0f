/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel has under a name: addresses of symbols, ids of types. */
#include "guest/names.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/str.h"

/*
 * A program of the bpf(2) system call's own type may ask the kernel for a symbol (bpf_kallsyms_lookup_name(),
 * kernel/bpf/syscall.c, since 5.16), which is a search by halves, and for a type (bpf_btf_find_by_name_kind(),
 * kernel/bpf/btf.c). To read /proc/kallsyms instead means to have the kernel print 187 000 lines, and to read its BTF
 * means to take 150 000 types apart: under emulation, seconds. What one run of a program is given, and leaves there:
 */
enum { NAME_BYTES = 128 };
struct question {
	char name[NAME_BYTES]; /* the helpers take its length with all the NULs at its end */
	uint64_t kind; /* of a type: BTF_KIND_ */
	uint64_t address;
	int64_t result;
};

enum {
	WORDS = NAME_BYTES / 8,
	TAIL = 10,
	/* Where things are in a program's stack frame, from its end. */
	NAME_ON_STACK = -NAME_BYTES,
	ADDRESS_ON_STACK = NAME_ON_STACK - 8,
};

long gst_bpf(int cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static struct bpf_insn load_u64(uint8_t to, uint8_t from, int16_t off)
{
	return (struct bpf_insn){
		.code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = to, .src_reg = from, .off = off
	};
}

static struct bpf_insn store_u64(uint8_t to, int16_t off, uint8_t from)
{
	return (struct bpf_insn){
		.code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = to, .src_reg = from, .off = off
	};
}

static struct bpf_insn move(uint8_t to, uint8_t from)
{
	return (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_X,
				  .dst_reg = to,
				  .src_reg = from };
}

static struct bpf_insn move_number(uint8_t to, int32_t number)
{
	return (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K,
				  .dst_reg = to,
				  .imm = number };
}

static struct bpf_insn add_number(uint8_t to, int32_t number)
{
	return (struct bpf_insn){ .code = BPF_ALU64 | BPF_ADD | BPF_K,
				  .dst_reg = to,
				  .imm = number };
}

/*
 * In C: char name[128] = q->name; uint64_t a = 0; q->result = helper(name, 128, q->kind, 0 or &a); q->address = a.
 * The helpers of 6.12 take no pointers into the context, which makes the copies.
 */
static uint32_t write_program(struct bpf_insn *code, int32_t helper, bool by_address)
{
	const struct bpf_insn tail[TAIL] = {
		move_number(BPF_REG_2, NAME_BYTES),
		load_u64(BPF_REG_3, BPF_REG_6, offsetof(struct question, kind)),
		{ .code = BPF_ST | BPF_MEM | BPF_DW,
		  .dst_reg = BPF_REG_10,
		  .off = ADDRESS_ON_STACK },
		by_address ? move(BPF_REG_4, BPF_REG_10) : move_number(BPF_REG_4, 0),
		by_address ? add_number(BPF_REG_4, ADDRESS_ON_STACK) : move_number(BPF_REG_4, 0),
		{ .code = BPF_JMP | BPF_CALL, .imm = helper },
		store_u64(BPF_REG_6, offsetof(struct question, result), BPF_REG_0),
		load_u64(BPF_REG_1, BPF_REG_10, ADDRESS_ON_STACK),
		store_u64(BPF_REG_6, offsetof(struct question, address), BPF_REG_1),
		{ .code = BPF_JMP | BPF_EXIT },
	};
	uint32_t n = 0;

	code[n++] = move(BPF_REG_6, BPF_REG_1);
	for (int i = 0; i < WORDS; i++) {
		code[n++] = load_u64(BPF_REG_0, BPF_REG_6, (int16_t)(8 * i));
		code[n++] = store_u64(BPF_REG_10, (int16_t)(NAME_ON_STACK + 8 * i), BPF_REG_0);
	}
	code[n++] = move(BPF_REG_1, BPF_REG_10);
	code[n++] = add_number(BPF_REG_1, NAME_ON_STACK);
	memcpy(code + n, tail, sizeof(tail));
	return n + TAIL;
}

static int load_program(int32_t helper, bool by_address)
{
	struct bpf_insn code[3 + 2 * WORDS + TAIL];
	union bpf_attr attr;
	long fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SYSCALL;
	attr.prog_flags = BPF_F_SLEEPABLE;
	attr.insns = (uintptr_t)code;
	attr.insn_cnt = write_program(code, helper, by_address);
	attr.license = (uintptr_t) "GPL";
	fd = gst_bpf(BPF_PROG_LOAD, &attr);
	return fd < 0 ? -errno : (int)fd;
}

int gst_symbols_asker(void)
{
	return load_program(BPF_FUNC_kallsyms_lookup_name, true);
}

int gst_types_asker(void)
{
	return load_program(BPF_FUNC_btf_find_by_name_kind, false);
}

/* -ENAMETOOLONG; else 0, or what kept the program from running. */
static int ask(int fd, const char *name, unsigned kind, struct question *ret)
{
	union bpf_attr attr;

	memset(ret, 0, sizeof(*ret));
	ret->kind = kind;
	if (kt_snprintf(ret->name, sizeof(ret->name), "%s", name) < 0)
		return -ENAMETOOLONG;
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (uint32_t)fd;
	attr.test.ctx_in = (uintptr_t)ret;
	attr.test.ctx_size_in = sizeof(*ret);
	return gst_bpf(BPF_PROG_TEST_RUN, &attr) < 0 ? -errno : 0;
}

int gst_ask_symbol(int fd, const char *name, uint64_t *ret)
{
	struct question q;
	int r = ask(fd, name, 0, &q); /* 0: no flags */

	if (r < 0 || q.result < 0)
		return r < 0 ? r : (int)q.result;
	*ret = q.address;
	return 0;
}

int gst_ask_type(int fd, unsigned kind, const char *name, uint32_t *ret)
{
	struct question q;
	int r = ask(fd, name, kind, &q);

	if (r < 0 || q.result < 0)
		return r < 0 ? r : (int)q.result;
	/* The upper half is a descriptor of the BTF of the module that has it; what we ask for is not in modules. */
	if (q.result >> 32)
		return -ENOENT;
	*ret = (uint32_t)q.result;
	return 0;
}
