"""What is told before any money moves."""

import pytest

from deepsquare.model import Label
from deepsquare.sdk import InvalidValue, NoProvider
from deepsquare.sdk.draft import Terms, draft_of
from tests.support.sites import ALICE, BOB, CAROL, NOW, definition, site


def test_who_locks_too_little_is_told_what_the_cheapest_provider_takes() -> None:
    sites = [site(who, cpu_price=price) for who, price in ((ALICE, 30), (BOB, 10), (CAROL, 20))]
    draft = draft_of(definition(), Terms(credits=1), sites, NOW, ())
    with pytest.raises(NoProvider) as refused:
        draft.require_provider()
    assert refused.value.next_step == "lock at least 10 credits"


@pytest.mark.parametrize(("values", "told"), [(["cheapest"], "'cheapest'"), (["cost", "time"], "cost and time")])
def test_terms_have_one_objective_of_those_that_there_are(values: list[str], told: str) -> None:
    with pytest.raises(InvalidValue, match=told) as refused:
        Terms(uses=[Label("objective", value) for value in values])
    assert refused.value.next_step == "name one objective: cost, time, energy, balanced"
