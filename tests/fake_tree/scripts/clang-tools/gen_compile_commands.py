#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""-o FILE -d DIR: what was compiled in DIR, from its .cmd files."""
import argparse
import json
import os

parser = argparse.ArgumentParser()
parser.add_argument("-o", "--output", default="compile_commands.json")
parser.add_argument("-d", "--directory", default=".")
parser.add_argument("rest", nargs="*")
args = parser.parse_args()
top = os.path.abspath(args.directory)
commands = []
for where, _, names in os.walk(top):
    for name in sorted(names):
        if name.endswith(".o.cmd"):
            with open(os.path.join(where, name), encoding="utf-8") as cmd:
                command = cmd.readline().split(" := ", 1)[1].strip()
            commands.append({"directory": top, "command": command, "file": command.split()[-1]})
with open(args.output, "w", encoding="utf-8") as out:
    json.dump(commands, out, indent=2)
