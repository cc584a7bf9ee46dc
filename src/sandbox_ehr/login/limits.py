"""How often and how long: tries, locks, codes, pushes, sign-ins and sessions. All times are in seconds."""

TRIES = 5  # for a password, and again for codes
LOCK_SECONDS = 1800
CODE_SECONDS = 300
CODES_BLOCKED_SECONDS = 900
RESEND_SECONDS = 30
SENDS = 5  # codes or pushes per sign-in, the first one included
PUSH_SECONDS = 120
SIGN_IN_SECONDS = 1800
SESSION_IDLE_SECONDS = 900
