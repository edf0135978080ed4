"""Requests by hand, for tests that send what the client never would."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import httpx

from deepsquare.chain.signer import Signer
from deepsquare.gateway import signing
from deepsquare.gateway.credentials import Answer, Credentials
from deepsquare.gateway.signing import Challenge, SigningDomain
from deepsquare.model import JobId
from tests.gateway.chain_double import CHAIN_ID, CONTRACT
from tests.gateway.conftest import URL, Gateway


@dataclass(frozen=True)
class Knock:
    """The answer to a challenge, every part of which a test may replace."""

    job_id: JobId
    signer: Signer
    challenge: Challenge
    purpose: str = "fetch-script"
    gateway: str = URL
    domain: SigningDomain = SigningDomain(CHAIN_ID, CONTRACT)  # noqa: RUF009 - frozen itself

    def but(self, **changes: Any) -> "Knock":
        """The same with something else in it."""
        return replace(self, **changes)

    def header(self) -> dict[str, str]:
        """Signed, as the client would send it."""
        message = signing.access(self.signer.address, self.gateway, self.purpose, self.job_id, self.challenge)
        signature = self.domain.sign(message, self.signer)
        credentials = Credentials(self.signer.address, signature, Answer(self.gateway, self.challenge))
        return {"Authorization": credentials.header()}


async def challenged(gateway: Gateway, job_id: JobId, signer: Signer, purpose: str = "fetch-script") -> Knock:
    """A fresh challenge, ready to be answered."""
    wanted = {"account": signer.address, "purpose": purpose}
    issued = (await gateway.http.post(f"/v1/jobs/{job_id}/challenges", json=wanted)).json()
    moment = datetime.fromtimestamp(issued["expires_at"], UTC)
    return Knock(job_id, signer, Challenge(issued["nonce"], moment), purpose)


def code(response: httpx.Response) -> str:
    """The error's code; fails where the answer is no error of the one shape."""
    body = response.json()
    assert set(body) == {"error"}
    error = body["error"]
    assert (
        {"code", "message", "hint", "request_id"}
        <= set(error)
        <= {
            "code",
            "message",
            "hint",
            "request_id",
            "details",
        }
    )
    assert all(isinstance(error[field], str) for field in ("code", "message", "hint"))
    assert all(error[field] for field in ("code", "message", "hint"))
    assert error["request_id"] == response.headers["x-request-id"]
    return str(error["code"])
