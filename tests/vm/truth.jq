# SPDX-License-Identifier: GPL-2.0-only
# Where a failure dump and the guest disagree. $log is the scheduler's output: the kernel's own dump of the same exit, which is
# made right after the exit is claimed, and the lines of tests/vm/progs/witness.c, from shortly before and from after it.
# Gives {compared: {GROUP: how many values}, wrong: {GROUP: [texts]}}.

def witness($when):
	[$log | split("\n")[] | select(startswith("witness: ")) | .[9:] | fromjson | .[$when] // empty];
def named($key): [.[] | .[$key] // empty] | map({ key: .[0], value: .[1] }) | from_entries;
def hex: ascii_downcase | ltrimstr("0x") | explode
	| reduce .[] as $c (0; . * 16 + (if $c >= 97 then $c - 87 else $c - 48 end));
# One value looked at: what it is, and what is wrong when it is.
def same($what; $dump; $kernel):
	{ ok: ($dump == $kernel), text: "\($what): \($dump) in the dump, \($kernel) in the guest" };
def within($what; $low; $dump; $high):
	{ ok: ($dump != null and $low <= $dump and $dump <= $high),
	  text: "\($what): \($dump) in the dump, \($low) to \($high) in the guest" };

witness("before") as $before | witness("after") as $after
| ([$before[].task // empty] | map({ key: "\(.pid)", value: . }) | from_entries) as $tasks
| ([$after[].task // empty] | map({ key: "\(.pid)", value: . }) | from_entries) as $later
| ([.task_enrichments[] | { key: "\(.task_kva)", value: .pid }] | from_entries) as $pid_of

# ---- the kernel's own dump, line by line ----
| (reduce ($log | split("\n") | .[index("CPU states"):][]) as $line ({ cpus: [], events: {} };
	if $line | test("^CPU +[0-9]+ *: ") then
		.cpus += [($line | capture("^CPU +(?<cpu>[0-9]+) *: nr_run=(?<nr>[0-9]+) flags=(?<flags>0x[0-9a-f]+) cpu_rel=(?<rel>[0-9]+)(?: ops_qseq=(?<qseq>[0-9]+))? (?:ksync=(?<sync>[0-9]+)|pnt_seq=)")
			| .tasks = [])]
	elif (.cpus | length > 0) and ($line | test("^          curr=")) then
		.cpus[-1].curr = ($line | capture("curr=(?<comm>.*)\\[(?<pid>[0-9]+)\\] class=(?<class>[a-z]+)_sched_class"))
	elif (.cpus | length > 0) and ($line | test("^ [ *][A-Z] .*\\[[0-9]+\\] ")) then
		.cpus[-1].tasks += [$line | capture("^ (?<mark>[ *])[A-Z] (?<comm>.*)\\[(?<pid>[0-9]+)\\] ")]
	elif (.cpus | length > 0) and ($line | test(" dsq_id=")) then
		.cpus[-1].tasks[-1].dsq = ($line | capture("dsq_id=(?<id>[^ ]+)").id)
	elif (.cpus | length > 0) and ($line | test("slice=[0-9]+ weight=")) then
		.cpus[-1].tasks[-1].weight = ($line | capture("weight=(?<w>[0-9]+)").w | tonumber)
	elif $line | test("^ *SCX_EV_[A-Z_]+: +[0-9]+$") then
		.events += ($line | capture("SCX_EV_(?<name>[A-Z_]+): +(?<n>[0-9]+)") | { (.name | ascii_downcase): (.n | tonumber) })
	else . end)) as $kernel
| ($log | capture("ktstr: queued=(?<n>[0-9]+)").n | tonumber) as $queued
| ($log | capture("triggered exit kind (?<n>[0-9]+)").n | tonumber) as $kind

| {
	state: [same("exit kind"; .scx_sched_state.exit_kind; $kind)],
	rqs: [.rq_scx_states as $rqs | $kernel.cpus[] | (.cpu | tonumber) as $n | $rqs[$n] as $rq | "CPU \($n): " as $p
		| same($p + "cpu"; $rq.cpu; $n),
		  same($p + "nr_running"; $rq.nr_running; .nr | tonumber),
		  same($p + "flags"; $rq.flags; .flags | hex),
		  same($p + "cpu_released"; $rq.cpu_released; .rel == "1"),
		  # what only grows may have grown since
		  same($p + "has kick_sync"; $rq | has("kick_sync"); .sync != null),
		  (select(.sync) | within($p + "kick_sync"; (.sync | tonumber) - 50; $rq.kick_sync; .sync | tonumber)),
		  (select(.qseq) | within($p + "ops_qseq"; (.qseq | tonumber) - 50; $rq.ops_qseq; .qseq | tonumber)),
		  # A CPU may have switched between two of its tasks since.
		  (($rq | .curr_pid) as $curr | [$rq.runnable_task_kvas[] | $pid_of["\(.)"]] as $tasks
			| (.curr.pid | tonumber) as $curr_later | [.tasks[] | select(.mark == " ") | .pid | tonumber] as $tasks_later
			| (select([$curr, $curr_later] - ($tasks + $tasks_later) | length == 2)
				| same($p + "curr"; "\($rq.curr_comm)[\($curr)]"; "\(.curr.comm)[\($curr_later)]")),
			  same($p + "its tasks"; $tasks + [$curr] - [0] | sort; $tasks_later + [$curr_later] - [0] | sort),
			  same($p + "runnable tasks"; $tasks - [$curr_later]; $tasks_later - [$curr]))],
	dsqs: [(.dsq_states[] | select(.origin == "user" and .id == 0)) as $dsq
		| same("user DSQ 0: nr"; $dsq.nr; $queued),
		  same("user DSQ 0: listed"; $dsq.task_kvas | length; $queued),
		  same("user DSQ 0: tasks"; [$dsq.task_kvas[] | $pid_of["\(.)"]] | sort;
			[$kernel.cpus[].tasks[] | select(.dsq == "0x0") | .pid | tonumber] | sort)],
	weights: [.task_enrichments as $all | $kernel.cpus[].tasks[] | select(.weight) | .pid as $pid
		| same("weight of \($pid)"; $all[] | select("\(.pid)" == $pid) | .weight; .weight)],
	events: [.event_counter_timeline[-1] as $e | $kernel.events | to_entries[]
		| ({ reenq_repeat: "reenq_local_repeat" }[.key] // .key) as $key | select($e | has($key))
		| same("event \($key)"; $e[$key]; .value)],
	missing: [([.task_enrichments[].pid] | map({ key: "\(.)", value: true }) | from_entries) as $have
		| $tasks | keys[] | select($later[.]) | same("task \(.)"; $have[.]; true)],
	tasks: [.task_enrichments[] | "\(.pid)" as $pid | $tasks[$pid] as $b | $later[$pid] as $a | select($a and $b)
		| "\(.comm)[\($pid)]: " as $p
		# What was the same before and after was the same in between.
		| same($p + "comm"; .comm; .comm as $comm | if $a.comm | startswith($comm) then $comm else $a.comm end),
		  (select($a.tgid == $b.tgid) | same($p + "tgid"; .tgid; $a.tgid), same($p + "group leader"; .group_leader_pid; $a.tgid)),
		  (select($a.ppid == $b.ppid) | same($p + "parent"; .real_parent_pid; $a.ppid)),
		  (select($a.pgid == $b.pgid) | same($p + "pgid"; .pgid; $a.pgid)),
		  (select($a.sid == $b.sid) | same($p + "sid"; .sid; $a.sid)),
		  (select($a.threads == $b.threads) | same($p + "threads"; .nr_threads; $a.threads)),
		  (select($a.prio == $b.prio) | same($p + "prio"; .prio - 100; $a.prio)),
		  (select($a.nice == $b.nice) | same($p + "nice"; .static_prio - 120; $a.nice)),
		  (select($a.rt_priority == $b.rt_priority) | same($p + "rt_priority"; .rt_priority; $a.rt_priority)),
		  # The kernel shows its stoppers as SCHED_FIFO (sched_set_stop_task(), kernel/sched/core.c).
		  (select($a.policy == $b.policy) | same($p + "class"; .sched_class;
			if .comm | startswith("migration/") then "stop" else { "0": "ext", "1": "rt", "2": "rt", "6": "dl" }["\($a.policy)"] end)),
		  within($p + "nvcsw"; $b.nvcsw; .nvcsw; $a.nvcsw),
		  within($p + "nivcsw"; $b.nivcsw; .nivcsw; $a.nivcsw)],
	# Of the two readers of one /dev/kmsg, one waits for the other; nobody else waits for a lock.
	locks: [([.task_enrichments[] | select(.comm == "kmsg-reader") | .lock_slowpath_match] | sort
			| same("locks of the readers"; .; [null, "mutex_lock_slowpath"])),
		([.task_enrichments[] | select(.comm != "kmsg-reader" and .lock_slowpath_match) | .comm]
			| same("others in slow paths of locks"; .; []))],
	cpu_times: [($before | named("cpu")) as $b | ($after | named("cpu")) as $a | .per_cpu_time[] | "cpu\(.cpu)" as $c
		# proc_stat(5): hundredths of a second, cut
		| [["user", 0], ["nice", 1], ["system", 2], ["irq", 5], ["softirq", 6], ["steal", 7]][] as [$name, $i]
		| within("\($c) \($name)"; $b[$c][$i] * 1e7; .["cpustat_\($name)_ns"]; $a[$c][$i] * 1e7 + 1e7)],
	idle: [($after | named("cpu")) as $a | .per_cpu_time[] | "cpu\(.cpu)" as $c
		# Where idle time is counted elsewhere, too, /proc tells of that.
		| if has("iowait_sleeptime_ns") then within("\($c) iowait"; 0; .iowait_sleeptime_ns; $a[$c][4] * 1e7 + 1e7)
		  else within("\($c) idle"; 0; .cpustat_idle_ns; $a[$c][3] * 1e7 + 1e7) end],
	softirqs: [($before | named("softirq")) as $b | ($after | named("softirq")) as $a | .per_cpu_time[] | . as $row
		| ["HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU"] as $names
		| range(10) | "\($names[.]):" as $name
		| within("cpu\($row.cpu) \($name)"; $b[$name][$row.cpu]; $row.softirqs[.]; $a[$name][$row.cpu])],
	nodes: [.per_node_numa[] | . as $row | ($before | named("node\($row.node)")) as $b | ($after | named("node\($row.node)")) as $a
		| [["numa_hit", "numa_hit"], ["numa_miss", "numa_miss"], ["numa_foreign", "numa_foreign"],
		   ["interleave_hit", "numa_interleave_hit"], ["local_node", "numa_local"], ["other_node", "numa_other"]][]
		| within("node \($row.node) \(.[0])"; $b[.[0]][0]; $row[.[1]]; $a[.[0]][0])],
	# Only with CONFIG_IRQ_TIME_ACCOUNTING; rows have no names, but what grows keeps its order.
	pressure: [([$before[].irq_pressure // empty | .[1]] | sort) as $b | ([$after[].irq_pressure // empty | .[1]] | sort) as $a
		| ([.cgroup_psi // [] | .[].total_ns / 1000 | floor] | sort) as $d
		| same("cgroups with pressure"; $d | length; $b | length),
		  (range($b | length) | within("pressure \(.)"; $b[.]; $d[.]; $a[.]))]
}
| { compared: map_values(length), wrong: map_values([.[] | select(.ok | not) | .text]) }
