"""The live data of an account, with a broker that does what a test wants."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
import json
import logging
from typing import Any, Self

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bambu_lab_cloud import binary_sensor, sensor
from custom_components.bambu_lab_cloud.api import (
    AuthenticationError,
    BrokerRefusedError,
    CannotConnectError,
)
from custom_components.bambu_lab_cloud.api.report import parse
from custom_components.bambu_lab_cloud.const import DOMAIN
from simulator import Simulator
from tests.conftest import Wait, asked, listeners, reload, settle, sign_in_demo

BIND = "/v1/iot-service/api/user/bind"
X1C = "00M00A000000001"
P1S = "01P00A000000002"
MINI = "03000A000000003"
LIVE_DATA = "binary_sensor.demo_maker_live_data"
KEYS = {each.key for each in (*sensor.LIVE, *binary_sensor.LIVE, *sensor.AMS, binary_sensor.ERROR)}
STATUS = "sensor.p1s"
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


class Broker:
    """What stands for the broker: what was tried and asked, when, and what it answers."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.strangers = set[str]()
        self.tried: list[datetime] = []
        self.asked: list[tuple[str, str]] = []
        self.followed: list[str] = []
        self.closed = 0
        self.session: Session

    async def live_session(self, hass: HomeAssistant, region: str, uid: str, token: str) -> Session:
        self.session = Session(self)
        return self.session

    def asked_for(self, what: str, printer_id: str) -> int:
        return self.asked.count((what, printer_id))


class Session:
    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.dropped = 0
        self.said = asyncio.Queue[Any]()

    async def __aenter__(self) -> Self:
        self.broker.tried.append(datetime.now(UTC))
        for failure in filter(None, [self.broker.failure]):
            raise failure
        self.broker.followed = []
        return self

    async def __aexit__(self, *_: object) -> None:
        self.broker.closed += 1

    async def follow(self, *printer_ids: str) -> set[str]:
        refused = self.broker.strangers.intersection(printer_ids)
        self.broker.followed += sorted(set(printer_ids) - refused)
        return refused

    async def unfollow(self, *printer_ids: str) -> None:
        for printer_id in printer_ids:
            self.broker.followed.remove(printer_id)

    async def ask_for_everything(self, printer_id: str) -> None:
        self.broker.asked.append(("everything", printer_id))

    async def ask_for_versions(self, printer_id: str) -> None:
        self.broker.asked.append(("versions", printer_id))

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        message = await self.said.get()
        for failure in [message] if isinstance(message, Exception) else []:
            raise failure
        return message


type Say = Callable[..., Awaitable[None]]
type Lose = Callable[..., Awaitable[None]]


async def breathe() -> None:
    """Let who listens do what there is to do now."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(f"custom_components.{DOMAIN}.live.live_session", broker.live_session)
    return broker


@pytest.fixture
async def entry(hass: HomeAssistant, simulator: Simulator, broker: Broker) -> MockConfigEntry:
    entry = await sign_in_demo(hass, simulator)
    await breathe()
    return entry


@pytest.fixture
def say(hass: HomeAssistant, broker: Broker) -> Say:
    """Let a printer say something, everything unless told otherwise."""

    async def say(printer_id: str = P1S, *, full: bool = True, **facts: Any) -> None:
        body = {"command": "push_status", "msg": 0 if full else 1, **facts}
        await tell(hass, broker, printer_id, {"print": body})

    return say


async def tell(hass: HomeAssistant, broker: Broker, printer_id: str, body: Any) -> None:
    message = parse(json.dumps(body).encode())
    assert message is not None
    broker.session.said.put_nowait((printer_id, message))
    await breathe()
    await settle(hass)


@pytest.fixture
def lose(hass: HomeAssistant, broker: Broker) -> Lose:
    """Let the session end."""

    async def lose(failure: Exception | None = None) -> None:
        broker.session.said.put_nowait(failure or CannotConnectError("MQTT broker: lost"))
        await breathe()
        await settle(hass)

    return lose


def state(hass: HomeAssistant, entity_id: str) -> str:
    found = hass.states.get(entity_id)
    assert found is not None
    return found.state


def status(hass: HomeAssistant) -> str:
    return state(hass, STATUS)


def live_data(hass: HomeAssistant) -> tuple[str, str | None]:
    found = hass.states.get(LIVE_DATA)
    assert found is not None
    return found.state, found.attributes["reason"]


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.INFO and record.name.endswith(DOMAIN)
    ]


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in said(caplog) if "live data" in line.lower()]


async def test_all_printers_are_followed_and_asked(
    hass: HomeAssistant, entry: MockConfigEntry, broker: Broker
) -> None:
    """Those that are off are heard should they come on, and not asked."""
    assert broker.followed == [X1C, P1S, MINI]
    assert sorted(broker.asked) == sorted(
        (what, each) for what in ("everything", "versions") for each in (X1C, P1S)
    )
    assert live_data(hass) == ("on", None)


async def test_what_a_printer_says_is_shown_at_once(
    hass: HomeAssistant, entry: MockConfigEntry, say: Say
) -> None:
    await say(gcode_state="RUNNING", mc_percent=40)
    assert status(hass) == "printing"
    assert entry.runtime_data.printers.data[P1S].current.progress == 40


async def test_what_is_held_back_is_shown_when_it_is_due(
    entry: MockConfigEntry, say: Say, wait: Wait
) -> None:
    """Although nothing comes after it."""
    printers = entry.runtime_data.printers
    await say(gcode_state="RUNNING", bed_temper=40)
    await wait(SECOND)
    await say(full=False, bed_temper=60)
    assert printers.live[P1S].bed_temperature == 40
    await wait(10 * SECOND)
    assert printers.live[P1S].bed_temperature == 60


async def test_a_lost_session_has_a_minute_to_come_back(
    *, hass: HomeAssistant, entry: MockConfigEntry, broker: Broker, say: Say, lose: Lose, wait: Wait
) -> None:
    """Then what HTTP tells is shown, and it never was unavailable."""
    await say(gcode_state="RUNNING")
    broker.failure = CannotConnectError("MQTT broker: no")
    await lose()
    assert live_data(hass) == ("off", "lost")
    await wait(50 * SECOND)
    assert status(hass) == "printing"
    await wait(11 * SECOND)
    assert status(hass) == "finished"
    broker.failure = None
    await wait(6 * MINUTE)
    await breathe()
    assert live_data(hass) == ("on", None)
    assert status(hass) == "finished"
    await say(gcode_state="RUNNING")
    assert status(hass) == "printing"


async def test_an_outage_is_one_line_and_its_end_another(
    *,
    entry: MockConfigEntry,
    broker: Broker,
    say: Say,
    lose: Lose,
    wait: Wait,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await wait(11 * MINUTE)
    caplog.clear()
    await lose()
    await wait(7 * SECOND)
    await breathe()
    await say()
    # That was a moment.
    assert lines(caplog) == []
    broker.failure = CannotConnectError("MQTT broker: no")
    await lose()
    for _ in range(20):
        await wait(MINUTE)
    (line,) = lines(caplog)
    assert "no live data" in line
    caplog.clear()
    broker.failure = None
    for _ in range(20):
        await wait(MINUTE)
    (line,) = lines(caplog)
    assert "back" in line


def pauses(broker: Broker) -> list[float]:
    """Return how long the broker was left alone, in seconds."""
    tried = broker.tried
    return [(b - a).total_seconds() for a, b in pairwise(tried)]


async def test_tries_are_ever_further_apart(
    entry: MockConfigEntry, broker: Broker, lose: Lose, wait: Wait
) -> None:
    broker.failure = CannotConnectError("MQTT broker: no")
    await lose()
    for _ in range(60 * 12):
        await wait(5 * SECOND)
    expected = [5, 10, 20, 40, 80, 160, *[300] * 10]
    waited = pauses(broker)
    assert len(waited) >= 13
    for pause, least in zip(waited, expected, strict=False):
        assert least <= pause <= least * 1.25 + 5


async def test_a_session_that_ends_soon_is_no_success(
    entry: MockConfigEntry, broker: Broker, lose: Lose, wait: Wait
) -> None:
    """A broker that hangs up on us is not asked every five seconds."""
    for _ in range(60):
        await lose()
        await wait(6 * MINUTE)
    assert min(pauses(broker)[8:]) >= 300


async def test_a_session_that_lasted_is_one(
    entry: MockConfigEntry, broker: Broker, lose: Lose, wait: Wait
) -> None:
    for _ in range(6):
        await lose()
        await wait(6 * MINUTE)
    for _ in range(4):
        await wait(5 * MINUTE)
    tries = len(broker.tried)
    await lose()
    await wait(8 * SECOND)
    assert len(broker.tried) == tries + 1


# Refusals


async def test_a_token_that_the_broker_alone_refuses_is_no_matter_of_the_owner(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    broker: Broker,
    lose: Lose,
    wait: Wait,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In 2023 it refused every token for days: that is a handful of tries a day."""
    broker.failure = BrokerRefusedError("MQTT broker: [135] Not authorized")
    tries = len(broker.tried)
    caplog.clear()
    await lose()
    for _ in range(24 * 4):
        await wait(15 * MINUTE)
    assert live_data(hass) == ("off", "refused")
    assert status(hass) == "finished"
    assert hass.config_entries.flow.async_progress() == []
    # After 0, 15, 45, 105, 225, 465, 825 and 1185 minutes, or up to a quarter later.
    assert 6 <= len(broker.tried) - tries <= 8
    assert len(lines(caplog)) == 1
    broker.failure = None
    for _ in range(8):
        await wait(HOUR)
    await breathe()
    assert live_data(hass) == ("on", None)


async def test_a_session_ends_a_row_of_refusals(
    entry: MockConfigEntry, broker: Broker, lose: Lose, wait: Wait
) -> None:
    """The next one begins with a quarter of an hour again."""
    for _ in range(2):
        broker.failure = BrokerRefusedError("MQTT broker: [135] Not authorized")
        await lose()
        for _ in range(12):
            await wait(5 * MINUTE)
        broker.failure = None
        await wait(2 * HOUR)
        await breathe()
    assert sum(15 * 60 <= pause <= 20 * 60 for pause in pauses(broker)) == 2


async def test_a_token_that_is_dead_is_asked_for_once(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    broker: Broker,
    lose: Lose,
    wait: Wait,
) -> None:
    """The broker notices first, and the poll that is asked for says so."""
    for _ in range(15):
        await wait(MINUTE)
    simulator.cloud.revoke("demo")
    broker.failure = BrokerRefusedError("MQTT broker: [135] Not authorized")
    tries = len(broker.tried)
    await lose()
    await wait(7 * SECOND)
    await breathe()
    await wait(SECOND)
    (flow,) = hass.config_entries.flow.async_progress()
    assert flow["context"]["source"] == "reauth"
    for _ in range(30):
        await wait(HOUR)
    assert len(hass.config_entries.flow.async_progress()) == 1
    assert len(broker.tried) == tries + 1


async def test_the_cloud_may_be_wrong_once(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    broker: Broker,
    lose: Lose,
    wait: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where polls go on, so does the feed, after the pause that a refusal costs."""

    async def refuse() -> None:
        raise AuthenticationError

    monkeypatch.setattr(entry.runtime_data.printers.client, "get_preference", refuse)
    broker.failure = BrokerRefusedError("MQTT broker: [135] Not authorized")
    await lose()
    await wait(7 * SECOND)
    tries = len(broker.tried)
    broker.failure = None
    for _ in range(14):
        await wait(MINUTE)
    assert len(broker.tried) == tries
    for _ in range(8):
        await wait(MINUTE)
    await breathe()
    assert live_data(hass) == ("on", None)
    assert hass.config_entries.flow.async_progress() == []


async def test_a_printer_that_the_broker_refuses_is_its_own_matter(
    hass: HomeAssistant,
    simulator: Simulator,
    broker: Broker,
    wait: Wait,
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker.strangers = {X1C}
    await sign_in_demo(hass, simulator)
    await breathe()
    assert broker.followed == [P1S, MINI]
    assert broker.asked_for("everything", X1C) == 0
    for _ in range(50):
        await wait(2 * MINUTE)
    assert [line for line in said(caplog) if "refuses" in line] == [
        "Printers of the account that the broker refuses: 1"
    ]
    broker.strangers = set()
    for _ in range(5):
        await wait(2 * MINUTE)
    assert broker.followed == [P1S, MINI]
    for _ in range(8):
        await wait(2 * MINUTE)
    await breathe()
    assert broker.followed == [P1S, MINI, X1C]
    assert broker.asked_for("everything", X1C) == 1


# Reloads


async def test_reloads_are_no_storm(
    hass: HomeAssistant, entry: MockConfigEntry, broker: Broker, say: Say, wait: Wait
) -> None:
    await say()
    for _ in range(20):
        await reload(hass, entry)
        await wait(30 * SECOND)
        await breathe()
    # Ten minutes.
    assert len(broker.tried) <= 8
    assert broker.asked_for("everything", P1S) <= 8


async def test_a_new_token_is_tried_at_once(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    broker: Broker,
    lose: Lose,
    wait: Wait,
) -> None:
    broker.failure = BrokerRefusedError("MQTT broker: [135] Not authorized")
    await lose()
    await wait(7 * SECOND)
    assert live_data(hass) == ("off", "refused")
    broker.failure = None
    await reload(hass, entry)
    await breathe()
    assert live_data(hass) == ("unknown", None)
    accounts = simulator.cloud.accounts
    token = accounts.token(accounts.find("demo"), datetime.now(UTC))
    hass.config_entries.async_update_entry(entry, data={**entry.data, "token": token})
    await reload(hass, entry)
    await breathe()
    assert live_data(hass) == ("on", None)


# Who comes and goes


async def test_a_printer_that_joins_the_account_is_heard(
    entry: MockConfigEntry, simulator: Simulator, broker: Broker, wait: Wait
) -> None:
    printer_id = simulator.cloud.add_printer("demo", "A1", "New one")
    await wait(3 * MINUTE)
    await breathe()
    assert broker.followed == [X1C, P1S, MINI, printer_id]
    assert broker.asked_for("everything", printer_id) == 1


async def test_a_printer_that_leaves_the_account_is_not_heard(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    broker: Broker,
    say: Say,
    wait: Wait,
) -> None:
    """Back in it, it has to tell everything anew."""
    await say(gcode_state="IDLE")
    assert status(hass) == "idle"
    simulator.cloud.remove_printer(P1S, "demo")
    await wait(3 * MINUTE)
    await breathe()
    assert broker.followed == [X1C, MINI]
    await say(gcode_state="PAUSE")
    for _ in range(3):
        await wait(2 * MINUTE)
    simulator.cloud.bind_printer(P1S, "demo")
    await wait(2 * MINUTE)
    await breathe()
    assert broker.followed == [X1C, MINI, P1S]
    assert status(hass) == "finished"
    assert broker.asked_for("everything", P1S) == 2


async def test_a_printer_that_comes_on_is_asked(
    entry: MockConfigEntry, simulator: Simulator, broker: Broker, wait: Wait
) -> None:
    simulator.cloud.change_printer(MINI, online=True)
    for _ in range(6):
        await wait(5 * MINUTE)
    await breathe()
    assert broker.asked_for("everything", MINI) == 1
    assert broker.asked_for("versions", MINI) == 1


async def test_a_printer_that_comes_on_again_is_asked_again(
    entry: MockConfigEntry, simulator: Simulator, broker: Broker, say: Say, wait: Wait
) -> None:
    """It may have changed meanwhile, and an AMS may be another one."""
    await say(gcode_state="IDLE")
    simulator.cloud.change_printer(P1S, online=False)
    for _ in range(5):
        await wait(5 * MINUTE)
    assert broker.asked_for("everything", P1S) == 1
    simulator.cloud.change_printer(P1S, online=True)
    for _ in range(2):
        await wait(5 * MINUTE)
        await breathe()
    assert broker.asked_for("everything", P1S) == 2
    assert broker.asked_for("versions", P1S) == 2


async def test_a_printer_that_the_broker_knows_to_come_is_asked(
    hass: HomeAssistant, entry: MockConfigEntry, broker: Broker
) -> None:
    for number in range(3):
        event = {"event": "client.disconnected", "disconnected_at": str(number)}
        await tell(hass, broker, MINI, {"event": event})
    assert broker.asked_for("everything", MINI) == 0
    await tell(hass, broker, MINI, {"event": {"event": "client.connected", "connected_at": "9"}})
    assert broker.asked_for("everything", MINI) == 1
    assert broker.asked_for("versions", MINI) == 1


# What is asked


async def test_changes_are_never_a_reason_to_ask(
    entry: MockConfigEntry, broker: Broker, say: Say, wait: Wait
) -> None:
    """Nor are polls, nor is time."""
    await say(gcode_state="IDLE", nozzle_temper=25)
    for number in range(90):
        await say(full=False, nozzle_temper=25 + number % 2)
        await wait(2 * MINUTE)
    assert broker.asked_for("everything", P1S) == 1
    assert broker.asked_for("versions", P1S) == 1
    # It never answers, and says nothing.
    assert broker.asked_for("everything", X1C) == 1


async def test_who_tells_changes_alone_is_asked_ever_more_rarely(
    entry: MockConfigEntry, broker: Broker, say: Say, wait: Wait
) -> None:
    for _ in range(6 * 20):
        await say(full=False, nozzle_temper=25)
        await wait(3 * MINUTE)
    # After 5, 15, 35, 75, 135, 195, 255 and 315 minutes.
    assert 8 <= broker.asked_for("everything", P1S) <= 10


async def test_a_print_that_bind_alone_tells_is_a_reason_to_ask(
    entry: MockConfigEntry, simulator: Simulator, broker: Broker, say: Say, wait: Wait
) -> None:
    """A start can get lost on its way."""
    await say(gcode_state="IDLE")
    await wait(10 * MINUTE)
    simulator.cloud.start(P1S, duration=3600)
    await wait(3 * MINUTE)
    await breathe()
    assert broker.asked_for("everything", P1S) == 2
    await say(gcode_state="RUNNING")
    for _ in range(10):
        await say(full=False, mc_percent=1)
        await wait(2 * MINUTE)
    assert broker.asked_for("everything", P1S) == 2


async def test_a_print_that_began_without_a_session_is_one(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    say: Say,
    lose: Lose,
    wait: Wait,
) -> None:
    """Changes that come before everything is told are no word on what is printed."""
    await say(gcode_state="IDLE", task_id="0", subtask_id="0")
    await lose()
    await wait(2 * MINUTE)
    task = simulator.cloud.start(P1S, duration=36000)
    for _ in range(8):
        await wait(2 * MINUTE)
    await say(full=False, wifi_signal="-40dBm")
    await wait(SECOND)
    await say(gcode_state="RUNNING", mc_percent=30, task_id="0", subtask_id="0")
    await wait(10 * SECOND)
    state = hass.states.get("event.p1s_print")
    assert state is not None
    assert (state.attributes["event_type"], state.attributes["task_id"]) == ("started", str(task))


async def test_a_printer_that_falls_silent_is_asked_about_once(
    entry: MockConfigEntry, simulator: Simulator, say: Say, wait: Wait
) -> None:
    """After a minute, at once when it is not believed any more, and then as without live data."""
    simulator.cloud.change_printer(X1C, online=False)
    await wait(5 * MINUTE)
    await say(gcode_state="RUNNING")
    for _ in range(5):
        await say(full=False, mc_percent=1)
        await wait(30 * SECOND)
    await say(full=False, mc_percent=2)
    simulator.cloud.clear_requests()
    binds = []
    for _ in range(18):
        await wait(11 * SECOND)
        binds.append(asked(simulator, BIND))
    assert binds[4] == 0
    assert binds[5] == 1
    assert binds[15] == 1
    assert binds[17] == 2


async def test_what_begins_soon_after_another_is_looked_for_together(
    entry: MockConfigEntry, simulator: Simulator, say: Say, wait: Wait
) -> None:
    """At once for the first and two minutes later, and two minutes after the last."""
    printers = (X1C, P1S)
    for each in printers:
        await say(each, gcode_state="IDLE", task_id="0", subtask_id="0")
    for _ in range(10):
        await wait(MINUTE)
    simulator.cloud.clear_requests()
    binds = []
    states = dict.fromkeys(printers, "IDLE")
    for second in range(0, 600, 20):
        states |= {P1S: "RUNNING"} if second == 20 else {}
        states |= {X1C: "RUNNING"} if second == 80 else {}
        # A pause is nothing to ask bind for.
        states |= {P1S: "PAUSE"} if second == 400 else {}
        for each in printers:
            await say(each, full=False, gcode_state=states[each], wifi_signal=f"-{second}dBm")
        binds.append(asked(simulator, BIND))
        await wait(20 * SECOND)
    assert [binds[second // 20] for second in (0, 20, 120, 160, 180, 220, 580)] == [
        *(0, 1, 1, 2, 2, 3, 3)
    ]


async def test_what_begins_soon_after_the_account_was_set_up_is_looked_for(
    entry: MockConfigEntry, simulator: Simulator, say: Say, wait: Wait
) -> None:
    """The first poll comes before anybody is heard, and plans none that is soon."""
    printers = (X1C, P1S, MINI)
    for each in printers:
        await say(each, gcode_state="IDLE", task_id="0", subtask_id="0")
    await wait(30 * SECOND)
    simulator.cloud.clear_requests()
    binds = []
    for second in range(0, 160, 20):
        await say(P1S, full=False, gcode_state="RUNNING", wifi_signal=f"-{second}dBm")
        for each in (X1C, MINI):
            await say(each, full=False, wifi_signal=f"-{second}dBm")
        binds.append(asked(simulator, BIND))
        await wait(20 * SECOND)
    assert binds == [1] * 6 + [2] * 2


async def test_what_was_dropped_is_asked_for(
    entry: MockConfigEntry, broker: Broker, say: Say, wait: Wait
) -> None:
    await say(X1C, gcode_state="IDLE")
    await wait(10 * MINUTE)
    broker.session.dropped = 3
    await say(X1C, full=False, bed_temper=20)
    assert broker.asked_for("everything", X1C) == 2


# Mistakes


async def test_a_mistake_loses_nothing_but_one_message(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    broker: Broker,
    say: Say,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The log has it once, with its place and without its text."""

    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError(f"{2 * 21}")

    with monkeypatch.context() as patched:
        patched.setattr(f"custom_components.{DOMAIN}.live.heard", fail)
        await say(gcode_state="RUNNING")
        await say(gcode_state="RUNNING")
    await say(gcode_state="RUNNING")
    assert status(hass) == "printing"
    assert len(broker.tried) == 1
    (line,) = lines(caplog)
    assert "ZeroDivisionError" in line
    assert "in fail" in line
    assert "42" not in line


async def test_a_mistake_in_a_session_ends_it(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    lose: Lose,
    wait: Wait,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.clear()
    await lose(ZeroDivisionError("secret"))
    (line,) = lines(caplog)
    assert "ZeroDivisionError" in line
    await wait(7 * SECOND)
    await breathe()
    assert live_data(hass) == ("on", None)


async def test_a_dead_task_is_started_again_by_a_poll(
    hass: HomeAssistant, entry: MockConfigEntry, say: Say, wait: Wait
) -> None:
    await say(gcode_state="RUNNING")
    (task,) = listeners()
    task.cancel()
    await breathe()
    assert live_data(hass) == ("off", "lost")
    await wait(90 * SECOND)
    assert status(hass) == "finished"
    await breathe()
    assert live_data(hass) == ("on", None)


# The option


async def choose(hass: HomeAssistant, entry: MockConfigEntry, *, live: bool) -> None:
    """Switch live data on or off, as its owner does."""
    flows = hass.config_entries.options
    flow = await flows.async_init(entry.entry_id)
    await flows.async_configure(flow["flow_id"], {"live_data": live})
    await settle(hass)
    await breathe()


async def test_it_can_be_switched_off_and_on(
    *, hass: HomeAssistant, entry: MockConfigEntry, broker: Broker, say: Say, wait: Wait
) -> None:
    await say(gcode_state="RUNNING", bed_temper=60)
    registry = er.async_get(hass)
    over_http = set(registry.entities) - live_entities(hass)
    assert live_entities(hass) >= {"sensor.p1s_bed_temperature", "sensor.p1s_stage"}
    await choose(hass, entry, live=False)
    assert set(registry.entities) == over_http
    assert broker.closed == 1
    assert live_data(hass) == ("off", "off")
    assert status(hass) == "finished"
    for _ in range(10):
        await wait(5 * MINUTE)
    assert len(broker.tried) == 1
    await choose(hass, entry, live=True)
    assert live_data(hass) == ("on", None)
    assert len(broker.tried) == 2
    assert live_entities(hass) == set()
    await wait(MINUTE)
    await say(gcode_state="RUNNING", bed_temper=60)
    assert state(hass, "sensor.p1s_bed_temperature") == "60"


def live_entities(hass: HomeAssistant) -> set[str]:
    """Return the entities that are there for live data alone."""
    entries = er.async_get(hass).entities.values()
    return {each.entity_id for each in entries if each.unique_id.split("_", 2)[-1] in KEYS}


async def test_without_a_broker_it_is_off(
    hass: HomeAssistant, simulator: Simulator, wait: Wait
) -> None:
    """What is meant for another cloud than the real one never reaches the real broker."""
    await sign_in_demo(hass, simulator)
    await breathe()
    assert live_data(hass) == ("off", "off")
    for _ in range(5):
        await wait(5 * MINUTE)
    assert live_data(hass) == ("off", "off")


# The end


@pytest.mark.parametrize("what", ["async_unload", "async_remove"])
async def test_nothing_is_left_of_a_session(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    broker: Broker,
    say: Say,
    wait: Wait,
    what: str,
) -> None:
    await say(gcode_state="RUNNING", bed_temper=20)
    await wait(SECOND)
    await say(full=False, bed_temper=50)
    await getattr(hass.config_entries, what)(entry.entry_id)
    assert broker.closed == 1
    assert listeners() == set()
    for _ in range(5):
        await wait(5 * MINUTE)
    assert len(broker.tried) == 1


@pytest.mark.parametrize("what", ["async_unload", "async_remove"])
async def test_nothing_is_left_of_a_try(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    broker: Broker,
    lose: Lose,
    wait: Wait,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    """However long connecting takes."""

    async def connect(self: Session) -> Session:
        broker.tried.append(datetime.now(UTC))
        await asyncio.Event().wait()
        return self

    monkeypatch.setattr(Session, "__aenter__", connect)
    await lose()
    await wait(7 * SECOND)
    assert len(broker.tried) == 2
    await getattr(hass.config_entries, what)(entry.entry_id)
    assert listeners() == set()
    for _ in range(5):
        await wait(5 * MINUTE)
    assert len(broker.tried) == 2


async def test_home_assistant_stops_in_a_session(
    hass: HomeAssistant, entry: MockConfigEntry, broker: Broker, say: Say
) -> None:
    """The harness finds what is left."""
    await say(gcode_state="RUNNING", bed_temper=20)
    await say(full=False, bed_temper=50)
    await hass.async_stop(force=True)
    assert broker.closed == 1


# Messages


MESSAGES = "/v1/user-service/my/messages"
COUNT = "/v1/user-service/my/message/count"


async def test_messages_are_read_when_their_number_changes(
    entry: MockConfigEntry, simulator: Simulator, say: Say, wait: Wait
) -> None:
    """The printers themselves say what most of them are about."""
    simulator.cloud.change_printer(X1C, online=False)
    await wait(5 * MINUTE)
    await say(gcode_state="IDLE")
    for _ in range(60):
        await wait(MINUTE)
    simulator.cloud.clear_requests()
    for _ in range(120):
        await wait(MINUTE)
    assert asked(simulator, COUNT) == 2
    assert asked(simulator, MESSAGES) == 0
    simulator.cloud.send_messages("demo", 201)
    for _ in range(60):
        await wait(MINUTE)
    assert asked(simulator, MESSAGES) == 5
    simulator.cloud.clear_requests()
    await wait(HOUR)
    assert asked(simulator, MESSAGES) == 0


@pytest.mark.parametrize(("strangers", "binds", "messages"), [(set(), 15, 0), ({MINI}, 15, 0)])
async def test_a_night_asks_little(
    *,
    hass: HomeAssistant,
    simulator: Simulator,
    broker: Broker,
    wait: Wait,
    strangers: set[str],
    binds: int,
    messages: int,
) -> None:
    """All are off, and would be heard if they came on; of whom would not, only HTTP tells."""
    for each in (X1C, P1S):
        simulator.cloud.change_printer(each, online=False)
    broker.strangers = strangers
    await sign_in_demo(hass, simulator)
    for _ in range(60):
        await wait(MINUTE)
    simulator.cloud.clear_requests()
    for _ in range(120):
        await wait(MINUTE)
    assert asked(simulator, BIND) == binds
    assert asked(simulator, MESSAGES) == messages
