"""Which job goes where: a pure library, driven alike by the meta-scheduler, the SDK and a simulator.

site.py       a provider as a place for work: its nodes and what is bound there, until when
packing.py    whether a job's tasks fit onto nodes, and what is left then
affinity.py   whether a site's labels are what a job insists on
matching.py   one job against one site: an `Offer`, or a `Rejection` that says why and what would help
policy.py     which of several offers is the best: the seam for objectives
placement.py  a queue against all sites: the jobs to bind now, and why the others wait
"""

from deepsquare.scheduling.matching import JobRequest, Offer, Rejection, Rule, judge
from deepsquare.scheduling.placement import Assignment, Candidate, Plan, candidates, place
from deepsquare.scheduling.policy import CheapestFirst, Policy
from deepsquare.scheduling.site import BoundJob, Site

__all__ = [
    "Assignment",
    "BoundJob",
    "Candidate",
    "CheapestFirst",
    "JobRequest",
    "Offer",
    "Plan",
    "Policy",
    "Rejection",
    "Rule",
    "Site",
    "candidates",
    "judge",
    "place",
]
