"""What every HTTP door of ours is made of: rates, bounds, one shape of errors, a server that can be ended.

codes.py        a way of saying no: its status and its advice
refusal.py      the one JSON shape of every error
doors.py        what every request passes before any handler sees it
ratelimit.py    token buckets per client address
connections.py  how many connections a client may hold, and how long a request may take
loopback.py     which hosts are this very machine
server.py       the server around an application
signing.py      messages that accounts sign outside of transactions, bound to one grid
errors.py       what goes wrong on the client's side
"""
