"""The messages to an account: each new one announced once, and the unread ones counted."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import CoreState, HomeAssistant, State
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from syrupy.assertion import SnapshotAssertion

from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.fleet.cadence import BETWEEN_COUNTS
from custom_components.bambu_lab_cloud.messages import MOST_LOOKS
from simulator import Simulator, wire
from simulator.answers import FORBIDDEN, RefusedError
from tests.conftest import Wait, set_up_with

MESSAGE = "event.demo_maker_message"
UNREAD = "sensor.demo_maker_unread_messages"
LAST = "sensor.demo_maker_last_message"
MESSAGES = "/v1/user-service/my/messages"
COUNT = "/v1/user-service/my/message/count"
P1S = "01P00A000000002"
RECORDS: dict[str, Any] = {"read_at": None, "printers": {}}
SEEN: dict[str, Any] = {"ids": [], "groups": []}
NAIVE = "2026-11-20T12:00:00"
NEWS = {
    "type": "comment",
    "id": "1",
    "title": None,
    "text": "Hello",
    "sender": None,
    "printer_id": None,
    "created": None,
    "found_at": f"{NAIVE}+00:00",
}

type Post = Callable[..., None]
type Heard = Callable[[], list[State]]


@pytest.fixture
def past() -> int:
    """No prints, whose messages would be unread too."""
    return 0


@pytest.fixture
def post(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Post:
    """Send a message to the account."""

    def send(kind: int, payload: dict[str, Any], sender: str | None = None) -> None:
        days = (simulator.cloud.started - datetime.now(UTC)) / timedelta(days=1)
        message = (days, sender, kind, payload)
        monkeypatch.setattr(wire, "OTHER_MESSAGES", (message, *wire.OTHER_MESSAGES))

    return send


@pytest.fixture
def heard(hass: HomeAssistant) -> Heard:
    """Return what was announced so far, as an automation hears it."""
    changes = async_capture_events(hass, "state_changed")

    def announced() -> list[State]:
        states = [change.data["new_state"] for change in changes]
        return [
            state
            for state in states
            if state
            and state.entity_id == MESSAGE
            and state.state not in {STATE_UNKNOWN, STATE_UNAVAILABLE}
        ]

    return announced


async def one_round(wait: Wait) -> None:
    """Let the messages be counted, and every group of them be asked for if that is worth it."""
    await wait(BETWEEN_COUNTS)
    for _ in range(4):
        await wait(timedelta(seconds=25))


def comment(content: str) -> dict[str, Any]:
    return {
        "designCommented": {
            "designInfo": {"title": "Wall hook"},
            "commentInfo": {"content": content},
        }
    }


def asked(simulator: Simulator) -> list[dict[str, Any]]:
    return [request for request in simulator.cloud.requests() if request["path"] == MESSAGES]


async def test_what_was_there_before_is_not_announced(
    hass: HomeAssistant, entry: MockConfigEntry, heard: Heard, wait: Wait
) -> None:
    await one_round(wait)
    await one_round(wait)
    assert heard() == []
    assert hass.states.get(MESSAGE).state == STATE_UNKNOWN


async def test_new_message_is_announced_once(
    hass: HomeAssistant, entry: MockConfigEntry, post: Post, heard: Heard, wait: Wait
) -> None:
    await one_round(wait)
    post(201, comment("Which <b>glue</b> &amp; how much?"), "Curious Printer")
    posted = datetime.now(UTC)
    await one_round(wait)
    await one_round(wait)
    (state,) = heard()
    attributes = dict(state.attributes)
    assert isinstance(attributes.pop("id"), str)
    assert attributes == {
        "event_type": "comment",
        "event_types": hass.states.get(MESSAGE).attributes["event_types"],
        "friendly_name": "Demo Maker Message",
        "title": "Wall hook",
        "text": "Which glue & how much?",
        "sender": "Curious Printer",
        "printer": None,
        "created": posted.replace(microsecond=0).isoformat(),
    }


@pytest.mark.parametrize(
    ("kind", "payload", "event_type"),
    [
        (101, {"designPublished": {"title": "Wall hook"}}, "design"),
        (202, comment("Yes"), "comment"),
        (254, {"ratingReminder": {"title": "Wall hook"}}, "rating"),
        (301, {"followed": {}}, "follow"),
        (411, {"systemForWeb": {"systemInfo": {"title": "Wall hook"}}}, "system"),
        (502, {"pointBoostingRightExpireRemind": {"boostingRightId": 3}}, "boost"),
        (603, {"communityPostLiked": {"userCount": 1}}, "community"),
        (815, {"newBadgeReceived": {"badgeTitle": "Guardian"}}, "badge"),
        (9999, {"somethingNew": {"title": "Wall hook"}}, "other"),
    ],
)
async def test_kinds(
    *,
    entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    post: Post,
    heard: Heard,
    wait: Wait,
    kind: int,
    payload: dict[str, Any],
    event_type: str,
) -> None:
    await one_round(wait)
    monkeypatch.setitem(wire.MESSAGE_TYPES, "1", (kind,))
    post(kind, payload)
    await one_round(wait)
    assert [state.attributes["event_type"] for state in heard()] == [event_type]


async def test_end_of_a_print(
    entry: MockConfigEntry, simulator: Simulator, heard: Heard, wait: Wait
) -> None:
    await one_round(wait)
    simulator.cloud.start(P1S, title="Cable clip", duration=60, task_lag=0)
    await one_round(wait)
    (state,) = heard()
    assert state.attributes["event_type"] == "print"
    assert state.attributes["title"] == "Cable clip"
    assert state.attributes["text"] == "Task Success"
    assert state.attributes["printer"] == "P1S"
    assert P1S not in str(state.attributes)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a < b and c > d", "a < b and c > d"),
        ("<p>one</p>\n<p>two</p>", "one two"),
        ("&lt;script&gt;x", "x"),
        ("<<b>script>x", "x"),
        ("<!-- --> ", None),
        pytest.param("word " * 100, ("word " * 51).strip(), id="long"),
    ],
)
async def test_text_is_plain_and_short(
    *,
    entry: MockConfigEntry,
    post: Post,
    heard: Heard,
    wait: Wait,
    content: str,
    text: str | None,
) -> None:
    await one_round(wait)
    post(201, comment(content))
    await one_round(wait)
    assert [state.attributes["text"] for state in heard()] == [text]


async def test_several_are_announced_in_order(
    entry: MockConfigEntry, post: Post, heard: Heard, wait: Wait
) -> None:
    await one_round(wait)
    for content in ("first", "second", "third"):
        post(201, comment(content))
        await wait(timedelta(seconds=5))
    await one_round(wait)
    assert [state.attributes["text"] for state in heard()] == ["first", "second", "third"]


async def test_history_that_moves_up_is_not_announced(
    *,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    post: Post,
    heard: Heard,
    wait: Wait,
) -> None:
    for number in range(25):
        post(201, comment(f"number {number}"))
        freezer.tick(1)
    await one_round(wait)
    # The two newest are deleted, so that two older ones come onto the page.
    monkeypatch.setattr(wire, "OTHER_MESSAGES", wire.OTHER_MESSAGES[2:])
    post(201, comment("new"))
    await one_round(wait)
    assert [state.attributes["text"] for state in heard()] == ["new"]


async def test_message_in_two_groups_is_announced_once(
    *,
    entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    post: Post,
    heard: Heard,
    wait: Wait,
) -> None:
    monkeypatch.setitem(wire.MESSAGE_TYPES, "5", (201, 603))
    await one_round(wait)
    post(201, comment("twice"))
    await one_round(wait)
    await one_round(wait)
    assert [state.attributes["text"] for state in heard()] == ["twice"]


async def test_message_during_a_restart_is_announced_after_it(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    post: Post,
    heard: Heard,
    wait: Wait,
) -> None:
    await one_round(wait)
    post(201, comment("before"))
    await one_round(wait)
    assert await hass.config_entries.async_unload(entry.entry_id)
    post(201, comment("meanwhile"))
    await wait(timedelta(hours=1))
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    await one_round(wait)
    await one_round(wait)
    texts = [state.attributes["text"] for state in heard()]
    # The state that is restored after the restart is the one from before it.
    assert texts == ["before", "before", "meanwhile"]


async def test_nothing_is_announced_before_automations_listen(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    post: Post,
    heard: Heard,
    wait: Wait,
) -> None:
    await one_round(wait)
    hass.set_state(CoreState.starting)
    assert await hass.config_entries.async_reload(entry.entry_id)
    post(201, comment("early"))
    await one_round(wait)
    assert heard() == []
    hass.set_state(CoreState.running)
    hass.bus.async_fire("homeassistant_started")
    await hass.async_block_till_done()
    assert [state.attributes["text"] for state in heard()] == ["early"]


@pytest.mark.parametrize(
    ("era", "already", "sent"), [("2026", 1, 1), ("2026", 1, 358), ("2022", 0, 1)]
)
async def test_unread(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    already: int,
    sent: int,
) -> None:
    """The cloud counts them; a page of a list holds twenty."""
    assert hass.states.get(UNREAD).state == STATE_UNKNOWN
    simulator.cloud.send_messages("demo@example.com", 201, sent)
    await wait(timedelta(seconds=25))
    assert hass.states.get(UNREAD).state == str(already + sent)


async def test_unread_is_unknown_where_nobody_counts(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    post: Post,
    heard: Heard,
    wait: Wait,
) -> None:
    """Messages are announced all the same."""
    simulator.cloud.add_fault("forbidden", COUNT)
    await one_round(wait)
    post(201, comment("new"))
    await one_round(wait)
    assert hass.states.get(UNREAD).state == STATE_UNKNOWN
    assert [state.attributes["text"] for state in heard()] == ["new"]


async def test_last_message(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    post: Post,
    wait: Wait,
) -> None:
    """The newest of all groups, once all were read, with its text beside its title."""
    states = []
    for _ in range(5):
        await wait(timedelta(seconds=25))
        states.append(hass.states.get(LAST).state)
    assert states[:4] == [STATE_UNKNOWN] * 4
    assert states[4] != STATE_UNKNOWN
    post(201, comment("<i>Which</i> glue?"))
    await one_round(wait)
    last = hass.states.get(LAST)
    assert (last.state, last.attributes["text"]) == ("Wall hook", "Which glue?")
    monkeypatch.setitem(wire.MESSAGE_TYPES, "1", (201, 301))
    post(301, {"followed": {}}, "Curious Printer")
    await one_round(wait)
    assert hass.states.get(LAST).state == STATE_UNKNOWN


async def test_asks_for_one_group_at_a_time(
    entry: MockConfigEntry, simulator: Simulator, wait: Wait
) -> None:
    for _ in range(5):
        await wait(timedelta(seconds=25))
    first = asked(simulator)
    assert len(first) == len({request["at"] for request in first}) == 5
    simulator.cloud.clear_requests()
    for _ in range(60):
        await wait(timedelta(minutes=1))
    # There is nothing new.
    assert asked(simulator) == []


@pytest.mark.parametrize("fault", ["forbidden", "html", "wrong_shape"])
async def test_useless_answer_about_a_group_changes_nothing(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    post: Post,
    heard: Heard,
    wait: Wait,
    fault: str,
) -> None:
    await one_round(wait)
    await one_round(wait)
    simulator.cloud.add_fault(fault, MESSAGES, times=5)
    post(201, comment("late"))
    await one_round(wait)
    assert hass.states.get(UNREAD).state == "2"
    assert heard() == []
    await one_round(wait)
    assert [state.attributes["text"] for state in heard()] == ["late"]


async def test_group_that_is_refused_at_first_is_history_later(
    hass: HomeAssistant, entry: MockConfigEntry, simulator: Simulator, heard: Heard, wait: Wait
) -> None:
    await wait(timedelta(seconds=25))
    simulator.cloud.add_fault("forbidden", MESSAGES, times=1)
    await one_round(wait)
    await one_round(wait)
    assert hass.states.get(UNREAD).state == "1"
    assert heard() == []


async def test_group_that_is_always_refused_holds_up_nobody(
    *,
    monkeypatch: pytest.MonkeyPatch,
    entry: MockConfigEntry,
    simulator: Simulator,
    post: Post,
    heard: Heard,
    wait: Wait,
) -> None:
    class Refusal:
        """A group that the cloud does not give to us."""

        def __contains__(self, kind: object) -> bool:
            raise RefusedError(FORBIDDEN)

    monkeypatch.setitem(wire.MESSAGE_TYPES, "2", Refusal())
    await one_round(wait)
    post(201, comment("heard"))
    await one_round(wait)
    assert [state.attributes["text"] for state in heard()] == ["heard"]
    simulator.cloud.clear_requests()
    for _ in range(60):
        await wait(timedelta(minutes=1))
    assert len(asked(simulator)) <= 11


@pytest.mark.parametrize(
    "fault", ["html", "server_error", "rate_limited", "cloudflare", "disconnect"]
)
async def test_outage(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    post: Post,
    heard: Heard,
    wait: Wait,
    fault: str,
) -> None:
    simulator.cloud.add_fault(fault, MESSAGES)
    await one_round(wait)
    assert hass.states.get(UNREAD).state == STATE_UNAVAILABLE
    simulator.cloud.clear_faults()
    await wait(timedelta(hours=2))
    await one_round(wait)
    assert hass.states.get(UNREAD).state == "1"
    post(201, comment("after"))
    await one_round(wait)
    simulator.cloud.add_fault("server_error", MESSAGES)
    await one_round(wait)
    assert await async_setup_component(hass, "homeassistant", {})
    await hass.services.async_call(
        "homeassistant", "update_entity", {"entity_id": MESSAGE}, blocking=True
    )
    assert hass.states.get(MESSAGE).attributes["text"] == "after"
    simulator.cloud.clear_faults()
    await wait(timedelta(hours=2))
    await one_round(wait)
    assert [state.attributes["text"] for state in heard()] == ["after"]


async def test_entity(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
) -> None:
    assert hass.states.get(MESSAGE) == snapshot(name="state")
    assert entity_registry.async_get(MESSAGE) == snapshot(name="entry")


async def test_storage_goes_with_the_entry(
    hass: HomeAssistant, entry: MockConfigEntry, hass_storage: dict[str, Any], wait: Wait
) -> None:
    await one_round(wait)
    key = f"{DOMAIN}.{entry.entry_id}.announced"
    assert hass_storage[key]["data"]["seen"]["ids"]
    await hass.config_entries.async_remove(entry.entry_id)
    assert key not in hass_storage


@pytest.mark.parametrize(
    "stored",
    [
        {"records": RECORDS, "outbox": []},
        {"records": RECORDS, "outbox": [], "seen": {"ids": 1, "groups": 2}},
        {"records": RECORDS, "outbox": [], "seen": {"ids": [1], "groups": []}},
        {"records": RECORDS, "outbox": [], "seen": {"ids": [], "groups": ["1"]}},
        {"records": RECORDS, "outbox": [{"message": {}}], "seen": SEEN},
        {"records": RECORDS, "outbox": [{"message": NEWS | {"created": 1}}], "seen": SEEN},
        {"records": RECORDS, "outbox": [{"message": NEWS | {"found_at": NAIVE}}], "seen": SEEN},
        {"records": RECORDS, "outbox": [{"message": NEWS | {"type": "spam"}}], "seen": SEEN},
        {"records": RECORDS, "outbox": [{"message": NEWS | {"title": 5}}], "seen": SEEN},
        {"records": RECORDS, "outbox": [{"message": NEWS | {"more": 5}}], "seen": SEEN},
        [1],
    ],
)
async def test_storage_that_cannot_be_read(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    post: Post,
    heard: Heard,
    wait: Wait,
    caplog: pytest.LogCaptureFixture,
    stored: Any,
) -> None:
    """It begins anew: what is there is history."""
    await set_up_with(hass, entry, "announced", stored)
    assert caplog.text.count("cannot be read, so it begins anew") == 1
    await one_round(wait)
    post(201, comment("new"))
    await one_round(wait)
    assert [state.attributes["text"] for state in heard()] == ["new"]


@pytest.mark.parametrize("fault", ["server_error", "rate_limited", "unauthorized"])
async def test_a_page_that_fails_after_the_count(
    entry: MockConfigEntry, simulator: Simulator, heard: Heard, wait: Wait, fault: str
) -> None:
    """What the new number is about has still to be read."""
    await one_round(wait)
    simulator.cloud.send_messages("demo", 201, 1)
    simulator.cloud.add_fault(fault, MESSAGES, 1)
    for _ in range(4):
        await one_round(wait)
    assert len(heard()) == 1


async def test_a_number_that_hides_what_is_new(
    entry: MockConfigEntry, simulator: Simulator, post: Post, heard: Heard, wait: Wait
) -> None:
    """One message was read in the app, and another one has come."""
    simulator.cloud.add_fault("body", COUNT, body={"unreadTotal": 3, "unreadDetail": []})
    for _ in range(3):
        await one_round(wait)
    post(201, comment("new"))
    for _ in range(MOST_LOOKS):
        await one_round(wait)
    assert [state.attributes["text"] for state in heard()] == ["new"]


async def test_nothing_new_is_rarely_stored_again(
    entry: MockConfigEntry, hass_storage: dict[str, Any], wait: Wait
) -> None:
    """When the printers were last seen is worth four writes an hour."""
    await one_round(wait)
    await one_round(wait)
    written = []
    for _ in range(60):
        await wait(timedelta(minutes=1))
        written.append(hass_storage[f"{DOMAIN}.{entry.entry_id}.announced"])
    assert len({id(each) for each in written}) <= 5
