"""Trials of the rotating token with real parts, and with a control that must fail; `python -m trials` runs them all.

PostgreSQL, two api-servers, processes that are killed: the sandbox's counters are the judge.
"""
