"""Text to nested lists (specification 6.3): a parenthesized list is a List, a string token bytes, any other atom str.
Comments and annotations are gone."""

import re


class WatError(Exception):
    """The text is malformed. `pos` is an offset into the text, or None."""

    def __init__(self, message, pos=None):
        super().__init__(message)
        self.message, self.pos = message, pos


class List(list):
    """A parenthesized list; `pos` is where its "(" stands."""

    __slots__ = ("pos",)


HEX = "[0-9a-fA-F](?:_?[0-9a-fA-F])*"
ID = r"[!#$%&'*+\-./0-9:<=>?@A-Z\\^_`a-z|~]"
STRING = rf'"(?:[^"\\\x00-\x1f\x7f]|\\[nrt\\\'"]|\\[0-9a-fA-F][0-9a-fA-F]|\\u\{{{HEX}\}})*"'
TOKEN = re.compile(
    r"(?:[ \t\n\r]+|;;[^\n\r]*)*(?:"
    r"(\((?![;@]))"                      # 1 open
    r"|(\))"                             # 2 close
    rf'|({ID}+)(?!["!#$%&\'*+\-./0-9:<=>?@A-Z\\^_`a-z|~])'  # 3 atom
    rf"|({STRING})(?!{ID}|\")"           # 4 string
    rf"|((?:{ID}|{STRING})+)"            # 5 id written as a string, or reserved
    r"|(\(;)"                            # 6 block comment
    r"|(\(@)"                            # 7 annotation
    r"|(\Z)"                             # 8
    r"|(.))", re.DOTALL)                 # 9 punctuation, reserved too, or nothing at all
COMMENT = re.compile(r"\(;|;\)")
QUOTED_ID = re.compile(rf"\$({STRING})\Z")
ANNOTATION_NAME = re.compile(rf"{ID}+|({STRING})")
ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F_]+)\}|([0-9a-fA-F]{2})|(.))", re.DOTALL)
SIMPLE = {"n": b"\n", "r": b"\r", "t": b"\t", "\\": b"\\", "'": b"'", '"': b'"'}


def string_bytes(token, pos=None):
    """What a string token, quotes included, stands for."""
    if "\\" not in token:
        return token[1:-1].encode()
    parts, last = [], 1
    for match in ESCAPE.finditer(token, 1, len(token) - 1):
        parts.append(token[last:match.start()].encode())
        last = match.end()
        if match.group(1):
            code = int(match.group(1).replace("_", ""), 16)
            if code >= 0x110000 or 0xD800 <= code < 0xE000:
                raise WatError("malformed UTF-8 encoding", pos)
            parts.append(chr(code).encode())
        elif match.group(2):
            parts.append(bytes([int(match.group(2), 16)]))
        else:
            parts.append(SIMPLE[match.group(3)])
    parts.append(token[last:-1].encode())
    return b"".join(parts)


def comment_end(text, start):
    depth = 0
    for match in COMMENT.finditer(text, start):
        depth += 1 if match.group() == "(;" else -1
        if depth == 0:
            return match.end()
    raise WatError("unclosed comment", start)


def annotation_end(text, start):
    """The end of the annotation whose "(@" stands at `start`. Any token may occur in it."""
    match = ANNOTATION_NAME.match(text, start + 2)
    name = match and (string_bytes(match.group(1), start) if match.group(1) else b"@")
    if not name:
        raise WatError("empty annotation id", start)
    try:
        name.decode()
    except UnicodeDecodeError:
        raise WatError("malformed UTF-8 encoding", start) from None
    pos, depth = match.end(), 1
    while depth:
        match = TOKEN.match(text, pos)
        kind, pos = match.lastindex, match.end()
        if kind in (1, 7):
            depth += 1
        elif kind == 2:
            depth -= 1
        elif kind == 6:
            pos = comment_end(text, match.start(6))
        elif kind == 8:
            raise WatError("unclosed annotation", start)
        elif kind == 9 and match.group(9) not in ",;[]{}":
            raise bad_token(text, match)
    return pos


def bad_token(text, match):
    pos = match.start(match.lastindex)
    if text[pos] == '"':
        return WatError("unclosed string, or an illegal character in it", pos)
    if match.lastindex == 9 and text[pos] not in ",;[]{}":
        return WatError("illegal character", pos)
    return WatError(f"unknown operator {match.group(match.lastindex)}", pos)


def parse(text):
    """The top-level items of `text` (str, or bytes that must be UTF-8) as a list."""
    if isinstance(text, (bytes, bytearray)):
        try:
            text = text.decode()
        except UnicodeDecodeError:
            raise WatError("malformed UTF-8 encoding") from None
    current, stack, pos = List(), [], 0
    current.pos = 0
    while pos is not None:
        append = current.append
        for match in TOKEN.finditer(text, pos):
            kind = match.lastindex
            if kind == 3:
                append(match[3])
            elif kind == 1:
                inner = List()
                inner.pos = match.start(1)
                append(inner)
                stack.append(current)
                current, append = inner, inner.append
            elif kind == 2:
                if not stack:
                    raise WatError("unexpected token )", match.start(2))
                current = stack.pop()
                append = current.append
            elif kind == 4:
                append(string_bytes(match[4], match.start(4)))
            elif kind == 5:
                append(quoted_id(text, match))
            elif kind == 6:
                pos = comment_end(text, match.start(6))
                break
            elif kind == 7:
                pos = annotation_end(text, match.start(7))
                break
            elif kind == 8:
                pos = None
                break
            else:
                raise bad_token(text, match)
    if stack:
        raise WatError("unexpected end: a parenthesis is not closed", current.pos)
    return current


def quoted_id(text, match):
    quoted = QUOTED_ID.match(match[5])
    if not quoted:
        raise bad_token(text, match)
    name = string_bytes(quoted[1], match.start(5))
    try:
        name = name.decode()
    except UnicodeDecodeError:
        raise WatError("malformed UTF-8 encoding", match.start(5)) from None
    if not name:
        raise WatError("empty identifier", match.start(5))
    return "$" + name
