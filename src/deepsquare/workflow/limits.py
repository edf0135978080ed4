"""How big a workflow may be. Every limit has its own located error; none cuts anything off silently."""

MAX_TEXT_BYTES = 1024 * 1024
"""UTF-8 bytes of a workflow file; aliases may add as many characters once more."""

MAX_DEPTH = 64
"""Nested lists and mappings."""

MAX_VALUES = 100_000
"""Lists, mappings and single values, repeated by aliases or not: it bounds the time that reading takes."""

MAX_STEPS = 10_000
"""Steps of a workflow, nested ones included."""

MAX_USES = 100
"""Steps of one workflow that use a module, those of modules included."""

MAX_ARGUMENT_BYTES = 120_000
"""Bytes of one command or value: Linux passes at most 131,071 in one argument or variable."""

MAX_NAME_BYTES = 4096
"""Bytes of a name or a path (PATH_MAX)."""

MIN_INT32 = -(2**31)
MAX_INT32 = 2**31 - 1

MAX_ID = 4_294_967_294
"""The largest number of a user or group in Linux; the one above it means "none"."""

MAX_SIGNAL = 64
"""The largest number of a signal in Linux."""
