"""The global queue against all clusters: which jobs start where now.

Late binding: a job is bound only to a cluster that can start it now. The first jobs that cannot start anywhere
are promised a place where they start earliest, and nothing that starts meanwhile breaks the promise (EASY
backfill, over the whole grid). Work follows what changed: a cluster where nothing became free is looked at for
new jobs alone, and jobs that are alike are asked for once.

Moments are seconds of one clock (`submitted_at` as a timestamp); whoever drives the scheduler names them.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from deepsquare.model import Address, JobId, price_per_minute
from deepsquare.scheduling.cluster import Cluster
from deepsquare.scheduling.conservative import Plan, Slot, earliest_beside
from deepsquare.scheduling.fairshare import FairShare
from deepsquare.scheduling.good_faith import GoodFaith
from deepsquare.scheduling.matching import JobRequest, seconds_at
from deepsquare.scheduling.openings import Openings
from deepsquare.scheduling.packing import Share, shape_of
from deepsquare.scheduling.patience import Patience
from deepsquare.scheduling.places import Atlas, Places
from deepsquare.scheduling.policy import Backfill, Order, Policy
from deepsquare.scheduling.queue import Entry, Group, Queue, Walk
from deepsquare.scheduling.reservation import Lifted, Reservation

RANK_AGAIN_SECONDS = 300.0
"""How old a customer's share may be in the order of the queue."""

SHARE_TOLERANCE = 0.02
"""By how much a share must have changed before the whole queue is ordered anew."""

MOST_AHEAD = 8
"""How many times its CPUs may be bound to a cluster ahead of room, however fast its jobs end."""

_FEW = 8
"""Clusters with room are sorted for a job where they are less than this part of all; else all are tried in order."""


@dataclass(frozen=True, slots=True)
class Start:
    """A job to bind, and where."""

    job: JobId
    request: JobRequest
    cluster: Cluster
    is_ahead: bool = False
    """True where there is no room yet: the job waits at the cluster for one that is about to end."""


class Scheduler:
    """Decides; whoever drives it tells what happened."""

    def __init__(self, policy: Policy | None = None, usage: FairShare | None = None) -> None:
        self.policy = policy or Policy()
        self.usage = usage or FairShare()
        self.clusters: dict[Address, Cluster] = {}
        self.queue = Queue(self.policy.base, self._handicap)
        self._openings = Openings()
        self._held: dict[JobId, tuple[JobRequest, Cluster]] = {}
        self._reservation = Reservation(self._openings, self._loosen)
        self._faith = GoodFaith(self.usage)
        self._passed_over_until = math.inf
        self._slots: dict[JobId, Slot] = {}
        self._loosened: set[Cluster] = set()
        self._fresh: set[Group] = set()
        self._closed: set[Cluster] = set()
        self._lacking: set[Cluster] = set()
        """Clusters that could be bound more ahead, had there been jobs: the next that come are for them, too."""
        self._atlas = Atlas(self.policy, self.clusters)
        self._patience = Patience(self.policy)
        self._ranked_at = -math.inf

    def key(self, request: JobRequest) -> float:
        """The place of a job in the queue as it is now: lower goes first."""
        return self.policy.base(request) + self._handicap(request.customer)

    def ranks(self, request: JobRequest) -> Mapping[Cluster, tuple[float, ...]]:
        """How good each cluster is on which a job may run: the lowest gets it."""
        return self._atlas.places(request).ranks

    def join(self, cluster: Cluster) -> None:
        """A cluster takes part, or takes the place of one with its address."""
        self.leave(cluster.address)
        self.clusters[cluster.address] = cluster
        self._openings.join(cluster)
        self._loosened.add(cluster)
        self._fresh.update(self.queue.take_back())
        if cluster.closed_until > -math.inf:
            self._closed.add(cluster)

    def leave(self, address: Address) -> None:
        """A cluster takes part no more; what it held is forgotten."""
        cluster = self.clusters.pop(address, None)
        self._atlas.forget()
        if cluster is not None:
            self._openings.leave(cluster)
            self._loosened.discard(cluster)
            self._closed.discard(cluster)
            self._lacking.discard(cluster)
            self._held = {job: (request, where) for job, (request, where) in self._held.items() if where is not cluster}
            if self._reservation.cluster is cluster:
                self._reservation.lift()

    def close(self, address: Address, until: float, why: str) -> None:
        """Nothing is bound to this cluster until then; what it holds goes on. A moment that is over opens it."""
        cluster = self.clusters[address]
        cluster.closed_until, cluster.closed_why = until, why
        self._closed.add(cluster)
        # To whom it was promised must look elsewhere.
        self._loosened.add(cluster)

    def submit(self, request: JobRequest) -> None:
        """A job waits. Jobs without an id cannot."""
        entry = self.queue.add(request)
        self._fresh.add(entry.group)
        self._patience.begin(entry)

    def withdraw(self, job: JobId) -> None:
        """A job waits no more."""
        self._leave_queue(self.queue[job])
        if self._reservation.job == job:
            self._reservation.lift()

    def give_up(self, job: JobId, now: float) -> None:
        """A job is over as its customer wanted: if it never ran, what was kept for it was kept in vain.

        `withdraw` or `end` it afterwards.
        """
        self._faith.pass_time(self._reservation.job, now)
        held = self._held.get(job)
        request = self.queue[job].request if job in self.queue else None if held is None else held[0]
        if request is not None:
            self._faith.taken_back(job, request, now)

    def hold(
        self, job: JobId, request: JobRequest, address: Address, now: float, until: float, *, may_wait: bool = False
    ) -> None:
        """A job is at this cluster, whoever decided that, and ends by `until`; `may_wait`: perhaps it waits there."""
        cluster = self.clusters[address]
        self._held[job] = (request, cluster)
        shape = shape_of(request.definition)
        if not may_wait:
            self._faith.fulfilled(job)
        if job in cluster.held:
            cluster.prolong(job, until)
        elif may_wait and (job in cluster.ahead or not cluster.fits(shape)):
            cluster.ahead[job] = (shape, until - now)
        else:
            cluster.ahead.pop(job, None)
            cluster.start(job, shape, now, until)

    def end(self, job: JobId, now: float) -> None:
        """A job holds nothing any more."""
        request, cluster = self._held.pop(job)
        self._faith.fulfilled(job)
        self._loosened.add(cluster)
        if cluster.ahead.pop(job, None) is not None:
            return
        held = cluster.end(job, now)
        self.usage.charge(request.customer, held.shape.cpus * (now - held.since), now)
        self._let_in(cluster, now)

    def lose_node(self, address: Address, node: int, now: float) -> list[JobId]:
        """A node of this cluster dies with the jobs that hold a part of it; answers these, which hold nothing more."""
        cluster = self.clusters[address]
        # What was promised counts on the node.
        self._loosened.add(cluster)
        lost = cluster.lose_node(node)
        for job in lost:
            self.end(job, now)
        return lost

    def regain_node(self, address: Address, node: int, now: float) -> None:
        """A node of this cluster that was dead is back, empty."""
        cluster = self.clusters[address]
        cluster.regain_node(node)
        self._loosened.add(cluster)
        self._let_in(cluster, now)

    def decide(self, now: float) -> list[Start]:
        """The jobs to bind now, and where; they hold their place from here on."""
        self._note_time(now)
        if self.policy.backfill is Backfill.CONSERVATIVE:
            return self._decide_conservatively(now)
        starts: list[Start] = []
        changed: set[Cluster] = set()
        while self._loosened or self._fresh:
            while self._loosened or self._fresh:
                loosened, self._loosened = self._loosened, set()
                fresh, self._fresh = self._fresh, set()
                changed |= loosened | self._lacking if fresh else loosened
                if self.queue.first() is None:
                    break
                self._serve_first(now, loosened, fresh, starts)
                if self.policy.backfill is Backfill.EASY:
                    self._backfill(now, loosened, fresh, starts)
            # Whoever is bound ahead may have had the promise: what was kept for it is free then.
            self._fill_ahead(now, changed, starts)
        return starts

    def earliest_beside_slots(self, request: JobRequest, cluster: Cluster, now: float) -> float:
        """From when on a cluster has room for the job beside what conservative backfill promised to jobs before it.

        `math.inf` where there is no such moment. Without promises of that kind the held jobs alone count.
        """
        before = itertools.takewhile(lambda promised: promised[0] != request.id, self._slots.items())
        slots = [slot for job, slot in before if job in self.queue]
        price = price_per_minute(request.definition, cluster.provider.prices)
        return earliest_beside(slots, cluster, shape_of(request.definition), seconds_at(request, price), now)

    def passed_over_until(self, request: JobRequest, now: float) -> float:
        """Until when no place is kept for the job; a moment that is over where one may be."""
        if self.policy.backfill is Backfill.CONSERVATIVE:
            return -math.inf
        return self._faith.passed_over_until(request.customer, now)

    def next_look(self) -> float:
        """When to decide again though nothing happened; `math.inf` for never.

        Patience ends, a cluster opens, the latest start of the job that is promised a place is over, or a customer
        who was passed over is promised places again.
        """
        openings = (cluster.closed_until for cluster in self._closed)
        return min((self._patience.next_end(), *openings, self._promise_void_at(), self._passed_over_until))

    def _promise_void_at(self) -> float:
        """From when on nothing needs to be kept for the job that is promised a place: it would start too late."""
        if self._reservation.job is None:
            return math.inf
        latest = self.queue[self._reservation.job].request.latest_start
        return math.inf if latest is None else math.nextafter(latest.timestamp(), math.inf)

    def _decide_conservatively(self, now: float) -> list[Start]:
        """Promise each job in turn the place where it starts earliest; those whose turn is now start."""
        self._loosened.clear()
        self._fresh.clear()
        self._slots.clear()
        starts: list[Start] = []
        plan = Plan((cluster for cluster in self.clusters.values() if cluster.closed_until <= now), now)
        for entry in list(self.queue):
            if _is_too_late(entry.request, now):
                continue
            places = self._places_for(entry.group)
            wanted = filter(self._wanted(entry, now), places.clusters)
            seconds = {cluster: seconds_at(entry.request, places.prices[cluster]) for cluster in wanted}
            slot = plan.promise(entry.group.shape, seconds)
            if slot is not None and slot.begin <= now:
                starts.append(self._bind(entry, slot.cluster, now, now + slot.seconds, slot.shares))
            elif slot is not None:
                self._slots[entry.job] = slot
        return starts

    def _note_time(self, now: float) -> None:
        """What happens by itself as time passes."""
        self._faith.pass_time(self._reservation.job, now)
        opened = [cluster for cluster in self._closed if cluster.closed_until <= now]
        if opened:
            self._closed.difference_update(opened)
            self._loosened.update(opened)
            self._fresh.update(self.queue.take_back())
        self._fresh.update(self.queue[job].group for job in self._patience.take_ended(now))
        if self._promise_void_at() <= now:
            self._reservation.lift()
        if self._passed_over_until <= now:
            self._passed_over_until = math.inf
            self._fresh.update(entry.group for entry in [self.queue.first()] if entry is not None)
        if now - self._ranked_at >= RANK_AGAIN_SECONDS and self.policy.order is Order.FAIR:
            self.queue.rank_again(self.policy.fair_head_start_seconds * SHARE_TOLERANCE)
            self._ranked_at = now

    def _serve_first(self, now: float, loosened: set[Cluster], fresh: set[Group], starts: list[Start]) -> None:
        """Start the first jobs of the queue as long as they can; promise a place to the first that can have one.

        A job is served before the promises to jobs behind it count. One that has been asked for before can only
        start where something has changed.
        """
        before = self._reservation.lift()
        touched = set(loosened)
        changed = loosened if before is None else {*loosened, before.cluster}
        stuck: set[Group] = set()
        position, self._passed_over_until = 0, math.inf
        while (entry := self.queue.first(position)) is not None:
            if entry.group in stuck:
                position += 1
                continue
            places = self._places_for(entry.group)
            scope = self._with_room(entry.group) if entry.group in fresh else places.among(changed)
            start = self._start(entry, scope, now)
            if start is not None:
                starts.append(start)
                touched.add(start.cluster)
            elif not _is_open_to(entry.request, places, now):
                self.queue.set_aside(entry)
            elif not self._may_be_promised(entry, before, now):
                position += 1
            elif self._reserve(entry, before, touched, now):
                break
            else:
                position += 1
                if self._wants_all(entry, places):
                    stuck.add(entry.group)
        if before is not None and before.stands_still:
            self._loosened.discard(before.cluster)

    def _reserve(self, entry: Entry, before: Lifted | None, touched: set[Cluster], now: float) -> bool:
        """Promise the job a place: what it had, unless one of the clusters that changed is better now, or a new one."""
        if before is None or not self._reservation.renew(entry, before, touched, now):
            return self._reservation.make(entry, now, self._wanted(entry, now))
        if touched:
            self._reservation.improve(entry, now, self._wanted(entry, now), touched)
        return True

    def _loosen(self, cluster: Cluster) -> None:
        """Something became free here, or is kept for nobody any more."""
        self._loosened.add(cluster)

    def _may_be_promised(self, entry: Entry, before: Lifted | None, now: float) -> bool:
        """Whether a place may be kept for the job; one that has a promise does not lose it by what others did."""
        if before is not None and before.promise.job == entry.job:
            return True
        until = self.passed_over_until(entry.request, now)
        if until <= now:
            return True
        self._passed_over_until = min(self._passed_over_until, until)
        return False

    def _backfill(self, now: float, loosened: set[Cluster], fresh: set[Group], starts: list[Start]) -> None:
        """Start what can start beside the promises, the first jobs first."""
        widest = max((cluster.free_cpus for cluster in loosened), default=0)
        groups = dict.fromkeys(self.queue.groups(widest))
        groups.update((group, None) for group in fresh if group.entries)
        walk = Walk(groups)
        for entry in walk:
            group = entry.group
            places = self._places_for(group)
            scope = self._with_room(group) if group in fresh else places.among(loosened)
            cpus = group.shape.cpus
            if not any(cluster.free_cpus >= cpus and cluster.fits(group.shape) for cluster in scope):
                walk.leave_group()
            elif (start := self._start(entry, scope, now)) is not None:
                starts.append(start)
                walk.removed()

    def _start(self, entry: Entry, clusters: Iterable[Cluster], now: float) -> Start | None:
        """Start a job at the first of the clusters that can start it now."""
        shape, request = entry.group.shape, entry.request
        cpus = shape.cpus
        if _is_too_late(request, now):
            return None
        places = self._places_for(entry.group)
        for cluster in clusters:
            if cluster.free_cpus < cpus or cluster.closed_until > now:
                continue
            seconds = seconds_at(request, places.prices[cluster])
            shares = cluster.shares_for(shape, now + seconds) if seconds else None
            if shares is not None:
                worst = self._patience.worst_rank(entry, places, now)
                is_good = worst is None or places.ranks[cluster] <= worst
                return self._bind(entry, cluster, now, now + seconds, shares) if is_good else None
        return None

    def _bind(self, entry: Entry, cluster: Cluster, now: float, until: float, shares: tuple[Share, ...]) -> Start:
        self._leave_queue(entry)
        self._held[entry.job] = (entry.request, cluster)
        cluster.start(entry.job, entry.group.shape, now, until, shares)
        return Start(entry.job, entry.request, cluster)

    def _with_room(self, group: Group) -> list[Cluster]:
        """Where the jobs of the group may run, the best first; where few clusters have enough CPUs, only those."""
        places, cpus = self._places_for(group), group.shape.cpus
        if self._openings.count_free(cpus) * _FEW > len(places.clusters):
            return places.clusters
        return places.among(self._openings.with_free(cpus))

    def _wants_all(self, entry: Entry, places: Places) -> bool:
        """Whether the job goes wherever any job of its group may: what it finds nowhere, none of them does."""
        return entry.job not in self._patience and bool(seconds_at(entry.request, places.dearest))

    def _wanted(self, entry: Entry, now: float) -> Callable[[Cluster], bool]:
        """Where the job shall go: everywhere it may, or while it is patient only to the best that is free in time."""
        places, request = self._places_for(entry.group), entry.request
        pays_everywhere = bool(seconds_at(request, places.dearest))
        worst = self._patience.worst_rank(entry, places, now)

        def is_wanted(cluster: Cluster) -> bool:
            rank = places.ranks.get(cluster)
            if rank is None or (worst is not None and rank > worst):
                return False
            return pays_everywhere or bool(seconds_at(request, places.prices[cluster]))

        return is_wanted

    def _let_in(self, cluster: Cluster, now: float) -> None:
        """Jobs that wait at the cluster itself start as soon as they fit, in the order in which they came."""
        for job, (shape, seconds) in list(cluster.ahead.items()):
            if not cluster.fits(shape):
                return
            del cluster.ahead[job]
            cluster.start(job, shape, now, now + seconds)

    def _fill_ahead(self, now: float, changed: set[Cluster], starts: list[Start]) -> None:
        """Bind to each cluster as much as is likely to end there before the news of it is here and answered.

        In the order of the queue and none around a job that is too wide: who waits at the cluster itself is before
        whoever comes later.
        """
        if not self.policy.latency_seconds:
            return
        self._lacking |= changed
        if self.queue.first() is None:
            return
        for cluster in _in_order(changed):
            most = min(MOST_AHEAD * cluster.cpus, int(cluster.release_rate(now) * self.policy.latency_seconds))
            most -= sum(shape.cpus for shape, _ in cluster.ahead.values())
            skipped = 0
            while most > 0 and cluster.closed_until <= now and (entry := self.queue.first(skipped)) is not None:
                seconds = self._seconds_ahead(entry, cluster, now)
                if not seconds:
                    skipped += 1
                    continue
                most -= entry.group.shape.cpus
                if most >= 0:
                    starts.append(self._bind_ahead(entry, cluster, seconds))
            if most <= 0:
                self._lacking.discard(cluster)

    def _seconds_ahead(self, entry: Entry, cluster: Cluster, now: float) -> float:
        """How long the job may run at the cluster at most; 0 where it must not be bound there before there is room."""
        price = self._places_for(entry.group).prices.get(cluster)
        if price is None or entry.job in self._patience or _is_too_late(entry.request, now):
            return 0.0
        return seconds_at(entry.request, price)

    def _bind_ahead(self, entry: Entry, cluster: Cluster, seconds: float) -> Start:
        self.withdraw(entry.job)
        self._held[entry.job] = (entry.request, cluster)
        cluster.ahead[entry.job] = (entry.group.shape, seconds)
        return Start(entry.job, entry.request, cluster, is_ahead=True)

    def _leave_queue(self, entry: Entry) -> None:
        self.queue.remove(entry.job)
        self._patience.forget(entry.job)
        if not entry.group.entries:
            self._fresh.discard(entry.group)

    def _places_for(self, group: Group) -> Places:
        return self._atlas.places(group.sample)

    def _handicap(self, customer: Address | None) -> float:
        if customer is None:
            return 0.0
        # An account costs nothing: a new one is no better than the average of those that are known.
        known = self.usage.share(customer)
        return self.policy.handicap(known or self.usage.average_share)


def _is_too_late(request: JobRequest, now: float) -> bool:
    return request.latest_start is not None and now > request.latest_start.timestamp()


def _is_open_to(request: JobRequest, places: Places, now: float) -> bool:
    """Whether there is a cluster for the job that is open: else it can be promised nothing, and holds up nobody."""
    if _is_too_late(request, now):
        return False
    return any(
        cluster.closed_until <= now and seconds_at(request, places.prices[cluster]) for cluster in places.clusters
    )


def _in_order(clusters: Iterable[Cluster]) -> list[Cluster]:
    """Always the same order: equal input shall give equal output."""
    return sorted(clusters, key=lambda cluster: cluster.address)
