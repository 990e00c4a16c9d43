"""A seccomp filter: the system calls that decoding needs, and no other.

A list of what is allowed, so that a call which the kernel learns tomorrow is refused as well. Refused calls
fail with EPERM instead of ending the process: libraries try things that they can do without (the number of
processors, a terminal's width), and a decoder that was taken over gains nothing from being told no.

Not allowed, among the rest: opening any file, sockets, new processes and programs, signals to others, and
memory that can be executed; the child has loaded its program before the filter is in place.

Sources: seccomp(2), Documentation/userspace-api/seccomp_filter.rst and include/uapi/linux/{filter,seccomp,
audit}.h of Linux; the numbers are those of arch/x86/entry/syscalls/syscall_64.tbl and
include/uapi/asm-generic/unistd.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

# struct seccomp_data: nr u32, arch u32, instruction_pointer u64, args u64[6]. Both machines are
# little-endian, so the low half of an argument comes first.
_NUMBER_AT, _ARCH_AT, _ARGS_AT = 0, 4, 16

_LOAD_WORD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_IF_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_IF_ANY_BIT = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K

_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000 | errno.EPERM  # SECCOMP_RET_ERRNO
_KILL = 0x80000000  # SECCOMP_RET_KILL_PROCESS

_SET_MODE_FILTER = 1
_FLAG_TSYNC = 1  # for all threads of the process, should a library have started one

_PROT_EXEC = 4
_AT_EMPTY_PATH = 0x1000
_F_GETFD, _F_GETFL, _F_DUPFD_CLOEXEC = 1, 3, 1030


@dataclass(frozen=True, slots=True)
class _Machine:
    """`audit`: the architecture in `seccomp_data.arch`; `seccomp`: the number of seccomp(2) itself; the rest:
    numbers of allowed calls by name.
    """

    audit: int
    seccomp: int
    numbers: dict[str, int]


_X86_64: Final = _Machine(
    0xC000003E,
    317,
    {
        "read": 0, "write": 1, "close": 3, "fstat": 5, "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11,
        "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "pread64": 17,
        "sched_yield": 24, "mremap": 25, "madvise": 28, "dup": 32, "getpid": 39, "exit": 60, "fcntl": 72,
        "ftruncate": 77, "gettimeofday": 96, "getrusage": 98, "sigaltstack": 131, "gettid": 186,
        "futex": 202, "sched_getaffinity": 204, "restart_syscall": 219, "clock_gettime": 228,
        "exit_group": 231, "newfstatat": 262, "getrandom": 318,
    },
)  # fmt: skip
_AARCH64: Final = _Machine(
    0xC00000B7,
    277,
    {
        "dup": 23, "fcntl": 25, "ftruncate": 46, "close": 57, "lseek": 62, "read": 63, "write": 64,
        "pread64": 67, "newfstatat": 79, "fstat": 80, "exit": 93, "exit_group": 94, "futex": 98,
        "clock_gettime": 113, "sched_getaffinity": 123, "sched_yield": 124, "restart_syscall": 128,
        "sigaltstack": 132, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139,
        "getrusage": 165, "gettimeofday": 169, "getpid": 172, "gettid": 178, "brk": 214, "munmap": 215,
        "mremap": 216, "mmap": 222, "mprotect": 226, "madvise": 233, "getrandom": 278,
    },
)  # fmt: skip
_MACHINES: Final = {"x86_64": _X86_64, "aarch64": _AARCH64}


def lock_down(libc: ctypes.CDLL) -> bool:
    """Put the filter in place for the whole process, for good; no_new_privs must be set.

    Returns False where there is no filter for this machine or the kernel refuses one.
    """
    machine = _MACHINES.get(os.uname().machine)
    if machine is None or sys.maxsize < 1 << 32:
        return False
    program = program_for(machine)
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: unsigned short len, struct sock_filter *filter
    handle = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    header = ctypes.create_string_buffer(handle, len(handle))
    return bool(libc.syscall(machine.seccomp, _SET_MODE_FILTER, _FLAG_TSYNC, header) == 0)


def program_for(machine: _Machine) -> bytes:
    """The filter in classic BPF, 8 bytes an instruction."""
    numbers = dict(machine.numbers)
    conditional = [
        # Memory may not become executable.
        *((numbers.pop(name), _unless_bit(2, _PROT_EXEC)) for name in ("mmap", "mprotect")),
        # How glibc asks about a descriptor.
        (numbers.pop("newfstatat"), _only_values(3, (_AT_EMPTY_PATH,))),
        (numbers.pop("fcntl"), _only_values(1, (_F_GETFD, _F_GETFL, _F_DUPFD_CLOEXEC))),
    ]
    program = [
        _step(_LOAD_WORD, _ARCH_AT),
        _step(_IF_EQUAL, machine.audit, yes=1),
        _step(_RETURN, _KILL),  # numbers mean other calls there
        _step(_LOAD_WORD, _NUMBER_AT),
    ]
    for number in numbers.values():
        program += [_step(_IF_EQUAL, number, no=1), _step(_RETURN, _ALLOW)]
    for number, rule in conditional:
        program += [_step(_IF_EQUAL, number, no=len(rule)), *rule]
    program.append(_step(_RETURN, _REFUSE))
    return b"".join(program)


def _unless_bit(argument: int, bit: int) -> list[bytes]:
    return [
        _step(_LOAD_WORD, _ARGS_AT + 8 * argument),
        _step(_IF_ANY_BIT, bit, no=1),
        _step(_RETURN, _REFUSE),
        _step(_RETURN, _ALLOW),
    ]


def _only_values(argument: int, values: Iterable[int]) -> list[bytes]:
    rule = [_step(_LOAD_WORD, _ARGS_AT + 8 * argument)]
    for value in values:
        rule += [_step(_IF_EQUAL, value, no=1), _step(_RETURN, _ALLOW)]
    return [*rule, _step(_RETURN, _REFUSE)]


def _step(code: int, operand: int, *, yes: int = 0, no: int = 0) -> bytes:
    """struct sock_filter; `yes` and `no` count the instructions to leave out."""
    return struct.pack("=HBBI", code, yes, no, operand)
