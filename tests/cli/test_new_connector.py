"""`cobalt connectors new` creates a connector that passes the check, and `try` signs in with it from the terminal."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cobalt_link.conformance import trial
from cobalt_link.conformance.cases import Program
from cobalt_link.conformance.new import FILES, TEMPLATES, CannotCreate, create
from cobalt_link.conformance.recording import RecordingHttp
from cobalt_link.conformance.test_server import started
from cobalt_link.connector import ChoiceAnswer, Secret
from cobalt_link.connector.panes import Choice, Code, Consent, Credentials, Option
from tests.cli.cobalt import Said, cobalt


async def run(tmp_path: Path, *words: str | Path, **env: str) -> Said:
    return await cobalt("connectors", *words, data=tmp_path / "data", **env)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return create(tmp_path, "blue_bell", "json")


@pytest.fixture
async def address(package: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    monkeypatch.syspath_prepend(str(package))
    async with started(Program(module="blue_bell_test_server")) as where:
        yield where


async def test_a_new_connector_passes_the_check_where_it_lies(tmp_path: Path) -> None:
    said = await run(tmp_path, "new", "blue_bell", "--folder", tmp_path)
    assert said.code == 0 and f"cobalt connectors check blue_bell --folder {tmp_path}/cobalt-blue_bell" in said.out
    said = await run(tmp_path, "check", "blue_bell", "--folder", tmp_path / "cobalt-blue_bell")
    assert (said.code, said.out) == (0, "ok    blue_bell: 3 cases run, 0 findings\n"), said


async def test_a_new_connector_passes_the_check_when_it_is_installed(tmp_path: Path, package: Path) -> None:
    about = package / "cobalt_blue_bell-0.1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: cobalt-blue-bell\nVersion: 0.1.0\n")
    points = tomllib.loads((package / "pyproject.toml").read_text())["project"]["entry-points"]
    lines = [f"{name} = {target}" for name, target in points["cobalt_link.connectors"].items()]
    (about / "entry_points.txt").write_text("\n".join(["[cobalt_link.connectors]", *lines, ""]))
    said = await run(tmp_path, "check", "blue_bell", PYTHONPATH=str(package))
    assert (said.code, said.out) == (0, "ok    blue_bell: 3 cases run, 0 findings\n"), said


def test_every_file_of_the_template_is_written(package: Path) -> None:
    written = {file.relative_to(package).as_posix() for file in package.rglob("*") if file.is_file()}
    assert written == {target.format(key="blue_bell") for target in FILES.values()}
    templates = {file.relative_to(TEMPLATES / "json").as_posix() for file in (TEMPLATES / "json").rglob("*.txt")}
    assert templates == {f"{source}.txt" for source in FILES}
    assert not [file for file in package.rglob("*") if file.is_file() and "$" in file.read_text()]
    assert "class BlueBell(Connector)" in (package / "blue_bell" / "__init__.py").read_text()


@pytest.mark.parametrize("kind", ["smart", "browser"])
async def test_a_kind_that_cannot_sign_in_yet_is_refused(kind: str, tmp_path: Path) -> None:
    said = await run(tmp_path, "new", "blue_bell", "--kind", kind, "--folder", tmp_path)
    assert (said.code, said.out) == (1, "") and "does not exist yet. Use --kind json" in said.err
    assert not (tmp_path / "cobalt-blue_bell").exists()


@pytest.mark.parametrize("name", ["Blue", "b", "blue-bell", "1blue", "../blue"])
def test_a_name_is_a_key(name: str, tmp_path: Path) -> None:
    with pytest.raises(CannotCreate, match="2 to 40"):
        create(tmp_path, name, "json")
    assert not [*tmp_path.iterdir()]


def test_nothing_is_overwritten(package: Path) -> None:
    with pytest.raises(CannotCreate, match="exists already"):
        create(package.parent, "blue_bell", "json")


async def test_a_folder_without_the_connector_says_so(tmp_path: Path) -> None:
    said = await run(tmp_path, "check", "nobody", "--folder", tmp_path)
    assert said.code == 1 and "FAIL  nobody" in said.out and "ModuleNotFoundError" in said.out


async def test_a_trial_prints_each_pane_and_each_record(tmp_path: Path, package: Path, address: str) -> None:
    answers = tmp_path / "answers.toml"
    answers.write_text('steps = [{ username = "ann", password = "wrong" }, { username = "ann", password = "right" }]\n')
    words = ("try", "blue_bell", "--folder", package, "--address", address, "--answers", answers)
    said = await run(tmp_path, *words)
    assert said.code == 0, said
    assert said.out.count("pane  credentials\n") == 2 and "wrong_credentials" in said.out
    assert said.out.count("step  Signing in\n") == 2 and "signed in as Ann Lamb (id 7)" in said.out
    assert "\nappointments: 7 records\n" in said.out and "patient.last_name" in said.out
    assert "\npatients: 2 records\n" in said.out and "1980-02-03" in said.out
    assert "\nproviders: 1 record\n" in said.out and "Lamb, Ann" in said.out
    assert "right" not in said.out + said.err and "wrong\n" not in said.out
    said = await run(tmp_path, *words, "--json")
    assert [each["mrn"] for each in said.json["patients"]] == ["M-1", "M-2"], said


@pytest.mark.parametrize(
    ("steps", "part"),
    [
        ('[{ username = "lou", password = "x" }]', "The sign-in ended in locked"),
        ("[]", "The answers do not fit: the sign-in shows the pane 'credentials'"),
        ("[{ user = 1 }]", "cannot be read"),
    ],
)
async def test_a_trial_that_comes_to_nothing_is_one_line(
    steps: str, part: str, tmp_path: Path, package: Path, address: str
) -> None:
    (tmp_path / "answers.toml").write_text(f"steps = {steps}\n")
    words = ("--folder", package, "--address", address, "--answers", tmp_path / "answers.toml")
    said = await run(tmp_path, "try", "blue_bell", *words)
    assert said.code == 1 and part in said.err and said.err.count("\n") == 1, said


async def test_a_read_that_fails_is_named_and_the_others_are_printed(
    tmp_path: Path, package: Path, address: str
) -> None:
    code = package / "blue_bell" / "__init__.py"
    text = code.read_text().replace('row["name"]', 'row["nothing"]').replace('"/logout"', '"/nowhere"')
    code.write_text(text)
    (tmp_path / "answers.toml").write_text('steps = [{ username = "ann", password = "right" }]\n')
    words = ("--folder", package, "--address", address, "--answers", tmp_path / "answers.toml")
    said = await run(tmp_path, "try", "blue_bell", *words)
    assert said.code == 1 and "\nproviders: it ended in KeyError at __init__.py:" in said.out, said
    assert "\npatients: 2 records\n" in said.out
    assert (await run(tmp_path, "try", "blue_bell", *words, "--json")).json["providers"] == []
    assert "signing out ended in RecordNotFound at __init__.py:" in said.out


async def test_a_trial_without_an_ehr_is_one_line(tmp_path: Path, package: Path) -> None:
    said = await run(tmp_path, "try", "blue_bell", "--folder", package, "--address", "http://127.0.0.1:9")
    assert said.code == 1 and "does not accept connections" in said.err and said.err.count("\n") == 1, said


def terminal(*typed: str) -> tuple[trial.Terminal, list[str]]:
    """A terminal at which these lines are typed, and what it asked."""
    lines, asked = iter(typed), []

    def visible(prompt: str) -> str:
        asked.append(f"line {prompt}")
        return next(lines)

    def hidden(prompt: str) -> str:
        asked.append(f"secret {prompt}")
        return next(lines)

    return trial.Terminal(trial.Prompts(asked.append, visible, hidden)), asked


async def test_passwords_and_codes_are_read_without_echo() -> None:
    asking, asked = terminal("ann", "pass", "123")
    answer = await asking.answer(Credentials(username="bo"))
    assert (answer.username, answer.password == Secret("pass")) == ("ann", True)  # type: ignore[union-attr]
    assert (await asking.answer(Code())).code == Secret("123")  # type: ignore[union-attr]
    assert asked == ["line Username [bo]: ", "secret Password: ", "secret Code: "]


async def test_nothing_typed_keeps_the_username_and_asks_for_a_new_code() -> None:
    asking, _ = terminal("", "pass", "")
    assert (await asking.answer(Credentials(username="bo"))).username == "bo"  # type: ignore[union-attr]
    assert (await asking.answer(Code(resend=True))).resend  # type: ignore[union-attr]


async def test_a_choice_is_made_by_its_number() -> None:
    rows = (Option(value="n", label="North"), Option(value="s", label="South"))
    asking, asked = terminal("4", "x", "2", "3")
    ask = trial.Trial(asking, RecordingHttp(), {"choice.clinic.title": "Which clinic?"}, asked.append)
    assert await ask(Choice(name="clinic", options=rows)) == ChoiceAnswer(value="s")
    assert asked[:4] == ["pane  choice  Which clinic?", "  1  North", "  2  South", "  3  None of these"]
    assert asked[4:] == ["line Number (1 to 3): "] * 3
    assert await ask(Choice(name="clinic", options=rows)) == ChoiceAnswer(value=None)


async def test_a_pane_of_link_is_not_asked() -> None:
    with pytest.raises(ValueError, match="Consent"):
        await terminal()[0].answer(Consent())


def test_the_new_connector_is_not_left_behind() -> None:
    assert "blue_bell" not in sys.modules
