from datetime import timedelta

import pytest

from cobalt_link.developers.addresses import AddressProblem
from cobalt_link.developers.clients import ClientProblem, Clients
from cobalt_link.kit import tokens
from cobalt_link.kit.clock import MovedClock
from cobalt_link.store.database import Database
from tests.developers.conftest import App


async def test_a_new_client_has_an_id_and_a_secret_of_its_environment(clients: Clients) -> None:
    live, live_secret = await clients.create("Acme")
    test, test_secret = await clients.create("Acme in test", test=True)
    assert live.client_id.startswith("ci_live_") and live_secret.startswith("cs_live_") and not live.test
    assert test.client_id.startswith("ci_test_") and test_secret.startswith("cs_test_") and test.test
    assert all(tokens.well_formed(each) for each in (live.client_id, live_secret, test.client_id, test_secret))


# S-046
async def test_of_a_secret_only_a_hash_and_the_last_four_signs_are_stored(db: Database, acme: App) -> None:
    secret = acme[1]
    rows = await db.rows("SELECT * FROM client_secrets")
    assert len(rows) == 1
    assert rows[0]["hint"] == secret[-4:]
    stored = " ".join(str(value) for row in [*rows, *await db.rows("SELECT * FROM clients")] for value in row.values())
    assert secret not in stored and secret[8:40] not in stored
    assert secret.encode() not in bytes(rows[0]["fingerprint"])


async def test_a_client_is_found_by_its_client_id_our_id_or_its_name(clients: Clients, acme: App) -> None:
    client, _ = acme
    for name in (client.client_id, client.id, client.name):
        assert (await clients.find(name)).id == client.id


async def test_an_unknown_or_ambiguous_name_tells_what_to_do(clients: Clients) -> None:
    with pytest.raises(ClientProblem, match="cobalt clients list"):
        await clients.find("nobody")
    for _ in range(2):
        await clients.create("Twins")
    with pytest.raises(ClientProblem, match="client_id"):
        await clients.find("Twins")


async def test_only_exact_addresses_can_be_registered(clients: Clients, acme: App) -> None:
    client, _ = acme
    with pytest.raises(AddressProblem):
        await clients.create("X", callback_urls=["https://*.example.com/cb"])
    with pytest.raises(AddressProblem):
        await clients.update(client, origins=("https://app.example.com/",))
    assert [each.name for each in await clients.all()] == ["Acme Scribe"]


@pytest.mark.parametrize("name", ["", "   ", "x" * 81])
async def test_a_client_needs_a_name_that_users_can_read(clients: Clients, name: str) -> None:
    with pytest.raises(ClientProblem):
        await clients.create(name)


async def test_an_update_changes_what_is_given_and_nothing_else(clients: Clients, acme: App) -> None:
    client, _ = acme
    await clients.update(client, origins=("https://acme.example", "https://acme.example"))
    found = await clients.find(client.id)
    assert found.origins == ("https://acme.example",)
    assert (found.name, found.callback_urls) == (client.name, client.callback_urls)


async def test_a_disabled_client_stays_known_to_the_operator(clients: Clients, acme: App) -> None:
    client, _ = acme
    await clients.disable(client)
    assert (await clients.find(client.id)).disabled_at is not None
    assert await clients.known(client.client_id) is None
    await clients.enable(client)
    assert await clients.known(client.client_id) is not None


# S-008
async def test_a_rotation_leaves_two_live_secrets_and_never_three(
    clients: Clients, acme: App, clock: MovedClock
) -> None:
    client, first = acme
    second = await clients.rotate_secret(client, timedelta(hours=24))
    assert [each.hint for each in await clients.secrets(client)] == [second[-4:], first[-4:]]
    third = await clients.rotate_secret(client, timedelta(hours=24))
    assert [each.hint for each in await clients.secrets(client)] == [third[-4:], second[-4:]]
    clock.move(timedelta(hours=24, seconds=1))
    assert [each.hint for each in await clients.secrets(client)] == [third[-4:]]


async def test_a_rotation_without_overlap_leaves_the_new_secret_alone(clients: Clients, acme: App) -> None:
    client, _ = acme
    fresh = await clients.rotate_secret(client, timedelta())
    assert [each.hint for each in await clients.secrets(client)] == [fresh[-4:]]
