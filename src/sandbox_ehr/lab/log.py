"""The log of requests: what a test reads to see what an app did. It holds no password, code, session or query."""

from collections import Counter, deque

import msgspec
from starlette.requests import Request

from sandbox_ehr.login.results import Challenge, SessionOpened, SignInResult
from sandbox_ehr.refusals import Refusal

COUNTER_OF_SENT = {"text": "texts_sent", "email": "emails_sent", "push": "pushes_sent"}
COUNTERS = (
    *("requests", "answered", "login_attempts", "logins", "logouts", *COUNTER_OF_SENT.values()),
    *("codes_exchanged", "refreshes"),
)


class LogEntry(msgspec.Struct, frozen=True):
    """`outcome` is ok, session, challenge:<kind>, an error code, or fault:<switch>. `status` 0 means no answer."""

    at: float
    method: str
    path: str
    username: str
    status: int
    outcome: str


class Log:
    """The last 1,000 requests, and counts since the program started or was reset."""

    def __init__(self) -> None:
        self.entries: deque[LogEntry] = deque(maxlen=1000)
        self.counts: Counter[str] = Counter()

    def clear(self) -> None:
        self.entries.clear()
        self.counts.clear()


def note_outcome(request: Request, outcome: str, username: str | None = None) -> None:
    """Say how this request ended, and whose it was if that is known. The last call wins."""
    note = request.scope["log_note"]
    note["outcome"] = outcome
    if username is not None:
        note["username"] = username


def note_sign_in(request: Request, log: Log, result: SignInResult) -> None:
    """Count and log what a step of a sign-in ended in."""
    match result:
        case Refusal():
            note_outcome(request, result.error)
        case SessionOpened():
            log.counts["logins"] += 1
            note_outcome(request, "session", result.account.username)
        case Challenge():
            if result.sent:
                log.counts[COUNTER_OF_SENT[result.sent]] += 1
            note_outcome(request, f"challenge:{result.sign_in.kind}", result.account.username)
