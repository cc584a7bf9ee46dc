"""The states of a link session and the events between them, as data: drawn in the docs, published, and obeyed."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

SessionState = Literal["created", "open", "granted", "exchanged", "left", "expired"]
EventName = Literal[
    "opened",
    "pane",
    "answered",
    "again",
    "refused",
    "requested",
    "granted",
    "handed_over",
    "exchanged",
    "left",
    "expired",
]
# On the way to the own connections, which no app asked for and the published machine does not know.
OwnEventName = Literal["signed_in", "disconnected"]

STATES: dict[SessionState, str] = {
    "created": "The link token exists; nobody has opened it.",
    "open": "Somebody is on the way through Link.",
    "granted": "The account is linked; a public token waits to be exchanged.",
    "exchanged": "The app has its access token.",
    "left": "The person stopped. Nothing was linked.",
    "expired": "Nobody finished in time. Nothing was linked.",
}

TRANSITIONS: dict[SessionState, dict[EventName, SessionState]] = {
    "created": {"opened": "open"},
    "open": {
        "pane": "open",
        "answered": "open",
        "again": "open",
        "refused": "open",
        "requested": "open",
        "granted": "granted",
        "left": "left",
        "expired": "expired",
    },
    "granted": {"handed_over": "granted", "exchanged": "exchanged"},
    "exchanged": {},
    "left": {},
    "expired": {},
}


class Transition(msgspec.Struct, frozen=True):
    """`event` leads from one state to another, or keeps it."""

    state: SessionState
    event: EventName
    next: SessionState


class StateMachine(msgspec.Struct, frozen=True):
    """`states` with what each means; `final` ones have no way out. A `created` session ends with its token."""

    states: dict[str, str]
    initial: SessionState
    final: tuple[SessionState, ...]
    transitions: list[Transition]
    success: bool = True


def machine() -> StateMachine:
    """The whole machine."""
    rows = [Transition(state, event, after) for state, events in TRANSITIONS.items() for event, after in events.items()]
    final = tuple(state for state in get_args(SessionState) if not TRANSITIONS[state])
    return StateMachine({str(state): text for state, text in STATES.items()}, "created", final, rows)


def walked(events: list[str]) -> SessionState:
    """Where a session's events lead; raises ValueError at the first that the machine does not allow."""
    state: SessionState = "created"
    for seq, event in enumerate(events, 1):
        following = {str(name): after for name, after in TRANSITIONS[state].items()}
        if event not in following:
            raise ValueError(f"event {seq}, {event}, is not allowed in the state {state}")
        state = following[event]
    return state
