#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# tests/data/failure-dump.json is a real dump (a test whose scheduler, scx_ktstr, stalled on Debian's 7.3 kernel), cut by this to what
# tests and docs/failure-dump.md need. Not by jq: 1.6 rounds numbers of 64 bits.
#   tests/data/failure-dump.py REAL >cut.json && ktstr-make show --json cut.json >tests/data/failure-dump.json
import json
import sys

LEFT_OUT = (".bss.exit", "bpf.data", "ktstr_cross_btf", "bpf.rodata")


def without_targets(v):
    if isinstance(v, dict):
        return {k: without_targets(x) for k, x in v.items() if k != "deref"}
    return [without_targets(x) for x in v] if isinstance(v, list) else v


dump = json.load(open(sys.argv[1], encoding="utf-8"))
queued = {t for q in dump["dsq_states"] for t in q["task_kvas"]}
queued |= {t for q in dump["rq_scx_states"] for t in q["runnable_task_kvas"]}
dump["task_enrichments"] = [
    t for t in dump["task_enrichments"] if t["pid"] < 3 or t["task_kva"] in queued
]
for allocator in dump["sdt_allocations"]:
    allocator["entries"] = without_targets(allocator["entries"][:2])
dump["maps"] = [m for m in dump["maps"] if m["name"] not in LEFT_OUT]
for m in dump["maps"]:
    if m["name"] == "bpf.bss":
        m["value"]["members"] = [
            x if x["name"] == "ktstr_bss_arena_holder" else without_targets(x)
            for x in m["value"]["members"]
        ]
    if m["name"] == "scx_task_map":
        m["entries"] = without_targets(m["entries"][:2])
    if m["name"] == "ktstr_array_fix":
        del m["array_entries"][4:]
    m.get("arena", {}).pop("pages", None)
json.dump(dump, sys.stdout)
