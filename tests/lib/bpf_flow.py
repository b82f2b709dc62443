#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Looks in BPF programs for what only some kernels have an objection to.

    bpf_flow.py OBJECT...

Loops that kernels like 5.10 refuse: there, one may go back by a jump, but not by running on into its beginning
(kernel/bpf/verifier.c, check_cfg() of 5.10: only of a jump's successors may one be under way). Walks each function as they
do.

Programs of uprobes that kernels from 6.13 on give a stack that they share with others (bpf/go_process.bpf.h, stack_keep()):
those of 64 bytes of stack (BPF_PRIV_STACK_MIN_SIZE) that call no other by a tail call.

Prints what it finds, and exits 1 then. Needs llvm-objdump.
"""

import re
import subprocess
import sys


STACK_MIN = 64


def functions(path):
    """Yields section, name and instructions, a list of (number, text), of each."""
    # As the older ones do by themselves.
    command = ["llvm-objdump", "--disassemble", "--no-show-raw-insn", "--no-print-imm-hex", path]
    here, section, name, code = None, None, None, []
    for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
        begun = re.match(r"Disassembly of section (\S+):$", line)
        label = re.match(r"[0-9a-f]+ <(?!LBB)(\S+)>:$", line)
        instruction = re.match(r"\s+(\d+):\s+(.*)", line)
        if label:
            if code:
                yield section, name, code
            section, name, code = here, label[1], []
        elif begun:
            here = begun[1]
        elif instruction:
            code.append((int(instruction[1]), instruction[2]))
    if code:
        yield section, name, code


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


def shares_stack(code):
    """Whether a program takes as much of it and has no tail call. A function of its own may take more."""
    stack, calls = 0, set()
    for (_, text), (_, behind) in zip(code, code[1:] + [(None, "")]):
        calls.update(re.findall(r"^call (\S+)", text))
        for below in re.findall(r"\(r10 - (\d+)\)", text):
            stack = max(stack, int(below))
        copied = re.match(r"(r\d) = r10$", text)
        moved = copied and re.match(rf"{copied[1]} \+= -(\d+)$", behind)
        if moved:
            stack = max(stack, int(moved[1]))
    return (stack >= STACK_MIN or "-1" in calls) and "12" not in calls


def main():
    wrong, looked_at = 0, 0
    for path in sys.argv[1:]:
        for section, name, code in functions(path):
            looked_at += 1
            for at in refused(code):
                print(f"{path}: {name}: instruction {at} runs on into the beginning of a loop", file=sys.stderr)
                wrong += 1
            if section == "uprobe" and shares_stack(code):
                print(f"{path}: {name}: its stack is shared, as it has no tail call", file=sys.stderr)
                wrong += 1
    print(f"{looked_at} functions, {wrong} objections")
    return 1 if wrong or not looked_at else 0


if __name__ == "__main__":
    sys.exit(main())
