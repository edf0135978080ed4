"""What the tables of jobs, providers and candidates hold, and what of it a terminal of 80 columns shows."""

from collections.abc import Sequence

import pytest

from deepsquare.cli.wording import candidate_tables, job_tables, site_tables
from deepsquare.model import (
    WEI_PER_CREDIT,
    Address,
    Affinity,
    AffinityOperator,
    Job,
    JobCost,
    JobId,
    JobStatus,
    JobTerms,
    JobTime,
    Label,
    Node,
)
from deepsquare.scheduling import Candidate, Site, candidates
from deepsquare.sdk.bill import Bill
from tests.cli.test_output import shown
from tests.support.sites import ALICE, BOB, NOW, definition, request, site

NOWHERE = Affinity(Label("zone", "nowhere"), AffinityOperator.EQUAL)
LARGE = (Node(16, 32_768),)


def a_site(address: Address = ALICE, nodes: Sequence[Node] = LARGE, name: str = "summit") -> Site:
    return site(address, tuple(nodes), labels={"site": name, "region": "alps", "os": "linux", "arch": "x86_64"})


def asked(*sites: Site, cpus: int = 1, affinities: tuple[Affinity, ...] = (), credit: int = 100) -> list[Candidate]:
    return list(candidates(request(shape=definition(cpus=cpus, affinities=affinities), credit=credit), sites, NOW))


def test_what_helps_everywhere_stands_once_below_the_table() -> None:
    full, _ = candidate_tables(asked(a_site(), a_site(BOB), affinities=(NOWHERE,)))
    assert full.below == ["What would help: drop or loosen this rule of the job to run here"]
    assert not [cell for row in full.rows for cell in row if "drop or loosen" in cell]


def test_what_helps_at_some_providers_names_them() -> None:
    full, _ = candidate_tables(asked(a_site(), a_site(BOB, [Node(1, 8)], "cave")))
    assert len(full.below) == 1
    assert full.below[0].startswith("What would help at cave 0xb0b0b0…b0b0: ask for fewer CPUs")


def test_more_providers_than_a_line_holds_are_counted() -> None:
    small = [a_site(Address(f"0x{number:040x}"), [Node(1, 8)]) for number in range(1, 5)]
    full, _ = candidate_tables(asked(a_site(), *small))
    assert full.below[0].startswith("What would help at 4 of them: ")


def test_what_is_told_anyway_stands_nowhere_else() -> None:
    rejected = asked(a_site(), affinities=(NOWHERE,))
    full, _ = candidate_tables(rejected, told="drop or loosen this rule of the job to run here")
    assert full.below == []


def longest_job(name: str) -> tuple[Job, Bill]:
    """A job whose cells are as wide as they get in common life."""
    price = WEI_PER_CREDIT // 30
    job = Job(
        JobId(123),
        JobStatus.META_SCHEDULED,
        ALICE,
        BOB,
        definition(),
        JobCost(3 * WEI_PER_CREDIT // 7),
        JobTime(NOW),
        name,
        terms=JobTerms(price_per_minute=price),
    )
    return job, Bill.of(job, NOW)


def is_table(lines: Sequence[str]) -> bool:
    """Whether there is a line below the titles, and none is longer than the terminal."""
    return set(lines[1]) <= {"─", " "} and all(len(line) <= 80 for line in lines)


def test_offers_and_rejections_fit_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    *lines, remedy = shown(monkeypatch, 80, *candidate_tables(asked(a_site(), a_site(BOB, [Node(1, 8)], "cave"))))
    assert remedy.startswith("What would help at cave")
    assert is_table(lines)
    assert any("CHOSEN" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "missing"), [("hello-world", ["submitted"]), ("a-name-of-as-many-as-32-letters", ["submitted", "locked"])]
)
def test_the_list_of_jobs_fits_80_columns(monkeypatch: pytest.MonkeyPatch, name: str, missing: list[str]) -> None:
    lines = shown(monkeypatch, 80, *job_tables([longest_job(name)]))
    assert is_table(lines)
    titles = ["job", "name", "state", "provider", "submitted", "locked", "cost"]
    assert lines[0].split() == [title for title in titles if title not in missing]


def test_a_wide_terminal_shows_all_of_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "submitted" in shown(monkeypatch, 120, *job_tables([longest_job("hello-world")]))[0]


def test_the_list_of_providers_fits_80_columns_with_names_instead_of_addresses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = shown(monkeypatch, 80, *site_tables([(a_site(), "serving"), (a_site(BOB), "away")]))
    assert is_table(lines)
    assert lines[0].split()[:3] == ["provider", "state", "free"]
    assert lines[2].startswith("summit 0xa1a1a1…a1a1  serving  16 CPUs, 32768 MB")


def test_in_the_list_of_providers_the_price_outlives_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, 80, *site_tables([(a_site(), "waits for approval")]))
    assert is_table(lines)
    assert lines[0].split()[:3] == ["provider", "state", "credits/min:"]


def test_a_wide_terminal_shows_whole_addresses_and_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, 200, *site_tables([(a_site(), "serving")]))
    assert lines[2].startswith(ALICE)
    assert "region=alps" in lines[2]
