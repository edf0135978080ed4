"""What a client of one of our services may run into."""


class ServiceUnreachable(Exception):
    """Nobody answers, or not as expected; a later try may do better."""


class RefusedByService(Exception):
    """The service said no; the message says why and what to do."""
