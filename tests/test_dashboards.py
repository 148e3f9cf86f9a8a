"""The dashboard that owners have written for their printers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import (
    device_registry as dr,
    entity_registry as er,
    template,
)
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import yaml

from custom_components.bambu_lab_cloud.const import DOMAIN
from custom_components.bambu_lab_cloud.fleet.history import Metric
from custom_components.bambu_lab_cloud.statistics import statistic_id
from simulator import Simulator
from tests.api.reports import FAMILIES, MODELS
from tests.conftest import reload, sign_in, sign_in_demo
from tests.pushes import FATAL, Pushes

TEMPLATE = Path(__file__).parent.parent / "dashboards/printers.jinja"
X1C = "00M00A000000001"
P1S = "01P00A000000002"
SEVERAL = ["a1", "h2d", "p1s", "x1c"]
STOCK = {
    *("grid", "heading", "tile", "picture-entity", "markdown"),
    *("statistic", "statistics-graph", "calendar"),
}
FEATURES = {"bar-gauge", "trend-graph"}
# What there is of every printer, and what besides of one that speaks.
ALWAYS = {
    *("status", "progress", "print_end", "print_title", "print_preview", "prints"),
    *("total_prints", "success_rate"),
}
LIVE = {"error", "stage", "layer", "total_layers", "bed_temperature"}


async def written(hass: HomeAssistant) -> dict[str, Any]:
    """Return the dashboard."""
    text = template.Template(TEMPLATE.read_text(), hass).async_render(parse_result=False)
    config = yaml.safe_load(text)
    assert isinstance(config, dict)
    return config


def found(node: Any, *keys: str) -> Iterator[Any]:
    """Yield whatever stands under these keys."""
    match node:
        case dict():
            for key, value in node.items():
                if key in keys and not isinstance(value, dict):
                    yield from value if isinstance(value, list) else [value]
                yield from found(value, *keys)
        case list():
            for each in node:
                yield from found(each, *keys)


def named(node: Any) -> set[str]:
    """Return the entities and statistics that cards, badges and conditions name."""
    return {each for each in found(node, "entity", "entities") if isinstance(each, str)}


def cards(node: Any) -> Iterator[dict[str, Any]]:
    """Yield each card, sections too."""
    yield from found(node, "cards", "sections")


def taps_of(node: Any) -> list[dict[str, Any]]:
    """Return where cards lead."""
    return [card["tap_action"] for card in cards(node) if "tap_action" in card]


def view_of(dashboard: dict[str, Any], title: str = "P1S") -> dict[str, Any]:
    """Return the view of a printer."""
    return next(view for view in dashboard["views"] if view["title"] == title)


def keys(hass: HomeAssistant, ids: set[str], printer_id: str) -> set[str]:
    """Return the keys of the entities of a printer."""
    registry = er.async_get(hass)
    unique_ids = (entry.unique_id for each in ids if (entry := registry.async_get(each)))
    return {each.partition(f"{printer_id}_")[2] for each in unique_ids} - {""}


@pytest.fixture
async def speaking(hass: HomeAssistant, entry: MockConfigEntry, family: str) -> None:
    """The demo account, of which one printer says what this family does."""
    pushes = Pushes(hass, entry, P1S, MODELS[family])
    await pushes.full(FAMILIES[family]())
    await pushes.versions(
        ams_0="00600A0000000A1", n3f_0="00600A0000000A2", n3s_128="00600A0000000A3"
    )


@pytest.mark.usefixtures("speaking")
@pytest.mark.parametrize("family", SEVERAL)
async def test_entities_exist_and_are_on(
    hass: HomeAssistant, entry: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    dashboard = await written(hass)
    ids = named(dashboard)
    statistics = {each for each in ids if each.startswith(f"{DOMAIN}:")}
    for each in ids - statistics:
        known = entity_registry.async_get(each)
        assert known, each
        assert (known.platform, known.disabled_by) == (DOMAIN, None)
    assert statistics == {
        statistic_id(entry.unique_id, printer, metric)
        for printer in entry.runtime_data.printers.data
        for metric in (Metric.FILAMENT_WEIGHT, Metric.PRINT_TIME)
    }
    assert keys(hass, ids, P1S) >= ALWAYS | LIVE


@pytest.mark.usefixtures("speaking")
@pytest.mark.parametrize("family", SEVERAL)
async def test_cards_are_home_assistants_own(hass: HomeAssistant) -> None:
    dashboard = await written(hass)
    assert {each["type"] for each in cards(dashboard)} == STOCK
    features = list(found(dashboard, "features"))
    assert {each["type"] for each in features} == FEATURES
    assert {view["type"] for view in dashboard["views"]} == {"sections"}
    assert {each["type"] for each in found(dashboard, "badges")} == {"entity"}


@pytest.mark.usefixtures("speaking")
@pytest.mark.parametrize(
    ("family", "nozzles", "trays"),
    [
        ("x1c", ["nozzle"], 4),
        ("h2d", ["left_nozzle", "right_nozzle"], 5),
    ],
)
async def test_a_printer_that_speaks(hass: HomeAssistant, nozzles: list[str], trays: int) -> None:
    """It has as many nozzles and trays as there are."""
    view = view_of(await written(hass))
    ids = named(view)
    shown = {each for each in keys(hass, ids, P1S) if each.endswith("nozzle_temperature")}
    assert shown == {f"{each}_temperature" for each in nozzles}
    assert len({each for each in ids if "_tray_" in each}) == trays


async def test_without_live_data(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """There is nothing of it, and no section that is empty."""
    view = view_of(await written(hass))
    assert keys(hass, named(view), P1S) == ALWAYS
    headings = [each["heading"] for each in cards(view) if each["type"] == "heading"]
    assert headings == ["Print", "This month", "All prints"]


@pytest.mark.usefixtures("speaking")
@pytest.mark.parametrize("family", ["p1s"])
async def test_what_is_unknown_leaves_no_card(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """What a printer says itself is hidden with the section, or by itself."""
    view = view_of(await written(hass))
    shown = [
        each["entity"]
        for section in view["sections"]
        if "visibility" not in section
        for each in section["cards"]
        if "entity" in each and "visibility" not in each and each["type"] != "statistic"
    ]
    assert shown == []


async def test_each_printer_has_a_view_behind_the_overview(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    views = (await written(hass))["views"]
    assert [view["title"] for view in views] == ["Printers", "3DP-030-117", "P1S", "Workshop X1C"]
    assert [view.get("subview", False) for view in views] == [False, True, True, True]
    taps = {each["navigation_path"] for each in taps_of(views[0])}
    assert taps == {view["path"] for view in views[1:]}


async def test_the_only_printer_has_the_only_view(
    hass: HomeAssistant, simulator: Simulator
) -> None:
    await sign_in(hass, "one")
    await hass.async_block_till_done(wait_background_tasks=True)
    (view,) = (await written(hass))["views"]
    assert (view["title"], view["subview"]) == ("My P1S", False)


async def test_a_large_farm_has_the_overview_alone(
    hass: HomeAssistant, simulator: Simulator
) -> None:
    for number in range(14):
        simulator.cloud.add_printer("demo", "A1", f"A1 {number}")
    await sign_in_demo(hass, simulator)
    (view,) = (await written(hass))["views"]
    assert len(view["sections"]) == 18
    assert not any("tap_action" in each for each in cards(view))


async def test_ids_may_begin_with_anything(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    entity_registry: er.EntityRegistry,
) -> None:
    """The area, if a device was in one when an entity appeared, or what the owner likes."""
    device = device_registry.async_get_device_by_identifier((DOMAIN, P1S), entry.entry_id)
    assert device
    device_registry.async_update_device(device.id, name_by_user='The "best": one')
    entity_registry.async_update_entity("sensor.p1s", new_entity_id="sensor.best")
    entity_registry.async_update_entity("sensor.p1s_progress", new_entity_id="sensor.a_progress")
    entity_registry.async_update_entity("image.p1s_print_preview", new_entity_id="image.p1s_other")
    await hass.async_block_till_done()
    view = view_of(await written(hass), 'The "best": one')
    assert view["path"] == "the-best-one"
    assert {"sensor.best", "sensor.a_progress"} <= named(view)
    assert not any(each["type"] == "picture-entity" for each in cards(view))


@pytest.mark.parametrize(
    ("others", "name"),
    [([], {"type": "entity"}), (["one"], [{"type": "device"}, {"type": "entity"}])],
)
async def test_badges_name_their_account_where_there_are_several(
    hass: HomeAssistant, entry: MockConfigEntry, others: list[str], name: Any
) -> None:
    for other in others:
        await sign_in(hass, other)
    await hass.async_block_till_done(wait_background_tasks=True)
    badges = (await written(hass))["views"][0]["badges"]
    assert [badge["name"] for badge in badges if "_printing" in badge["entity"]] == [
        name for _ in [entry, *others]
    ]


@pytest.mark.parametrize("name", ["P1S", "All", "1", "no", "null", "{{ 1 }}", "😀", "a: 'b'"])
async def test_each_view_has_a_path_of_its_own(
    hass: HomeAssistant, entry: MockConfigEntry, device_registry: dr.DeviceRegistry, name: str
) -> None:
    """Two printers of one name, or names that YAML or the panel would take for something else."""
    for printer_id in (X1C, P1S):
        device = device_registry.async_get_device_by_identifier(
            (DOMAIN, printer_id), entry.entry_id
        )
        assert device
        device_registry.async_update_device(device.id, name_by_user=name)
    views = (await written(hass))["views"]
    assert [view["title"] for view in views].count(name) == 2
    paths = {view["path"] for view in views}
    assert len(paths) == 4
    assert all(isinstance(path, str) and not path.isdigit() for path in paths)
    taps = {each["navigation_path"] for each in taps_of(views[0])}
    assert taps == paths - {"all"}


async def test_a_helper_of_a_printer_does_not_hide_it(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    entity_registry: er.EntityRegistry,
) -> None:
    """Such as a threshold of its temperature, which hangs on its device, or the like of ours."""
    device = device_registry.async_get_device_by_identifier((DOMAIN, P1S), entry.entry_id)
    assert device
    helper = MockConfigEntry(domain="threshold")
    helper.add_to_hass(hass)
    entity_registry.async_get_or_create(
        "sensor",
        "threshold",
        "slow",
        suggested_object_id="a_progress",
        config_entry=helper,
        device_id=device.id,
    )
    entity_registry.async_get_or_create(
        "binary_sensor",
        "threshold",
        "hot",
        suggested_object_id="a_hot_nozzle",
        config_entry=helper,
        device_id=device.id,
    )
    ids = named(view_of(await written(hass)))
    assert "sensor.p1s_progress" in ids
    assert "sensor.a_progress" not in ids


async def test_without_printers(hass: HomeAssistant) -> None:
    """It is a dashboard all the same."""
    assert await written(hass) == {"views": []}


async def test_what_is_switched_off_is_left_out(
    hass: HomeAssistant, entry: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    entity_registry.async_update_entity(
        "calendar.p1s_print_history", disabled_by=er.RegistryEntryDisabler.USER
    )
    await reload(hass, entry)
    assert "prints" not in keys(hass, named(await written(hass)), P1S)


async def test_what_is_wrong_is_told(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    pushes = Pushes(hass, entry, P1S)
    await pushes.full(FAMILIES["p1s"](), hms=[FATAL])
    view = view_of(await written(hass))
    card = next(each for each in cards(view) if each["type"] == "markdown")
    assert card["visibility"] == [
        {"condition": "state", "entity": "binary_sensor.p1s_error", "state": "on"}
    ]
    text = template.Template(card["content"], hass).async_render(parse_result=False)
    assert 'title="Motion controller"' in text
    assert "0300_0100_0001_0007" in text
    assert '<a href="https://' in text
