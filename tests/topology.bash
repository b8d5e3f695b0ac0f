# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# For the topology tests: a project with one short EEVDF test a preset, and what its sidecars must say.

# topology_project DIR PRESET...
topology_project() {
	local dir=$1 preset
	shift
	mkdir -p "$dir"
	{
		printf '[project]\nname = "topology"\n[kernel.default]\nsource = "%s"\n' "${KTSTR_TEST_KERNEL_SPEC:-debian:trixie-backports/cloud}"
		printf '[defaults]\nduration = "200ms"\ncgroups = [{ name = "a", workers = 2, work = "spin_wait" }]\n'
		for preset; do
			printf '[[test]]\nname = "%s"\ntopology = "%s"\n' "$preset" "$preset"
		done
	} >"$dir/ktstr.toml"
}

# The sidecar of a test that passed; fails, showing the run's output, otherwise.
passed_sidecar() {
	local dir=$1 test=$2 sidecar
	# Sixteen digits: medium-4llc is the beginning of medium-4llc-nosmt.
	sidecar=$(echo "$dir"/ktstr-out/runs/latest/*/"$test"-????????????????.ktstr.json)
	if [ ! -f "$sidecar" ] || [ "$(jq .passed "$sidecar")" != true ]; then
		echo "$test did not pass:" >&2
		cat "$dir/run.log" >&2
		return 1
	fi
	printf '%s\n' "$sidecar"
}

# assert_shape DIR PRESET: the guest's CPUs, LLCs, cores and nodes are those of the sidecar's "NnNlNcNt".
assert_shape() {
	local sidecar shape
	sidecar=$(passed_sidecar "$1" "$2") || return 1
	shape=$(jq -r .topology "$sidecar")
	jq -e --arg shape "$shape" '
		($shape | capture("^(?<n>[0-9]+)n(?<l>[0-9]+)l(?<c>[0-9]+)c(?<t>[0-9]+)t$") | map_values(tonumber)) as $s
		| .guest_topology as $g
		| ($g.cpus | length) == $s.l * $s.c * $s.t
		and ([$g.cpus[].llc] | unique | length) == $s.l
		and ([$g.cpus[].core] | unique | length) == $s.l * $s.c
		and ([$g.cpus[].node] | unique | length) == $s.n
		and ($g.nodes | length) == $s.n
		and all($g.nodes[]; .distances == [range($s.n) as $i | if $i == .node then 10 else 20 end])' \
		"$sidecar" >/dev/null || {
		printf '%s (%s) looks different inside the guest:\n' "$2" "$shape" >&2
		jq -c .guest_topology "$sidecar" >&2
		return 1
	}
}
