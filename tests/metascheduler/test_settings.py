"""What an operator says of placement reaches the scheduler."""

from deepsquare.metascheduler.settings import MetaSchedulerSettings
from deepsquare.scheduling import Backfill, Order, Policy


def test_without_settings_the_policy_is_the_librarys() -> None:
    assert MetaSchedulerSettings().policy() == Policy()


def test_what_an_operator_sets_is_what_the_scheduler_does() -> None:
    told = {
        "order": "sjf",
        "backfill": "conservative",
        "size_head_start_seconds": 1,
        "fair_head_start_seconds": 2,
        "patience_seconds": 3,
        "latency_seconds": 4,
        "price_weight": 5,
    }
    policy = MetaSchedulerSettings.model_validate(told).policy()
    assert policy == Policy(Order.SJF, Backfill.CONSERVATIVE, 1, 2, 3, 4, 5)
