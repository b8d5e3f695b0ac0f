# SPDX-License-Identifier: GPL-2.0-only
# Two readings of the same maps: --slurpfile zoo (what the guest printed), input: a failure dump. Gives for each map what the
# guest says and what the dump says, in one form. Numbers of 16 digits and more are strings in both (jq rounds them).

def plain:
	if . == null then null
	elif .kind == "struct" then reduce .members[] as $m ({}; .[$m.name] = ($m.value | plain))
	elif .kind == "array" then [.elements[] | plain]
	elif .kind == "bytes" then .hex
	else .value end;

def without_end: if length > 0 and .[-1] == 0 then .[:-1] | without_end else . end;

# Bytes of a page, in order: only the first and the last are told by the guest; the rest follows from the page's number.
def page: {user_addr, first: .bytes[0], last: .bytes[-1], all_right: (.bytes | length == 4096 and
	(.[0] as $first | [range(4096) as $i | .[$i] == ($first + $i * 13) % 256] | all))};

def dumped($map; $what):
	if $what == "value" then $map.value | plain
	elif $what == "array_entries" then [$map.array_entries[].value | plain]
	elif $what == "percpu_entries" then [$map.percpu_entries[].per_cpu | map(plain)]
	elif $what == "entries" then [$map.entries[] | {key: .key | plain, value: .value | plain}] | sort
	elif $what == "percpu_hash_entries" then
		[$map.percpu_hash_entries[] | {key: .key | plain, per_cpu: .per_cpu | map(plain)}] | sort
	elif $what == "storage" then [$map.entries[].value | plain] | sort_by(.nr)
	elif $what == "ringbuf" then $map.ringbuf | del(.pending_pos)
	elif $what == "stack_trace" then
		[$map.stack_trace.entries[] | {bucket_id, pcs: .pcs | without_end}] | sort
	elif $what == "fd_array" then $map.fd_array | {populated, indices: (.indices // []) | sort}
	elif $what == "arena" then $map.arena | {user_vm_start: .user_vm_start, pages: [.pages[] | page]}
	elif $what == "section" then $map.value | plain
	elif $what == "ops" then $map.value | plain |
		{name: (.name | without_end | implode), timeout_ms}
	else ($map.error // "" | length > 0) end;

def told($value; $what):
	if $what == "entries" or $what == "percpu_hash_entries" or $what == "stack_trace" then $value | sort
	elif $what == "storage" then $value | sort_by(.nr)
	elif $what == "arena" then $value | .pages |= map(. + {all_right: true})
	else $value end;

# Of a section, only the variable that the guest told of.
def narrowed($have; $want; $what): if $what == "section" then $have | with_entries(select(.key | in($want))) else $have end;

. as $dump | $zoo[0].maps | with_entries(
	.key as $name | .value as $told
	| ($told | keys - ["map_type", "value_size", "max_entries"])[0] as $what
	| [$dump.maps[] | select(.name == $name)] as $maps
	| .value = ({
		want: ($told | {map_type, value_size, max_entries, error: (if $what == "named" then "some" else null end)}
			+ {($what): told($told[$what]; $what)}),
		have: (if ($maps | length) != 1 then "\($maps | length) maps of that name" else
			$maps[0] | . as $map | {map_type, value_size, max_entries,
				error: (if $what == "named" and (.error // "") != "" then "some" else .error end)}
			+ {($what): narrowed(dumped($map; $what); $told[$what]; $what)} end),
	}))
