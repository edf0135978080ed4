"""Puts every small mistake into the contracts, one at a time, and expects the tests to notice.

    python script/mutants.py [--only NAME ...] [--sample N] [--list] [--afresh] [--workers N]

Run by `make mutants`. A mutant that survives is printed with its change, and makes the exit status 1, unless
`equivalent-mutants.txt` says why it changes nothing. Verdicts are kept in OUT/verdicts.tsv, so that a run that was
interrupted goes on, and a later one tries only what survived or is not the same any more.
"""

import argparse
import random
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from mistakes import Mistake, mistakes
from trial import Trial, Untrustworthy
from verdicts import Verdicts, tests_in

HOME = Path(__file__).resolve().parents[1]
SEED = 1


def sample(found: Sequence[Mistake], size: int) -> list[Mistake]:
    """So many of them: at random, but each time the same, and every function before any has a second."""
    generator = random.Random(SEED)  # noqa: S311 - each time the same sample
    by_function = defaultdict[tuple[str, str], list[Mistake]](list)
    for each in found:
        by_function[each.file, each.function].append(each)
    ranked = [
        (turn, generator.random(), each)
        for group in by_function.values()
        for turn, each in enumerate(generator.sample(group, len(group)))
    ]
    return [each for _, _, each in sorted(ranked, key=lambda entry: entry[:2])[:size]]


def equivalent() -> dict[str, str]:
    """Names of mutants that change nothing, with the reason."""
    lines = (HOME / "equivalent-mutants.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))


def judge_all(trials: Sequence[Trial], chosen: Sequence[Mistake], verdicts: Verdicts) -> None:
    """Each of them in whichever folder is free."""
    free = SimpleQueue[Trial]()
    for trial in trials:
        free.put(trial)

    def judge(mistake: Mistake) -> None:
        trial = free.get()
        try:
            verdicts.judge(trial, mistake)
        finally:
            free.put(trial)

    pool = ThreadPoolExecutor(len(trials))
    try:
        list(pool.map(judge, chosen))
    finally:
        # Whoever interrupts waits for what is being tried, not for all that is left; and no mistake stays in its place.
        pool.shutdown(cancel_futures=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="sources by their stem, or mutants by their name")
    parser.add_argument("--sample", type=int, metavar="N", help="so many of them, the same each time; default: all")
    parser.add_argument("--list", action="store_true", help="show them, and try none")
    parser.add_argument("--afresh", action="store_true", help="forget all verdicts")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="how many to try at a time")
    parser.add_argument("--out", type=Path, default=HOME.parent / ".tools/proofs/mutants")
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    trials = [Trial(HOME, wanted.out / "0")]
    try:
        trials[0].prepare()
        found = [
            each
            for file, tree in trials[0].trees().items()
            for each in mistakes(file, tree, (HOME / file).read_bytes())
            if not wanted.only or Path(file).stem in wanted.only or each.name in wanted.only
        ]
        chosen = found if wanted.sample is None else sample(found, wanted.sample)
        if wanted.list:
            print(*(f"{each.name}  {each.file}:{each.line}  {each.change}" for each in chosen), sep="\n")
            return 0
        kept = wanted.out / "verdicts.tsv"
        if wanted.afresh:
            kept.unlink(missing_ok=True)
        excused, verdicts = equivalent(), Verdicts(kept, trials[0].standing(), tests_in(HOME / "test"))
        trials += [trials[0].twin(wanted.out / str(number)) for number in range(1, wanted.workers)]
        judge_all(trials, [each for each in chosen if each.name not in excused | verdicts.known], verdicts)
    except KeyboardInterrupt:
        print("interrupted: started again, it goes on where it was", file=sys.stderr)
        return 130
    except Untrustworthy as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        for trial in trials:
            trial.close()
    counts = Counter("equivalent" if each.name in excused else verdicts.known[each.name] for each in chosen)
    print(
        f"{len(chosen)} of {len(found)} mutants:", ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    )
    return 1 if counts["survived"] else 0


if __name__ == "__main__":
    sys.exit(main())
