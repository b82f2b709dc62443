#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# slow_program.py FILE MIB: makes an ELF program one that takes long to look through. Its last program header that nobody
# needs becomes a segment of so many MiB, a hole behind the end of the file.
import os
import struct
import sys

PT_LOAD, PT_TLS, PF_R = 1, 7, 4
HEADER = "<IIQQQQQQ"  # type, flags, offset, virtual and physical address, bytes in the file and in memory, alignment
ALIGN = 0x10000


def main(path, mib):
    with open(path, "rb") as file:
        data = bytearray(file.read())
    (first,) = struct.unpack_from("<Q", data, 32)
    size, n = struct.unpack_from("<HH", data, 54)
    headers = {at: struct.unpack_from(HEADER, data, at) for at in range(first, first + n * size, size)}
    end = max(h[3] + h[6] for h in headers.values() if h[0] == PT_LOAD)
    at = max(at for at, h in headers.items() if h[0] > PT_TLS)
    offset, address, hole = -len(data) % ALIGN + len(data), -end % ALIGN + end + ALIGN, mib << 20
    struct.pack_into(HEADER, data, at, PT_LOAD, PF_R, offset, address, address, hole, hole, 0x1000)
    with open(path, "wb") as file:
        file.write(data)
        file.truncate(offset + hole)
    os.chmod(path, 0o755)


main(sys.argv[1], int(sys.argv[2]))
