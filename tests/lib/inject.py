# SPDX-License-Identifier: Apache-2.0
"""Makes a process that waits in a system call do another one, as who has taken it over would; for amd64.

    inject.py PID CALL [ARGUMENT...]

Prints what the kernel answered, a negative number being an errno, or "signal N" where that ended the process. An argument
that is no number is a text, which is laid below the process's stack. Afterwards the process goes on as if nothing had
been.
"""
import ctypes
import os
import sys
import time

CALLS = {"execve": 59, "openat": 257, "ptrace": 101, "socket": 41}
PEEK, POKE, SINGLE_STEP, GET_REGISTERS, SET_REGISTERS, ATTACH, DETACH = 1, 4, 9, 12, 13, 16, 17
WALL = 0x40000000
SYSCALL_INSTRUCTION = b"\x0f\x05"
BELOW_STACK = 4096
ATTEMPTS = 1000

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class Registers(ctypes.Structure):
    """struct user_regs_struct of sys/user.h"""

    _fields_ = [(name, ctypes.c_uint64) for name in (
        "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es "
        "fs gs").split()]


def ptrace(request, pid, address=None, data=None):
    ctypes.set_errno(0)
    result = libc.ptrace(request, pid, address, data)
    if ctypes.get_errno():
        sys.exit(f"inject.py: ptrace {request}: {os.strerror(ctypes.get_errno())}")
    return result


def wait(pid):
    """The signal that ended it, or 0: it has stopped."""
    status = os.waitpid(pid, WALL)[1]
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def peek(pid, address):
    return ptrace(PEEK, pid, address).to_bytes(8, "little", signed=True)


def lay(pid, address, text):
    padded = text + bytes(8 - len(text) % 8)
    for i in range(0, len(padded), 8):
        ptrace(POKE, pid, address + i, int.from_bytes(padded[i:i + 8], "little"))


def stop_in_call(pid):
    """Its registers, once it is met waiting and not at work."""
    for _ in range(ATTEMPTS):
        ptrace(ATTACH, pid)
        wait(pid)
        registers = Registers()
        ptrace(GET_REGISTERS, pid, None, ctypes.addressof(registers))
        if peek(pid, registers.rip - 2)[:2] == SYSCALL_INSTRUCTION:
            return registers
        ptrace(DETACH, pid)
        time.sleep(0.01)
    sys.exit(f"inject.py: {pid} does not wait in a system call")


def inject(pid, call, arguments):
    before = stop_in_call(pid)
    now = Registers.from_buffer_copy(before)
    now.rip -= 2
    now.rax, now.orig_rax = CALLS[call], ctypes.c_uint64(-1).value
    text_at = before.rsp - BELOW_STACK
    for name, argument in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), arguments):
        try:
            value = int(argument, 0)
        except ValueError:
            value = text_at
            lay(pid, text_at, argument.encode() + b"\0")
        setattr(now, name, ctypes.c_uint64(value).value)
    ptrace(SET_REGISTERS, pid, None, ctypes.addressof(now))
    ptrace(SINGLE_STEP, pid)
    signal = wait(pid)
    if signal:
        return f"signal {signal}"
    ptrace(GET_REGISTERS, pid, None, ctypes.addressof(now))
    ptrace(SET_REGISTERS, pid, None, ctypes.addressof(before))
    ptrace(DETACH, pid)
    return ctypes.c_int64(now.rax).value


print(inject(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
