"""Where in a TOML file a key stands: the standard library's reader does not say, and an error should.

Reads only what configuration files of ours contain: sections and `key = value` lines.
"""

import re

_SECTION = re.compile(r"\A\s*\[\s*([\w.-]+)\s*\]")
_KEY = re.compile(r"\A\s*([\w-]+)\s*=")


def key_lines(text: str) -> dict[str, int]:
    """The line (from 1) of each key; a key in a section is named `section.key`."""
    lines: dict[str, int] = {}
    prefix = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if section := _SECTION.match(line):
            prefix = f"{section[1]}."
        elif key := _KEY.match(line):
            lines[prefix + key[1]] = number
    return lines
