# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# A kernel source tree that is made up and builds in a second: load ../kernel_tree
#
#   kernel_tree_make DIR VERSION [OPTION...]   write it; VERSION "6.12.40", "6.15-rc3"
#     fail=FILE     FILE (kernel/fork.c) does not compile
#     fail=link     vmlinux does not link; fail=rule: a source file is missing; fail=kill: the compiler is killed
#     slow=SECONDS  every object takes so long
#     objects=N     N more of them
#     unmet=NAME    option NAME can never be set: it depends on KTSTR_NEVER
#     absent=NAME   there is no option NAME
#     implicit-args its kfuncs take arguments from the verifier, as Linux 7.0's do
#     salt=TEXT     what is built differs
#   kernel_tree_git DIR                        make it a git work tree with one commit; prints the commit
#   kernel_tree_tar DIR FILE                   pack it as kernel.org does: FILE is linux-VERSION.tar.xz or another
#                                              compression that tar knows; one directory holds everything
#   kernel_tree_runs                           how often make was run for bzImage, by $KERNEL_TREE_LOG
#
# Needs $O/tests/mkbzimage. Its "make" writes a line for each run into $KERNEL_TREE_LOG when that is set.

# _kernel_tree_option NAME VALUE: an entry that can have that value.
_kernel_tree_option() {
	local type=bool
	case $2 in
	\"*) type=string ;;
	0x*) type=hex ;;
	[0-9-]*) type=int ;;
	m) type=tristate ;;
	esac
	printf '\nconfig %s\n\t%s "%s"\n' "$1" "$type" "$1"
}

# Everything that the built-in fragments name, so that all of it can be met.
_kernel_tree_options() {
	local dir=$1 line name value
	grep -hoE '^(CONFIG_[A-Z0-9_a-z]+=[^#]*|# CONFIG_[A-Z0-9_a-z]+ is not set)' "$KTSTR_TOP"/config/ktstr*.kconfig \
		2>/dev/null | while read -r line; do
		case $line in
		\#*) name=${line#\# CONFIG_} name=${name%% *} value=n ;;
		*) name=${line%%=*} name=${name#CONFIG_} value=${line#*=} ;;
		esac
		grep -rqE "^(menu)?config $name\$" "$dir/Kconfig" "$dir/init" "$dir/arch" "$dir/kernel" "$dir/lib" ||
			_kernel_tree_option "$name" "$value" >>"$dir/lib/Kconfig.fragment"
	done
}

# Take the entry of NAME out of whichever file has it.
_kernel_tree_drop() {
	local dir=$1 name=$2 file
	file=$(grep -rlE "^(menu)?config $name\$" "$dir/Kconfig" "$dir/init" "$dir/arch" "$dir/kernel" "$dir/lib") || return 0
	awk -v name="$name" '/^[a-z]/ { skip = ($1 ~ /config$/ && $2 == name) } !skip' "$file" >"$dir/.new" &&
		mv "$dir/.new" "$file"
}

_kernel_tree_choose() {
	local dir=$1 option=$2 value=${2#*=} i
	case $option in
	fail=*.c) echo "int $(basename "$value" .c)_broken(void) { return no_such_variable; }" >>"$dir/$value" ;;
	fail=link)
		sed -i 's/fork_init();/fork_lost();/' "$dir/init/main.c"
		sed -i '/fork_init/a void fork_lost(void);' "$dir/include/linux/kernel.h"
		;;
	fail=rule | fail=kill) echo "FAIL := $value" >>"$dir/fake.mk" ;;
	slow=*) echo "SLOW := $value" >>"$dir/fake.mk" ;;
	objects=*)
		mkdir -p "$dir/drivers/extra"
		for ((i = 0; i < value; i++)); do
			echo "int extra_$i;" >"$dir/drivers/extra/extra_$i.c"
		done
		;;
	unmet=*)
		_kernel_tree_drop "$dir" "$value"
		printf '\nconfig %s\n\tbool "%s"\n\tdepends on KTSTR_NEVER\n' "$value" "$value" >>"$dir/lib/Kconfig.fragment"
		grep -q '^config KTSTR_NEVER$' "$dir/lib/Kconfig.fragment" ||
			printf '\nconfig KTSTR_NEVER\n\tdef_bool n\n' >>"$dir/lib/Kconfig.fragment"
		;;
	absent=*) _kernel_tree_drop "$dir" "$value" ;;
	implicit-args) sed -i '/KF_RELEASE/a #define KF_IMPLICIT_ARGS (1 << 16)' "$dir/include/linux/btf.h" ;;
	salt=*) echo "const char salt[] = \"$value\";" >>"$dir/lib/string.c" ;;
	*)
		echo "kernel_tree_make: what is '$option'?" >&2
		return 1
		;;
	esac
}

kernel_tree_make() {
	local dir=$1 version=$2 option extra='' v
	shift 2
	mkdir -p "$dir"
	cp -r "$KTSTR_TOP/tests/fake_tree/." "$dir/"
	[[ $version != *-* ]] || extra=-${version#*-}
	IFS=. read -r -a v <<<"${version%%-*}"
	sed -i -e "s/^VERSION = .*/VERSION = ${v[0]}/" -e "s/^PATCHLEVEL = .*/PATCHLEVEL = ${v[1]}/" \
		-e "s/^SUBLEVEL = .*/SUBLEVEL = ${v[2]:-0}/" -e "s/^EXTRAVERSION =.*/EXTRAVERSION =${extra:+ $extra}/" \
		"$dir/Makefile"
	printf '%s\n' "# SPDX-License-Identifier: GPL-2.0" "MKBZIMAGE := $(realpath "$O")/tests/mkbzimage" >"$dir/fake.mk"
	_kernel_tree_options "$dir"
	for option; do
		_kernel_tree_choose "$dir" "$option" || return 1
	done
}

kernel_tree_git() {
	local git=(git -C "$1" -c user.name=t -c user.email=t@example.invalid -c init.defaultBranch=master)
	"${git[@]}" init --quiet
	"${git[@]}" add --all
	"${git[@]}" commit --quiet --message "made up"
	"${git[@]}" rev-parse HEAD
}

kernel_tree_tar() {
	local dir=$1 file=$2 top
	top=$(basename "$file")
	top=${top%.tar*}
	tar --create --auto-compress --file "$file" --directory "$dir" --exclude=./.git --owner=0 --group=0 \
		--transform "s,^\.,$top," --sort=name .
}

kernel_tree_runs() {
	grep -c '^make bzImage' "${KERNEL_TREE_LOG:?}" 2>/dev/null || true
}
