"""What things are: jobs, providers, labels, credits. Frozen values; no I/O, no clock, nothing of ours below."""

from deepsquare.model.credits import (
    WEI_PER_CREDIT,
    InvalidAmount,
    cost,
    fee,
    format_credits,
    max_duration_seconds,
    parse_credits,
    price_per_minute,
)
from deepsquare.model.job import (
    Address,
    InvalidJobId,
    Job,
    JobCost,
    JobDefinition,
    JobId,
    JobStatus,
    JobTerms,
    JobTime,
    StorageType,
    format_job_id,
    parse_job_id,
)
from deepsquare.model.label import Affinity, AffinityOperator, Label
from deepsquare.model.provider import Hardware, Node, Prices, Provider
from deepsquare.model.tag import InvalidTag, JobTag

__all__ = [
    "WEI_PER_CREDIT",
    "Address",
    "Affinity",
    "AffinityOperator",
    "Hardware",
    "InvalidAmount",
    "InvalidJobId",
    "InvalidTag",
    "Job",
    "JobCost",
    "JobDefinition",
    "JobId",
    "JobStatus",
    "JobTag",
    "JobTerms",
    "JobTime",
    "Label",
    "Node",
    "Prices",
    "Provider",
    "StorageType",
    "cost",
    "fee",
    "format_credits",
    "format_job_id",
    "max_duration_seconds",
    "parse_credits",
    "parse_job_id",
    "price_per_minute",
]
