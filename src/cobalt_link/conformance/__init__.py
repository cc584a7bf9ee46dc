"""The connector kit: one judge that proves what a connector's folder says of itself, by its tree and by telling it.

`judge.judge(found, house)` is the door; docs/how-to/write-a-connector.md tells what is asked of a folder, and why.
"""
