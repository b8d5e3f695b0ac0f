# SPDX-License-Identifier: GPL-2.0
# A small part of Kconfig: awk -v mode=allnoconfig|defconfig|olddefconfig -f conf.awk, in the object directory. Knows
# config, menuconfig, if, the types, prompts, def_bool, default, depends on, select and source, $(shell,...) and
# $(success,...); skips the rest. The environment has srctree, ARCH, SRCARCH, CC, PAHOLE, KCONFIG_ALLCONFIG.

function expand(s,   name) {
	while (match(s, /\$\((srctree|ARCH|SRCARCH|CC|PAHOLE|KERNELVERSION)\)/)) {
		name = substr(s, RSTART + 2, RLENGTH - 3)
		s = substr(s, 1, RSTART - 1) ENVIRON[name] substr(s, RSTART + RLENGTH)
	}
	return s
}

# "$(shell,CMD)" is what CMD prints, "$(success,CMD)" y or n.
function run(s,   cmd, line) {
	s = expand(s)
	if (s ~ /^\$\(shell,.*\)$/) {
		cmd = substr(s, 9, length(s) - 9)
		line = ""
		cmd | getline line
		close(cmd)
		return line
	}
	if (s ~ /^\$\(success,.*\)$/) {
		cmd = substr(s, 11, length(s) - 11)
		return system("(" cmd ") >/dev/null 2>&1") == 0 ? "y" : "n"
	}
	return s
}

function conjoin(a, b) {
	return a == "" ? b : b == "" ? a : "(" a ") && (" b ")"
}

# "VALUE if CONDITION"
function add_default(sym, text,   at) {
	at = index(text, " if ")
	default_if[sym, nr_defaults[sym] + 0] = at ? substr(text, at + 4) : ""
	default_of[sym, nr_defaults[sym]++] = run(at ? substr(text, 1, at - 1) : text)
}

function has_prompt(sym, text,   at) {
	if (text !~ /^"/)
		return
	at = match(text, /" if /)
	prompt[sym] = 1
	prompt_if[sym] = at ? substr(text, at + 5) : ""
}

function read_kconfig(file,   line, path, word, rest, sym, depth, in_help) {
	path = ENVIRON["srctree"] "/" file
	while ((got = (getline line <path)) > 0) {
		if (line ~ /^[^ \t#]/)
			in_help = 0
		if (in_help || line ~ /^[ \t]*(#|$)/)
			continue
		sub(/[ \t]+#.*$/, "", line)
		sub(/^[ \t]+/, "", line)
		word = line
		sub(/[ \t].*$/, "", word)
		rest = substr(line, length(word) + 1)
		sub(/^[ \t]+/, "", rest)
		if (word == "source") {
			gsub(/"/, "", rest)
			read_kconfig(expand(rest))
		} else if (word == "config" || word == "menuconfig") {
			sym = rest
			if (!(sym in type)) {
				order[nr_symbols++] = sym
				type[sym] = "bool"
				depends[sym] = ""
			}
			for (depth = 0; depth < nr_ifs; depth++)
				depends[sym] = conjoin(depends[sym], ifs[depth])
		} else if (word == "if") {
			ifs[nr_ifs++] = rest
		} else if (word == "endif") {
			nr_ifs--
		} else if (word ~ /^(bool|tristate|int|hex|string)$/) {
			type[sym] = word
			has_prompt(sym, rest)
		} else if (word ~ /^def_(bool|tristate)$/) {
			type[sym] = substr(word, 5)
			add_default(sym, rest)
		} else if (word == "prompt") {
			has_prompt(sym, rest)
		} else if (word == "default") {
			add_default(sym, rest)
		} else if (word == "depends") {
			sub(/^on[ \t]+/, "", rest)
			depends[sym] = conjoin(depends[sym], rest)
		} else if (word == "select") {
			selects[sym] = selects[sym] " " rest
		} else if (word == "help") {
			in_help = 1
		}
	}
	if (got < 0) {
		print "Kconfig: can't open file \"" file "\"" >"/dev/stderr"
		exit 1
	}
	close(path)
}

# --- expressions: text is eaten from the front of the global rest_of -------------------------------
function token() {
	sub(/^[ \t]+/, "", rest_of)
	if (!match(rest_of, /^(&&|\|\||!=|>=|<=|[!=<>()]|"[^"]*"|[A-Za-z0-9_-]+)/))
		return ""
	return substr(rest_of, 1, RLENGTH)
}
function eat(t) {
	rest_of = substr(rest_of, length(t) + 1)
	return t
}
function value_of(t) {
	if (t ~ /^"/)
		return substr(t, 2, length(t) - 2)
	if (t ~ /^[ymn]$/ || t ~ /^[0-9]+$/ || t ~ /^0x/)
		return t
	return t in value ? value[t] : "n"
}
function primary(   t, a, b, op) {
	t = token()
	if (t == "!") {
		eat(t)
		return !primary()
	}
	if (t == "(") {
		eat(t)
		a = expression()
		eat(token())
		return a
	}
	a = value_of(eat(t))
	op = token()
	if (op !~ /^(=|!=|>=|<=|<|>)$/)
		return a != "n" && a != ""
	eat(op)
	b = value_of(eat(token()))
	if (op == "=")
		return a "" == b ""
	if (op == "!=")
		return a "" != b ""
	return op == ">=" ? a + 0 >= b + 0 : op == "<=" ? a + 0 <= b + 0 : op == "<" ? a + 0 < b + 0 : a + 0 > b + 0
}
function conjunction(   a) {
	a = primary()
	while (token() == "&&") {
		eat("&&")
		a = primary() && a
	}
	return a
}
function expression(   a) {
	a = conjunction()
	while (token() == "||") {
		eat("||")
		a = conjunction() || a
	}
	return a
}
function holds(text) {
	if (text == "")
		return 1
	rest_of = expand(text)
	return expression()
}

# --- values -----------------------------------------------------------------------------------------
function load(file,   line, name, v, got) {
	while ((got = (getline line <file)) > 0) {
		if (line ~ /^CONFIG_[A-Za-z0-9_]+=/) {
			name = substr(line, 8, index(line, "=") - 8)
			v = substr(line, index(line, "=") + 1)
			if (v ~ /^".*"$/)
				v = substr(v, 2, length(v) - 2)
			user[name] = v
		} else if (line ~ /^# CONFIG_[A-Za-z0-9_]+ is not set$/) {
			split(line, part, " ")
			user[substr(part[2], 8)] = "n"
		}
	}
	if (got < 0) {
		print "conf: cannot read " file >"/dev/stderr"
		exit 1
	}
	close(file)
}

function decide(sym,   i, v) {
	is_bool = type[sym] == "bool" || type[sym] == "tristate"
	if (!holds(depends[sym]))
		return is_bool ? "n" : ""
	if (is_bool && selected[sym])
		return "y"
	v = is_bool ? "n" : ""
	if (prompt[sym] && holds(prompt_if[sym]) && sym in user) {
		v = user[sym]
		return v == "m" && (type[sym] == "bool" || value["MODULES"] != "y") ? "y" : v
	}
	if (is_bool && prompt[sym] && mode == "allnoconfig" && holds(prompt_if[sym]))
		return "n"
	for (i = 0; i < nr_defaults[sym]; i++) {
		if (holds(default_if[sym, i])) {
			v = default_of[sym, i]
			if (is_bool)
				return holds(v) ? "y" : "n"
			gsub(/"/, "", v)
			return v
		}
	}
	return v
}

function settle(   round, changed, i, j, n, sym, v, part) {
	for (round = 0; round < 20; round++) {
		changed = 0
		for (i = 0; i < nr_symbols; i++) {
			sym = order[i]
			v = decide(sym)
			if (v "" != value[sym] "") {
				value[sym] = v
				changed = 1
			}
		}
		for (i = 0; i < nr_symbols; i++)
			selected[order[i]] = 0
		for (i = 0; i < nr_symbols; i++) {
			n = value[order[i]] == "y" ? split(selects[order[i]], part, " ") : 0
			for (j = 1; j <= n; j++)
				selected[part[j]] = 1
		}
		if (!changed && round)
			return
	}
}

function save(   i, sym, v) {
	print "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/" ENVIRON["ARCH"] " " \
		ENVIRON["KERNELVERSION"] " Kernel Configuration\n#" >".config"
	for (i = 0; i < nr_symbols; i++) {
		sym = order[i]
		v = value[sym]
		if (type[sym] == "string") {
			if (holds(depends[sym]))
				print "CONFIG_" sym "=\"" v "\"" >".config"
		} else if (v == "n") {
			if (holds(depends[sym]) && prompt[sym])
				print "# CONFIG_" sym " is not set" >".config"
		} else if (v != "") {
			print "CONFIG_" sym "=" v >".config"
		}
	}
	close(".config")
	print "#\n# configuration written to .config\n#"
}

BEGIN {
	read_kconfig("Kconfig")
	if (mode == "defconfig")
		load(ENVIRON["srctree"] "/arch/x86/configs/x86_64_defconfig")
	else if (mode == "olddefconfig")
		load(".config")
	else if (ENVIRON["KCONFIG_ALLCONFIG"] != "")
		load(ENVIRON["KCONFIG_ALLCONFIG"])
	settle()
	save()
}
