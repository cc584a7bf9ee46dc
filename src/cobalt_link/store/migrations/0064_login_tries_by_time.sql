-- What the upkeep deletes after a day. Wrong passwords stay for a month, and it need not read past them.
CREATE INDEX login_tries_done ON login_tries (at) WHERE outcome IN ('right', 'unsent');
