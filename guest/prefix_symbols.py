#!/usr/bin/env python3
"""prefix_symbols.py IN OUT PREFIX: copies a WebAssembly object file and puts PREFIX before the name of each function that
it defines for others, so that another definition can stand before it and call it. llvm-objcopy cannot rename symbols of
WebAssembly. The format is that of the tool conventions (Linking.md): a custom section "linking" with a symbol table."""
import sys

CUSTOM_SECTION, SYMBOL_TABLE, VERSION = 0, 8, 2
FUNCTION, DATA, GLOBAL, SECTION, TAG, TABLE = range(6)
LOCAL, UNDEFINED, EXPLICIT_NAME = 0x2, 0x10, 0x40


def leb(value):
    out = bytearray()
    while True:
        byte, value = value & 0x7f, value >> 7
        out.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(out)


def with_size(payload):
    return leb(len(payload)) + payload


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def left(self):
        return self.at < len(self.data)

    def bytes(self, n):
        if n > len(self.data) - self.at:
            raise ValueError("the file is cut short")
        self.at += n
        return self.data[self.at - n:self.at]

    def leb(self):
        value = shift = 0
        while True:
            byte, = self.bytes(1)
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value

    def string(self):
        return self.bytes(self.leb())


def prefix_symbol(reader, prefix):
    kind, flags = reader.leb(), reader.leb()
    out = leb(kind) + leb(flags)
    if kind == DATA:
        out += with_size(reader.string())
        count = 0 if flags & UNDEFINED else 3
    elif kind == SECTION:
        count = 1
    elif kind in (FUNCTION, GLOBAL, TAG, TABLE):
        out += leb(reader.leb())
        if not flags & UNDEFINED or flags & EXPLICIT_NAME:
            name = reader.string()
            renamed = kind == FUNCTION and not flags & (LOCAL | UNDEFINED)
            out += with_size(prefix + name if renamed else name)
        count = 0
    else:
        raise ValueError(f"a symbol of unknown kind {kind}")
    return out + b"".join(leb(reader.leb()) for _ in range(count))


def prefix_linking(payload, prefix):
    reader = Reader(payload)
    version = reader.leb()
    if version != VERSION:
        raise ValueError(f"version {version} of the linking section")
    out = leb(version)
    while reader.left():
        kind, body = reader.leb(), reader.string()
        if kind == SYMBOL_TABLE:
            symbols = Reader(body)
            count = symbols.leb()
            body = leb(count) + b"".join(prefix_symbol(symbols, prefix) for _ in range(count))
        out += leb(kind) + with_size(body)
    return out


def prefix_symbols(data, prefix):
    reader = Reader(data)
    out = reader.bytes(8)
    if out != b"\0asm\1\0\0\0":
        raise ValueError("no WebAssembly object")
    while reader.left():
        kind, body = reader.leb(), reader.string()
        if kind == CUSTOM_SECTION:
            section = Reader(body)
            name = section.string()
            if name == b"linking":
                body = with_size(name) + prefix_linking(body[section.at:], prefix)
        out += leb(kind) + with_size(body)
    return out


def main():
    source, target, prefix = sys.argv[1:]
    try:
        with open(source, "rb") as f:
            data = prefix_symbols(f.read(), prefix.encode())
        with open(target, "wb") as f:
            f.write(data)
    except (OSError, ValueError) as error:
        sys.exit(f"prefix_symbols.py: {source}: {error}")


if __name__ == "__main__":
    main()
