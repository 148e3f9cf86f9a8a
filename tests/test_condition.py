"""The condition of our own: whether printers print, without an entity that says so."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_service
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.fleet.cadence import IDLE, PRINTING
from simulator import Simulator
from tests.conftest import Wait, set_up, settle, sign_in
from tests.pushes import Pushes, begin
from tests.test_trigger import device

X1C = "00M00A000000001"
P1S = "01P00A000000002"
SECOND = timedelta(seconds=1)
USER = er.RegistryEntryDisabler.USER

type Check = Callable[..., Awaitable[bool]]


@pytest.fixture
async def check(
    hass: HomeAssistant, entry: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> Check:
    """Whether the condition is met, as the editor tests it; the target is the P1S."""
    assert await async_setup_component(hass, "automation", {})

    async def check(target: dict[str, Any] | None = None, **options: Any) -> bool:
        condition = {
            "condition": f"{DOMAIN}.is_printing",
            "target": target or {"device_id": device(hass, entry)},
            "options": options,
        }
        # As time is moved, a connection is soon idle for too long.
        client = await hass_ws_client(hass)
        await client.send_json_auto_id({"type": "test_condition", "condition": condition})
        answer = await client.receive_json()
        result: bool = answer["result"]["result"]
        return result

    return check


async def test_through_a_print(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    check: Check,
) -> None:
    """It is met while something prepares, prints or is paused."""
    pushes = Pushes(hass, entry, P1S)
    assert not await check()
    await begin(simulator, pushes, wait)
    met = []
    for state in ("PREPARE", "RUNNING", "PAUSE", "RUNNING", "FINISH", "IDLE"):
        await pushes.say(gcode_state=state)
        await wait(SECOND)
        met.append((hass.states.get("sensor.p1s").state, await check()))
    assert met == [
        ("preparing", True),
        ("printing", True),
        ("paused", True),
        ("printing", True),
        ("finished", False),
        ("idle", False),
    ]


async def test_it_needs_no_entity(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    simulator: Simulator,
    wait: Wait,
    check: Check,
) -> None:
    """All of the printer's are disabled and hidden, and one of them is the target."""
    for each in er.async_entries_for_device(entity_registry, device(hass, entry)):
        entity_registry.async_update_entity(
            each.entity_id, disabled_by=USER, hidden_by=er.RegistryEntryHider.USER
        )
    await wait(35 * SECOND)
    assert [each for each in hass.states.async_entity_ids() if "p1s" in each] == []
    simulator.cloud.start(P1S, duration=3600)
    await wait(IDLE)
    assert await check()
    assert await check({"entity_id": "binary_sensor.p1s_printing"})


@pytest.mark.parametrize(
    ("busy", "behavior", "met"),
    [
        ((), "any", False),
        ((), "all", False),
        ((P1S,), "any", True),
        ((P1S,), "all", False),
        ((X1C, P1S), "any", True),
        ((X1C, P1S), "all", True),
    ],
)
async def test_any_or_all_of_an_area(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    area_registry: ar.AreaRegistry,
    device_registry: dr.DeviceRegistry,
    simulator: Simulator,
    wait: Wait,
    check: Check,
    busy: tuple[str, ...],
    behavior: str,
    met: bool,
) -> None:
    """Of what else is in the area nothing is asked."""
    await wait(IDLE)
    area = area_registry.async_create("Workshop").id
    ams = {
        each.id
        for each in dr.async_entries_for_config_entry(device_registry, entry.entry_id)
        if each.via_device_id
    }
    assert ams
    for each in ams | {device(hass, entry, each) for each in (X1C, P1S, str(entry.unique_id))}:
        device_registry.async_update_device(each, area_id=area)
    for printer_id in busy:
        simulator.cloud.start(printer_id, duration=3600)
    await wait(IDLE)
    assert await check({"area_id": area}, behavior=behavior) is met


@pytest.mark.parametrize("behavior", ["any", "all"])
async def test_what_is_not_known_does_not_print(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    check: Check,
    behavior: str,
) -> None:
    """Printers that went offline meanwhile, whose cloud is away, or whose account is unloaded."""
    simulator.cloud.start(P1S, duration=36_000)
    await wait(IDLE)
    assert await check(behavior=behavior)
    simulator.cloud.change_printer(P1S, online=False)
    await wait(PRINTING)
    assert not await check(behavior=behavior)
    simulator.cloud.change_printer(P1S, online=True)
    await wait(IDLE)
    assert await check(behavior=behavior)
    simulator.cloud.add_fault("server_error")
    await wait(PRINTING)
    assert not await check(behavior=behavior)
    simulator.cloud.clear_faults()
    await hass.config_entries.async_unload(entry.entry_id)
    assert not await check(behavior=behavior)
    await set_up(hass, entry)
    assert await check(behavior=behavior)


async def test_not_all_print_where_one_is_not_known(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
    check: Check,
) -> None:
    """Of which the cloud does not tell any more, or whose account is unloaded."""
    other = await sign_in(hass, "one")
    await settle(hass)
    (mine,) = other["result"].runtime_data.printers.data
    for printer_id in (X1C, P1S, mine):
        simulator.cloud.start(printer_id, duration=36_000)
    await wait(IDLE)
    both = {"device_id": [device(hass, entry, X1C), device(hass, entry)]}
    of_two_accounts = {"device_id": [device(hass, entry, X1C), device(hass, other["result"], mine)]}
    assert await check(both, behavior="all")
    assert await check(of_two_accounts, behavior="all")
    simulator.cloud.remove_printer(P1S, "demo@example.com")
    await wait(IDLE)
    await hass.config_entries.async_unload(other["result"].entry_id)
    assert not await check(both, behavior="all")
    assert not await check(of_two_accounts, behavior="all")
    assert await check(both)
    assert await check(of_two_accounts)


@pytest.mark.parametrize("behavior", ["any", "all"])
async def test_what_is_no_printer_does_not_print(
    hass: HomeAssistant, entry: MockConfigEntry, check: Check, behavior: str
) -> None:
    account = {"device_id": device(hass, entry, str(entry.unique_id))}
    assert not await check(account, behavior=behavior)
    assert not await check({"area_id": "nowhere"}, behavior=behavior)


async def test_in_an_automation(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    wait: Wait,
) -> None:
    calls = async_mock_service(hass, "test", "note")
    automation = {
        "alias": "Light",
        "triggers": {"trigger": "event", "event_type": "dark"},
        "conditions": {
            "condition": f"{DOMAIN}.is_printing",
            "target": {"device_id": device(hass, entry)},
        },
        "actions": {"action": "test.note"},
    }
    assert await async_setup_component(hass, "automation", {"automation": automation})
    hass.bus.async_fire("dark")
    await hass.async_block_till_done()
    assert calls == []
    simulator.cloud.start(P1S, duration=3600)
    await wait(IDLE)
    hass.bus.async_fire("dark")
    await hass.async_block_till_done()
    assert len(calls) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"target": {}},
        {"target": {"entity_id": "sensor.p1s"}, "options": {"behavior": "some"}},
        {"target": {"entity_id": "sensor.p1s"}, "options": {"for": "00:05:00"}},
    ],
)
async def test_a_wrong_condition_makes_an_invalid_automation(
    hass: HomeAssistant, entry: MockConfigEntry, wrong: dict[str, Any]
) -> None:
    automation = {
        "alias": "Wrong",
        "triggers": {"trigger": "event", "event_type": "dark"},
        "conditions": {"condition": f"{DOMAIN}.is_printing", **wrong},
        "actions": [],
    }
    assert await async_setup_component(hass, "automation", {"automation": automation})
    await hass.async_block_till_done()
    assert hass.states.get("automation.wrong").state == "unavailable"
