"""Writes the table of refusals into docs/chain.md: `python -m tests.chain.refusals_table`."""

import re
from pathlib import Path

from deepsquare.chain.refusals import REFUSALS

PAGE = Path(__file__).parents[2] / "docs" / "chain.md"
_TABLE = re.compile(r"(<!-- refusals: .*? -->\n).*(<!-- end of refusals -->)", re.DOTALL)
_SPELLED = re.compile(r"\{(\w+)(?::\w+)?\}")


def table() -> str:
    """The table, in the order of the source."""
    rows = (f"| `{name}` | {' | '.join(map(_spelled, texts))} |\n" for name, texts in REFUSALS.items())
    return "| Refusal | What happened | What to do next |\n|---|---|---|\n" + "".join(rows)


def _spelled(text: str) -> str:
    return _SPELLED.sub(r"`{\1}`", text)


def with_table(page: str) -> str:
    """The page with its table as it should be."""
    return _TABLE.sub(lambda found: found[1] + table() + found[2], page)


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
