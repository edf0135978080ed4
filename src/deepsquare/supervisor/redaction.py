"""What of a job's output may stand on the chain for everybody to read.

A failed job's last lines help its owner, and whatever stands on the chain stays there for ever. So
everything that looks like a secret is cut out first: values that are called a secret, tokens with a
known prefix, keys, credentials in addresses. The rule errs on the side of cutting too much. It is for
the public reason alone; the owner's own log is never altered.
"""

import re
import unicodedata

MAX_REASON_CHARACTERS = 500
"""Characters of the reason that the chain keeps with a job."""

_CUT = "[redacted]"

_SECRETS = (
    "(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|credential|cookie|mnemonic|auth(?:orization)?|signature"
    "|(?:api|access|private|account|encryption|shared|signing|ssh)[_-]?key)"
)
_PRIVATE_KEY = "[^-]{0,40}PRIVATE KEY(?: BLOCK)?-----"
# The text is a stranger's: every repetition is bounded or begins at a fixed mark, so that the work grows
# with the length of the text and no faster.
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # A key block, also one whose beginning or end lies outside of what is shown.
    (re.compile(rf"-----BEGIN {_PRIVATE_KEY}.*?(?:-----END {_PRIVATE_KEY}|\Z)", re.DOTALL), _CUT),
    (re.compile(rf"\A.*?-----END {_PRIVATE_KEY}", re.DOTALL), _CUT),
    (re.compile(r"(?i)\b(bearer|basic|digest|negotiate)\s{1,8}[\w.~+/=-]{6,}"), rf"\1 {_CUT}"),
    # name=value, name: value, name => value, "name": "value", a block of YAML; quoted values to the closing quote.
    (
        re.compile(
            rf"""(?i)({_SECRETS}[\w.-]{{0,64}}["']?\s{{0,8}}[=:]>?\s{{0,8}}(?:[|>][+-]?\s{{1,64}})?)"""
            r"""(?:"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?|\S+)"""
        ),
        rf"\1{_CUT}",
    ),
    (re.compile(r"(?i)\b(pass(?:word|wd|phrase)\s{1,8})(?![=:])\S+"), rf"\1{_CUT}"),  # as a .netrc has it
    (re.compile(r"(?i)([?&]sig=)\S+"), rf"\1{_CUT}"),
    (re.compile(r"(\s-{1,2}u(?:ser)?[\s=]{1,8})[^\s:]{1,64}:\S+"), rf"\1{_CUT}"),
    (re.compile(rf"(?i)(-[\w-]{{0,64}}{_SECRETS}[\w-]{{0,64}}\s{{1,8}})\S+"), rf"\1{_CUT}"),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,20}://)\S{1,256}@"), rf"\1{_CUT}@"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}"), _CUT),
    (re.compile(r"\b(?:gh[pousr]_|github_pat_|glpat-|hf_|sk-|xox[a-z]-|dckr_pat_|npm_)[\w-]{8,}"), _CUT),
    (re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*){0,2}"), _CUT),
    (re.compile(r"\b(?:0x)?[0-9a-fA-F]{40,}\b"), _CUT),
    (re.compile(r"(?<![\w+/=-])(?=[\w+/=-]*\d)(?=[\w+/=-]*[A-Z])(?=[\w+/=-]*[a-z])[\w+/=-]{32,}"), _CUT),
)


def redact(text: str) -> str:
    """`text` without anything that looks like a secret."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def public_reason(headline: str, output: str = "") -> str:
    """The reason that the customer sees on the chain: `headline`, then the last of `output` that has room.

    At most 500 characters, secrets cut out, control characters dropped, whole lines where possible.
    """
    told = redact(_printable(headline)).strip()[:MAX_REASON_CHARACTERS]
    shown = redact(_printable(output)).strip()
    room = MAX_REASON_CHARACTERS - len(told) - 1
    if not shown or room <= 0:
        return told
    if len(shown) > room:
        shown = shown[-room:]
        _, newline, whole_lines = shown.partition("\n")
        if newline and whole_lines.strip():
            shown = whole_lines
    return f"{told}\n{shown.strip()}"


def _printable(text: str) -> str:
    # A lone \r is how progress bars overwrite a line: what counts is what was left standing.
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return "\n".join(
        "".join(char if not unicodedata.category(char).startswith("C") else " " for char in line).rstrip()
        for line in lines
    )
