"""Single-use challenges that cost the gateway nothing until they are answered well.

A challenge is not stored: its nonce carries a MAC over everything that it is good for, made with a secret
that all processes of one gateway share through their database. So nobody can exhaust memory or disk by
asking for challenges. What is stored is the nonce of an answer that was ACCEPTED, until it expires:
the second use finds it there. Only accounts that the chain lets in can add to that list.

A challenge that somebody asks for is for one job. One that is handed on with an answer is for whichever job its own
answer names: what binds that answer to its job is the account's signature, which names the job in any case.
"""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Protocol

from deepsquare.gateway.access import Purpose
from deepsquare.gateway.signing import Challenge
from deepsquare.model import Address, JobId, format_job_id

_RANDOM_BYTES = 16
_MAC_BYTES = 32


class UsedNonces(Protocol):
    """The answered challenges that have not expired yet, shared by all processes of one gateway."""

    async def use(self, nonce: str, expires_at: datetime) -> bool:
        """Remember that `nonce` was used; False if it had been used before."""
        ...


class Challenges:
    """Issues challenges and recognises its own."""

    def __init__(self, secret: bytes, lifetime: timedelta) -> None:
        self._secret = secret
        self._lifetime = lifetime

    def issue(self, account: Address, purpose: Purpose, job_id: JobId | None, now: datetime) -> Challenge:
        """A fresh challenge for one request about this job; None: about the job that the answer names.

        In whole seconds, so that both sides write the same moment.
        """
        expires_at = (now + self._lifetime).replace(microsecond=0)
        random = secrets.token_hex(_RANDOM_BYTES)
        return Challenge(random + self._mac(random, account, purpose, job_id, expires_at), expires_at)

    def recognises(self, challenge: Challenge, account: Address, purpose: Purpose, job_id: JobId) -> bool:
        """True if this gateway issued exactly this challenge for exactly this use."""
        random, mac = challenge.nonce[: 2 * _RANDOM_BYTES], challenge.nonce[2 * _RANDOM_BYTES :]
        possible = (self._mac(random, account, purpose, job, challenge.expires_at) for job in (job_id, None))
        return any(hmac.compare_digest(mac.encode(), expected.encode()) for expected in possible)

    def _mac(self, random: str, account: Address, purpose: Purpose, job_id: JobId | None, expires_at: datetime) -> str:
        job = "any job" if job_id is None else format_job_id(job_id)
        parts = (random, account.lower(), purpose.value, job, str(int(expires_at.timestamp())))
        message = "\n".join(parts).encode()
        return hmac.new(self._secret, message, hashlib.sha256).digest()[:_MAC_BYTES].hex()
