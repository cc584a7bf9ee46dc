CREATE TABLE IF NOT EXISTS lab (
    name  TEXT PRIMARY KEY,                  -- clock | faults
    value TEXT NOT NULL
);
