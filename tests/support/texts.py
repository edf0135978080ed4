"""Texts that try to be more than text, and strategies for all others."""

from hypothesis import strategies as st

from deepsquare.workflow.names import is_reserved

CANARY = "PWNED"
"""The file that a successful attack leaves."""

ATTACKS = [
    f"'; touch {CANARY}; '",
    f'"; touch {CANARY}; "',
    f"$(touch {CANARY})",
    f"`touch {CANARY}`",
    f"\ntouch {CANARY}\n",
    f"\r\ntouch {CANARY}\r\n",
    f"EOF\ntouch {CANARY}\nEOF",
    f"x' || touch {CANARY} #",
    f"}}\ntouch {CANARY}\njob() {{",
    f"a[$(touch {CANARY})]",
    f"main\ntouch {CANARY}",
    "a,b,SLURM_X=1",
    "%s %n %j %x",
    "a|b&c;d>e<f",
    "--export=NONE",
    "-c",
    "--",
    "#SBATCH --uid=0\n#SBATCH --nodes=100",
    "# shellcheck disable=all",
    "\\",
    "ends with a backslash\\",
    "'",
    '"',
    "\u201cit\u2019s\u201d\u00a0typographic",
    "tab\there",
    "*",
    "~root",
    "!!",
    " leading and trailing ",
    "\U0001d518 é 🦆",
    "1\n2\n3\n",
]
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n\r'\"\\$`"), max_size=60)
"""Every text that a workflow may hold, the characters that shells care for more often than others."""

NAMES = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,9}\Z").filter(lambda name: not is_reserved(name))
"""Every short name that a variable may have."""

UNTIL_A_SIGNAL = "while :; do sleep 1000 >/dev/null 2>&1 & wait; done"
"""Shell text that waits for a signal. One that comes between the fork of `sleep` and the wait misses `sleep`, which
must not keep the output open then."""
