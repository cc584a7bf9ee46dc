"""How each refusal is shown: as a notice on the pane where the user can fix it, or as a page of its own."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
from markupsafe import Markup

from cobalt_link.connector.panes import Message, Pane, PaneRefusal
from cobalt_link.connector.refusals import AskAgain, catalogue
from cobalt_link.link.pages.context import PageContext
from cobalt_link.link.pages.hosts import host_markup, web_url
from cobalt_link.link.pages.layout import Act, Head, Later, Notice
from cobalt_link.link.pages.texts import Texts, isolated

Fact = tuple[Markup, Markup, str]


class RefusalStyle(msgspec.Struct, frozen=True, kw_only=True):
    """`knot` is the icon on the wire, `first` the main button. `again`: trying again can help. `waits`: it names a time
    to wait, and from then on it can be tried again."""

    knot: str
    tone: str = "warn"
    facts: tuple[str, ...] = ()
    first: Literal["again", "ask", "back", "change", "open"] = "again"
    again: bool = True
    waits: bool = False


_GENERIC = RefusalStyle(knot="ask", facts=("next", "reference"))
_STYLES = {
    "wrong_credentials": RefusalStyle(knot="key"),
    "wrong_code": RefusalStyle(knot="key"),
    "code_expired": RefusalStyle(knot="clock"),
    "push_denied": RefusalStyle(knot="ban"),
    "push_expired": RefusalStyle(knot="clock"),
    "too_many_codes": RefusalStyle(knot="clock", first="back", waits=True),
    "too_many_tries": RefusalStyle(knot="clock", first="back", waits=True),
    # Whoever unlocks the account may do so earlier: the user can always try.
    "locked": RefusalStyle(knot="lock", tone="bad", facts=("wait", "ask"), first="back", waits=True),
    "password_expired": RefusalStyle(knot="key", facts=("opens",), first="open"),
    "no_rights": RefusalStyle(knot="user", facts=("ask", "turn_on")),
    "declined": RefusalStyle(knot="ban"),
    "login_required": RefusalStyle(knot="key"),
    "ehr_down": RefusalStyle(knot="alert", facts=("last_worked", "next", "reference")),
    "none_of_these": RefusalStyle(knot="ask", facts=("ask",)),
    "ehr_busy": RefusalStyle(knot="clock", waits=True),
    "session_ended": RefusalStyle(knot="clock"),
    "interrupted": RefusalStyle(knot="again"),
    "started_over": RefusalStyle(knot="again"),
    "unsupported": RefusalStyle(knot="plug", facts=("sends",), first="ask", again=False),
    "not_this_address": RefusalStyle(knot="plug", first="change"),
    "unexpected": _GENERIC,
    "other_account": RefusalStyle(knot="user"),
    # No refusal of an EHR: the account to repair was disconnected.
    "disconnected": RefusalStyle(knot="plug", again=False),
}
SILENT = ("ehr_down",)  # the page then says when the EHR last worked
_CHANGE_HELPS = ("unsupported", "not_this_address", "none_of_these")
_USUAL = ("locked",)  # the time is only what is usual
_GATED = ("ehr_busy", "too_many_codes")  # nothing but waiting helps


def on_pane(pane: Pane | None) -> PaneRefusal | None:
    """The refusal that a pane shows, if it shows one."""
    if isinstance(pane, Message):
        return PaneRefusal(pane.code, pane.details)
    return pane.problem if pane else None


def waits(problem: PaneRefusal) -> bool:
    """Whether a refusal says how long to wait."""
    return _style(problem.code).waits and not {"minutes", "seconds"}.isdisjoint(problem.details)


def aged(problem: PaneRefusal, context: PageContext) -> PaneRefusal:
    """The refusal with what is left of its time to wait: as `left` in seconds where the user must wait, 0 when that is
    over, and as `seconds` where it is only what is usual."""
    if not waits(problem):
        return problem
    details = {name: value for name, value in problem.details.items() if name not in ("minutes", "seconds")}
    asked = int(problem.details.get("seconds", 0)) or int(problem.details.get("minutes", 0)) * 60
    passed = (context.now - (context.refused_at or context.now)).total_seconds()
    left = ceil(max(asked - max(passed, 0), 0))
    if problem.code in _USUAL:
        return PaneRefusal(problem.code, details | ({"seconds": left} if left else {}))
    return PaneRefusal(problem.code, details | {"left": left})


def filling(texts: Texts, details: Mapping[str, str | int]) -> dict[str, Any]:
    """The values for the texts of a refusal, from its details: `tries`, `wait`, and the connector's names of rights."""
    values: dict[str, Any] = dict(details)
    if isinstance(tries := details.get("tries_left"), int):
        values["tries"] = texts.count("tries", tries)
    if isinstance(left := details.get("left"), int):
        values["wait"] = _ticking(texts, left) if left else None
    elif isinstance(minutes := details.get("minutes"), int):
        values["wait"] = texts.span(minutes * 60)
    elif isinstance(seconds := details.get("seconds"), int):
        values["wait"] = texts.span(seconds)
    if "rights" in details:
        rights = str(details["rights"]).split(", ")
        values["rights"] = Markup(", ").join(texts.best(f"no_rights.{right}") or isolated(right) for right in rights)
    if "what" in details:
        # The connector's own noun phrase fits into a sentence. A bare name goes after a colon.
        values |= {"what": texts.best(f"unsupported.{details['what']}"), "bare": details["what"]}
    return values


def _ticking(texts: Texts, seconds: int) -> Markup:
    """A time to wait that a script counts down."""
    return Markup('<time datetime="PT{}S" data-left="{}">{}</time>').format(seconds, seconds, texts.span(seconds))


def title(texts: Texts, problem: PaneRefusal) -> Markup:
    """What happened, as a heading without a period."""
    key, values = f"refusal.{_known(problem.code)}.title", filling(texts, problem.details)
    return texts.best(f"{key}_{_reason(problem)}", **values) or texts(key, **values)


def _reason(problem: PaneRefusal) -> str | int:
    details = problem.details
    return details.get("reason", details.get("what", details.get("choice", "")))


def why(texts: Texts, problem: PaneRefusal) -> Markup | None:
    """Why it happened or what to do, in the most specific text that the details can fill."""
    key = f"refusal.{_known(problem.code)}.why"
    over = [f"{key}_over"] if problem.details.get("left") == 0 else []
    keys = (*over, f"{key}_{_reason(problem)}", key, f"{key}_bare", f"{key}_plain")
    return texts.best(*keys, **filling(texts, problem.details))


def notice(texts: Texts, problem: PaneRefusal) -> Notice:
    """The refusal as a notice on a pane that is asked again."""
    is_fixable = issubclass(catalogue().get(problem.code, Exception), AskAgain) and not is_warning(problem)
    tone, icon = ("bad", "alert") if is_fixable else ("warn", _style(problem.code).knot)
    return Notice(tone=tone, icon=icon, title=title(texts, problem), text=why(texts, problem))


def is_warning(problem: PaneRefusal | None) -> bool:
    """Whether nothing was wrong with what was typed: the brake warns before it is sent."""
    return problem is not None and problem.details.get("reason") in ("last_try", "too_fast")


def in_a_sentence(texts: Texts, problem: PaneRefusal) -> Markup:
    """The refusal as the error of one field."""
    return Markup(" ").join(filter(None, (title(texts, problem) + ".", why(texts, problem))))


def head(code: str) -> Head:
    """The header of the refusal's page: the wire is cut, and its icon shows why."""
    return Head(hero=True, wire="cut", knot=_style(code).knot, tone=_style(code).tone)


def facts(texts: Texts, context: PageContext, pane: Message) -> list[Fact]:
    """The facts on the refusal's page. Leaves out a fact that the details cannot fill."""
    found: list[Fact] = []
    values = filling(texts, pane.details)
    for name in _style(pane.code).facts:
        if text := _fact(texts, context, pane, name, values):
            found.append((texts(f"fact.{name}"), text, "ref" if name == "reference" else ""))
    return found


def _fact(texts: Texts, context: PageContext, pane: Message, name: str, values: dict[str, Any]) -> Markup | None:
    if name == "reference":
        return isolated(pane.details.get("reference", context.reference))
    if name == "sends":
        if context.has_asked or not context.can_ask:
            return None
        # If the connector has a phrase for it, only a part of the EHR is unsupported. The text then names the EHR.
        values |= {"bare": context.ehr_name} if values.get("what") else {}
    if name == "last_worked":
        return texts.moment(context.last_worked, context.now) if context.last_worked else None
    if name == "opens":
        url = web_url(pane.details.get("url"))
        return host_markup(urlsplit(url).netloc.rpartition("@")[2]) if url else None
    key = f"refusal.{_known(pane.code)}.{name}"
    return texts.best(key, f"{key}_plain", **values)


def acts(texts: Texts, context: PageContext, pane: Message) -> list[Act]:
    """At most two buttons, the more helpful one first. The × in the header always leads out."""
    possible = {
        "ask": _ask(texts, pane) if context.can_ask and not context.has_asked else None,
        "open": _open(texts, pane),
        "again": _again(texts, pane) if pane.again and _style(pane.code).again else None,
        "change": _change(texts, context, pane),
        "back": _back(texts, context),
    }
    order = sorted(possible, key=lambda name: name != _style(pane.code).first)
    return [act for name in order if (act := possible[name])][:2]


def _ask(texts: Texts, pane: Message) -> Act:
    values = filling(texts, pane.details)
    # If the connector has a phrase for it, `what` is a part of an EHR and not the name of one.
    key = "refusal.unsupported.ask_plain" if values.get("what") else "refusal.unsupported.ask"
    return Act(label=texts.best(key, **values) or texts("refusal.unsupported.ask_plain"), value="ask")


def _open(texts: Texts, pane: Message) -> Act | None:
    url = web_url(pane.details.get("url"))
    return Act(label=texts("page.open_ehr"), url=url) if url else None


def _again(texts: Texts, pane: Message) -> Act:
    key = f"refusal.{_known(pane.code)}.again"
    label = texts.best(f"{key}_{pane.details.get('reason', '')}", key) or texts("page.again")
    seconds = int(pane.details.get("left", 0)) if pane.code in _GATED else 0
    return Act(label=label, value="again", later=Later.of(texts, "page.again_later", seconds))


def _change(texts: Texts, context: PageContext, pane: Message) -> Act | None:
    helps = context.can_change and pane.code in _CHANGE_HELPS
    return Act(label=texts("page.change_long"), value="change") if helps else None


def _back(texts: Texts, context: PageContext) -> Act:
    label, value = ("page.back", "back") if context.goes_back else ("leaving.stop", "1")
    return Act(label=texts(label), name="stop", value=value, to=f"{context.path}/exit")


def _style(code: str) -> RefusalStyle:
    return _STYLES.get(code, _GENERIC)


def _known(code: str) -> str:
    return code if code in _STYLES or code in catalogue() else "unexpected"
