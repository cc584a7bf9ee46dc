-- Who does a chore that one process does at a time. A turn ends at `until`, by the database's clock.
CREATE TABLE upkeep_turns (
    chore text PRIMARY KEY,
    until timestamptz NOT NULL
);
