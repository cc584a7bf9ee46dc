"""How a user signs in to the sandbox EHR: a password, then whatever the EHR asks for until there is a session."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

import msgspec

from cobalt_link.connector import (
    MOST_OPTIONS,
    Ask,
    Code,
    EhrUser,
    Grant,
    JsonClient,
    NoneOfThese,
    NoRights,
    Option,
    PaneRefusal,
    PushDenied,
    PushExpired,
    Secret,
    Unsupported,
    Waiting,
)

NEEDED = ("schedule.read", "patients.read")
Way = Literal["text", "email", "app"]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Where the sign-in stands: a challenge to meet, or the session."""

    challenge: dict[str, Any] | None = None
    expires_at: datetime | None = None
    resend_at: datetime | None = None
    token: str | None = None
    idle: int | None = None
    user: dict[str, Any] = {}
    clinic: dict[str, Any] = {}

    @property
    def kind(self) -> str | None:
        return self.challenge["kind"] if self.challenge else None

    def asked(self, name: str) -> Any:
        """A member of the challenge. None if it has none of that name."""
        return (self.challenge or {}).get(name)


async def sign_in(ask: Ask, api: JsonClient) -> Grant:
    # A user who had a second factor last time gets a code or a push as soon as the password is sent.
    reaches_user = bool(ask.known.get("second_factor"))
    step = await ask.password(log_in, api, returns=Step, reaches_user=reaches_user)
    second_factor, ways = False, None
    while step.challenge is not None:
        second_factor = second_factor or step.kind in ("code", "way", "push")
        ways = choice_of_ways(step) or ways
        step = await meet(ask, api, step, ways)
    if missing := [right for right in NEEDED if right not in step.user.get("rights", ())]:
        raise NoRights(*missing)
    await ask.once("open_schedule", open_schedule, api, step, again=True)
    user = step.user
    return Grant(
        user=EhrUser(id=str(user["id"]), username=user["username"], name=user["name"]),
        tenant=str(step.clinic["id"]),
        practice=step.clinic["name"],
        session={"token": step.token},
        known={"second_factor": second_factor, "clinic": step.clinic["name"]},
        keep_alive=step.idle,
    )


def choice_of_ways(step: Step) -> Step | None:
    """The step at which the user chooses how to prove who they are, if the EHR offers several ways."""
    ways = step.asked("ways")
    return msgspec.structs.replace(step, challenge={**(step.challenge or {}), "kind": "way"}) if ways else None


async def meet(ask: Ask, api: JsonClient, step: Step, ways: Step | None) -> Step:
    """Meets the challenge of a step. `ways`: where the user chose, or can choose, another way to prove who they are."""
    match step.kind:
        case "way":
            rows = [
                Option(value=way["way"], label=way["way"], detail=way["hint"] or None, known=True)
                for way in step.asked("ways")
            ]
            chosen = await ask.one_of("code_way", rows, remember=False, none_of_these=True)
            if chosen is None:
                raise NoneOfThese(choice="code_way")
            if chosen == "push":
                return await ask.once("send_push", choose_way, api, step, chosen, returns=Step, reaches_user=True)
            return await ask.once("send_code", choose_way, api, step, chosen, returns=Step, reaches_user=True)
        case "code":
            resend = None if step.asked("way") == "app" else send_again
            return await ask.code(
                check_code, api, step, pane=code_pane, resend=resend, returns=Step, resend_returns=Step, other=ways
            )
        case "push":
            return await push(ask, api, step, ways)
        case "clinic":
            rows = [Option(value=each["id"], label=each["name"], detail=each["city"]) for each in step.asked("clinics")]
            clinic = await ask.one_of("clinic", rows, none_of_these=True)
            if clinic is None:
                raise NoneOfThese(choice="clinic")
            return await ask.once("choose_clinic", choose_clinic, api, step, clinic, returns=Step)
    raise Unsupported(what=step.kind)


async def push(ask: Ask, api: JsonClient, step: Step, ways: Step | None) -> Step:
    hint, other = step.asked("hint") or None, ways is not None
    pane = Waiting(number=step.asked("number"), sent_to=hint, expires_at=step.expires_at, resend=True, other_way=other)
    try:
        done = await ask.until("approval", poll, api, step, pane=pane, returns=Step)
        if isinstance(done, Step):
            return done
        action = done.action
    except (PushDenied, PushExpired) as no:
        problem, action = PaneRefusal(no.code, no.details), "check"
        again = Waiting(name="approval_again", sent_to=hint, resend=True, other_way=other, problem=problem)
        while action == "check":  # a push that nobody asked for is how users are worn down until they tap Approve
            action = (await ask(again)).action
    if action == "other" and ways is not None:
        return ways
    return await ask.once("send_push", send_again, api, step, returns=Step, reaches_user=True)


async def log_in(api: JsonClient, username: str, password: Secret) -> Step:
    return step_of(await api.post("/login", {"username": username, "password": password.reveal()}))


async def choose_way(api: JsonClient, step: Step, way: str) -> Step:
    return await answer(api, step, "way", way=way)


async def check_code(api: JsonClient, step: Step, code: Secret) -> Step:
    return await answer(api, step, "code", code=code.reveal())


async def send_again(api: JsonClient, step: Step) -> Step:
    return await answer(api, step, "resend")


async def poll(api: JsonClient, step: Step) -> Step | None:
    now = await answer(api, step, "push")
    return None if now.kind == "push" else now


async def choose_clinic(api: JsonClient, step: Step, clinic: str) -> Step:
    return await answer(api, step, "clinic", clinic=clinic)


async def answer(api: JsonClient, step: Step, path: str, **given: str) -> Step:
    return step_of(await api.post(f"/login/{path}", {"challenge": step.asked("id"), **given}))


def step_of(said: dict[str, Any]) -> Step:
    challenge = said.get("challenge")
    if challenge is None:
        return Step(token=said["session"], idle=said["expires_in"], user=said["user"], clinic=said["clinic"])
    challenge = {name: each[:MOST_OPTIONS] if isinstance(each, list) else each for name, each in challenge.items()}
    return Step(
        challenge=challenge,
        expires_at=_in(challenge.get("expires_in")),
        resend_at=_in(challenge.get("resend_in")),
    )


def _in(seconds: Any) -> datetime | None:
    return datetime.now(UTC) + timedelta(seconds=seconds) if seconds else None


def code_pane(_: JsonClient, step: Step) -> Code:
    way = step.asked("way")
    return Code(
        way=way if way in get_args(Way) else None,
        sent_to=step.asked("hint") or None,
        length=step.asked("digits"),
        expires_at=step.expires_at,
        resend_at=step.resend_at,
    )


async def open_schedule(api: JsonClient, step: Step) -> None:
    await api.signed_in(step.token).get("/settings")
