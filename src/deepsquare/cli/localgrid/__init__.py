"""A whole grid on this machine: the production services, each in its own process, under one state folder.

folder.py     what lies where below the state folder, and the lock that keeps a second grid out
accounts.py   the wallets of the grid's parties
providers.py  who offers what in it: two providers with different prices and labels
ports.py      free ports, chosen once and kept
parts.py      the services: their command lines, their files, how one knows that they are ready
children.py   their processes: started in order, restarted when they die, ended in order
tether.py     ties a process to its parent, so that it never outlives it
founding.py   the first start: contracts, roles, credits; and the providers' admission
grid.py       all of it together
"""
