"""What can go wrong in a supervisor, split by who can act.

SupervisorError
├── InvalidSettings      the operator: a file, a key, a value
├── ClusterNotReady      the cluster's admin: a partition, an account, a right
├── ForeignJournal       the operator: the journal belongs to another grid or provider
├── DamagedJournal       the operator: the file is no journal
├── JournalInUse         the operator: a second supervisor on one journal
└── JournalUnavailable   nobody yet: a full or failing disk; the supervisor takes no new work and tries again
"""


class SupervisorError(Exception):
    """Something about this supervisor; the message says what happened, what was expected, what to do."""


class InvalidSettings(SupervisorError):
    """The settings cannot be used; the message names file, line and key of each reason."""


class ClusterNotReady(SupervisorError):
    """The cluster lacks something that this supervisor needs; each reason carries the command an admin must run."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        listed = "\n".join(f"  - {reason}" for reason in reasons)
        super().__init__(f"the cluster is not ready for this supervisor; an admin must see to:\n{listed}")
        self.reasons = reasons


class ForeignJournal(SupervisorError):
    """The journal was written for another chain, contract or provider."""


class DamagedJournal(SupervisorError):
    """The file is no journal, or no longer one. The chain and the cluster hold what is needed to start a new one."""


class JournalInUse(SupervisorError):
    """Another process holds the journal: two supervisors on one journal would run jobs twice."""


class JournalUnavailable(SupervisorError):
    """The journal cannot be written now (most often: no space left); what it holds is intact."""
