"""A session with the simulator's broker, which decides as the cloud's does."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
import logging
from typing import Any

import pytest

from custom_components.bambu_lab_cloud.api import Broker, BrokerRefusedError, CannotConnectError
from custom_components.bambu_lab_cloud.api.live import LiveSession
from custom_components.bambu_lab_cloud.api.report import Report, Versions
from simulator import Simulator
from simulator.accounts import Account

SENT = {"connect", "subscribe", "pushall", "get_version", "unsubscribe", "disconnect"}


@pytest.fixture(autouse=True)
def _no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing between two packets; that is proven elsewhere."""
    monkeypatch.setattr("custom_components.bambu_lab_cloud.api.live._GAP", 0)


@pytest.fixture
async def simulator(socket_enabled: None) -> AsyncIterator[Simulator]:
    simulator = Simulator(mqtt="manual", history=3)
    simulator.cloud.stop_schedules()
    await simulator.start()
    yield simulator
    accidents = simulator.accidents()
    await simulator.stop()
    assert accidents == []


@dataclass
class Owner:
    """An account with what opens a session."""

    simulator: Simulator
    account: Account

    @property
    def printers(self) -> list[str]:
        """Return the serial numbers of its printers that are on."""
        printers = self.simulator.cloud.printers_of(self.account)
        return [printer.dev_id for printer in printers if printer.offline_since is None]

    def session(self, **other: Any) -> LiveSession:
        """Return a session, with something wrong where that is wanted."""
        token = self.simulator.cloud.accounts.token(self.account, datetime.now(UTC))
        known = {"uid": str(self.account.uid), "token": token}
        return LiveSession(
            Broker.at(self.simulator.mqtt_url), tls_context=None, **{**known, **other}
        )


def owner(simulator: Simulator, name: str) -> Owner:
    """Return an account of the simulator."""
    return Owner(simulator, simulator.cloud.accounts.find(name))


@pytest.fixture
def demo(simulator: Simulator) -> Owner:
    return owner(simulator, "demo")


def done(simulator: Simulator) -> list[str]:
    """Return what clients did."""
    return [entry["what"] for entry in simulator.mqtt_log()]


async def test_a_session(simulator: Simulator, demo: Owner) -> None:
    printer = demo.printers[0]
    async with demo.session() as session:
        assert await session.follow(*demo.printers) == set()
        await session.ask_for_everything(printer)
        first = await anext(session)
        await session.ask_for_versions(printer)
        second = await anext(session)
        await session.unfollow(printer)
        await simulator.push(printer)
        await simulator.push(demo.printers[1])
        third = await anext(session)
    assert [each[0] for each in (first, second, third)] == [printer, printer, demo.printers[1]]
    assert isinstance(first[1], Report)
    assert first[1].full
    assert isinstance(second[1], Versions)
    await simulator.stop_broker()
    many = ["subscribe"] * len(demo.printers)
    assert done(simulator) == [
        "connect", *many, "pushall", "get_version", "unsubscribe", "disconnect"
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["demo", "password", "google", "totp", "tfa", "13800000000"])
async def test_every_family_is_understood(simulator: Simulator, name: str) -> None:
    owning = owner(simulator, name)
    async with owning.session() as session:
        assert await session.follow(*owning.printers) == set()
        for printer in owning.printers:
            await simulator.push(printer, full=True)
            told_by, message = await anext(session)
            assert told_by == printer
            assert isinstance(message, Report)
            assert message.gcode_state
            assert message.unknown == set()


async def test_a_farm(simulator: Simulator) -> None:
    farm = owner(simulator, "farm")
    async with farm.session() as session:
        assert await session.follow(*farm.printers) == set()
        for printer in farm.printers:
            await session.ask_for_everything(printer)
        heard = {(await anext(session))[0] for _ in farm.printers}
    assert heard == set(farm.printers)
    assert len(heard) > 100


@pytest.mark.parametrize(
    "wrong",
    [{"token": "wrong"}, {"token": ""}, {"uid": "demo@example.com"}, {"uid": "1"}, {"uid": ""}],
    ids=str,
)
async def test_who_is_refused(simulator: Simulator, demo: Owner, wrong: dict[str, str]) -> None:
    with pytest.raises(BrokerRefusedError):
        await demo.session(**wrong).__aenter__()
    assert done(simulator) == ["refused"]


async def test_a_token_of_another_account(simulator: Simulator, demo: Owner) -> None:
    token = simulator.cloud.accounts.token(owner(simulator, "password").account, datetime.now(UTC))
    with pytest.raises(BrokerRefusedError):
        await demo.session(token=token).__aenter__()


async def test_a_token_that_only_the_broker_refuses(simulator: Simulator, demo: Owner) -> None:
    simulator.cloud.refuse_mqtt("demo@example.com")
    with pytest.raises(BrokerRefusedError):
        await demo.session().__aenter__()
    simulator.cloud.refuse_mqtt("demo@example.com", refused=False)
    async with demo.session() as session:
        assert await session.follow(*demo.printers) == set()


async def test_a_printer_of_another_account(simulator: Simulator, demo: Owner) -> None:
    (foreign, *_) = owner(simulator, "password").printers
    (own, *_) = demo.printers
    async with demo.session() as session:
        assert await session.follow(own, foreign, "+", "#") == {foreign, "+", "#"}
        await simulator.push(foreign, full=True)
        await simulator.push(own, full=True)
        assert (await anext(session))[0] == own
    assert done(simulator).count("subscribe_refused") == 1


async def test_loss_and_return(simulator: Simulator, demo: Owner) -> None:
    for _ in range(2):
        async with demo.session() as session:
            assert await session.follow(*demo.printers) == set()
            await simulator.drop_sessions()
            with pytest.raises(CannotConnectError):
                await anext(session)
    await simulator.stop_broker()
    with pytest.raises(CannotConnectError):
        await demo.session().__aenter__()
    await simulator.start_broker()
    async with demo.session() as session:
        assert await session.follow(*demo.printers) == set()


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"\xff" * 100, b" " * 900_000 + b"[]", b'{"print": {"hms": 3}}']
)
async def test_nonsense_of_a_printer(simulator: Simulator, demo: Owner, payload: bytes) -> None:
    printer = demo.printers[0]
    async with demo.session() as session:
        await session.follow(printer)
        await simulator.publish(printer, payload)
        await simulator.push(printer, full=True)
        messages = [await anext(session)]
        while not getattr(messages[-1][1], "full", False):
            messages.append(await anext(session))


async def test_nothing_is_told(
    simulator: Simulator, demo: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with demo.session() as session:
        await session.follow(*demo.printers)
        for printer in demo.printers:
            await session.ask_for_everything(printer)
            await session.ask_for_versions(printer)
        told = [await anext(session) for _ in range(2)]
    secrets = [*simulator.mqtt_secrets(), *demo.printers, str(demo.account.uid)]
    assert len(secrets) > 5
    seen = caplog.text + repr([message for _, message in told])
    assert [secret for secret in secrets if secret in seen] == []
    assert set(done(simulator)) <= SENT
