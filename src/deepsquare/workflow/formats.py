"""What texts of certain kinds look like: addresses, paths, images, keys. A check never tells what it saw."""

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from deepsquare.workflow.shapes import Complaint, Text

Check = Callable[[str], Complaint | None]

_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
_HANDLE = re.compile(r"\A[A-Za-z0-9_]+\Z")
_HOST_WITH_PORT = re.compile(rf"\A(?:{_HOST}|\[[0-9A-Fa-f:.]+\]):([0-9]{{1,5}})\Z")
_REGISTRY = re.compile(rf"\A{_HOST}(?::([0-9]{{1,5}}))?\Z")
_HOST_ALONE = re.compile(rf"\A{_HOST}\Z")
_IMAGE = re.compile(
    r"""\A
    (?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?/)?    # a registry
    [a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*                            # a repository ...
    (?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*                      # ... of several parts
    (?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?                            # a tag
    (?:@sha256:[0-9a-f]{64})?                                          # a digest
    \Z""",
    re.VERBOSE,
)
_MODULE = re.compile(rf"\A{_HOST}(?::[0-9]{{1,5}})?(?:/[A-Za-z0-9_.~-]+){{2,}}(?:@[A-Za-z0-9_][A-Za-z0-9_./+-]*)?\Z")
_WIREGUARD_KEY_BYTES = 32
_MAX_PORT = 65535


def check_absolute(path: str) -> Complaint | None:
    """A path from the root."""
    return None if path.startswith("/") else Complaint("this path must be absolute", "start it with `/`")


def check_mount_path(path: str) -> Complaint | None:
    """A path that can stand in a mount: absolute, nothing in it that goes up or that mount options are made of."""
    if not path.startswith("/"):
        return check_absolute(path)
    if ".." in path.split("/"):
        return Complaint("a mount's path must not go up (`..`)", "write the whole path")
    if ":" in path or "," in path:
        return Complaint("a mount's path must not hold `:` or `,`", "rename the folder, or use a link")
    return None


def check_image(image: str) -> Complaint | None:
    """An OCI reference, or the absolute path of a file below `$STORAGE_PATH`."""
    if image.startswith("/"):
        return check_mount_path(image)
    if _IMAGE.match(image) is None:
        return Complaint(
            "this is no reference of an image", "write `name:tag`, `name@sha256:...` or the absolute path of a file"
        )
    return None


def check_registry(registry: str) -> Complaint | None:
    """A host, with a port if need be."""
    match = _REGISTRY.match(registry)
    if match is None or not _is_port(match[1] or "1"):
        return Complaint("expected a registry's host, with a port if need be", "write for example registry-1.docker.io")
    return None


def check_host(host: str) -> Complaint | None:
    """A host's name or its address."""
    if _HOST_ALONE.match(host) is None and check_ip_address(host) is not None:
        return Complaint("expected a host's name or address")
    return None


def check_host_with_port(address: str) -> Complaint | None:
    """`host:port`."""
    match = _HOST_WITH_PORT.match(address)
    if match is None or not _is_port(match[1]):
        return Complaint("expected a host and a port", "write for example example.com:2200")
    return None


def _is_port(digits: str) -> bool:
    return 1 <= int(digits) <= _MAX_PORT


def check_ip_address(text: str) -> Complaint | None:
    """An address of IPv4 or IPv6."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return Complaint("this is no IP address", "write for example 1.1.1.1")
    return None if "%" not in text else Complaint("an address with a zone means nothing elsewhere")


def check_network(text: str) -> Complaint | None:
    """An address with the length of its network's prefix (CIDR)."""
    address, slash, length = text.partition("/")
    if not (slash and length.isascii() and length.isdigit()) or check_ip_address(address) is not None:
        return Complaint("expected an address with its network's length", "write for example 10.0.0.2/24")
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return Complaint("this network's length is out of range", "write for example 10.0.0.2/24")
    return None


def check_url(url: str) -> Complaint | None:
    """An address of http or https."""
    complaint = Complaint("expected an http or https address", "write for example https://example.com/data.zip")
    if not url.isprintable() or any(character.isspace() for character in url):
        return complaint
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return complaint
    return None if is_good else complaint


def check_bucket(url: str) -> Complaint | None:
    """`s3://bucket`, without a slash in the end."""
    if not re.match(r"\As3://[^/\s]+(?:/[^/\s]+)*\Z", url):
        return Complaint("expected s3:// and a bucket, without a slash in the end", "write for example s3://my-bucket")
    return None


def check_bucket_path(path: str) -> Complaint | None:
    """A path within a bucket."""
    return None if path.startswith("/") else Complaint("a path in a bucket starts with `/`", "write `/` for all of it")


def check_wireguard_key(key: str) -> Complaint | None:
    """32 bytes in base64, as `wg genkey` prints them."""
    try:
        size = len(base64.b64decode(key, validate=True)) if key.isascii() else 0
    except binascii.Error:
        size = 0
    if size != _WIREGUARD_KEY_BYTES:
        return Complaint("expected a WireGuard key: 32 bytes in base64", "take what `wg genkey` or `wg pubkey` prints")
    return None


def check_handle(handle: str) -> Complaint | None:
    """The name of a launched step."""
    if _HANDLE.match(handle) is None:
        return Complaint("a handle has letters, digits and underscores")
    return None


def check_module_source(source: str) -> Complaint | None:
    """`host/owner/repo[/path][@tag or hash]`."""
    path, _, version = source.partition("@")
    if _MODULE.match(source) is None or not {".", ".."}.isdisjoint(path.split("/")) or ".." in version:
        return Complaint(
            "expected where a module lies: host/owner/repo[/path][@version]",
            "write for example github.com/owner/modules/my-module@v1",
        )
    return None


def check_given(text: str) -> Complaint | None:
    """Any text but none."""
    return None if text else Complaint("expected a text that is not empty")


HANDLE = Text(255, check_handle, pattern="^[A-Za-z0-9_]+$")
NETWORK = Text(64, check_network)
WIREGUARD_KEY = Text(64, check_wireguard_key)
WIREGUARD_SECRET = Text(64, check_wireguard_key, is_secret=True)
