/* SPDX-License-Identifier: GPL-2.0-only */
/* The tokens that builds share; how many objects to expect, and for how long. */
#include "tests/unit/unit.h"

#include <math.h>
#include <unistd.h>

#include "kernel-cache/build/internal.h"

static unsigned tokens_in(const struct kc_jobs *j)
{
	char block[64];
	ssize_t n = read(j->read_fd, block, sizeof(block));

	if (n <= 0)
		return 0;
	assert_int_equal(write(j->write_fd, block, (size_t)n), n);
	return (unsigned)n;
}

static void a_build_holds_the_token_of_its_first_job(void **state)
{
	struct kc_jobs a, b;

	(void)state;
	assert_int_equal(kc_jobs_begin(4, &a, NULL), 0);
	assert_int_equal(a.total, 4);
	assert_int_equal(tokens_in(&a), 3);
	/* A second build shares what is there, whatever it asks for. */
	assert_int_equal(kc_jobs_begin(9, &b, NULL), 0);
	assert_int_equal(b.total, 4);
	assert_int_equal(b.read_fd, a.read_fd);
	assert_int_equal(tokens_in(&a), 2);
	kc_jobs_end(&b);
	assert_int_equal(tokens_in(&a), 3);
	kc_jobs_end(&a);
}

static void tokens_that_a_killed_make_took_come_back(void **state)
{
	struct kc_jobs j;
	char lost[3];

	(void)state;
	assert_int_equal(kc_jobs_begin(3, &j, NULL), 0);
	assert_int_equal(read(j.read_fd, lost, sizeof(lost)), 2);
	kc_jobs_end(&j);
	assert_int_equal(kc_jobs_begin(3, &j, NULL), 0);
	assert_int_equal(tokens_in(&j), 2);
	kc_jobs_end(&j);
}

static void there_is_at_least_one_job(void **state)
{
	struct kc_jobs j;

	(void)state;
	assert_true(kc_jobs_default() >= 1);
	assert_int_equal(kc_jobs_begin(0, &j, NULL), 0);
	assert_int_equal(j.total, kc_jobs_default());
	kc_jobs_end(&j);
}

static void a_cgroup_may_have_less_than_the_machine(void **state)
{
	(void)state;
	assert_int_equal(kc_jobs_of_cpu_max("max 100000", 8), 8);
	assert_int_equal(kc_jobs_of_cpu_max("200000 100000", 8), 2);
	assert_int_equal(kc_jobs_of_cpu_max("250000 100000", 8), 3);
	assert_int_equal(kc_jobs_of_cpu_max("10000 100000", 8), 1);
	assert_int_equal(kc_jobs_of_cpu_max("1600000 100000", 8), 8);
	assert_int_equal(kc_jobs_of_cpu_max("", 8), 8);
	assert_int_equal(kc_jobs_of_cpu_max("200000", 8), 8);
	assert_int_equal(kc_jobs_of_cpu_max("0 0", 8), 8);
}

static void an_estimate_goes_by_what_is_enabled(void **state)
{
	(void)state;
	assert_int_equal(kc_make_estimate(""), 0);
	assert_int_equal(kc_make_estimate("CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=m\n"
					  "CONFIG_D=\"=y\"\nCONFIG_E=y\n"),
			 4);
}

static void the_time_left_follows_the_speed(void **state)
{
	struct kc_eta eta = { 0 };
	uint64_t second = 1000000000, now = second, done = 0;
	double left = 0;

	(void)state;
	assert_true(kc_eta_update(&eta, 0, 1000, now) < 0);
	assert_true(kc_eta_update(&eta, 2, 1000, now += second) < 0); /* too early to say */
	for (done = 100; done <= 500; done += 100)
		left = kc_eta_update(&eta, done, 1000, now += second);
	/* A hundred a second, five hundred to go. */
	assert_true(left > 4.5 && left < 6);
	/* Ten times slower: soon it shows. */
	for (done = 510; done <= 900; done += 10)
		left = kc_eta_update(&eta, done, 1000, now += second);
	assert_true(left > 8 && left < 12);
	assert_true(kc_eta_update(&eta, 1000, 1000, now += second) == 0);
	assert_true(kc_eta_update(&eta, 1200, 1000, now += second) == 0);
	assert_true(kc_eta_update(&eta, 1300, 0, now + second) < 0); /* no estimate */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_build_holds_the_token_of_its_first_job),
		cmocka_unit_test(tokens_that_a_killed_make_took_come_back),
		cmocka_unit_test(there_is_at_least_one_job),
		cmocka_unit_test(a_cgroup_may_have_less_than_the_machine),
		cmocka_unit_test(an_estimate_goes_by_what_is_enabled),
		cmocka_unit_test(the_time_left_follows_the_speed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
