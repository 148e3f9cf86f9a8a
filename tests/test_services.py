"""The actions: what they answer, what they refuse, and what they ask the cloud for."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.const import CONF_TOKEN
from homeassistant.core import HomeAssistant, SupportsResponse
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.json import json_dumps
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
import yaml

from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.fleet.messages import MESSAGE_TYPES
from custom_components.bambu_lab_cloud.fleet.printer import PrintResult
from simulator import Simulator, wire
from simulator.cloud import FINISHED, Job, Printer

from .api.reports import p1s
from .conftest import Wait, read_history, set_up, sign_in
from .pushes import Pushes
from .test_secrets import leaks

X1C = "00M00A000000001"
P1S = "01P00A000000002"
IOT = "/v1/iot-service/api"
FILAMENTS = "/v1/design-user-service/my/filament/v2"
INTEGRATION = Path(__file__).parent.parent / "custom_components" / DOMAIN
FIELDS = yaml.safe_load((INTEGRATION / "services.yaml").read_text())
# Those that ask the cloud, with what they need beside an account.
ASKING: dict[str, dict[str, Any]] = {
    "get_filaments": {},
    "get_profile": {"profile_id": "7", "model_id": "US7"},
    "get_project": {"project_id": "7"},
    "get_projects": {},
    "get_slicer_preset": {"preset_id": "PFUS7"},
    "get_slicer_presets": {},
}

type Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
def ask(hass: HomeAssistant) -> Ask:
    """Call an action, as an automation does that wants its response."""

    async def call(name: str, **data: Any) -> Any:
        return await hass.services.async_call(
            DOMAIN, name, data, blocking=True, return_response=True
        )

    return call


@pytest.fixture
def rename(hass: HomeAssistant) -> Ask:
    async def call(**data: Any) -> None:
        await hass.services.async_call(DOMAIN, "rename_printer", data, blocking=True)

    return call


@pytest.fixture
def device_of(
    device_registry: dr.DeviceRegistry, entry: MockConfigEntry
) -> Callable[[str], dr.DeviceEntry]:
    """Return a device by what identifies it."""

    def find(identifier: str, account: MockConfigEntry = entry) -> dr.DeviceEntry:
        device = device_registry.async_get_device_by_identifier(
            (DOMAIN, identifier), account.entry_id
        )
        assert device is not None
        return device

    return find


type DeviceOf = Callable[..., dr.DeviceEntry]


async def other_account(hass: HomeAssistant, name: str) -> MockConfigEntry:
    """Add a second account."""
    result = await sign_in(hass, name)
    await hass.async_block_till_done(wait_background_tasks=True)
    return result["result"]


def jobs(simulator: Simulator, name: str = "demo") -> list[tuple[Job, Printer]]:
    """The prints of an account that ended, the last one first."""
    cloud, now = simulator.cloud, datetime.now(UTC)
    found = [
        (job, printer)
        for job, printer in cloud.tasks(cloud.accounts.find(name), now)
        if job.listed_as_ended(printer.seen_at(now))
    ]
    return sorted(found, key=lambda pair: pair[0].ends, reverse=True)


def ids(response: Any) -> list[str]:
    return [job["task_id"] for job in response["prints"]]


def paths(simulator: Simulator) -> list[str]:
    return [request["path"] for request in simulator.cloud.requests()]


# What they are.


async def test_they_are_there_without_an_account(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    services = hass.services.async_services_for_domain(DOMAIN)
    assert services.keys() == FIELDS.keys()
    responses = {name: service.supports_response for name, service in services.items()}
    assert responses.pop("rename_printer") is SupportsResponse.NONE
    assert set(responses.values()) == {SupportsResponse.ONLY}


@pytest.mark.parametrize("name", FIELDS)
async def test_fields_are_those_that_are_taken(hass: HomeAssistant, name: str) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    schema = hass.services.async_services_for_domain(DOMAIN)[name].schema.schema
    assert {str(key): isinstance(key, probatio.Required) for key in schema} == {
        key: field.get("required", False) for key, field in FIELDS[name]["fields"].items()
    }


@pytest.mark.parametrize("name", FIELDS)
def test_they_are_documented(name: str) -> None:
    page = (Path(__file__).parent.parent / "docs" / "actions.md").read_text()
    assert f"action: {DOMAIN}.{name}\n" in page


@pytest.mark.parametrize(
    ("action", "name", "values"),
    [("get_messages", "type", MESSAGE_TYPES), ("get_print_history", "result", list(PrintResult))],
)
def test_choices(action: str, name: str, values: list[str]) -> None:
    """They are all that the code knows."""
    options = FIELDS[action]["fields"][name]["selector"]["select"]["options"]
    assert sorted(options) == sorted(values)


# Prints of the past.


async def test_print_history(
    *,
    entry: MockConfigEntry,
    simulator: Simulator,
    device_of: DeviceOf,
    ask: Ask,
    wait: Wait,
) -> None:
    await read_history(wait)
    simulator.cloud.clear_requests()
    response = await ask("get_print_history")
    assert paths(simulator) == []
    expected = jobs(simulator)
    assert ids(response) == [str(job.id) for job, _ in expected]
    (job, printer), look = expected[0], simulator.cloud.look(*expected[0])
    assert response["prints"][0] == {
        "task_id": str(job.id),
        "printer": printer.name,
        "device_id": device_of(printer.dev_id).id,
        "title": look.title,
        "result": "finished" if job.result == FINISHED else "failed",
        "started_at": job.started.replace(microsecond=0).isoformat(),
        "ended_at": job.ends.replace(microsecond=0).isoformat(),
        "duration": pytest.approx((job.ends - job.started).total_seconds(), abs=1),
        "weight": pytest.approx(job.weight),
        "length": response["prints"][0]["length"],
        "filament_types": list(dict.fromkeys(each.type for each, _, _ in look.filaments)),
    }
    finished = sum(job.result == FINISHED for job, _ in expected)
    del response["prints"]
    assert response == {
        "count": len(expected),
        "finished": finished,
        "failed": len(expected) - finished,
        "duration": pytest.approx(
            sum((job.ends - job.started).total_seconds() for job, _ in expected), abs=60
        ),
        "weight": pytest.approx(sum(job.weight for job, _ in expected), abs=0.1),
        "length": response["length"],
        "complete": True,
    }
    assert response["length"] > 1


@pytest.mark.parametrize("past", [120])
async def test_the_history_says_if_it_is_read(entry: MockConfigEntry, ask: Ask, wait: Wait) -> None:
    assert (await ask("get_print_history"))["complete"] is False
    await read_history(wait, pages=8)
    assert (await ask("get_print_history"))["complete"] is True


@pytest.mark.parametrize("past", [120])
async def test_the_newest_prints(
    entry: MockConfigEntry, simulator: Simulator, ask: Ask, wait: Wait
) -> None:
    await read_history(wait, pages=5)
    expected = [str(job.id) for job, _ in jobs(simulator)]
    assert len(expected) > 100
    assert ids(await ask("get_print_history")) == expected[:50]
    response = await ask("get_print_history", limit=3)
    assert (ids(response), response["count"]) == (expected[:3], len(expected))


async def test_prints_of_some_printers(
    *,
    entry: MockConfigEntry,
    simulator: Simulator,
    device_of: DeviceOf,
    ask: Ask,
    wait: Wait,
) -> None:
    await read_history(wait)
    for wanted in ([P1S], [X1C, P1S]):
        response = await ask("get_print_history", device_id=[device_of(each).id for each in wanted])
        expected = [str(job.id) for job, printer in jobs(simulator) if printer.dev_id in wanted]
        assert ids(response) == expected != []


@pytest.mark.parametrize("past", [40])
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/Los_Angeles"])
@pytest.mark.parametrize(
    ("first", "last"),
    [(10, 20), (10, None), (None, 10), (7, 7)],
)
async def test_prints_of_some_days(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    ask: Ask,
    wait: Wait,
    zone: str,
    first: int | None,
    last: int | None,
) -> None:
    """Both days count as a whole, where the owner lives."""
    await hass.config.async_set_time_zone(zone)
    await read_history(wait, pages=5)
    ends = {str(job.id): dt_util.as_local(job.ends).date() for job, _ in jobs(simulator)}
    days = sorted(set(ends.values()))
    start = days[0] if first is None else days[first]
    end = days[-1] if last is None else days[last]
    asked = {"start_date": start if first else None, "end_date": end if last else None}
    response = await ask(
        "get_print_history",
        limit=1000,
        **{key: day.isoformat() for key, day in asked.items() if day},
    )
    assert ids(response) == [task_id for task_id, day in ends.items() if start <= day <= end] != []


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/Los_Angeles"])
async def test_all_days_there_are(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    ask: Ask,
    wait: Wait,
    zone: str,
) -> None:
    await hass.config.async_set_time_zone(zone)
    await read_history(wait)
    response = await ask("get_print_history", start_date="0001-01-01", end_date="9999-12-31")
    assert response["count"] == len(jobs(simulator))


@pytest.mark.parametrize("past", [20])
async def test_prints_by_result_and_title(
    entry: MockConfigEntry, simulator: Simulator, ask: Ask, wait: Wait
) -> None:
    await read_history(wait)
    titles = {str(job.id): simulator.cloud.look(job, each).title for job, each in jobs(simulator)}
    word = next(iter(titles.values())).split()[0]
    response = await ask("get_print_history", title=word.upper())
    assert ids(response) == [key for key, title in titles.items() if word in title] != []
    failed = [str(job.id) for job, _ in jobs(simulator) if job.result != FINISHED]
    response = await ask("get_print_history", result="failed")
    assert ids(response) == failed != []
    assert (response["finished"], response["failed"]) == (0, len(failed))
    nothing = await ask("get_print_history", title="no such print")
    assert nothing == {
        "prints": [],
        "count": 0,
        "finished": 0,
        "failed": 0,
        "duration": 0,
        "weight": 0.0,
        "length": 0.0,
        "complete": True,
    }


async def test_a_print_without_an_end_and_without_a_printer(
    entry: MockConfigEntry, simulator: Simulator, ask: Ask, wait: Wait
) -> None:
    """What is not known is null, also the name of a printer that is gone."""
    task = {"id": 9, "deviceId": "gone", "status": 2, "startTime": "2026-11-20T11:59:00Z"}
    simulator.cloud.add_fault("body", "/v1/user-service/my/tasks", body={"hits": [task]})
    await read_history(wait)
    (job,) = (await ask("get_print_history", limit=1))["prints"]
    assert job == {
        "task_id": "9",
        "printer": None,
        "device_id": None,
        "title": None,
        "result": "finished",
        "started_at": "2026-11-20T11:59:00+00:00",
        "ended_at": None,
        "duration": None,
        "weight": None,
        "length": None,
        "filament_types": [],
    }


async def test_prints_of_two_accounts(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    device_of: DeviceOf,
    ask: Ask,
    wait: Wait,
) -> None:
    """Printers say themselves whose they are; what both list is one print."""
    other = await other_account(hass, "partner")
    await read_history(wait)
    (shared,) = other.runtime_data.printers.data
    both = [device_of(shared).id, device_of(shared, other).id, device_of(P1S).id]
    response = await ask("get_print_history", device_id=both)
    wanted = {shared, P1S}
    assert ids(response) == [
        str(job.id) for job, printer in jobs(simulator) if printer.dev_id in wanted
    ]
    with pytest.raises(ServiceValidationError, match="not a printer of this account"):
        await ask("get_print_history", device_id=both, config_entry_id=other.entry_id)


# Messages.


async def test_messages(entry: MockConfigEntry, simulator: Simulator, ask: Ask, wait: Wait) -> None:
    """They are what was read last, so nobody is asked."""
    assert (await ask("get_messages"))["complete"] is False
    for _ in range(6):
        await wait(timedelta(seconds=11))
    simulator.cloud.clear_requests()
    response = await ask("get_messages", limit=100)
    assert paths(simulator) == []
    assert response["complete"] is True
    messages = response["messages"]
    times = [message["created"] for message in messages]
    assert times == sorted(times, reverse=True)
    kinds = {message["type"] for message in messages}
    assert {"print", "comment"} < kinds
    newest = next(message for message in messages if message["type"] == "print")
    assert newest.keys() == {"type", "id", "title", "text", "sender", "printer", "created"}
    assert newest["printer"] in {"Workshop X1C", "P1S", "A1 mini"}
    comments = await ask("get_messages", type="comment", limit=1)
    assert comments["messages"] == [
        next(message for message in messages if message["type"] == "comment")
    ]


# What the cloud keeps for the account.


async def test_projects(entry: MockConfigEntry, simulator: Simulator, ask: Ask) -> None:
    projects = (await ask("get_projects"))["projects"]
    (job, printer) = max(jobs(simulator), key=lambda pair: pair[0].id)
    look = simulator.cloud.look(job, printer)
    first = next(each for each in projects if each["project_id"] == str(job.id))
    assert first | {"create_time": "", "update_time": ""} == {
        "project_id": str(job.id),
        "name": look.title,
        "model_id": look.model_id,
        "status": "ACTIVE",
        "create_time": "",
        "update_time": "",
    }
    project = await ask("get_project", project_id=job.id)
    (profile,) = project.pop("profiles")
    assert project == first
    asked = {"profile_id": profile["profile_id"], "model_id": profile["model_id"]}
    assert await ask("get_profile", **asked) == profile
    (plate,) = profile.pop("plates")
    assert profile | {"create_time": "", "update_time": ""} == {
        "profile_id": str(wire.profile_id(job)),
        "name": look.title,
        "model_id": look.model_id,
        "status": "ACTIVE",
        "create_time": "",
        "update_time": "",
        "printer_model": printer.model.product,
        "nozzle_diameter": 0.4,
        "materials": [
            {"type": filament.type, "color": f"#{color[:6]}", "filament_id": None}
            for filament, color, _ in look.filaments
        ],
    }
    filaments = plate.pop("filaments")
    assert plate == {
        "plate": 1,
        "duration": round(job.cost.total_seconds()),
        "weight": pytest.approx(job.weight),
    }
    assert [each["type"] for each in filaments] == [each.type for each, _, _ in look.filaments]
    assert sum(each["weight"] for each in filaments) == pytest.approx(job.weight, abs=0.1)
    assert all(each.keys() == {"type", "color", "weight", "length"} for each in filaments)


async def test_slicer_presets(entry: MockConfigEntry, ask: Ask) -> None:
    """Bambu Lab's own are not asked for, which would be large."""
    (preset,) = (await ask("get_slicer_presets"))["presets"]
    assert preset["type"] == "filament"
    assert preset["filament_vendor"] == "Workshop"
    found = await ask("get_slicer_preset", preset_id=preset["preset_id"])
    assert found["values"] == {"filament_vendor": '"Workshop"', "filament_type": '"PLA"'}
    assert (found["name"], found["type"]) == (preset["name"], "filament")
    assert datetime.fromisoformat(found["updated"]).tzinfo


async def test_a_preset_keeps_the_key_of_a_print_server(
    entry: MockConfigEntry, simulator: Simulator, ask: Ask
) -> None:
    values = {"print_host": "192.0.2.1", "printhost_apikey": "secret", "nozzle_diameter": ["0.4"]}
    body = {"name": "Mine", "setting": values}
    simulator.cloud.add_fault("body", f"{IOT}/slicer/setting", body=body)
    found = await ask("get_slicer_preset", preset_id="PMUS1")
    assert found["values"] == {"nozzle_diameter": ["0.4"]}


async def test_filaments(entry: MockConfigEntry, simulator: Simulator, ask: Ask) -> None:
    simulator.cloud.put_spool(
        P1S, 0, 3, material="PLA", name="PLA Matte", colors=["FF6A13FF", "000000FF"], remaining=42
    )
    simulator.cloud.clear_requests()
    spools = (await ask("get_filaments"))["filaments"]
    assert paths(simulator) == [FILAMENTS]
    (spool,) = [each for each in spools if (each["printer"], each["tray"]) == ("P1S", "A4")]
    assert spool | {
        "spool_id": "",
        "created": "",
        "updated": "",
        "brand": "",
        "filament_id": "",
    } == {
        "spool_id": "",
        "type": "PLA",
        "name": "PLA Matte",
        "brand": "",
        "filament_id": "",
        "color": "#FF6A13",
        "colors": ["#FF6A13", "#000000"],
        "weight": 420.0,
        "full_weight": 1000.0,
        "display_name": None,
        "note": None,
        "printer": "P1S",
        "tray": "A4",
        "created": "",
        "updated": "",
    }
    assert datetime.fromisoformat(spool["created"]).tzinfo
    shelf = [each for each in spools if each["printer"] is None]
    assert len(shelf) == 2
    assert {each["tray"] for each in shelf} == {None}


@pytest.mark.parametrize(("number", "requests"), [(19, 1), (100, 2), (250, 4), (5000, 10)])
async def test_many_filaments(
    entry: MockConfigEntry,
    simulator: Simulator,
    ask: Ask,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    requests: int,
) -> None:
    """All of them, a page after the other, but without an end."""
    spools = [{"id": spool} for spool in range(number)]
    monkeypatch.setattr(wire, "spools", lambda *_: spools)
    simulator.cloud.clear_requests()
    response = await ask("get_filaments")
    assert len(response["filaments"]) == min(number, 1000)
    assert paths(simulator) == [FILAMENTS] * requests


@pytest.mark.parametrize("place", [{"amsId": 999, "slotId": 0}, {"amsId": 0, "slotId": -1}, {}])
async def test_a_spool_in_no_place_that_there_is(
    entry: MockConfigEntry, simulator: Simulator, ask: Ask, place: dict[str, Any]
) -> None:
    spool = {"id": 1, "inPrinter": True, "devId": "none of ours", "deviceName": "Elsewhere"}
    simulator.cloud.add_fault("body", FILAMENTS, body={"hits": [spool | place]})
    (found,) = (await ask("get_filaments"))["filaments"]
    assert (found["printer"], found["tray"]) == ("Elsewhere", None)


# Renaming.


async def test_rename_printer(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    device_of: DeviceOf,
    rename: Ask,
    wait: Wait,
) -> None:
    """It is called so at once, with its AMS, and stays so."""
    for _ in range(5):
        await wait(timedelta(minutes=1))
    (ams,) = [
        device
        for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        if device.name == "Workshop X1C AMS 1"
    ]
    simulator.cloud.clear_requests()
    await rename(device_id=device_of(X1C).id, name=" Attic ")
    assert paths(simulator) == [f"{IOT}/user/device/info"]
    for _ in range(2):
        assert device_of(X1C).name == "Attic"
        assert hass.states.get("sensor.workshop_x1c").name == "Attic"
        assert dr.async_get(hass).async_get(ams.id).name == "Attic AMS 1"
        await wait(timedelta(minutes=10))
    assert simulator.cloud.printer(X1C).name == "Attic"


async def test_a_printer_that_speaks_keeps_its_new_name(
    entry: MockConfigEntry, hass: HomeAssistant, device_of: DeviceOf, rename: Ask
) -> None:
    """What it says is told before the next poll, and its AMS is called after it."""
    pushes = Pushes(hass, entry, P1S)
    await pushes.full(p1s())
    await pushes.versions(ams_0="00600A000000009")
    await rename(device_id=device_of(P1S).id, name="Attic")
    await pushes.say(gcode_state="FINISH")
    assert hass.states.get("sensor.p1s").state == "finished"
    assert device_of("00600A000000009").name == "Attic AMS 1"


async def test_a_name_of_home_assistants_own_stays(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    device_of: DeviceOf,
    rename: Ask,
) -> None:
    device_registry.async_update_device(device_of(P1S).id, name_by_user="Mine")
    await rename(device_id=device_of(P1S).id, name="Attic")
    device = device_of(P1S)
    assert (device.name, device.name_by_user) == ("Attic", "Mine")
    assert hass.states.get("sensor.p1s").name == "Mine"


@pytest.mark.parametrize("name", ["", "  ", "a" * 33, "A/B", 'The "good" one', "A\nB"])
async def test_names_that_bambu_lab_does_not_take(
    entry: MockConfigEntry, simulator: Simulator, device_of: DeviceOf, rename: Ask, name: str
) -> None:
    simulator.cloud.clear_requests()
    with pytest.raises(ServiceValidationError, match="1 to 32 characters"):
        await rename(device_id=device_of(P1S).id, name=name)
    assert paths(simulator) == []


async def test_a_printer_that_left_is_not_renamed(
    *,
    entry: MockConfigEntry,
    simulator: Simulator,
    device_of: DeviceOf,
    rename: Ask,
    wait: Wait,
) -> None:
    simulator.cloud.remove_printer(P1S, "demo@example.com")
    await wait(timedelta(minutes=10))
    with pytest.raises(HomeAssistantError, match="does not allow this account"):
        await rename(device_id=device_of(P1S).id, name="Attic")
    assert device_of(P1S).name == "P1S"


async def test_a_printer_that_left_while_it_is_renamed(
    *,
    entry: MockConfigEntry,
    simulator: Simulator,
    device_of: DeviceOf,
    rename: Ask,
    wait: Wait,
) -> None:
    simulator.cloud.remove_printer(P1S, "demo@example.com")
    await wait(timedelta(minutes=10))
    simulator.cloud.bind_printer(P1S, "demo@example.com")
    await rename(device_id=device_of(P1S).id, name="Attic")
    await wait(timedelta(minutes=10))
    assert device_of(P1S).name == "Attic"


# What they refuse.


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("get_print_history", {"limit": 0}),
        ("get_print_history", {"limit": 1001}),
        ("get_print_history", {"result": "cancelled"}),
        ("get_print_history", {"start_date": "yesterday"}),
        ("get_messages", {"limit": 101}),
        ("get_messages", {"type": "spam"}),
        ("get_project", {}),
    ],
)
async def test_nonsense(entry: MockConfigEntry, ask: Ask, name: str, data: dict[str, Any]) -> None:
    with pytest.raises(probatio.Invalid):
        await ask(name, **data)


async def test_end_before_start(entry: MockConfigEntry, ask: Ask) -> None:
    with pytest.raises(ServiceValidationError, match="before the start date"):
        await ask("get_print_history", start_date="2026-11-02", end_date="2026-11-01")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("get_project", {"project_id": "7"}, "no project 7. Use an ID from the response of"),
        ("get_project", {"project_id": ".."}, r"no project \.\."),
        ("get_project", {"project_id": "a/b"}, "no project a/b"),
        ("get_profile", {"profile_id": "7", "model_id": "US7"}, "no profile 7"),
        ("get_slicer_preset", {"preset_id": "PFUS7"}, "no preset PFUS7"),
    ],
)
async def test_unknown_ids(
    entry: MockConfigEntry, ask: Ask, name: str, data: dict[str, Any], message: str
) -> None:
    with pytest.raises(ServiceValidationError, match=message):
        await ask(name, **data)


async def test_which_account(hass: HomeAssistant, entry: MockConfigEntry, ask: Ask) -> None:
    """With two of them it has to be said, but for one that its owner has disabled."""
    with pytest.raises(ServiceValidationError, match="account was not found"):
        await ask("get_projects", config_entry_id="none")
    assert (await ask("get_projects", config_entry_id=entry.entry_id)) == await ask("get_projects")
    other = await other_account(hass, "none")
    for _ in range(2):
        with pytest.raises(ServiceValidationError, match="Several accounts"):
            await ask("get_projects")
        await hass.config_entries.async_unload(other.entry_id)
    assert (await ask("get_projects", config_entry_id=entry.entry_id))["projects"]
    with pytest.raises(ServiceValidationError, match="New Maker is not loaded at the moment"):
        await ask("get_projects", config_entry_id=other.entry_id)
    await hass.config_entries.async_set_disabled_by(other.entry_id, ConfigEntryDisabler.USER)
    assert (await ask("get_projects"))["projects"]


async def test_no_account(hass: HomeAssistant, ask: Ask) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    for entry_id in ({}, {"config_entry_id": "none"}):
        with pytest.raises(ServiceValidationError, match="account was not found"):
            await ask("get_print_history", **entry_id)


async def test_no_printer(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    device_of: DeviceOf,
    rename: Ask,
    ask: Ask,
    wait: Wait,
) -> None:
    for _ in range(5):
        await wait(timedelta(minutes=1))
    elsewhere = MockConfigEntry(domain="other")
    elsewhere.add_to_hass(hass)
    stranger = device_registry.async_get_or_create(
        config_entry_id=elsewhere.entry_id, identifiers={("other", P1S)}, name="Lamp"
    )
    devices = dr.async_entries_for_config_entry(device_registry, entry.entry_id)
    (ams,) = [each for each in devices if each.name == "Workshop X1C AMS 1"]
    account = device_of(str(entry.unique_id))
    for device_id, name in [
        ("none", "none"),
        (stranger.id, "Lamp"),
        (ams.id, "Workshop X1C AMS 1"),
        (account.id, "Demo Maker"),
    ]:
        with pytest.raises(ServiceValidationError, match=f"^{name} is not a printer"):
            await rename(device_id=device_id, name="Attic")
        with pytest.raises(ServiceValidationError, match=f"^{name} is not a printer"):
            await ask("get_print_history", device_id=device_id)
    with pytest.raises(ServiceValidationError, match="No printer is selected"):
        await ask("get_print_history", device_id=[])
    printer = device_of(P1S)
    await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(ServiceValidationError, match="Demo Maker is not loaded at the moment"):
        await rename(device_id=printer.id, name="Attic")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("unauthorized", "Sign in again"),
        ("captcha", "Try again in 240 min"),
        ("cloudflare", "Try again in 30 min"),
        ("rate_limited", "Try again in 5 min"),
        ("server_error", "Failed to connect .*HTTP 500.*Try again later"),
        ("disconnect", "Failed to connect"),
        ("text", "unexpected response"),
        ("redirect", "unexpected response"),
    ],
)
@pytest.mark.parametrize("name", ASKING)
async def test_refusals(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    ask: Ask,
    name: str,
    fault: str,
    message: str,
) -> None:
    """Whoever asks is told what to do, and nothing that is secret; the account goes on."""
    simulator.cloud.add_fault(fault, "/v1/")
    simulator.cloud.clear_requests()
    with pytest.raises(HomeAssistantError, match=message) as caught:
        await ask(name, **ASKING[name])
    assert not isinstance(caught.value, ServiceValidationError)
    assert len(set(paths(simulator))) == 1
    assert (
        leaks(f"{caught.value} {caught.value.__cause__!r}", simulator, [entry.data[CONF_TOKEN]])
        == []
    )
    assert hass.config_entries.flow.async_progress() == []
    assert entry.runtime_data.printers.last_update_success


async def test_a_pause_that_the_cloud_wants_is_kept(
    entry: MockConfigEntry, simulator: Simulator, device_of: DeviceOf, ask: Ask, rename: Ask
) -> None:
    simulator.cloud.add_fault("rate_limited", f"{IOT}/user/project")
    with pytest.raises(HomeAssistantError, match="asks for a pause"):
        await ask("get_projects")
    simulator.cloud.clear_faults()
    simulator.cloud.clear_requests()
    for name, data in ASKING.items():
        with pytest.raises(HomeAssistantError, match="asks for a pause"):
            await ask(name, **data)
    with pytest.raises(HomeAssistantError, match="asks for a pause"):
        await rename(device_id=device_of(P1S).id, name="Attic")
    assert paths(simulator) == []
    assert device_of(P1S).name == "P1S"


async def test_a_preset_that_cannot_be_passed_on(
    entry: MockConfigEntry, simulator: Simulator, ask: Ask
) -> None:
    body = {"name": "Mine", "setting": {"notes": 10**40}}
    simulator.cloud.add_fault("body", f"{IOT}/slicer/setting", body=body)
    with pytest.raises(HomeAssistantError, match="unexpected response"):
        await ask("get_slicer_preset", preset_id="PMUS1")


# What is in the answers.


async def test_nothing_secret_is_answered(
    entry: MockConfigEntry, simulator: Simulator, ask: Ask, wait: Wait
) -> None:
    """Every answer is JSON, without serial numbers, signed addresses or who owns the account."""
    for _ in range(6):
        await wait(timedelta(seconds=20))
    project = (await ask("get_projects"))["projects"][0]
    detail = await ask("get_project", project_id=project["project_id"])
    profile = detail["profiles"][0]
    (preset,) = (await ask("get_slicer_presets"))["presets"]
    answers = [
        project,
        detail,
        preset,
        await ask("get_profile", profile_id=profile["profile_id"], model_id=profile["model_id"]),
        await ask("get_slicer_preset", preset_id=preset["preset_id"]),
        await ask("get_filaments"),
        await ask("get_messages", limit=100),
        await ask("get_print_history", limit=1000),
    ]
    text = json_dumps(answers)
    assert len(text) > 5_000
    assert leaks(text, simulator, [entry.data[CONF_TOKEN]]) == []
    assert "http" not in text


async def test_over_http(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator, wait: Wait
) -> None:
    assert await async_setup_component(hass, "api", {})
    await read_history(wait)
    client = await hass_client()
    url = f"/api/services/{DOMAIN}/get_print_history?return_response"
    answer = await client.post(url, json={"limit": 1})
    body = await answer.json()
    assert len(body["service_response"]["prints"]) == 1


async def test_the_history_without_the_cloud(
    *,
    hass: HomeAssistant,
    entry: MockConfigEntry,
    simulator: Simulator,
    ask: Ask,
    wait: Wait,
) -> None:
    """What is stored is told while the cloud is away, and after a restart."""
    await read_history(wait)
    await hass.config_entries.async_unload(entry.entry_id)
    await set_up(hass, entry)
    simulator.cloud.add_fault("server_error")
    await wait(timedelta(hours=1))
    assert ids(await ask("get_print_history")) == [str(job.id) for job, _ in jobs(simulator)]
