"""The example of docs/how-to/write-a-connector.md passes the check, and the check finds each way to break it."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from cobalt_link.conformance import rules, scenarios
from cobalt_link.conformance.cases import Case, CaseStep, Program
from cobalt_link.conformance.manifests import FILTERS
from cobalt_link.conformance.test_server import why_down
from cobalt_link.connector import (
    Ask,
    Chart,
    Coded,
    CursorPages,
    EhrInstance,
    EhrUser,
    Grant,
    Http,
    HttpResponse,
    JsonApi,
    JsonClient,
    LinkedPages,
    NumberedPages,
    OffsetPages,
    Option,
    Renewed,
    Shift,
)
from cobalt_link.connector.capabilities import READS, Capability
from cobalt_link.connector.manifest import Manifest
from cobalt_link.connector.panes import Pane
from cobalt_link.connector.refusals import catalogue
from cobalt_link.connector.topics import models_of
from tests.conformance.worked_example import BY_HAND, LINK_TEXTS, PAGE, Change, checked, files, found, write
from tests.support.world import Sandbox

TEXT = PAGE.read_text("utf-8")
ROOT = Path(__file__).parents[2]
RUFF = str(Path(sys.executable).with_name("ruff"))


@pytest.mark.parametrize(("page", "cases"), [(PAGE, 6), (BY_HAND, 5)], ids=["guide", "by_hand"])
async def test_the_worked_example_passes_the_check_with_an_ehr_of_its_own(
    tmp_path: Path, page: Path, cases: int
) -> None:
    report = await checked(tmp_path, page=page)
    assert report.findings == ()
    assert len(report.ran) == cases and report.skipped == ()


def test_the_guides_connector_is_sixty_lines_as_ruff_formats_them(tmp_path: Path) -> None:
    code = {name: text for name, text in files(PAGE).items() if name.endswith(".py")}
    assert sum(len(text.splitlines()) for text in code.values()) <= 60
    write(tmp_path, page=PAGE)
    for command in (["format", "--check"], ["check"]):
        config = ["--config", str(ROOT / "pyproject.toml")]
        assert subprocess.run([RUFF, *command, *config, str(tmp_path)], check=False).returncode == 0


@pytest.mark.parametrize(
    "name",
    [
        *Manifest.__struct_fields__,
        *Grant.__struct_fields__,
        *get_args(Capability),
        *sorted({name for filters in FILTERS.values() for name in filters}),
        *catalogue(),
        *(kind.__name__ for kind in catalogue().values()),
        *(kind.__name__ for kind in get_args(Pane)),
        *(str(kind.__struct_config__.tag) for kind in get_args(Pane)),
        *Case.__struct_fields__,
        *Program.__struct_fields__,
    ],
)
def test_the_page_explains_every_field_pane_refusal_and_filter(name: str) -> None:
    assert f"`{name}`" in TEXT or f"`{name}(" in TEXT or f"<{name}>" in TEXT, name


@pytest.mark.parametrize("name", sorted(Ask.__abstractmethods__))
def test_the_page_explains_every_verb(name: str) -> None:
    assert ("await ask(pane)" if name == "__call__" else f"await ask.{name}(") in TEXT


@pytest.mark.parametrize("name", [name for name in CaseStep.__struct_fields__ if name != "json"])
def test_the_page_explains_every_step_of_a_case(name: str) -> None:
    assert re.search(rf"[{{,] {name} = ", TEXT)


@pytest.mark.parametrize("option", ["returns", "again", "reaches_user"])
def test_the_page_explains_every_option_of_a_step(option: str) -> None:
    assert f"`{option}=" in TEXT


def test_the_page_explains_every_rule_of_the_check() -> None:
    for rule in ("manifest", "texts", "reads", "writes", "imports", "sign_in", "cases", "secrets"):
        assert f"| `{rule}` |" in TEXT
    for name in (*rules.OUTSIDE[:3], "nonlocal", "global", "finally", "BaseException", "TaskGroup", "importlib"):
        assert f"`{name}`" in TEXT or f" {name}" in TEXT, name


def lines_of(start: str) -> str:
    """The lines of the page that begin so; and of a table whose head begins so, all rows."""
    found = []
    inside = False
    for line in TEXT.splitlines():
        inside = line.startswith(start) or (inside and line.startswith("|") and start.startswith("| field of"))
        found += [line] if inside else []
    return "\n".join(found)


def test_the_page_explains_every_field_of_what_a_connector_reads_and_returns() -> None:
    queries = [read.query for read in READS.values() if read.query]
    models = {model for capability in READS for model in models_of(capability)} - {Shift, Coded}
    for kind in (*models, *queries, Chart, Grant, JsonApi):
        shown = lines_of(f"| `{kind.__name__}`") or lines_of(f"| field of `{kind.__name__}`")
        assert not [name for name in kind.__struct_fields__ if f"`{name}`" not in shown], kind


def test_the_page_explains_every_call_that_a_connector_makes() -> None:
    for kind, owner in ((JsonClient, "api"), (Http, "self.http"), (Ask, "ask")):
        calls = {name for name, each in vars(kind).items() if callable(each) and not name.startswith("_")}
        assert not [name for name in calls - {"close"} if f"{owner}.{name}(" not in TEXT], kind
    for kind in (Coded, EhrUser, EhrInstance, Renewed, HttpResponse, Option):
        assert not [name for name in kind.__struct_fields__ if not re.search(rf"`[^`]*\b{name}\b", TEXT)], kind
    for kind in (OffsetPages, NumberedPages, CursorPages, LinkedPages):
        assert f"| `{kind.__name__}(" in TEXT


@pytest.mark.parametrize("verb", ["password", "code", "one_of", "once", "until"])
def test_the_page_explains_every_option_of_a_verb(verb: str) -> None:
    parameters = inspect.signature(getattr(Ask, verb)).parameters.values()
    options = [each.name for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]
    assert options and not [name for name in options if f"{name}=" not in TEXT]


def test_the_page_names_the_texts_that_link_has_already() -> None:
    english = LINK_TEXTS["en"]
    steps = {key for key in english if key.startswith("step.")} - {"step.other"}  # for steps without a text
    assert not [key for key in steps if f"`{key}`" not in TEXT]
    choices = {key.split(".")[1] for key in english if key.startswith("choice.")} - {"any"}  # for choices without one
    assert not [name for name in choices if f"`{name}`" not in TEXT]
    groups = {key.split(".")[0] for key in english}
    assert {"credentials", "code", "choice", "waiting", "step", "consent", "refusal"} <= groups
    assert (ROOT / "src/cobalt_link/link/pages/locales/en.toml").is_file()


def test_the_page_speaks_with_the_words_of_today() -> None:
    prose = re.sub(r"```.*?```", "", TEXT, flags=re.S).lower()
    old = ("story", "stories", "telling", "tellings", "deed", "deeds", "judge", "verdict", "knock", "desk", "person")
    assert not [word for word in old if re.search(rf"\b{word}\b", prose)]


EHR = {"module": "sandbox_ehr", "reset": "POST /api/_lab/reset"}
GOOD = {
    "name": "Good",
    "steps": [{"username": "user_good", "password": "pass_good"}],
    "panes": ["credentials"],
    "ends": "granted",
}


def cases(**fields: Any) -> Change:
    """The case file with one case alone."""
    return "cases.toml", "", f"ehr = {toml(EHR)}\ncase = {toml([GOOD | fields])}\n"


def toml(value: Any) -> str:
    match value:
        case dict():
            return f"{{ {', '.join(f'{key} = {toml(each)}' for key, each in value.items())} }}"
        case list():
            return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value)


def english(old: str, new: str) -> Change:
    return "texts/en.toml", old, new


def spanish(old: str, new: str) -> Change:
    return "texts/es.toml", old, new


def manifest(old: str, new: str) -> Change:
    return "manifest.toml", old, new


def sign_in(old: str, new: str) -> Change:
    return "sign_in.py", old, new


def added(*lines: str) -> Change:
    """Lines in the sign-in, once the password was right."""
    line = "    second_factor = bool(step.challenge)\n"
    return sign_in(line, line + "".join(f"    {each}\n" for each in lines))


NO_WORD = '[unsupported]\nsecond_factor = "Your way to prove that it’s you"\n'
CONSENT = '[consent.sees]\npeople = "Nothing much"\n\n[step]'
SAME_PRICE = "        step = await password(http, ask, instance)\n"
LOGGED_IN = "    return step_of(await call(http, login_url(instance), body))\n"
SIGN_IN = "        return await sign_in.sign_in(self.http, ask, instance)\n"
KEPT = "    return msgspec.structs.replace(step, user=step.user | {'password': who.password.reveal()})\n"
ONCE_MORE = "await ask.once('log_in', partial(call, http, instance.at('/api/settings'), token=step.token))"

# What is changed, the rule that finds it, and words of the finding.
BROKEN: dict[str, tuple[list[Change], str, tuple[str, ...]]] = {
    "a key that is not the folder's": (
        [manifest('key = "larkspur"', 'key = "larkspurs"')], "manifest", ("'larkspurs'", "'larkspur'"),
    ),
    "a mark of three letters": ([manifest('"LE"', '"LEX"')], "manifest", ("one or two letters",)),
    "a topic that no read returns": (
        [manifest('"contact"', '"contact", "insurance"')], "manifest", ("anything on insurance",),
    ),
    "a topic that is denied and told": (
        [("__init__.py", "first_name=row", 'phone=row["phones"]["home"] or None,\n                first_name=row')],
        "cases", ("say something on contact",),
    ),
    "a consent of its own": (
        [english("[step]", CONSENT), spanish("[step]", CONSENT)], "texts", ("Link makes the consent",),
    ),
    "a language without a file": (
        [manifest('["en", "es"]', '["en", "es", "fr"]')], "texts", ("texts/fr.toml", "file is missing"),
    ),
    "a file of a language that is not declared": (
        [manifest('["en", "es"]', '["en"]')], "manifest", ("leaves out 'es'",),
    ),
    "steps that nobody does": (
        [manifest("sign_in_version = 1", 'sign_in_version = 1\nsteps = ["log_in", "dance"]')], "manifest", ("dance",),
    ),
    "a filter that nobody asks for": ([manifest('"mrn", ', '"mrn", "shoe_size", ')], "reads", ("by shoe_size",)),
    "a read that is declared and not written": (
        [manifest("providers = []", "providers = []\nlocations = []")], "reads", ("locations", "Write it"),
    ),
    "a read that is written and not declared": (
        [manifest("providers = []", "")], "reads", ("providers", "never called"),
    ),
    "a declared read that no case reads": (
        [("cases.toml", 'reads = ["patients", "providers"]', 'reads = ["patients"]')], "cases", ("reads providers",),
    ),
    "a step without a text": (
        [english("log_in =", "log_out ="), spanish("log_in =", "log_out =")], "texts", ("log_out", "is not used"),
    ),
    "a text in one language only": (
        [spanish('check_code = "Comprobando su código"\n', "")], "texts", ("es.toml", "step.check_code"),
    ),
    "a text in the other language only": (
        [spanish("[step]", '[step]\ndance = "Baile"')], "texts", ("es.toml", "step.dance is not in texts/en.toml"),
    ),
    "other placeholders in another language": (
        [spanish("Comprobando su código", "Comprobando {place}")], "texts", ("texts/es.toml", "other placeholders"),
    ),
    "a placeholder that nobody fills": (
        [english("Checking your code", "Checking {clinic}")], "texts", ("does not fill {clinic}",),
    ),
    "an empty text": ([english("Checking your code", " ")], "texts", ("step.check_code is empty",)),
    "a kind without a word": (
        [english(NO_WORD, "")], "texts", ("en.toml", "unsupported.second_factor is missing"),
    ),
    "an import of an HTTP library": (
        [("wire.py", "from typing import Any\n", "import urllib.request\nfrom typing import Any\n")],
        "imports", ("wire.py", "urllib.request"),
    ),
    "an ask with something to clean up": (
        [sign_in(SAME_PRICE[4:], f"    try:\n{SAME_PRICE}    finally:\n        pass\n")],
        "sign_in", ("sign_in.py", "each time the sign-in waits"),
    ),
    "a step under a name that is put together": (
        [sign_in('ask.once("log_in",', 'ask.once("log" + "_in",')], "sign_in", ("sign_in.py", "cannot read the name"),
    ),
    "a result that comes back as another type": (
        [sign_in("who), returns=Step,", "who),")],
        "cases", ("sign_in.py:", "The step 'log_in' gives a Step without returns=Step"),
    ),
    "a result that is not JSON": (
        [added("await ask.once('log_in', partial(odd, step))"),
         sign_in("def step_of(", "async def odd(step: Step) -> Any:\n    return {'users': {1, 2}}\n\n\ndef step_of(")],
        "cases", ("sign_in.py:", "The step 'log_in' gives a dict that later runs get as other JSON"),
    ),
    "a request in the sign-in itself": (
        [added("await call(http, instance.at('/api/settings'), token=step.token)")],
        "cases", ("wire.py:", "GET /api/settings", "outside of a step"),
    ),
    "a sign-in that depends on how often it ran": (
        [sign_in("class Step(", "RUNS: list[int] = []\n\n\nclass Step("),
         added("RUNS.append(1)", "if step.token and len(RUNS) % 2:", f"    {ONCE_MORE}")],
        "cases", ("Run in pieces, it", "not in the journal"),
    ),
    "a connector that remembers": (
        [("__init__.py", SIGN_IN, f"        setattr(self, 'last', instance)\n{SIGN_IN}")],
        "cases", ("__init__.py:", "connector object changed"),
    ),
    "a sign-in that breaks": ([added("step.user['nothing']")], "cases", ("sign_in.py:", "broke with KeyError")),
    "another end than the case says": ([cases(ends="locked")], "cases", ("ends in granted, not in locked",)),
    "other panes than the case says": ([cases(panes=["code"])], "cases", ("shows the panes ['credentials']",)),
    "an answer that nobody asks for": (
        [cases(steps=[*GOOD["steps"], {"code": "123456"}])], "cases", ("before 1 of its steps",),
    ),
    "a pane that the case does not answer": ([cases(steps=[])], "cases", ("no step left to answer",)),
    "an answer to another pane": ([cases(steps=[{"code": "123456"}])], "cases", ("does not answer it",)),
    "a request that the EHR does not know": (
        [cases(prepare=[{"send": "PUT /api/nothing"}])], "cases", ("PUT /api/nothing", "404"),
    ),
    "a request that is never due": (
        [cases(steps=[*GOOD["steps"], {"send": "PUT /api/_lab/clock", "json": {"advance": 1}}])],
        "cases", ("before 1 of its steps",),
    ),
    "none of these without an answer": (
        [added("clinics = (Option(value='1', label='North'),)", "await ask(Choice(name='clinic', options=clinics))"),
         sign_in("import Code,", "import Choice, Code, Option,"),
         cases(steps=[*GOOD["steps"], {"value": "1"}], panes=["credentials", "choice"])],
        "cases", ("sign_in.py:", "No case answers 'none of these' to the choice 'clinic'"),
    ),
    "an ended session that is not recognized": (
        [("wire.py", '    "session_expired": SessionEnded,\n', '    "session_expired": NoRights,\n'),
         ("__init__.py", "except SessionEnded:", "except NoRights:"),
         ("__init__.py", "import NotThisAddress, SessionEnded", "import NoRights, NotThisAddress")],
        "cases", ("__init__.py:", "With an ended session, patients ends in the refusal NoRights"),
    ),
    "a total that counts the page": (
        [("__init__.py", 'total=found["total"]', "total=len(items)")],
        "cases", ("__init__.py:", "`total` is 3, but there are more patients"),
    ),
    "a way through that no case takes": ([cases()], "cases", ("No case reaches 'check_code'",)),
    "cases that cannot be read": ([("cases.toml", "ends =", "end =")], "cases", ("cannot be read", "`end`")),
    "no cases": ([("cases.toml", "", "")], "cases", ("There are no cases",)),
    "a filter that does nothing": (
        [("__init__.py", '"mrn": query.mrn or "", ', "")],
        "cases", ("manifest.toml:", "patients are not filtered by mrn"),
    ),
    "pages that overlap": ([("__init__.py", "str(query.offset)", '"0"')], "cases", ("on two pages",)),
    "a read that fails": (
        [("__init__.py", "str(query.limit)", '"many"')],
        "cases", ("wire.py:", "Reading patients ended in NotUnderstood"),
    ),
    "a renewal that texts the user": (
        [sign_in("reaches_user=texts", "reaches_user=False")], "cases", ("reaches_user=True",),
    ),
    "another user after a renewal": (
        [sign_in('id=step.user["id"]', 'id=step.token')], "cases", ("another user.id",),
    ),
    "a password that is kept against the promise": (
        [manifest("sign_in_version = 1", "sign_in_version = 1\nkeeps_password = false")],
        "cases", ("but the password is kept",),
    ),
    "an EHR that is not recognized": (
        [("__init__.py", "except SessionEnded:\n            return", "except SessionEnded:\n            pass")],
        "cases", ("`recognize` refuses",),
    ),
    "a password in a result": (
        [sign_in(LOGGED_IN, LOGGED_IN.replace("return", "step =") + KEPT)], "secrets", ("the result of log_in",),
    ),
}  # fmt: skip


async def test_a_password_that_is_forgotten_keeps_the_promise(tmp_path: Path, sandbox: Sandbox) -> None:
    forgetful = sign_in('return await ask.once("log_in"', 'step = await ask.once("log_in"')
    promise = manifest("sign_in_version = 1", "sign_in_version = 1\nkeeps_password = false")
    after = sign_in("returns=Step, reaches_user=texts)\n", "returns=Step, reaches_user=texts)\n"
                  "            await ask.forget(who)\n            return step\n")  # fmt: skip
    report = await checked(tmp_path, promise, forgetful, after, address=sandbox.address)
    texts = [each.text for each in report.findings]
    assert texts == ["The renewal in the background ends in login_required, not in granted."]


@pytest.mark.parametrize("case", BROKEN, ids=[name.replace(" ", "_") for name in BROKEN])
async def test_what_is_broken_is_found(case: str, tmp_path: Path, sandbox: Sandbox) -> None:
    changes, rule, parts = BROKEN[case]
    report = await checked(tmp_path, *changes, address=sandbox.address)
    assert found(report, rule, *parts), report.findings


async def test_an_ehr_that_is_down_is_one_finding(tmp_path: Path) -> None:
    report = await checked(tmp_path, address="http://127.0.0.1:9")
    (finding,) = report.findings
    assert (finding.rule, finding.where) == ("cases", "cases.toml:1")
    assert "The EHR at http://127.0.0.1:9 does not answer." in finding.text and "--address" in finding.text
    assert report.ran == () and len(report.skipped) == 5


async def test_an_ehr_that_goes_down_on_the_way_is_one_finding(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = iter(["", "It refuses connections."])

    async def why_down(address: str) -> str:
        return next(said)

    monkeypatch.setattr(scenarios, "why_down", why_down)
    report = await checked(tmp_path, ("cases.toml", 'ends = "granted"', 'ends = "locked"'), address=sandbox.address)
    (finding,) = report.findings
    assert finding.text.startswith(f"The EHR at {sandbox.address} does not answer. It refuses connections.")
    assert report.ran == () and len(report.skipped) == 5


async def test_what_answers_in_any_way_is_not_down(sandbox: Sandbox) -> None:
    assert await why_down(f"{sandbox.address}/nothing/here") == ""


async def test_a_check_without_a_case_that_ran_has_not_passed(tmp_path: Path, sandbox: Sandbox) -> None:
    steps = [{"username": "{nobody}", "password": "pass_good"}]
    report = await checked(tmp_path, cases(steps=steps), address=sandbox.address)
    assert not report.passed and report.ran == ()
    assert found(report, "cases", "cases.toml:1: No case ran", "COBALT_CHECK_NOBODY is not set")
