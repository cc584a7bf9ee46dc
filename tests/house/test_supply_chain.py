"""S-143: what is installed is what the lock says, is audited, and stands in a bill of materials."""

import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from tests.house import audit, sbom
from tests.house.tree import ROOT, tracked_files

LEAK = {"id": "PYSEC-2026-1", "summary": "It leaks.", "affected": [], "schema_version": "1.6.0"}


@contextmanager
def osv(answers: dict[str, tuple[int, Any]]) -> Iterator[tuple[str, list[str]]]:
    """A vulnerability service that speaks as OSV does, and the packages that it was asked about."""
    asked: list[str] = []

    class Osv(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(f"{query['package']['name']}=={query['version']}")
            status, body = answers.get(query["package"]["name"], (200, {}))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that it overrides
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Osv)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query", asked
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


@pytest.mark.parametrize(
    ("answers", "code", "said"),
    [
        ({}, 0, "No known vulnerabilities found"),
        ({"jinja2": (200, {"vulns": [LEAK]})}, 1, "PYSEC-2026-1"),
        ({"jinja2": (503, {})}, 1, "Not every package was audited"),
        ({"jinja2": (404, {})}, 1, "Not every package was audited"),
    ],
)
def test_the_audit_passes_only_if_each_package_was_looked_up_and_has_no_vulnerability(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    answers: dict[str, tuple[int, Any]],
    code: int,
    said: str,
) -> None:
    with osv(answers) as (url, asked):
        monkeypatch.setenv("PIP_AUDIT_VULNERABILITY_SERVICE", "osv")
        monkeypatch.setenv("PIP_AUDIT_OSV_URL", url)
        assert audit.audit(audit.LOCKS[:1]) == code
    told = capfd.readouterr()
    assert said in told.out + told.err
    assert code or {f"{name}=={number}" for name, number in sbom.locked().items()} == set(asked)


def test_a_service_that_is_not_there_is_no_clean_audit(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_AUDIT_VULNERABILITY_SERVICE", "osv")
    monkeypatch.setenv("PIP_AUDIT_OSV_URL", "http://127.0.0.1:1/v1/query")
    assert audit.audit(audit.LOCKS[:1]) != 0
    assert "Not every package was audited" in capfd.readouterr().err


def test_the_bill_lists_each_locked_package_with_its_version_license_and_needs() -> None:
    found = sbom.bill(Path(sys.executable))
    assert sbom.locked().items() <= sbom.listed(found).items()
    inside = {name for _, name, _, _ in sbom.INSIDE}
    parts = {each["bom-ref"]: each for each in found["components"]}
    for each in parts.values():
        assert each["purl"].endswith(f"@{each['version']}"), each
        assert each.get("licenses") or canonicalize_name(each["name"]) not in sbom.locked(), each["name"]
    assert inside <= {each["name"] for each in parts.values()}
    few = found | {"components": found["components"][:3] + found["components"][-3:], "dependencies": []}
    assert sbom.problem(few) == ""
    assert "purl" in sbom.problem(few | {"components": [few["components"][0] | {"purl": 1}]})
    # Whoever asks for one of the parts leads back to the product.
    needs = {each["ref"]: set(each.get("dependsOn", ())) for each in found["dependencies"]}
    reached, wave = set(), {found["metadata"]["component"]["bom-ref"]}
    while wave:
        reached |= wave
        wave = set().union(*(needs.get(ref, set()) for ref in wave)) - reached
    assert reached >= {ref for ref, each in parts.items() if each["name"] in inside | {"starlette", "MarkupSafe"}}
    assert found["metadata"]["component"]["version"] in (ROOT / "CHANGELOG.md").read_text()


def test_every_installation_comes_from_the_lock_only() -> None:
    files = [path for path in tracked_files() if path.name in {"Makefile", "run"} or path.suffix in {".sh", ".service"}]
    lines = [line for path in files for line in path.read_text().splitlines()]
    found = [line for line in lines if re.search(r"\b(?:pip|npm|uv) (?:install|i|ci|sync|add)\b", line)]
    assert found
    for line in found:
        assert "--require-hashes -r requirements" in line or "--no-deps -e ." in line or "npm ci" in line, line
    assert (ROOT / ".ci" / "run").read_text().rstrip().endswith("exec make test")
