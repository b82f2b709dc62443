#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Looks for loops in BPF programs that kernels like 5.10 refuse.

    bpf_flow.py OBJECT...

There, a loop may go back by a jump, but not by running on into its beginning (kernel/bpf/verifier.c, check_cfg() of 5.10:
only of a jump's successors may one be under way). Walks each function as they do, prints what they would refuse, and exits
1 then. Needs llvm-objdump.
"""

import re
import subprocess
import sys


def functions(path):
    """Yields name and instructions, a list of (number, text), of each."""
    command = ["llvm-objdump", "--disassemble", "--no-show-raw-insn", path]
    name, code = None, []
    for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
        label = re.match(r"[0-9a-f]+ <(?!LBB)(\S+)>:$", line)
        instruction = re.match(r"\s+(\d+):\s+(.*)", line)
        if label:
            if code:
                yield name, code
            name, code = label[1], []
        elif instruction:
            code.append((int(instruction[1]), instruction[2]))
    if code:
        yield name, code


def successors(code):
    """Of each instruction, where it leads to, and whether by a jump."""
    leads = {}
    for (at, text), behind in zip(code, [number for number, _ in code[1:]] + [None]):
        jump = re.search(r"\bgoto ([+-]\d+)", text)
        if text.startswith("exit"):
            leads[at] = []
        elif jump:
            to = at + 1 + int(jump[1])
            leads[at] = [to] if text.startswith("goto") else [behind, to]
        else:
            leads[at] = [behind]
        leads[at] = (leads[at], bool(jump))
    return leads


def refused(code):
    """Yields the instructions that run on into what leads to them."""
    leads = successors(code)
    under_way, left, path = set(), {}, [code[0][0]]
    while path:
        at = path[-1]
        under_way.add(at)
        ways = left.setdefault(at, list(leads[at][0]))
        if not ways:
            under_way.remove(path.pop())
            continue
        to = ways.pop(0)
        if to not in left:
            path.append(to)
        elif to in under_way and not leads[at][1]:
            yield at


def main():
    wrong, looked_at = 0, 0
    for path in sys.argv[1:]:
        for name, code in functions(path):
            looked_at += 1
            for at in refused(code):
                print(f"{path}: {name}: instruction {at} runs on into the beginning of a loop", file=sys.stderr)
                wrong += 1
    print(f"{looked_at} functions, {wrong} loops that are refused")
    return 1 if wrong or not looked_at else 0


if __name__ == "__main__":
    sys.exit(main())
