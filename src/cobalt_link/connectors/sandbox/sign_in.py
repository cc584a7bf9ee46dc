"""How a person signs in to the sandbox EHR: password, then whatever the EHR asks for until there is a session."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from cobalt_link.connector.ask import Ask
from cobalt_link.connector.grant import EhrUser, Grant
from cobalt_link.connector.panes import Choice, Code, Credentials, CredentialsAnswer, Option, PaneRefusal, Waiting
from cobalt_link.connector.refusals import (
    CodeExpired,
    EhrBusy,
    NoRights,
    PushDenied,
    PushExpired,
    Refusal,
    Unsupported,
    WrongCode,
    WrongCredentials,
)
from cobalt_link.connector.secrets import Secret
from cobalt_link.connectors.sandbox.wire import Portal

NEEDED = ("schedule.read", "patients.read")
RESEND = "resend"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Where the sign-in stands: a challenge to meet, or the session."""

    challenge: dict[str, Any] | None = None
    expires_at: datetime | None = None
    token: str | None = None
    idle: int | None = None
    user: dict[str, Any] = {}
    clinic: dict[str, Any] = {}

    @property
    def kind(self) -> str | None:
        return self.challenge["kind"] if self.challenge else None

    def asked(self, name: str) -> Any:
        """A member of the challenge; None where it has none."""
        return (self.challenge or {}).get(name)


async def tell(portal: Portal, ask: Ask) -> Grant:
    """The whole story."""
    story = _SignIn(portal, ask)
    step = await story.log_in()
    second_factor = False
    while step.challenge is not None:
        second_factor = second_factor or step.kind in ("code", "way", "push")
        step = await story.meet(step)
    missing = [right for right in NEEDED if right not in step.user.get("rights", ())]
    if missing:
        raise NoRights(rights=", ".join(missing))
    await ask.once("open_schedule", partial(_open, portal, step), again=True)
    return _grant(step, second_factor)


class _SignIn:
    """One telling: the EHR's API and the person, side by side."""

    def __init__(self, portal: Portal, ask: Ask) -> None:
        self.portal = portal
        self.ask = ask

    async def log_in(self) -> Step:
        # Once there was a second factor, logging in makes the EHR text or call the person.
        reaches_user = bool(self.ask.known.get("second_factor"))
        who = await self.ask(Credentials())
        while True:
            try:
                call = partial(self._log_in, who)
                return await self.ask.once("log_in", call, returns=Step, reaches_user=reaches_user)
            except WrongCredentials as no:
                who = await self.ask(Credentials(username=who.username, problem=_problem(no)))

    async def meet(self, step: Step) -> Step:
        """Meets the challenge of a step."""
        match step.kind:
            case "way":
                return await self._way(step)
            case "code":
                return await self._code(step)
            case "push":
                return await self._push(step)
            case "clinic":
                return await self._clinic(step)
        raise Unsupported(what=step.kind)

    async def _way(self, step: Step) -> Step:
        options = tuple(
            Option(value=way["way"], label=way["way"], detail=way["hint"] or None, known=True)
            for way in step.asked("ways")
        )
        chosen = await self.ask(Choice(name="code_way", options=options))
        if chosen.value is None:
            raise Unsupported(what="second_factor")
        return await self._post(step, "send_code", "way", {"way": chosen.value}, reaches_user=True)

    async def _code(self, step: Step) -> Step:
        pane = _code_pane(step)
        while True:
            answer = await self.ask(pane)
            if answer.code is None:
                step, pane = await self._another(step, pane)
                continue
            try:
                return await self.ask.once("check_code", partial(self._check, step, answer.code), returns=Step)
            except (WrongCode, CodeExpired) as no:
                pane = msgspec.structs.replace(pane, problem=_problem(no), resent=False)

    async def _another(self, step: Step, pane: Code) -> tuple[Step, Code]:
        """A new code. One asked for too soon is a wait on the same pane: the code that was sent still works."""
        try:
            step = await self._post(step, "send_code", RESEND, {}, reaches_user=True)
        except EhrBusy as no:
            if no.details.get("reason") != RESEND:
                raise
            return step, msgspec.structs.replace(pane, problem=_problem(no), resent=False)
        return step, msgspec.structs.replace(_code_pane(step), resent=True)

    async def _push(self, step: Step) -> Step:
        hint = step.asked("hint") or None
        pane = Waiting(number=step.asked("number"), sent_to=hint, expires_at=step.expires_at, resend=True)
        try:
            got = await self.ask.until("approval", partial(self._poll, step), pane=pane, returns=Step)
        except (PushDenied, PushExpired) as no:
            again = Waiting(name="approval_again", sent_to=hint, resend=True, problem=_problem(no))
            while (await self.ask(again)).action != "resend":
                pass  # a push nobody asked for is how people are worn down until they tap Approve
        else:
            if isinstance(got, Step):
                return got
        return await self._post(step, "send_push", RESEND, {}, reaches_user=True)

    async def _clinic(self, step: Step) -> Step:
        options = tuple(
            Option(value=each["id"], label=each["name"], detail=each["city"]) for each in step.asked("clinics")
        )
        chosen = await self.ask(Choice(name="clinic", options=options, remember=True))
        if chosen.value is None:
            raise NoRights(rights="clinic")
        return await self._post(step, "choose_clinic", "clinic", {"clinic": chosen.value})

    async def _post(
        self, step: Step, name: str, path: str, body: dict[str, Any], *, reaches_user: bool = False
    ) -> Step:
        call = partial(self._answer, step, path, body)
        return await self.ask.once(name, call, returns=Step, reaches_user=reaches_user)

    async def _log_in(self, who: CredentialsAnswer) -> Step:
        body = {"username": who.username, "password": who.password.reveal()}
        return _step(await self.portal.call("POST", "/api/login", body))

    async def _check(self, step: Step, code: Secret) -> Step:
        return await self._answer(step, "code", {"code": code.reveal()})

    async def _poll(self, step: Step) -> Step | None:
        now = await self._answer(step, "push", {})
        return None if now.kind == "push" else now

    async def _answer(self, step: Step, path: str, body: dict[str, Any]) -> Step:
        return _step(await self.portal.call("POST", f"/api/login/{path}", {"challenge": step.asked("id"), **body}))


def _step(found: dict[str, Any]) -> Step:
    challenge = found.get("challenge")
    if challenge is not None:
        ends_in = challenge.get("expires_in")
        return Step(challenge=challenge, expires_at=datetime.now(UTC) + timedelta(seconds=ends_in) if ends_in else None)
    return Step(token=found["session"], idle=found["expires_in"], user=found["user"], clinic=found["clinic"])


def _code_pane(step: Step) -> Code:
    way = step.asked("way")
    return Code(
        way=way,
        sent_to=step.asked("hint") or None,
        length=step.asked("digits"),
        expires_at=step.expires_at,
        resend=way != "app",
    )


def _problem(no: Refusal) -> PaneRefusal:
    return PaneRefusal(no.code, no.details)


async def _open(portal: Portal, step: Step) -> None:
    await Portal(portal.http, portal.instance, {"token": step.token}).call("GET", "/api/settings")


def _grant(step: Step, second_factor: bool) -> Grant:
    user = step.user
    return Grant(
        user=EhrUser(id=str(user["id"]), username=user["username"], name=user["name"]),
        tenant=str(step.clinic["id"]),
        session={"token": step.token},
        known={"second_factor": second_factor, "clinic": step.clinic["name"]},
        keep_alive=step.idle,
    )
