# SPDX-License-Identifier: Apache-2.0
"""The pictures as a program shows them that knows no variables of style sheets."""

import shutil
import struct
import subprocess
import unittest
import zlib

from report_case import CONDITIONS, ReportCase, invocation

_BACK = (0xff, 0xff, 0xff)
_CARD = (0xf6, 0xf8, 0xfa)
_LAZY = (0x73, 0x7b, 0x84)
_FAASNAP = (0x00, 0x78, 0x5a)


def pixels(png):
    """Width, and the colours of all pixels, of a PNG of 8 bits a channel, without interlacing."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    data, place, width, channels = b"", 8, 0, 0
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place:place + 8])
        content = png[place + 8:place + 8 + length]
        if kind == b"IHDR":
            width, _, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", content)
            assert (depth, interlace) == (8, 0)
            channels = {2: 3, 6: 4}[colour]
        elif kind == b"IDAT":
            data += content
        place += 12 + length
    return width, unfilter(zlib.decompress(data), width * channels, channels)


def unfilter(data, row_bytes, channels):
    rows, above = [], bytearray(row_bytes)
    for begin in range(0, len(data), row_bytes + 1):
        kind, row = data[begin], bytearray(data[begin + 1:begin + 1 + row_bytes])
        for i in range(row_bytes):
            left = row[i - channels] if i >= channels else 0
            corner = above[i - channels] if i >= channels else 0
            row[i] = (row[i] + predicted(kind, left, above[i], corner)) & 0xff
        rows.append(row)
        above = row
    return [tuple(row[i:i + 3]) for row in rows for i in range(0, row_bytes, channels)]


def predicted(kind, left, above, corner):
    """What a PNG's filter of this kind foretells a byte to be."""
    if kind < 3:
        return (0, left, above)[kind]
    if kind == 3:
        return (left + above) // 2
    guess = left + above - corner
    return min((left, above, corner), key=lambda value: abs(guess - value))


class PixelTest(ReportCase):
    def test_a_program_without_variables_shows_the_colours_of_a_light_page(self):
        convert = shutil.which("rsvg-convert")
        if convert is None:
            raise unittest.SkipTest("rsvg-convert (Debian: librsvg2-bin) is not installed")
        self.results("e1.jsonl", CONDITIONS, invocation(),
                     invocation(setting="faasnap", total=10_000_000))
        self.run_cli("e1.jsonl", "--summary", "out")
        picture = self.path("out", "e1.svg")
        png = subprocess.run([convert, picture], check=True, stdout=subprocess.PIPE).stdout
        _, colours = pixels(png)
        shares = {colour: colours.count(colour) / len(colours) for colour in set(colours)}
        self.assertGreater(shares.get(_BACK, 0), 0.05, "the page is not white")
        self.assertGreater(shares.get(_CARD, 0), 0.3, "the pictures' ground is not light")
        for colour in (_LAZY, _FAASNAP):
            self.assertGreater(shares.get(colour, 0), 0.002, f"no bar has the colour {colour}")
        self.assertLess(shares.get((0, 0, 0), 0), 0.001, "something is black")


if __name__ == "__main__":
    unittest.main()
