"""Runs inside the GNU Health server of the tests: each text message becomes one line of JSON for the tests to read."""

import json
import os


def send(text: str, to: str, from_: str | None = None) -> None:
    with open(os.environ["COBALT_LAB_SMS"], "a", encoding="utf-8") as file:
        file.write(json.dumps({"to": to, "text": text}) + "\n")
