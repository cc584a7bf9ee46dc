"""What the pages speak of exists: commands and flags, settings, addresses of the API, files, targets of make."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cobalt_link import app
from cobalt_link.cli import demo
from cobalt_link.conformance.cases import Cases, read_cases, wanted
from cobalt_link.settings import DECLARED
from tests.cli.test_main import commands, flags
from tests.docs.samples import DOCS, ROOT, pages

COMMANDS = {" ".join(words): command for words, command in commands()}
GROUPS = {words.split()[0] for words in COMMANDS}
EVERYWHERE = {"--data", "--json", "--help", "--version"}
VARIABLES = {each.variable for each in DECLARED} | {f"{each.variable}_FILE" for each in DECLARED}
# What fills the cases of `cobalt connectors check`.
CASES = {
    name
    for kind in app.connector_classes().values()
    for case in (read_cases(kind.folder) or Cases()).case
    for name in wanted(case)
}
VARIABLES |= {f"COBALT_CHECK_{name.upper()}" for name in CASES}
VARIABLES.add("COBALT_PROOF")  # how large the proofs of a test run are
PATHS = [path for routes in app.TABLE for row in routes for path in row.paths]


def each_of(found: Sequence[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", found, ids=lambda page: page.relative_to(ROOT).as_posix())


each_page = each_of(pages())
# The contract describes the whole public interface: calls that this server does not have yet, and variables of clients.
each_page_but_the_contract = each_of([page for page in pages() if page != DOCS / "develop" / "contract.md"])

CALL = re.compile(
    r"(?:^|[`(] *|\$ |\b(?:sudo|env) [^`\n]*?|[A-Z_]+=\S+ |bin/)cobalt (?!cobalt)(?P<words>[^`\n#|;)]+)", re.M
)
VARIABLE = re.compile(r"\bCOBALT_[A-Z_]+\b")
TARGET = re.compile(r"(?:`|^ {4})make (?P<name>[a-z-]+)", re.M)
API = re.compile(r"(?:\b(?:GET|POST|PATCH|PUT|DELETE) |\$COBALT)(?P<path>/(?:v1|link|static)/[\w/{}.$-]*)")
FILE = re.compile(r"`(?P<path>(?:src|tests|docs|benchmarks|clients)/[\w./-]+)`")


def joined(page: Path) -> str:
    """The page with the continued lines of its commands as one."""
    return re.sub(r"\\\n\s*", " ", page.read_text())


def calls(page: Path) -> Iterator[tuple[str, list[str]]]:
    for found in CALL.finditer(joined(page)):
        words = found["words"].split()
        known = [" ".join(words[:count]) for count in (3, 2, 1) if " ".join(words[:count]) in COMMANDS]
        yield (known[0] if known else found["words"]), re.findall(r"(?<=\s)--[a-z-]+", found["words"])


@each_page
def test_every_command_and_flag_exists(page: Path) -> None:
    for command, given in calls(page):
        assert command in COMMANDS or command.strip(" ….,") in GROUPS, command
        assert command not in COMMANDS or set(given) <= flags(COMMANDS[command]) | EVERYWHERE, (command, given)


@each_page_but_the_contract
def test_every_variable_exists(page: Path) -> None:
    assert (
        not {name for name in VARIABLE.findall(page.read_text()) if not name.endswith("_")}
        - VARIABLES
        - {name for name in VARIABLE.findall(page.read_text()) if name.startswith("COBALT_TEST_")}
    )


@each_page
def test_every_target_of_make_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert {found["name"] for found in TARGET.finditer(page.read_text())} <= targets


@each_page_but_the_contract
def test_every_address_of_the_api_exists(page: Path) -> None:
    shapes = [re.sub(r"{\w+}", "[^/]+", re.sub(r"{\w+:path}", ".+", path)) for path in PATHS]
    asked = {found["path"].rstrip(".") for found in API.finditer(page.read_text())}
    assert not [path for path in asked if not any(re.fullmatch(shape, path) for shape in shapes)]


@each_page
def test_every_file_exists(page: Path) -> None:
    assert not [found["path"] for found in FILE.finditer(page.read_text()) if not (ROOT / found["path"]).exists()]


def test_these_tests_see_something() -> None:
    text = ["start/five-minutes.md", "how-to/clients-and-orgs.md"]
    seen = [call for name in text for call in calls(ROOT / "docs" / name)]
    assert ("clients create", ["--test", "--origin"]) in seen
    assert any(command == "orgs set" and "--allowed-ehr-domain" in given for command, given in seen)
    assert API.findall((ROOT / "docs" / text[0]).read_text())


def test_readme_and_demo_call_the_button_of_the_example_app_by_its_name() -> None:
    home = (ROOT / "src/acme_scribe/templates/home.html").read_text()
    assert f'id="connect" hidden>{demo.BUTTON}</button>' in home
    assert f"press *{demo.BUTTON}*" in (ROOT / "README.md").read_text()
