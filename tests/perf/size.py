#!/usr/bin/env python3
"""The parts of a static library for a 32-bit ELF target, in bytes of code and constants.

usage: size.py ARCHIVE

Prints "BYTES  PART" for each crate, the largest first, and the sum as "BYTES  all". What belongs to whom is taken from
the mangled names of functions and constants; constants without a name are "constants without a name".
"""

import re
import struct
import sys

SHF_ALLOC, SHT_NOBITS, STT_OBJECT, STT_FUNC, STT_SECTION = 2, 8, 1, 2, 3


def members(archive):
    """Name and bytes of each file in an archive."""
    at, names = 8, b""
    while at + 60 <= len(archive):
        head = archive[at:at + 60]
        name, size = head[:16].decode().rstrip(), int(head[48:58])
        body = archive[at + 60:at + 60 + size]
        at += 60 + size + (size & 1)
        if name == "//":
            names = body
        elif name == "/":
            continue
        else:
            if name.startswith("/"):
                start = int(name[1:])
                name = names[start:names.index(b"\n", start)].decode()
            yield name.rstrip("/"), body


def sections(elf):
    """Index, name, flags, type, size and content of each section."""
    offset, = struct.unpack_from("<I", elf, 32)
    entry, count, names_at = struct.unpack_from("<HHH", elf, 46)
    heads = [struct.unpack_from("<10I", elf, offset + i * entry) for i in range(count)]
    names = heads[names_at]
    text = elf[names[4]:names[4] + names[5]]
    for index, head in enumerate(heads):
        name = text[head[0]:text.index(b"\0", head[0])].decode()
        yield index, name, head


def owner(symbol):
    """The crate of a mangled name: of a trait's method for a type, the crate that has the method's code."""
    found = re.match(r"_ZN(\d+)", symbol)
    if found:
        end = found.end()
        first = symbol[end:end + int(found.group(1))]
        first = first.replace("$LT$", "<").replace("$GT$", ">").replace("$u20$", " ").replace("..", "::")
        if first.startswith(("_<", "<")):
            parts = re.findall(r"[a-z_][a-z0-9_]+(?=::)", first)
            return parts[0] if parts else "core"
        return first
    found = re.search(r"Cs[0-9A-Za-z]*_(\d+)", symbol)
    if symbol.startswith("_R") and found:
        return symbol[found.end():found.end() + int(found.group(1))]
    return "compiler_builtins"


def measure(elf, parts):
    """Adds what the sections of one object hold to `parts`."""
    heads = {index: (name, head) for index, name, head in sections(elf)}
    kept = {
        index: head[5]
        for index, (name, head) in heads.items()
        if head[2] & SHF_ALLOC and head[1] != SHT_NOBITS and not name.startswith((".ARM.", ".eh_frame"))
    }
    for index, (_, head) in heads.items():
        if head[1] != 2:
            continue
        strings = heads[head[6]][1]
        text = elf[strings[4]:strings[4] + strings[5]]
        for at in range(head[4], head[4] + head[5], 16):
            name, _, size, info, _, section = struct.unpack_from("<IIIBBH", elf, at)
            if section in kept and size and info & 15 in (STT_OBJECT, STT_FUNC):
                symbol = text[name:text.index(b"\0", name)].decode()
                size = min(size, kept[section])
                kept[section] -= size
                part = owner(symbol) if not symbol.startswith(".L") else "constants without a name"
                parts[part] = parts.get(part, 0) + size
    for size in kept.values():
        parts["constants without a name"] = parts.get("constants without a name", 0) + size


def main():
    archive = open(sys.argv[1], "rb").read()
    parts = {}
    for name, body in members(archive):
        if body[:4] == b"\x7fELF" and not name.startswith("compiler_builtins"):
            measure(body, parts)
    for size, part in sorted(((size, part) for part, size in parts.items()), reverse=True):
        print(f"{size}  {part}")
    print(f"{sum(parts.values())}  all")


main()
