"""The supervisor: what the chain wants becomes jobs on a cluster, what the cluster made of them becomes reports.

service.py      the clockwork: what is done, and how often
rounds.py       one look at everything, and what follows from it for each job
lifecycle.py    pure: from the chain's job, the journal's entry and the cluster's run to facts and next actions
outcome.py      pure: the truth table, and the billed time
chainview.py, clusterview.py    what the chain and the cluster say
intake.py, performing.py        doing what was decided
logshipping.py, output.py       the way of a job's output to its owner
presence.py     registration and lease
journal.py, journalfile.py, entry.py    what must survive kill -9
ports.py        everything outside, in small interfaces
"""
