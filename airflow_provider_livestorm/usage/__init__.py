"""How many calls the hooks made, what Livestorm said of the quota, and as whom each connection is known to it."""
