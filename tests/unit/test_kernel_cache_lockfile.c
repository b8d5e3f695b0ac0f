/* SPDX-License-Identifier: GPL-2.0-only */
/* ktstr.lock: written sorted, read back, refused when broken, shared by processes. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel-cache/internal.h"

#define SUM_A "a2e9ecf87b6d83c49081b05c6f18c1735e342a1225f9ff8dfcfa97a7195f0aec"
#define SUM_B "b2e9ecf87b6d83c49081b05c6f18c1735e342a1225f9ff8dfcfa97a7195f0aec"

enum { WRITERS = 8 };

static char image_url[] = "http://127.0.0.1/a.deb", config_url[] = "http://127.0.0.1/b.deb";
static char sum_a[] = SUM_A, sum_b[] = SUM_B, package[] = "linux-binary-1", version_1[] = "1.0-1",
	    version_2[] = "2.0-1";
static char key_1[] = "1.0-1-x86_64-da06fcb8b3484", key_2[] = "2.0-1-x86_64-d8e9f324b0b51";

static const struct kc_pick first = {
	.key = key_1,
	.package = package,
	.version = version_1,
	.image = { .url = image_url, .sha256 = sum_a, .bytes = 123456789012 },
	.config = { .url = config_url, .sha256 = sum_b, .bytes = 5 },
};
static const struct kc_pick second = {
	.key = key_2,
	.package = package,
	.version = version_2,
	.image = { .url = image_url, .sha256 = sum_b, .bytes = 7 },
};

struct fixture {
	char project[128], cache[128], lock[160];
};

static struct fixture fresh(void **state)
{
	static int nr;
	struct fixture f = { 0 };

	nr++;
	(void)kt_snprintf(f.project, sizeof(f.project), "%s/p%d", (char *)*state, nr);
	(void)kt_snprintf(f.cache, sizeof(f.cache), "%s/c%d", (char *)*state, nr);
	(void)kt_snprintf(f.lock, sizeof(f.lock), "%s/ktstr.lock", f.project);
	assert_int_equal(kt_mkdir_p(f.project, 0755, NULL), 0);
	return f;
}

static void a_pin_is_read_back_as_it_was_written(void **state)
{
	struct fixture f = fresh(state);
	kt_auto(kc_pick) struct kc_pick p = { 0 };
	struct kt_err e = { 0 };

	assert_int_equal(kc_pin_get(f.project, "debian:sid/cloud", &p, &e), -ENOENT);
	assert_int_equal(kc_pin_set(f.cache, f.project, "debian:sid/cloud", &first, &e), 0);
	assert_int_equal(kc_pin_get(f.project, "debian:sid/cloud", &p, &e), 0);
	assert_string_equal(p.key, first.key);
	assert_string_equal(p.version, first.version);
	assert_string_equal(p.image.url, first.image.url);
	assert_string_equal(p.image.sha256, first.image.sha256);
	assert_int_equal(p.image.bytes, first.image.bytes);
	assert_string_equal(p.config.url, first.config.url);
	assert_int_equal(p.config.bytes, 5);
}

static void pins_are_sorted_and_one_changes_alone(void **state)
{
	static const char want[] =
		"{\n  \"schema_version\": 1,\n  \"kernels\": [\n"
		"    {\n      \"spec\": \"debian:a/cloud\",\n      \"key\": \"2.0-1-x86_64-d8e9f324b0b51\",\n"
		"      \"package\": \"linux-binary-1\",\n      \"version\": \"2.0-1\",\n"
		"      \"url\": \"http://127.0.0.1/a.deb\",\n      \"sha256\": \"" SUM_B
		"\",\n      \"size\": 7\n    },\n"
		"    {\n      \"spec\": \"debian:b/cloud\",\n      \"key\": \"1.0-1-x86_64-da06fcb8b3484\",\n"
		"      \"package\": \"linux-binary-1\",\n      \"version\": \"1.0-1\",\n"
		"      \"url\": \"http://127.0.0.1/a.deb\",\n      \"sha256\": \"" SUM_A
		"\",\n      \"size\": 123456789012,\n"
		"      \"config_url\": \"http://127.0.0.1/b.deb\",\n      \"config_sha256\": \"" SUM_B
		"\",\n"
		"      \"config_size\": 5\n    }\n  ]\n}\n";
	struct fixture f = fresh(state);
	kt_auto(buf) struct kt_buf text = { 0 };
	struct kt_err e = { 0 };

	assert_int_equal(kc_pin_set(f.cache, f.project, "debian:b/cloud", &first, &e), 0);
	assert_int_equal(kc_pin_set(f.cache, f.project, "debian:a/cloud", &first, &e), 0);
	assert_int_equal(kc_pin_set(f.cache, f.project, "debian:a/cloud", &second, &e), 0);
	assert_int_equal(kt_file_read(f.lock, 1 << 20, &text, NULL), 0);
	assert_string_equal(kt_buf_str(&text), want);
}

static void writers_at_once_lose_nothing(void **state)
{
	struct fixture f = fresh(state);
	kt_auto(kc_pick) struct kc_pick p = { 0 };
	pid_t pids[WRITERS];

	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (!pids[i]) {
			kt_auto(mem) char *spec = kt_fmt("debian:s%d/cloud", i);

			_exit(kc_pin_set(f.cache, f.project, spec, &first, NULL) == 0 ? 0 : 1);
		}
	}
	for (int i = 0; i < WRITERS; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	for (int i = 0; i < WRITERS; i++) {
		kt_auto(mem) char *spec = kt_fmt("debian:s%d/cloud", i);

		kc_pick_done(&p);
		assert_int_equal(kc_pin_get(f.project, spec, &p, NULL), 0);
	}
}

static void broken_locks_are_refused_with_the_reason(void **state)
{
#define GOOD \
	"\"key\":\"1-x86_64-sa2e9ecf87b6d\",\"package\":\"p\",\"version\":\"1\",\"url\":\"u\",\"size\":1,\"sha256\":\"" SUM_A \
	"\""
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "'%s' is no JSON object" },
		{ "<<<<<<< HEAD\n{}", "'%s' is no JSON object" },
		{ "[]", "'%s' is no JSON object" },
		{ "{}", "'%s' has no schema_version" },
		{ "{\"schema_version\":2}", "'%s' has schema_version 2, this program knows 1" },
		{ "{\"schema_version\":1}", "no list \"kernels\"" },
		{ "{\"schema_version\":1,\"kernels\":[{}]}", "a kernel without \"spec\"" },
		{ "{\"schema_version\":1,\"kernels\":[{\"spec\":\"s\"}]}",
		  "the entry of 's' lacks something or has a wrong value" },
		{ "{\"schema_version\":1,\"kernels\":[{\"spec\":\"s\"," GOOD ",\"key\":7}]}",
		  NULL }, /* the first counts */
		/* Of another kernel, as a merge may leave it: it would go into the cache under that one's name. */
		{ "{\"schema_version\":1,\"kernels\":[{\"spec\":\"s\",\"key\":\"1-x86_64-sb2e9ecf87b6d\"," GOOD
		  "}]}",
		  "the key of 's' is not that of its checksum or commit" },
		{ "{\"schema_version\":1,\"kernels\":[{\"spec\":\"s\",\"commit\":\"0123456789012345678901234567890123456789\"," GOOD
		  "}]}",
		  "the key of 's' is not that of its checksum or commit" },
		{ "{\"schema_version\":1,\"kernels\":[{\"spec\":\"s\",\"key\":\"../x\"," GOOD "}]}",
		  "the entry of 's' lacks something or has a wrong value" },
		{ "{\"schema_version\":1,\"kernels\":[{\"spec\":\"s\",\"sha256\":\"12\"," GOOD
		  "}]}",
		  "the entry of 's' lacks something or has a wrong value" },
		{ "{\"schema_version\":1,\"kernels\":[{\"spec\":\"s\",\"size\":-1," GOOD "}]}",
		  "the entry of 's' lacks something or has a wrong value" },
		{ "{\"schema_version\":1,\"kernels\":[{\"spec\":\"s\",\"size\":1e300," GOOD "}]}",
		  "the entry of 's' lacks something or has a wrong value" },
		{ "{\"schema_version\":1,\"kernels\":[{\"spec\":\"s\",\"config_url\":\"u\"," GOOD
		  "}]}",
		  "the entry of 's' lacks something or has a wrong value" },
	};
#undef GOOD
	struct fixture f = fresh(state);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kt_auto(kc_pick) struct kc_pick p = { 0 };
		kt_auto(buf) struct kt_buf want = { 0 };
		const char *mark = rows[i].why ? strstr(rows[i].why, "%s") : NULL;
		struct kt_err e = { 0 };
		int r;

		assert_int_equal(kt_file_write_atomic(f.lock, rows[i].text, strlen(rows[i].text),
						      0644, NULL),
				 0);
		r = kc_pin_get(f.project, "s", &p, &e);
		if (!rows[i].why) {
			assert_int_equal(r, 0);
			continue;
		}
		assert_int_equal(r, -EINVAL);
		assert_int_equal(e.kind, KT_E_CONFIG);
		kt_buf_addf(&want, "'%s' is broken: ", f.lock);
		if (mark) {
			kt_buf_add(&want, rows[i].why, (size_t)(mark - rows[i].why));
			kt_buf_adds(&want, f.lock);
			kt_buf_adds(&want, mark + 2);
		} else {
			kt_buf_adds(&want, rows[i].why);
		}
		kt_buf_adds(&want, "; restore it, or remove it to have everything resolved anew");
		assert_string_equal(unit_err_text(&e), kt_buf_str(&want));
		/* Nothing is written over it either. */
		assert_int_equal(kc_pin_set(f.cache, f.project, "t", &first, &e), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pin_is_read_back_as_it_was_written),
		cmocka_unit_test(pins_are_sorted_and_one_changes_alone),
		cmocka_unit_test(writers_at_once_lose_nothing),
		cmocka_unit_test(broken_locks_are_refused_with_the_reason),
	};

	return cmocka_run_group_tests(tests, unit_tmp_setup, unit_tmp_teardown);
}
