"""A secret shows itself nowhere but inside a step."""

import asyncio
import copy
import pickle

import msgspec
import pytest

from cobalt_link.connector import secrets
from cobalt_link.connector.panes import CredentialsAnswer
from cobalt_link.connector.secrets import Secret, SecretOutsideStep
from cobalt_link.signin.replay import decoded, encoded

TEXT = "correct horse"


def test_it_opens_inside_a_step_only() -> None:
    secret = Secret(TEXT)
    with pytest.raises(SecretOutsideStep):
        secret.reveal()
    with secrets.step():
        assert secret.reveal() == TEXT
    with pytest.raises(SecretOutsideStep):
        secret.reveal()


async def test_a_step_opens_secrets_for_itself_and_not_for_what_runs_beside() -> None:
    secret, inside, done = Secret(TEXT), asyncio.Event(), asyncio.Event()

    async def a_deed() -> None:
        with secrets.step():
            inside.set()
            await done.wait()

    running = asyncio.create_task(a_deed())
    await inside.wait()
    with pytest.raises(SecretOutsideStep):
        secret.reveal()
    done.set()
    await running


def test_it_prints_as_dots() -> None:
    secret = Secret(TEXT)
    assert TEXT not in f"{secret} {secret!r} {[secret]} {CredentialsAnswer(username='ann', password=secret)}"


@pytest.mark.parametrize("take", [msgspec.json.encode, msgspec.to_builtins, pickle.dumps, hash, copy.copy])
def test_nothing_takes_it_along_unasked(take: object) -> None:
    with pytest.raises((TypeError, NotImplementedError)):
        take(Secret(TEXT))  # type: ignore[operator]


def test_only_sealing_encodes_it_and_only_the_journal_reads_it() -> None:
    typed = CredentialsAnswer(username="ann", password=Secret(TEXT))
    assert decoded(encoded(typed), CredentialsAnswer) == typed
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(encoded(typed), type=CredentialsAnswer)


def test_nothing_else_that_is_foreign_gets_into_a_journal() -> None:
    with pytest.raises(NotImplementedError):
        encoded({"what": object()})
