"""A local Livestorm: OAuth server, REST API, data, limits and faults, to write, try and test DAGs against.

It is written from `docs/livestorm/api.md` and must never be kinder than Livestorm. It imports nothing of the provider,
and the provider does not know it: between the two there is HTTP.
"""
