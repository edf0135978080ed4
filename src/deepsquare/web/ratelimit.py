"""Token buckets per client address, on the clock, in bounded memory.

A bucket that is full again is no information and is forgotten; when there are too many addresses, the
one that was quiet for longest goes first. An IPv6 client is its /64: one customer gets a whole one.
"""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from deepsquare.clock import Clock

_IPV6_CUSTOMER_PREFIX = 64


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: datetime


class RateLimit:
    """So many requests per second in the long run, so many at once."""

    def __init__(self, clock: Clock, *, per_second: float, burst: int, tracked: int) -> None:
        self._clock = clock
        self._per_second = per_second
        self._burst = burst
        self._tracked = tracked
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, client: str) -> float:
        """0 if this client may go on, which takes one token; else the seconds until it may."""
        now = self._clock.now()
        bucket = self._buckets.pop(client, None) or _Bucket(self._burst, now)
        passed = max(0.0, (now - bucket.at).total_seconds())
        bucket.tokens = min(self._burst, bucket.tokens + passed * self._per_second)
        bucket.at = now
        self._buckets[client] = bucket
        while len(self._buckets) > self._tracked:
            self._buckets.popitem(last=False)
        if bucket.tokens < 1:
            return (1 - bucket.tokens) / self._per_second
        bucket.tokens -= 1
        return 0.0

    def __len__(self) -> int:
        """How many clients are remembered."""
        return len(self._buckets)


@lru_cache(maxsize=1024)
def client_key(host: str) -> str:
    """Under which name a client's rate is counted."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, _IPV6_CUSTOMER_PREFIX), strict=False))
    return str(address)
