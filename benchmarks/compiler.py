"""How long a workflow takes from text to script: what every submission and every `dps validate` pays.

Measured within one process, after the imports; the first load of a process also pays for importing the
YAML parser. Run alone with `python -m benchmarks compiler`.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from benchmarks.report import Figure
from deepsquare import compiler, workflow

_Subject = TypeVar("_Subject")

SALT = "0" * 32
STEPS = 100
_PUBLISHED = Path(__file__).parents[2] / "shared" / "workflows"
_HELLO_WORLD = Path(__file__).parents[1] / "examples" / "hello-world.yaml"
_STEP = """\
  - name: step {number}
    run:
      command: |
        set -e
        echo "step {number} of many" > "$STORAGE_PATH/{number}"
      env:
        - key: NUMBER
          value: '{number}'
"""


def measure(*, quick: bool) -> list[Figure]:
    """The figures of this benchmark."""
    runs = 20 if quick else 200
    hello = _HELLO_WORLD.read_text()
    head = hello[: hello.index("steps:")]
    long = head + "steps:\n" + "".join(_STEP.format(number=number) for number in range(STEPS))
    size = len(compiler.compile(workflow.load(hello).require(), salt=SALT).text.encode())
    return [
        _figure("load and compile hello-world", hello, _load_and_compile, runs, at_most=2.0),
        _figure(f"load and compile {STEPS} steps", long, _load_and_compile, max(3, runs // 20), at_most=50.0),
        _figure("load hello-world", hello, workflow.load, runs, at_most=2.0),
        _figure("compile hello-world", workflow.load(hello).require(), _compile, runs, at_most=2.0),
        _figure(f"load {STEPS} steps", long, workflow.load, max(3, runs // 20)),
        _figure(f"compile {STEPS} steps", workflow.load(long).require(), _compile, max(3, runs // 20), at_most=50.0),
        *(
            _figure(f"load and compile {name}, the largest published", text, _load_and_compile, runs, at_most=20.0)
            for name, text in _largest_published()
        ),
        Figure("script of hello-world", size, "bytes", at_most=8 * 1024),
    ]


def _largest_published() -> list[tuple[str, str]]:
    """The name and text of the largest published workflow that is complete; none where they are not here."""
    texts = {path.name: path.read_text() for path in _PUBLISHED.glob("*.yaml")}
    complete = [(name, text) for name, text in texts.items() if "TO-BE-FILLED" not in text]
    return sorted(complete, key=lambda sample: len(sample[1]))[-1:]


def _compile(job: workflow.Workflow) -> compiler.Script:
    return compiler.compile(job, salt=SALT)


def _load_and_compile(text: str) -> compiler.Script:
    return compiler.compile(workflow.load(text), salt=SALT)


def _figure(
    name: str, subject: _Subject, work: Callable[[_Subject], object], runs: int, at_most: float | None = None
) -> Figure:
    work(subject)
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        work(subject)
        seconds.append(time.perf_counter() - start)
    return Figure(name, statistics.median(seconds) * 1000, "ms", at_most=at_most, detail=f"median of {runs}")
