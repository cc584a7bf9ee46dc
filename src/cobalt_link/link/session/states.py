"""The states of a link session and the events between them, as data. The docs draw it, the API publishes it, and tests
hold every session to it."""

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
# Events of the connections flow. No app asked for such a session, so the published machine leaves them out.
ConnectionsEventName = Literal["signed_in", "disconnected"]

STATES: dict[SessionState, str] = {
    "created": "The link token exists. Nobody has opened it yet.",
    "open": "The user is in Link.",
    "granted": "The account is linked. The app can exchange the public token.",
    "exchanged": "The app has its access token.",
    "left": "The user stopped. Nothing was linked.",
    "expired": "The user did not finish in time. Nothing was linked.",
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
    """`event` leads from `state` to `next`, which may be the same state."""

    state: SessionState
    event: EventName
    next: SessionState


class StateMachine(msgspec.Struct, frozen=True):
    """`states` maps each state to its meaning. No event leads out of a `final` state. A `created` session ends when its
    link token expires."""

    states: dict[str, str]
    initial: SessionState
    final: tuple[SessionState, ...]
    transitions: list[Transition]
    success: bool = True


def machine() -> StateMachine:
    rows = [Transition(state, event, after) for state, events in TRANSITIONS.items() for event, after in events.items()]
    final = tuple(state for state in get_args(SessionState) if not TRANSITIONS[state])
    return StateMachine({str(state): text for state, text in STATES.items()}, "created", final, rows)


def walked(events: list[str]) -> SessionState:
    """The state that a session's events lead to. Raises ValueError at the first event that the machine does not
    allow."""
    state: SessionState = "created"
    for seq, event in enumerate(events, 1):
        following = {str(name): after for name, after in TRANSITIONS[state].items()}
        if event not in following:
            raise ValueError(f"event {seq}, {event}, is not allowed in the state {state}")
        state = following[event]
    return state
