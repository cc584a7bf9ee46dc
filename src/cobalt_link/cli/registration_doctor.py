"""`cobalt registrations test`: the registration doctor, step by step, with one sign-in in a browser."""

from __future__ import annotations

import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

import msgspec
from cyclopts import Parameter

from cobalt_link.cli.installation import DEFAULTS, CommonOptions, Installation, open_installation
from cobalt_link.cli.main import Failure
from cobalt_link.cli.output import print_result

if TYPE_CHECKING:
    from cobalt_link.connector.panes import RedirectAnswer
    from cobalt_link.net.http import Http
    from cobalt_link.registrations.doctor.findings import Finding
    from cobalt_link.registrations.registration import Registration

LABELS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL", "skip": "-   "}


async def examine(
    name: Annotated[str, Parameter(help="Your name for the registration.")],
    /,
    *,
    address: Annotated[
        str | None, Parameter(help="One of its FHIR servers. The default is the one that came first.")
    ] = None,
    sign_in: Annotated[
        bool, Parameter(help="Wait for you to sign in at the EHR. Without it, steps 4 to 7 are left out.")
    ] = True,
    wait: Annotated[int, Parameter(help="How many minutes to wait for the sign-in, 1 to 15.")] = 10,
    options: CommonOptions = DEFAULTS,
) -> int:
    """Check a registration in eight steps, from its address to what can be written. Names the step that fails, and the
    cure. The server has to run, because the EHR sends your browser back to it."""
    if not 1 <= wait <= 15:
        raise Failure("--wait is a number of minutes from 1 to 15.", code="bad_usage", status=2)
    async with open_installation(options) as installation:
        found = await installation.registrations.find(name)
        chosen = _address(found, address)
        visitor = _Visitor(installation, found.id, wait * 60.0, quiet=options.json) if sign_in else None
        findings = await _findings(installation, found, chosen, visitor, show=not options.json)
        failed = next((each for each in findings if each.state == "fail"), None)
        await installation.registrations.tested(name, f"failed at step {failed.step}" if failed else "passed")
    if options.json:
        rows = [{"what": each.what} | msgspec.structs.asdict(each) for each in findings]
        print_result(True, {"healthy": failed is None, "address": chosen, "findings": rows}, "")
    else:
        print(f"\nStep {failed.step} fails." if failed else "\nNothing is wrong.", flush=True)
    return 1 if failed else 0


def _address(found: Registration, given: str | None) -> str:
    from cobalt_link.registrations import checks

    if found.client_id is None:
        raise Failure(
            f"{found.id} has no client id yet. Run `cobalt registrations update {found.id} --client-id ID`.",
            code="bad_registration",
        )
    if given is not None and checks.fhir_address(given, private=True) not in found.addresses:
        raise Failure(
            f"{found.id} is not approved for this address. Run `cobalt registrations approve {found.id} ADDRESS`.",
            code="bad_registration",
        )
    if not found.addresses:
        raise Failure(
            f"{found.id} has no FHIR server. Run `cobalt registrations approve {found.id} ADDRESS`.",
            code="bad_registration",
        )
    return checks.fhir_address(given, private=True) if given else found.addresses[0]


class _Visitor:
    """Sends the operator's browser to the EHR, and waits until the server has what came back."""

    def __init__(self, installation: Installation, name: str, seconds: float, *, quiet: bool) -> None:
        self._installation = installation
        self._name = name
        self._seconds = seconds
        self._out = sys.stderr if quiet else sys.stdout

    async def __call__(self, url: str) -> RedirectAnswer | None:
        from cobalt_link.kit.clock import SystemClock
        from cobalt_link.registrations.doctor.sign_ins import TrialSignIns

        sign_ins = TrialSignIns(self._installation.db, self._installation.vault, SystemClock())
        state = await sign_ins.begin(self._name)
        print("\nOpen this address in a browser, sign in, and allow access:\n", file=self._out)
        print(f"{url}&{urlencode({'state': state})}\n", file=self._out, flush=True)
        return await sign_ins.answered(self._name, state, self._seconds)


async def _findings(
    installation: Installation, found: Registration, address: str, visitor: _Visitor | None, *, show: bool
) -> list[Finding]:
    from cobalt_link.registrations.doctor.doctor import RegistrationDoctor

    http = _http(installation)
    findings: list[Finding] = []
    try:
        doctor = RegistrationDoctor(http, installation.registrations)
        async with aclosing(doctor.examine(found, address, visitor)) as steps:
            async for finding in steps:
                findings.append(finding)
                if show:
                    print(_line(finding), flush=True)
    finally:
        await http.close()
    return findings


def _http(installation: Installation) -> Http:
    from cobalt_link.net.http import Http, system_trust

    settings = installation.settings
    return Http(
        allow_private=settings.allow_private_networks,
        proxy=settings.outbound_proxy,
        tls=system_trust(settings.ca_file),
    )


def _line(finding: Finding) -> str:
    cure = f"\n          cure: {finding.cure}" if finding.cure else ""
    return f"{finding.step}  {LABELS[finding.state]}  {finding.what}: {finding.text}{cure}"
