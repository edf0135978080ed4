"""How a service of the grid becomes a process: its settings file, its parts put together, its signals.

The services themselves know nothing of files, signals or exit codes; this is where they get them.
"""
