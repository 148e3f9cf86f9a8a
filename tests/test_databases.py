"""What the recorder is given, whichever its database is (see scripts/databases)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
import hashlib
import json
import logging
from typing import Any

from homeassistant.components.recorder import get_instance
from homeassistant.components.recorder.db_schema import Events, StateAttributes, States, Statistics
from homeassistant.components.recorder.history import get_significant_states
from homeassistant.components.recorder.statistics import (
    list_statistic_ids,
    statistics_during_period,
)
from homeassistant.components.recorder.util import session_scope
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from pytest_homeassistant_custom_component.typing import WebSocketGenerator
from sqlalchemy import func, select

from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.history import BEFORE_FIRST_PAGE
from simulator import Simulator

from .conftest import Wait, sign_in

EVENT = "event.my_p1s_print"
TITLE = "sensor.my_p1s_print_title"
METRICS = ("Total filament weight", "Total print time", "Total prints")
MINUTE = timedelta(minutes=1)
# As told by the cloud, and as it is kept.
TEXTS = {
    "nul": ("a\0b", "ab"),
    "only nul": ("\0", None),
    "emoji": ("Benchy 🚤👩‍🚒", "Benchy 🚤👩‍🚒"),
    "four bytes": ("𠮷𝄞 ex", "𠮷𝄞 ex"),
    "right to left": ("סירה קטנה", "סירה קטנה"),
    "turned around": ("gpj.\u202ebenchy", "gpj.benchy"),
    "lone surrogate": ("half \ud83d", "half ?"),
    "quotes": (
        "'; DROP TABLE states; -- \\ \" %s {{ 1 }}",
        "'; DROP TABLE states; -- \\ \" %s {{ 1 }}",
    ),
    "long": ("🚤" * 300, "🚤" * 255),
}

pytestmark = pytest.mark.usefixtures("recorder_mock", "logbook")


@pytest.fixture
def past() -> int:
    return 60


async def ask[T](hass: HomeAssistant, question: Callable[..., T], *args: Any) -> T:
    await async_wait_recording_done(hass)
    return await get_instance(hass).async_add_executor_job(question, *args)


async def ours(hass: HomeAssistant) -> list[dict[str, Any]]:
    found = await ask(hass, list_statistic_ids, hass)
    return [each for each in found if each["source"] == DOMAIN]


def name(printer: str | None, metric: str) -> str:
    """Return the name of a statistic, which is as long as the recorder lets it be."""
    about = f" Print history: {metric}"
    return (printer or "P1S")[: 255 - len(about)] + about


def kept(hass: HomeAssistant) -> dict[str, int]:
    """Return how many rows the database has of each kind."""
    with session_scope(hass=hass, read_only=True) as session:
        return {
            table.__tablename__: session.scalar(select(func.count()).select_from(table)) or 0
            for table in (Statistics, States, StateAttributes, Events)
        }


@pytest.mark.parametrize(("told", "shown"), TEXTS.values(), ids=TEXTS)
async def test_any_title(
    *,
    hass: HomeAssistant,
    simulator: Simulator,
    wait: Wait,
    hass_ws_client: WebSocketGenerator,
    caplog: pytest.LogCaptureFixture,
    record_property: Callable[[str, object], None],
    told: str,
    shown: str | None,
) -> None:
    """It goes through states, attributes, the activity and statistics, all of which end with it."""
    began = dt_util.utcnow()
    cloud = simulator.cloud
    [printer] = cloud.printers_of(cloud.accounts.find("one"))
    entry = (await sign_in(hass, "one"))["result"]
    cloud.change_printer(printer.dev_id, name=told)
    await wait(BEFORE_FIRST_PAGE + timedelta(seconds=1))
    cloud.start(printer.dev_id, duration=600, title=told, task_lag=0)
    for _ in range(15):
        await wait(MINUTE)

    states = await ask(hass, get_significant_states, hass, began, None, [TITLE, EVENT])
    assert states[TITLE][-1].state == (shown or "unknown")
    assert [
        (each.attributes["event_type"], each.attributes["title"])
        for each in states[EVENT]
        if each.state not in {"unknown", "unavailable"}
    ] == [("started", shown), ("finished", shown)]

    client = await hass_ws_client(hass)
    await client.send_json_auto_id(
        {"type": "logbook/get_events", "start_time": began.isoformat(), "entity_ids": [EVENT]}
    )
    told_by = [each.get("message") for each in (await client.receive_json())["result"]]
    assert [*filter(None, told_by)] == [f"“{shown}” finished after 10 min"] * bool(shown)

    ids = {each["statistic_id"]: each["name"] for each in await ours(hass)}
    assert set(ids.values()) == {name(shown, metric) for metric in METRICS}
    rows = await ask(
        hass,
        statistics_during_period,
        hass,
        datetime(2000, 1, 1, tzinfo=UTC),
        None,
        set(ids),
        "hour",
        None,
        {"state", "sum"},
    )
    said = json.dumps(rows, sort_keys=True).encode()
    record_property("digest", hashlib.sha256(said).hexdigest())
    for table, number in (await ask(hass, kept, hass)).items():
        record_property(table, number)

    await hass.config_entries.async_remove(entry.entry_id)
    assert await ours(hass) == []
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == []
