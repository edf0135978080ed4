"""Which hosts are this very machine: nobody else hears what is said to them, and many clients come from them."""

import ipaddress

LOCALHOST = "localhost"


def is_loopback(host: str) -> bool:
    """Whether a host, without its port, is this machine by its address or its usual name; any other name is not."""
    try:
        return host == LOCALHOST or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
