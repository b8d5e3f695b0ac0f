# SPDX-License-Identifier: GPL-2.0-only
# config: ktstr.toml -> validated plain structs; topologies and presets.
config-src := config/cgroup.c config/cpuset.c config/diag.c config/find.c config/load.c config/presets.c \
	config/project.c config/scan.c config/schema.c config/starter.c config/test.c config/toml.cc \
	config/topology.c config/topology_table.c config/values.c
config-deps := base scenario
