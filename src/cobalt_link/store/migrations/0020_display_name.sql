-- For whom a link is, as the app says. The consent shows it. A table of its own: few links have one, and it is sealed and
-- pruned early because it may name a person.

CREATE TABLE link_display_names (
    link_token bytea PRIMARY KEY,
    sealed bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX link_display_names_expiry ON link_display_names (expires_at);
