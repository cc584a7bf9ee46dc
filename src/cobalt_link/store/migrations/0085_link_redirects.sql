-- The browsers that are at an EHR's authorization server: one row for each time that one went there. Taking a row away
-- is the single use of its `state`.
CREATE TABLE link_redirects (
    state bytea PRIMARY KEY,            -- keyed hash
    link_session text NOT NULL,         
    pane_n integer NOT NULL,
    registration text NOT NULL,         -- the browser has to come back to its callback address
    browser bytea NOT NULL,             -- keyed hash of the secret in the cookie of the window that went there
    owner bytea NOT NULL,               -- keyed hash of the secret of the page that it was opened from
    framed boolean NOT NULL,            -- a window of its own, beside a page in a frame
    at timestamptz NOT NULL
);
CREATE INDEX link_redirects_of_session ON link_redirects (link_session);
CREATE INDEX link_redirects_at ON link_redirects (at);
