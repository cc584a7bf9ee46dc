-- The link tokens whose app wants the summary at the end (`show_summary`). A table of its own: few have it, and the
-- release before reads all columns of link_tokens.
CREATE TABLE link_summaries (
    link_token bytea PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX link_summaries_expiry ON link_summaries (expires_at);

-- Without a summary the browser returns to the app by itself, once: `returned_at` is when it was first sent there.
ALTER TABLE link_sessions ADD COLUMN returned_at timestamptz;

-- A link session may have several public tokens: a later one leaves the earlier ones valid, and the exchange of one
-- ends them all. `via` is `browser` or `server`, with a random suffix that keeps it unique.
ALTER TABLE public_tokens DROP CONSTRAINT public_tokens_via_check;
ALTER TABLE public_tokens ADD CONSTRAINT public_tokens_via_check CHECK (via ~ '^(browser|server)(:[0-9a-f]{8})?$');
