"""The solver of the proofs: `python script/solve.py QUERY.smt2` says `sat` with a counterexample, `unsat` or `unknown`.

What compares and moves bits Yices knows at once. A bill is products and quotients of numbers of 40 and 96 bits: what it
would count out for hours is a second for cvc5, which reads words of 256 bits as whole numbers and knows that
a * b = q * d + r.
"""

import subprocess
import sys
from pathlib import Path

import cvc5

YICES = Path(sys.executable).with_name("yices-smt2")
PATIENCE_SECONDS = 20


def by_bits(query: str) -> str:
    """The answer of Yices."""
    options = ["--smt2-model-format", "--bvconst-in-decimal", f"--timeout={PATIENCE_SECONDS}"]
    return subprocess.run([YICES, *options, query], capture_output=True, text=True, check=False).stdout


def by_numbers(query: str) -> str:
    """The answer of cvc5."""
    solver = cvc5.Solver()
    solver.setOption("solve-bv-as-int", "sum")
    solver.setOption("produce-models", "true")
    parser = cvc5.InputParser(solver)
    parser.setFileInput(cvc5.InputLanguage.SMT_LIB_2_6, query)
    answers = []
    while not (command := parser.nextCommand()).isNull():
        answers.append(command.invoke(solver, parser.getSymbolManager()))
        if answers[-1].strip() in ("unsat", "unknown"):
            break
    return "".join(answers)


if __name__ == "__main__":
    answer = by_bits(sys.argv[1])
    print(answer if answer.startswith(("sat", "unsat")) else by_numbers(sys.argv[1]), end="")
