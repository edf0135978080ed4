"""What a gateway is called: one spelling for each URL, so that both sides of a signature write the same."""

from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


class InvalidGatewayUrl(ValueError):
    """A text that is no address of a gateway."""


def normalised(url: str) -> str:
    """The one spelling of a gateway's URL: lower-case scheme and host, no default port, no trailing slash.

    Raises `InvalidGatewayUrl` for anything but http or https, and where a user, a query or a fragment stands in it.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as problem:
        raise InvalidGatewayUrl(f"{url!r} is no URL of a gateway: {problem}") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise InvalidGatewayUrl(f"{url!r} is no URL of a gateway; write for example https://gateway.example.org")
    if parts.username is not None or parts.query or parts.fragment:
        raise InvalidGatewayUrl("a gateway's URL has no user, query or fragment; leave them out")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    suffix = "" if port is None or port == _DEFAULT_PORTS[parts.scheme] else f":{port}"
    return f"{parts.scheme}://{host}{suffix}{parts.path.rstrip('/')}"
