/* SPDX-License-Identifier: GPL-2.0-only */
/* From a range to the exact versions that it stands for, which ktstr.lock keeps. */
#include <errno.h>

#include "kernel-cache/source/source.h"

static int expand_range(const struct kc_request *q, struct kt_strv *ret, struct kt_err *e)
{
	kt_auto(strv) struct kt_strv pinned = { 0 }, now = { 0 };
	const char *project = q->o->project_dir;
	int r = project && !q->o->update ? kc_pin_get_range(project, q->spec, &pinned, e) : -ENOENT;

	if (r == 0) {
		*ret = pinned;
		pinned = (struct kt_strv){ 0 };
		return 0;
	}
	if (r != -ENOENT)
		return r;
	if (project && q->o->locked)
		return kt_fail(
			e, KT_E_USAGE, EPERM,
			"ktstr.lock does not say which kernels '%s' are, and --locked forbids adding it; run 'ktstr-make update' and commit ktstr.lock",
			q->spec);
	r = kc_kernelorg_range(q, &now, e);
	/* As in kc_with_pick: what was remembered is not pinned. */
	if (r == 0 && project && !q->o->offline)
		r = kc_pin_set_range(q->cache_dir, project, q->spec, &now, e);
	if (r < 0)
		return r;
	*ret = now;
	now = (struct kt_strv){ 0 };
	return 0;
}

int kc_expand(const char *spec, const struct kc_opts *o, struct kt_strv *ret, struct kt_err *e)
{
	kt_auto(kc_request_own) struct kc_request_own own = { 0 };
	int r = kc_request_begin(spec, o, &own, e);

	if (r < 0)
		return r;
	if (own.q.parsed.form == KC_FORM_RANGE)
		return expand_range(&own.q, ret, e);
	return kt_strv_add(ret, spec) < 0 ? kt_fail(e, KT_E_HOST, ENOMEM, "plan '%s'", spec) : 0;
}
