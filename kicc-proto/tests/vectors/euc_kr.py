#!/usr/bin/env python3
"""Writes euc_kr.txt and cp949.txt: what Python's codecs of those names make of every code point.

One line per run of characters whose codes follow each other: the first code, two bytes in hexadecimal, a space, and
the characters. Left out are ASCII, which stands for itself, and the eight-byte spellings that euc_kr has for syllables
outside KS X 1001 (its annex 3), which nobody else writes or reads.
"""

import pathlib

HERE = pathlib.Path(__file__).parent


def table(codec):
    codes = {}
    for point in range(0x110000):
        character = chr(point)
        try:
            encoded = character.encode(codec)
        except UnicodeEncodeError:
            continue
        if point < 0x80:
            assert encoded == bytes([point])
        elif len(encoded) == 8:
            assert codec == "euc_kr"
        else:
            # euc_kr reads the filler U+3164 only as the beginning of such a spelling.
            assert len(encoded) == 2 and (point == 0x3164 or encoded.decode(codec) == character)
            codes[int.from_bytes(encoded)] = character
    return codes


def runs(codes):
    line, last = "", None
    for code in sorted(codes):
        if code - 1 != last and line:
            yield line
            line = ""
        line = (line or f"{code:04x} ") + codes[code]
        last = code
    yield line


for codec in ("euc_kr", "cp949"):
    (HERE / f"{codec}.txt").write_text("\n".join(runs(table(codec))) + "\n", encoding="utf-8", newline="\n")
