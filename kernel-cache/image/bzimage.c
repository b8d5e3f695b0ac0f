/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An x86 bzImage: its setup header (Documentation/arch/x86/boot.rst) and the vmlinux compressed in
 * it.
 */
#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-cache/internal.h"

/* Offsets in the file, from the boot protocol. */
enum {
	OFF_SETUP_SECTS = 0x1f1,
	OFF_BOOT_FLAG = 0x1fe,
	OFF_MAGIC = 0x202,
	OFF_PROTOCOL = 0x206,
	OFF_VERSION_POINTER = 0x20e, /* less 0x200 */
	OFF_PAYLOAD_OFFSET = 0x248, /* protocol 2.08 */
	OFF_PAYLOAD_LENGTH = 0x24c,
	HEADER_BYTES = 0x250,
	SECTOR = 512,
	SETUP_SECTS_DEFAULT = 4,
	PROTOCOL_PAYLOAD = 0x0208,
	SIZE_BYTES = 4, /* the build appends the size of what is inside to the compressed stream */
	STEP_BYTES = 1 << 20,
};

static uint16_t get16(const unsigned char *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const unsigned char *p)
{
	return (uint32_t)get16(p) | (uint32_t)get16(p + 2) << 16;
}

/* "7.2.12+deb13-cloud-amd64 (builder) #1 SMP ...": up to the first space. */
static void read_release(int fd, const unsigned char *header, struct kc_bzimage *bz)
{
	char text[sizeof(bz->release)];
	unsigned pointer = get16(header + OFF_VERSION_POINTER);
	ssize_t n;

	if (!pointer)
		return;
	n = pread(fd, text, sizeof(text) - 1, (off_t)pointer + SECTOR);
	if (n <= 0)
		return;
	text[n] = '\0';
	n = (ssize_t)strcspn(text, " ");
	/* A word that does not end, or that no uname has, is not a release. */
	if ((size_t)n == strlen(text))
		return;
	text[n] = '\0';
	if (kc_is_key(text))
		memcpy(bz->release, text, (size_t)n + 1);
}

int kc_bzimage_read(const char *path, struct kc_bzimage *ret, struct kt_err *e)
{
	kt_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned char h[HEADER_BYTES];
	struct kc_bzimage bz = { 0 };
	struct stat st;
	uint64_t setup;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return kt_fail(e, KT_E_HOST, errno, "open '%s'", path);
	n = pread(fd, h, sizeof(h), 0);
	if (n < 0)
		return kt_fail(e, KT_E_HOST, errno, "read '%s'", path);
	if (n != sizeof(h) || get16(h + OFF_BOOT_FLAG) != 0xaa55 ||
	    memcmp(h + OFF_MAGIC, "HdrS", 4) != 0)
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' is no x86 kernel image (bzImage)",
			       path);
	read_release(fd, h, &bz);
	if (get16(h + OFF_PROTOCOL) >= PROTOCOL_PAYLOAD) {
		setup = h[OFF_SETUP_SECTS] ? h[OFF_SETUP_SECTS] : SETUP_SECTS_DEFAULT;
		bz.payload_offset = (setup + 1) * SECTOR + get32(h + OFF_PAYLOAD_OFFSET);
		bz.payload_bytes = get32(h + OFF_PAYLOAD_LENGTH);
		if (bz.payload_offset + bz.payload_bytes > (uint64_t)st.st_size)
			return kt_fail(
				e, KT_E_KERNEL, EBADMSG,
				"'%s' is cut: its header announces %llu bytes, the file has %llu",
				path, (unsigned long long)(bz.payload_offset + bz.payload_bytes),
				(unsigned long long)st.st_size);
	}
	*ret = bz;
	return 0;
}

static const struct compression {
	const char *name;
	int (*support)(struct archive *); /* NULL: we cannot */
	unsigned char magic[6];
	unsigned char magic_bytes;
	bool own_size; /* the stream itself ends in the size, nothing is appended */
} compressions[] = {
	{ "zstd", archive_read_support_filter_zstd, { 0x28, 0xb5, 0x2f, 0xfd }, 4, false },
	{ "gzip", archive_read_support_filter_gzip, { 0x1f, 0x8b }, 2, true },
	{ "xz", archive_read_support_filter_xz, { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, false },
	{ "lz4", archive_read_support_filter_lz4, { 0x02, 0x21, 0x4c, 0x18 }, 4, false },
	{ "bzip2", archive_read_support_filter_bzip2, { 'B', 'Z', 'h' }, 3, false },
	{ "lzma", archive_read_support_filter_lzma, { 0x5d, 0, 0 }, 3, false },
	{ "lzo", NULL, { 0x89, 'L', 'Z', 'O' }, 4, false },
};

static const struct compression *find_compression(const unsigned char *data, size_t len)
{
	for (size_t i = 0; i < sizeof(compressions) / sizeof(compressions[0]); i++) {
		const struct compression *c = &compressions[i];

		if (len >= c->magic_bytes && memcmp(data, c->magic, c->magic_bytes) == 0)
			return c;
	}
	return NULL;
}

static int write_stream(struct archive *a, const char *image, uint64_t max_bytes, const char *to,
			struct kt_err *e)
{
	kt_auto(fd) int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	kt_auto(mem) unsigned char *step = NULL;
	uint64_t total = 0;

	if (fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "create '%s'", to);
	step = malloc(STEP_BYTES);
	if (!step)
		return kt_fail(e, KT_E_HOST, ENOMEM, "decompress '%s'", image);
	for (;;) {
		la_ssize_t n = archive_read_data(a, step, STEP_BYTES);
		int r;

		if (n < 0)
			return kt_fail(e, KT_E_KERNEL, EBADMSG, "decompress '%s': %s", image,
				       archive_error_string(a));
		if (n == 0)
			break;
		if (total == 0 && ((size_t)n < SELFMAG || memcmp(step, ELFMAG, SELFMAG) != 0))
			return kt_fail(e, KT_E_KERNEL, EBADMSG,
				       "what is compressed in '%s' is no ELF file", image);
		total += (uint64_t)n;
		if (total > max_bytes)
			return kt_fail(e, KT_E_KERNEL, EBADMSG,
				       "decompress '%s': more than %llu bytes", image,
				       (unsigned long long)max_bytes);
		r = kt_write_all(fd, step, (size_t)n);
		if (r < 0)
			return kt_fail(e, KT_E_HOST, -r, "write '%s' (%llu bytes)", to,
				       (unsigned long long)total);
	}
	if (total != max_bytes)
		return kt_fail(e, KT_E_KERNEL, EBADMSG,
			       "decompress '%s': expected %llu bytes, found %llu", image,
			       (unsigned long long)max_bytes, (unsigned long long)total);
	return 0;
}

static int decompress(const char *image, const unsigned char *data, size_t len, const char *to,
		      struct kt_err *e)
{
	const struct compression *c = find_compression(data, len);
	struct archive_entry *entry;
	struct archive *a;
	uint64_t size;
	int r;

	if (!c || !c->support)
		return kt_fail(e, KT_E_KERNEL, EOPNOTSUPP,
			       "'%s' is compressed in a way that is not known here (%s)", image,
			       c ? c->name : "no known magic number");
	size = get32(data + len - SIZE_BYTES);
	if (!size || size > KC_VMLINUX_BYTES_MAX)
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' announces a vmlinux of %llu bytes",
			       image, (unsigned long long)size);
	a = archive_read_new();
	if (!a)
		return kt_fail(e, KT_E_HOST, ENOMEM, "decompress '%s'", image);
	c->support(a);
	archive_read_support_format_raw(a);
	if (archive_read_open_memory(a, data, c->own_size ? len : len - SIZE_BYTES) != ARCHIVE_OK ||
	    archive_read_next_header(a, &entry) != ARCHIVE_OK)
		r = kt_fail(e, KT_E_KERNEL, EBADMSG, "decompress '%s' (%s): %s", image, c->name,
			    archive_error_string(a));
	else
		r = write_stream(a, image, size, to, e);
	archive_read_free(a);
	return r;
}

int kc_bzimage_extract(const char *image, const struct kc_bzimage *bz, const char *to,
		       struct kt_err *e)
{
	kt_auto(mem) unsigned char *data = NULL;
	kt_auto(fd) int fd = -1;
	size_t done = 0;

	if (bz->payload_bytes <= SIZE_BYTES)
		return kt_fail(e, KT_E_KERNEL, EOPNOTSUPP,
			       "the header of '%s' does not say where its vmlinux is", image);
	fd = open(image, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "open '%s'", image);
	data = malloc(bz->payload_bytes);
	if (!data)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read '%s'", image);
	while (done < bz->payload_bytes) {
		ssize_t n = pread(fd, data + done, bz->payload_bytes - done,
				  (off_t)(bz->payload_offset + done));

		if (n < 0)
			return kt_fail(e, KT_E_HOST, errno, "read '%s'", image);
		if (n == 0)
			return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' is cut", image);
		done += (size_t)n;
	}
	return decompress(image, data, bz->payload_bytes, to, e);
}
