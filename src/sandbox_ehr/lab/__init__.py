"""The instruments for tests: the clock, fault switches, the request log, test users, and reset."""
