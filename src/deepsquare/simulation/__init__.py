"""The grid as it would have been: the scheduler of the library, driven by jobs of the past or of a model.

trace.py     jobs in the Standard Workload Format, and what is done with them before they run
lublin.py    jobs of the Lublin-Feitelson model
failures.py  which nodes die when
agenda.py    what is still to happen
site.py      a cluster as it really is
world.py     time passes: one queue for all clusters, or one for each
"""
