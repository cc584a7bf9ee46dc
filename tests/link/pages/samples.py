"""What the pages of the gallery show: texts of a connector, details of refusals, practices, and choices."""

from __future__ import annotations

from cobalt_link.connector.panes import Choice, Option
from cobalt_link.link.pages.context import Match, Search, TestMode

CONNECTOR_TEXTS = {
    "en": {
        "step.open_schedule": "Opening your schedule",
        "no_rights.calendar": "“API access” and “Schedule, read”",
        "unsupported.version": "Larkspur before version 7",
        "choice.clinic.title": "Which clinic should {app} use?",
    },
    "es": {
        "step.open_schedule": "Abriendo su agenda",
        "no_rights.calendar": "«Acceso API» y «Agenda, lectura»",
        "unsupported.version": "Larkspur anterior a la versión 7",
        "choice.clinic.title": "¿Qué clínica debe usar {app}?",
    },
}
DETAILS: dict[str, dict[str, str | int]] = {
    "wrong_credentials": {"tries_left": 2, "url": "https://riverside.larkspur.example/forgotten"},
    "wrong_code": {"tries_left": 1},
    "too_many_codes": {"minutes": 15},
    "too_many_tries": {"minutes": 22},
    "locked": {"minutes": 30, "user": "m.carter"},
    "password_expired": {"url": "https://riverside.larkspur.example/reset"},
    "no_rights": {"rights": "calendar"},
    "ehr_down": {"seconds": 20},
    "ehr_busy": {"seconds": 120},
    "unsupported": {"what": "version"},
    "not_this_address": {"reason": "not_found"},
    "unexpected": {"reference": "7F3K-92QX"},
    "none_of_these": {"choice": "clinic"},
}
TEST_MODE = TestMode("pass_good", {"user_good": "Signs in at once", "user_code": "Gets a code by text message: 123456"})
VENDORS = (
    Match("ehr:gnuhealth", "GNU Health", "Hospitals and clinics", "GH"),
    Match("ehr:larkspur", "Larkspur", "Family and specialty practices", "LA"),
    Match("ehr:meridian", "Meridian Chart", "Health systems", "MC"),
    Match("ehr:sandbox", "Sandbox EHR", "Made-up patients, for trying things out", "SE"),
)
MATCHES = (
    Match("p1", "Riverside Family Practice", "Springfield, IL · Larkspur", "RF"),
    Match("p2", "Riverside Pediatrics", "Springfield, IL · Larkspur", "RP"),
    Match("p3", "River Valley Heart and Vascular Institute of Greater Minnesota", "Duluth, MN · Meridian", "RV"),
    Match("p4", "Two Rivers Community Hospital", "Two Rivers, WI · GNU Health", "TR"),
    Match("p5", "Riverbend Dermatology", "Bend, OR · Larkspur", "RB"),
)
# What the brake says: on the pane of the password, and as a page of its own.
BRAKED: dict[str, dict[str, str | int]] = {
    "last_try": {"tries_left": 1, "url": "https://riverside.larkspur.example/forgotten"},
    "same_password": {},
    "too_fast": {"seconds": 10},
}
HELD = {"known": "too_many_tries", "unanswered": "too_many_tries", "usernames": "too_many_tries",
        "brake": "too_many_codes"}  # fmt: skip
START = Search("", (), 0, VENDORS)
WAYS = Choice(
    name="code_way",
    options=(
        Option(value="text", label="text", detail="34", known=True),
        Option(value="email", label="email", detail="m•••••@riverside.example", known=True),
        Option(value="app", label="app", known=True),
        Option(value="push", label="choice.code_way.push", known=True),
        Option(value="call", label="call", detail="07", known=True),
    ),
)
CLINICS = Choice(
    name="clinic",
    options=(
        Option(value="1", label="Riverside Main Street", detail="120 Main Street, Springfield, IL"),
        Option(value="2", label="Riverside North", detail="48 Lincoln Avenue, Sherman, IL"),
        Option(value="3", label="Riverside Telehealth", detail="Video visits only"),
    ),
)
DATABASES = Choice(
    name="database", options=(Option(value="a", label="hospital_2024"), Option(value="b", label="training"))
)
ROOMS = Choice(name="room", options=(Option(value="a", label="1"),), none_of_these=True)
