"""The instruments for tests: the clock, fault switches, the request log, and reset."""
