"""What LaTeX of the user's own a label may hold: what stays within its cell."""

from __future__ import annotations

import re

# Commands that reach beyond the cell that they stand in.
_OUTSIDE = re.compile(
    r"\\(?:input|include\w*|write\d*|openout|openin|read|catcode|def|edef|gdef|xdef|let|csname|begin|end|par|newline"
    r"|cr|crcr|tabularnewline|hline|\w*rule|multicolumn|verb|usepackage|immediate|special|loop|hskip|vskip|newcommand|renewcommand|global)(?![A-Za-z])"
)


def harm(text: str) -> str:
    """What LaTeX of the user's would break of the table around it, in words; empty for none."""
    bare = re.sub(r"\\([\\{}$&%#_])", lambda match: r"\newline " if match[1] == "\\" else " ", text)
    if command := _OUTSIDE.search(bare):
        return f"{command.group() if command.group() in text else chr(92) * 2} does not belong in a label"
    if not all(char.isprintable() and (char.isascii() or (char.isalpha() and char < "\u0100")) for char in bare):
        return "it holds a character that LaTeX is not given as it is"
    if bare.endswith("\\"):
        return "it ends in a backslash"
    if wrong := re.search(r"[&%#]", bare):
        return f"write \\{wrong.group()} for {wrong.group()}"
    parts = bare.split("$")
    if not _matched(bare) or not all(map(_matched, parts[1::2])):
        return "its braces do not match"
    if len(parts) % 2 == 0 or not all(part.strip() for part in parts[1::2]):
        return "its dollar signs do not match"
    return "write ^ and _ between dollar signs" if re.search(r"[\^_]", "".join(parts[::2])) else ""


def _matched(text: str) -> bool:
    depth = 0
    for char in text:
        depth += {"{": 1, "}": -1}.get(char, 0)
        if depth < 0:
            return False
    return not depth
