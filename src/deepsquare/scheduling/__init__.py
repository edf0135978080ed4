"""Which job goes where: a pure library, driven alike by the meta-scheduler, the SDK and the simulator.

packing.py    whether a job's tasks fit onto nodes, and what is left then
affinity.py   whether a cluster's labels are what a job insists on
cluster.py    a cluster while it is decided about: what is free, held until when, promised
openings.py   which clusters have CPUs free now or first, without asking each of them
site.py       the same as an unchanging picture, for those who only look
matching.py   one job against one cluster: the rules that waiting does not heal
queue.py      the global queue: in the order of priority, and in groups of jobs that are alike
profile.py    what will be free on a cluster, moment by moment
conservative.py  a promise to every waiting job, none of which delays one before it
fairshare.py  how much each customer used lately
good_faith.py  for whose jobs places are kept, and who is passed over for a while
reservation.py  the one place that is kept for a job which waits
patience.py   jobs that wait for a better place than those that are free
places.py     where a kind of job may run, and which place it likes best
trust.py      how long a cluster that made trouble is avoided
objective.py  what the customer of a job wants of its place
policy.py     whose turn it is, and which cluster is best for an objective
scheduler.py  the queue against all clusters: late binding, promises, backfill, work bound ahead
reasons.py    what each cluster answers to a job, and what would help
"""

from deepsquare.scheduling.cluster import Cluster
from deepsquare.scheduling.fairshare import FairShare
from deepsquare.scheduling.matching import JobRequest, Offer, Rejection, Rule
from deepsquare.scheduling.objective import OBJECTIVE_HINT, Objective, objective_complaint
from deepsquare.scheduling.policy import Backfill, Order, Policy
from deepsquare.scheduling.reasons import Candidate, candidates
from deepsquare.scheduling.scheduler import Scheduler, Start
from deepsquare.scheduling.site import BoundJob, Site
from deepsquare.scheduling.trust import Trust

__all__ = [
    "OBJECTIVE_HINT",
    "Backfill",
    "BoundJob",
    "Candidate",
    "Cluster",
    "FairShare",
    "JobRequest",
    "Objective",
    "Offer",
    "Order",
    "Policy",
    "Rejection",
    "Rule",
    "Scheduler",
    "Site",
    "Start",
    "Trust",
    "candidates",
    "objective_complaint",
]
