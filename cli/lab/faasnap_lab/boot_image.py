# SPDX-License-Identifier: Apache-2.0
"""The content of the counted lab's memory when its kernel starts.

It holds the kernel, its initrd, and what Linux's 64-bit boot protocol requires
(Documentation/arch/x86/boot.rst).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

MIB = 1 << 20

# boot.S reads this one.
_HEADER = 0x7E00
_PAGE_TABLES = 0x20000
_BOOT_PARAMETERS = 0x30000
_COMMAND_LINE = 0x31000
_INITRD = 0x8000000

# The place of the data of Bochs' BIOS below 1 MiB, and its room for ACPI tables at memory's end.
_BIOS_DATA = 0x9F000
_ACPI_TABLES = 0x10000

_ELF_LOAD = 1
_RAM, _RESERVED, _ACPI = 1, 2, 3


@dataclass(frozen=True)
class Piece:
    """Bytes at a physical address."""

    address: int
    data: bytes


def kernel_pieces(kernel: bytes) -> tuple[int, list[Piece]]:
    """Returns the entry point and the segments of an ELF kernel."""
    if kernel[:5] != b"\x7fELF\x02":
        raise ValueError("not a 64-bit ELF file")
    entry, table = struct.unpack_from("<QQ", kernel, 24)
    size, count = struct.unpack_from("<HH", kernel, 54)
    pieces = []
    for i in range(count):
        kind, _, offset, _, address, length = struct.unpack_from(
            "<IIQQQQ", kernel, table + i * size
        )
        if kind == _ELF_LOAD and length > 0:
            pieces.append(Piece(address, kernel[offset : offset + length]))
    return entry, pieces


def page_tables() -> bytes:
    """Maps the first 4 GiB to themselves in pages of 2 MiB."""
    present, large = 0x3, 0x80
    tables = [[_PAGE_TABLES + 0x1000 | present]]
    tables.append([_PAGE_TABLES + 0x2000 + i * 0x1000 | present for i in range(4)])
    for i in range(4):
        tables.append([(i * 512 + j) * 2 * MIB | present | large for j in range(512)])
    return b"".join(struct.pack("<512Q", *(table + [0] * (512 - len(table)))) for table in tables)


def boot_parameters(memory: int, initrd_size: int) -> bytes:
    """Linux's struct boot_params for a machine with this many bytes of memory."""
    page = bytearray(4096)
    ranges = [
        (0, _BIOS_DATA, _RAM),
        (_BIOS_DATA, MIB - _BIOS_DATA, _RESERVED),
        (MIB, memory - _ACPI_TABLES - MIB, _RAM),
        (memory - _ACPI_TABLES, _ACPI_TABLES, _ACPI),
    ]
    page[0x1E8] = len(ranges)
    for i, (start, size, kind) in enumerate(ranges):
        struct.pack_into("<QQI", page, 0x2D0 + 20 * i, start, size, kind)
    struct.pack_into("<H", page, 0x1FE, 0xAA55)
    struct.pack_into("<4sH", page, 0x202, b"HdrS", 0x20F)
    page[0x210] = 0xFF  # A loader without a number of its own.
    page[0x211] = 0x01  # The kernel lies above 1 MiB.
    struct.pack_into("<III", page, 0x218, _INITRD, initrd_size, 0)
    struct.pack_into("<I", page, 0x228, _COMMAND_LINE)
    return bytes(page)


def boot_image(kernel: bytes, initrd: bytes, command_line: str, memory: int) -> bytes:
    """Returns what the plugin puts into memory: address, length and bytes of each piece."""
    entry, pieces = kernel_pieces(kernel)
    pieces += [
        Piece(_INITRD, initrd),
        Piece(_PAGE_TABLES, page_tables()),
        Piece(_BOOT_PARAMETERS, boot_parameters(memory, len(initrd))),
        Piece(_COMMAND_LINE, command_line.encode() + b"\0"),
        Piece(_HEADER, struct.pack("<III", entry, _BOOT_PARAMETERS, _PAGE_TABLES)),
    ]
    return b"".join(
        struct.pack("<QQ", piece.address, len(piece.data)) + piece.data for piece in pieces
    )
