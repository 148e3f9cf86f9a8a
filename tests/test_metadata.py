"""What the stores, Home Assistant's validators and translators rely on."""

from collections.abc import Callable, Collection, Iterator
import inspect
import json
from pathlib import Path
import re
import shutil
from typing import Any, get_args
from unittest.mock import MagicMock

from awesomeversion import AwesomeVersion, AwesomeVersionStrategy as Strategy
from homeassistant import components
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.generated import languages
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.selector import SelectSelector, validate_selector
from homeassistant.setup import async_setup_component
from PIL import Image
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
import yaml

from custom_components.bambu_lab_cloud import activity, config_flow, repairs
from custom_components.bambu_lab_cloud.api import (
    AuthenticationError,
    CannotConnectError,
    PermissionDeniedError,
    RateLimitedError,
    ResponseError,
)
from custom_components.bambu_lab_cloud.api.report import Slot
from custom_components.bambu_lab_cloud.const import DOMAIN, VERSION
from custom_components.bambu_lab_cloud.coordinator import action_error, error_key
from custom_components.bambu_lab_cloud.entity import BambuEntity
from custom_components.bambu_lab_cloud.event import print_attributes
from custom_components.bambu_lab_cloud.fleet.ams import slot_name
from custom_components.bambu_lab_cloud.fleet.equipment import MODULES, SEVERITIES
from custom_components.bambu_lab_cloud.fleet.lifecycle import PrintEventType
from custom_components.bambu_lab_cloud.fleet.messages import MESSAGE_TYPES
from custom_components.bambu_lab_cloud.fleet.stages import STAGES
from custom_components.bambu_lab_cloud.live import Reason
from custom_components.bambu_lab_cloud.messages import message_attributes
from custom_components.bambu_lab_cloud.trigger import TYPES
from scripts import brand, tables

ROOT = Path(__file__).parent.parent
INTEGRATION = ROOT / "custom_components" / DOMAIN
MANIFEST = json.loads((INTEGRATION / "manifest.json").read_text())
STRINGS = json.loads((INTEGRATION / "translations" / "en.json").read_text())
ICONS = json.loads((INTEGRATION / "icons.json").read_text())
SOURCE = "\n".join(path.read_text() for path in sorted(INTEGRATION.glob("*.py")))
SERVICES = yaml.safe_load((INTEGRATION / "services.yaml").read_text())
LANGUAGES = sorted((INTEGRATION / "translations").iterdir())
STRATEGIES = [
    Strategy.CALVER,
    Strategy.SEMVER,
    Strategy.SIMPLEVER,
    Strategy.BUILDVER,
    Strategy.PEP440,
]
MANIFEST_SCHEMA = probatio.Schema(
    {
        probatio.Required("domain"): cv.slug,
        probatio.Required("name"): str,
        probatio.Required("codeowners"): [probatio.Match(r"@[\w-]+(/[\w-]+)?$")],
        probatio.Required("config_flow"): bool,
        # A page of Home Assistant's own would be that of a core integration.
        probatio.Required("documentation"): probatio.Match(r"https://(?!www\.home-assistant\.io/)"),
        probatio.Required("integration_type"): probatio.In(["device", "hub", "service"]),
        probatio.Required("iot_class"): probatio.In(["cloud_polling", "cloud_push"]),
        probatio.Required("issue_tracker"): cv.url,
        probatio.Required("version"): lambda text: str(
            AwesomeVersion(text, ensure_strategy=STRATEGIES)
        ),
        probatio.Optional("after_dependencies"): [cv.slug],
        probatio.Optional("dependencies"): [cv.slug],
        probatio.Optional("loggers"): [str],
        probatio.Optional("requirements"): [probatio.Match(r"[\w.-]+([=<>~!]=?[\d.]+,?)+$")],
    }
)
# Those of the stores that have a meaning for an integration.
HACS_SCHEMA = probatio.Schema(
    {
        probatio.Required("name"): str,
        probatio.Optional("country"): [str],
        probatio.Optional("hide_default_branch"): bool,
        probatio.Optional("homeassistant"): str,
        probatio.Inclusive("filename", "zip"): probatio.Match(r".+\.zip$"),
        probatio.Inclusive("zip_release", "zip"): bool,
    }
)
# As hassfest: in each section its keys and no others. What the texts are is tested one by one.
TEXTS = {str: str}
FLOW_SCHEMA = {
    probatio.Required("step"): {
        str: {
            probatio.Optional("title"): str,
            probatio.Optional("description"): str,
            probatio.Optional("data"): TEXTS,
            probatio.Optional("data_description"): TEXTS,
            probatio.Optional("menu_options"): TEXTS,
            probatio.Optional("menu_option_descriptions"): TEXTS,
            probatio.Optional("submit"): str,
        }
    },
    probatio.Optional("error"): TEXTS,
    probatio.Optional("abort"): TEXTS,
}
DESCRIBED_SCHEMA = {
    probatio.Required("name"): str,
    probatio.Required("description"): str,
    probatio.Optional("fields"): {
        str: {
            probatio.Required("name"): str,
            probatio.Optional("description"): str,
            probatio.Optional("example"): str,
        }
    },
}
STRINGS_SCHEMA = probatio.Schema(
    {
        probatio.Required("config"): FLOW_SCHEMA
        | {probatio.Optional("initiate_flow"): {probatio.Required("user"): str}},
        probatio.Optional("common"): TEXTS,
        probatio.Optional("options"): FLOW_SCHEMA,
        probatio.Optional("selector"): {str: {probatio.Required("options"): TEXTS}},
        probatio.Optional("issues"): {
            str: {
                probatio.Required("title"): str,
                probatio.Exclusive("description", "fixable"): str,
                probatio.Exclusive("fix_flow", "fixable"): FLOW_SCHEMA,
            }
        },
        probatio.Optional("entity"): {
            str: {
                str: {
                    probatio.Optional("name"): str,
                    probatio.Optional("unit_of_measurement"): str,
                    probatio.Optional("state"): TEXTS,
                    probatio.Optional("state_attributes"): {
                        str: {probatio.Optional("name"): str, probatio.Optional("state"): TEXTS}
                    },
                }
            }
        },
        probatio.Optional("exceptions"): {str: {probatio.Required("message"): str}},
        probatio.Optional("services"): {str: DESCRIBED_SCHEMA},
        probatio.Optional("triggers"): {str: DESCRIBED_SCHEMA},
        probatio.Optional("conditions"): {str: DESCRIBED_SCHEMA},
    }
)
ICON = probatio.Match(r"mdi:[a-z0-9-]+$")
ICONS_SCHEMA = probatio.Schema(
    {
        "entity": {
            str: {
                str: {
                    probatio.Optional("default"): ICON,
                    probatio.Optional("range"): {probatio.Match(r"\d+$"): ICON},
                    probatio.Optional("state"): {str: ICON},
                    probatio.Optional("state_attributes"): {
                        str: {probatio.Required("default"): ICON, "state": {str: ICON}}
                    },
                }
            }
        },
        "services": {str: {"service": ICON}},
        "triggers": {str: {"trigger": ICON}},
        "conditions": {str: {"condition": ICON}},
    }
)
SELECTORS = [
    selector.config
    for step_id, fields in config_flow.FORMS.items()
    for selector in (fields | config_flow._choice(step_id, {})).values()
    if isinstance(selector, SelectSelector)
] + [
    field["selector"]["select"]
    for action in SERVICES.values()
    for field in action["fields"].values()
    if "select" in field["selector"]
]
STAND_IN = MagicMock()
FAULT = {"module": MODULES, "severity": SEVERITIES.values()}
# What attributes can be, where that has texts, and the attributes of events.
ATTRIBUTES: dict[tuple[str, str], dict[str, Collection[str]]] = {
    ("binary_sensor", "error"): FAULT,
    ("binary_sensor", "live_data"): {"reason": get_args(Reason.__value__)},
    ("event", "message"): dict.fromkeys(message_attributes(STAND_IN, STAND_IN, STAND_IN), ())
    | {"event_type": MESSAGE_TYPES},
    ("event", "print"): dict.fromkeys(print_attributes(STAND_IN, STAND_IN, STAND_IN), ())
    | {"event_type": list(PrintEventType), "reason": [name for name in STAGES if "pause" in name]}
    | FAULT,
    ("sensor", "active_filament"): {"tray": [slot_name(Slot(ams=254, tray=0))]},
}
# What else has texts and is no list in the code: what the slicer calls a plate, and a unit.
MORE = {
    "bed_type": [
        f"state.{plate}_plate" for plate in ("cool", "eng", "hot", "supertack", "textured")
    ]
    + ["state.auto"],
    "total_prints": ["unit_of_measurement"],
}


def texts(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each text of a tree of translations with its place."""
    match node:
        case dict():
            for key, value in node.items():
                yield from texts(value, f"{path}.{key}")
        case _:
            yield path, node


def test_manifest() -> None:
    """What hassfest and the HACS action want of a custom integration's."""
    keys = list(MANIFEST)
    assert keys[:2] == ["domain", "name"]
    assert keys[2:] == sorted(keys[2:])
    assert MANIFEST_SCHEMA(MANIFEST) == MANIFEST
    assert MANIFEST["domain"] == INTEGRATION.name
    assert not (Path(components.__path__[0]) / DOMAIN).exists()
    assert MANIFEST["issue_tracker"] == f"{MANIFEST['documentation']}/issues"
    assert MANIFEST["requirements"] == ["aiomqtt>=2.5.1,<3"]
    assert AwesomeVersion(MANIFEST["version"]) == AwesomeVersion(VERSION)
    assert (MANIFEST["integration_type"], MANIFEST["iot_class"]) == ("hub", "cloud_push")


def test_what_is_used_of_other_integrations_is_declared() -> None:
    """But for base platforms, which are always there, and what a file of ours is a platform of."""
    used = set(re.findall(r"from homeassistant\.components(?:\.| import )(\w+)", SOURCE))
    declared = {*MANIFEST["dependencies"], *MANIFEST["after_dependencies"]}
    ours = {path.stem for path in INTEGRATION.glob("*.py")}
    assert used - {str(platform) for platform in Platform} - ours == declared


def test_hacs() -> None:
    hacs = json.loads((ROOT / "hacs.json").read_text())
    assert HACS_SCHEMA(hacs) == hacs
    assert hacs == {"name": MANIFEST["name"], "homeassistant": "2026.9.0"}
    oldest = hacs["homeassistant"].removesuffix(".0")
    for page in ("README.md", "docs/blueprints.md"):
        told = re.search(r"[Nn]eeds? Home Assistant ([0-9.]+) or newer", (ROOT / page).read_text())
        assert told
        assert told[1] == oldest
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")
    assert (ROOT / "README.md").read_text().startswith(f"# {MANIFEST['name']}")
    # What the stores copy is the one folder, and it is whole.
    folders = [path for path in INTEGRATION.parent.iterdir() if path.is_dir()]
    assert [path.name for path in folders if not path.name.startswith("_")] == [DOMAIN]
    assert not any(path.is_symlink() for path in INTEGRATION.rglob("*"))


def test_what_is_registered_is_described() -> None:
    """Home Assistant's validator looks for these words and these files."""
    assert "CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)" in SOURCE
    assert {path.stem for path in INTEGRATION.glob("*.yaml")} == {
        "conditions",
        "quality_scale",
        "services",
        "triggers",
    }
    assert not (INTEGRATION / "strings.json").exists()


@pytest.mark.parametrize(
    ("tested", "stated"),
    [("requirements_min.txt", "hacs.json"), ("overrides_test.txt", "requirements_demo.txt")],
)
def test_home_assistants_that_are_tested(tested: str, stated: str) -> None:
    """The oldest that the stores let install it, and the newest, which the demo shows."""
    version = re.compile(r"homeassistant(?:==|\": \")([0-9.]+)")
    assert version.findall((ROOT / tested).read_text()) == version.findall(
        (ROOT / stated).read_text()
    )


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("icon.png", (256, 256)),
        ("icon@2x.png", (512, 512)),
        ("logo.png", (912, 256)),
        ("logo@2x.png", (1824, 512)),
    ],
)
def test_brand(name: str, size: tuple[int, int]) -> None:
    with Image.open(INTEGRATION / "brand" / name) as picture:
        assert (picture.size, picture.format) == (size, "PNG")


def test_brand_is_drawn() -> None:
    assert brand.faults() == []


def resized(folder: Path) -> None:
    with Image.open(folder / "icon@2x.png") as picture:
        picture.resize((511, 511)).save(folder / "icon@2x.png")


def filled(folder: Path) -> None:
    Image.new("RGBA", (256, 256), "white").save(folder / "icon.png")


def padded(folder: Path) -> None:
    picture = Image.new("RGBA", (256, 256))
    picture.paste("white", (8, 8, 248, 248))
    picture.save(folder / "icon.png")


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda folder: (folder / "logo.png").unlink(), "logo.png is missing"),
        (lambda folder: (folder / "dark_icon.png").touch(), "dark_icon.png has no SVG"),
        (lambda folder: (folder / "icon.svg").rename(folder / "face.svg"), "icon.svg is missing"),
        (resized, "icon@2x.png has (511, 511), not (512, 512)"),
        (filled, "icon.png is not trimmed or not transparent"),
        (padded, "icon.png is not trimmed or not transparent"),
        (
            lambda folder: (folder / "icon.svg").write_text('<svg viewBox="0 0 24 16"/>'),
            "icon.svg has the wrong shape",
        ),
    ],
)
def test_faults_of_a_brand(tmp_path: Path, spoil: Callable[[Path], Any], fault: str) -> None:
    for folder in (brand.SOURCES, brand.PICTURES):
        shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    spoil(tmp_path)
    assert fault in brand.faults(tmp_path, tmp_path)


def test_the_logo_has_the_icon() -> None:
    icon, logo = (
        re.findall(r"<(?:g|circle|rect|path) .*>", (brand.SOURCES / name).read_text())
        for name in ("icon.svg", "logo.svg")
    )
    assert logo[: len(icon)] == icon


@pytest.mark.parametrize(
    ("asked", "file"),
    [
        ("icon.png", "icon.png"),
        ("dark_icon@2x.png", "icon@2x.png"),
        ("logo.png", "logo.png"),
        ("dark_logo@2x.png", "logo@2x.png"),
    ],
)
async def test_brand_is_served(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, asked: str, file: str
) -> None:
    """Home Assistant asks nobody else for them, and takes a light one where none is dark."""
    assert await async_setup_component(hass, "brands", {})
    client = await hass_client()
    answer = await client.get(f"/api/brands/integration/{DOMAIN}/{asked}")
    assert await answer.read() == (INTEGRATION / "brand" / file).read_bytes()


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{([^{}]*)\}", text))


def is_wrong(place: str, text: str) -> bool:
    """Return if a text has blanks at its ends, an address or a reference, or its key is wrong.

    Neither the frontend nor Home Assistant itself can read a brace that is no placeholder's.
    """
    return (
        text != text.strip()
        or not text
        or bool(re.search(r"[{}]", re.sub(r"(?<!\{)\{[a-z_]+\}(?!\})", "", text)))
        or cv.string_with_no_html(text) != text
        or bool(re.search(r"<[a-z/]|https?://|'\{|\[%", text))
        or bool(placeholders(text) and re.search(r"\.state\.", place))
        or not re.fullmatch(r"(?:\.[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?)+", place)
    )


@pytest.mark.parametrize("path", LANGUAGES, ids=lambda path: path.stem)
def test_texts(path: Path) -> None:
    """Home Assistant's validators would refuse none of them."""
    strings = texts(json.loads(path.read_text()))
    assert [place for place, text in strings if is_wrong(place, text)] == []


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (".title", " Blank"),
        (".title", ""),
        (".title", "See https://example.com"),
        (".title", "A '{name}' in quotes"),
        (".title", "{name} {"),
        (".title", "{name} }"),
        (".title", "{{name}}"),
        (".title", "'}' in quotes"),
        (".title", "[%key:common::state::on%]"),
        (".entity.state.on", "{name} is on"),
        (".title.Upper", "Key"),
    ],
)
def test_wrong_texts(place: str, text: str) -> None:
    assert is_wrong(place, text)


@pytest.mark.parametrize("path", LANGUAGES, ids=lambda path: path.stem)
def test_languages_say_the_same(path: Path) -> None:
    """Each text is there, with the same placeholders."""
    strings = json.loads(path.read_text())
    assert STRINGS_SCHEMA(strings) == strings
    assert {place: placeholders(text) for place, text in texts(strings)} == {
        place: placeholders(text) for place, text in texts(STRINGS)
    }


@pytest.mark.parametrize("path", LANGUAGES, ids=lambda path: path.stem)
def test_languages_are_of_home_assistant(path: Path) -> None:
    """It looks for no other file. Each says in its own words what is more than a name."""
    assert path.name.removesuffix(".json") in languages.LANGUAGES
    english = dict(texts(STRINGS))
    kept = [
        place
        for place, text in texts(json.loads(path.read_text()))
        if text == english[place] and len(text.split()) > 3
    ]
    assert not kept or path.stem == "en"


@pytest.mark.parametrize(
    "steps",
    [
        STRINGS["config"]["step"],
        STRINGS["options"]["step"],
        *(issue["fix_flow"]["step"] for issue in STRINGS["issues"].values()),
    ],
)
def test_forms_are_described(steps: dict[str, Any]) -> None:
    for step in steps.values():
        assert step.get("data", {}).keys() == step.get("data_description", {}).keys()
        described = step.get("menu_option_descriptions", {})
        assert step.get("menu_options", {}).keys() == described.keys()
        assert step["title"] != MANIFEST["name"]


def test_actions_are_described() -> None:
    """With the same keys in each file. None is shared by a dot, which only triggers may have."""
    assert SERVICES.keys() == STRINGS["services"].keys() == ICONS["services"].keys()
    for key, action in SERVICES.items():
        words = STRINGS["services"][key].get("fields", {})
        assert (action or {}).get("fields", {}).keys() == words.keys()
        assert all(field.keys() >= {"name", "description"} for field in words.values())


@pytest.mark.parametrize("name", ["conditions", "services", "triggers"])
def test_fields_have_selectors(name: str) -> None:
    described = yaml.safe_load((INTEGRATION / f"{name}.yaml").read_text())
    for each in described.values():
        for field in each.get("fields", {}).values():
            assert validate_selector(field["selector"])
            assert field.keys() <= {"selector", "default", "example", "required"}
        assert validate_selector({"target": each.get("target", {})})


def places(platform: str, entity: BambuEntity[Any]) -> set[str]:
    """Return where Home Assistant looks for the texts of an entity."""
    description: Any = entity.entity_description
    key = description.translation_key
    found = set() if description.name is None else {"name"}
    states = ["empty"] if getattr(description, "picture_fn", None) else []
    states += getattr(description, "options", None) or []
    found.update(f"state.{state}" for state in states)
    known = ATTRIBUTES.get((platform, key), {})
    for name in (*(entity.extra_state_attributes or {}), *known):
        found.add(f"state_attributes.{name}.name")
        found.update(f"state_attributes.{name}.state.{value}" for value in known.get(name, ()))
    return {f".{platform}.{key}.{each}" for each in (*found, *MORE.get(key, ()))}


async def test_texts_of_entities() -> None:
    """Each entity has them, with its states and attributes, and nothing else has any."""
    added = await tables.added()
    own = [(each, entity) for each, entity in added if entity.entity_description.translation_key]
    wanted = set.union(*(places(platform, entity) for platform, entity in own))
    assert wanted == {place for place, _ in texts(STRINGS["entity"])}
    # What has no key is called what its device class is.
    described = [entity.entity_description for _, entity in added]
    assert all(each.translation_key or each.device_class for each in described)


@pytest.mark.parametrize(
    ("kind", "keys"), [("trigger", set(TYPES)), ("condition", {"is_printing"})]
)
def test_triggers_and_conditions_are_described(kind: str, keys: set[str]) -> None:
    """With the same keys in each file; what begins with a dot is shared."""
    described = yaml.safe_load((INTEGRATION / f"{kind}s.yaml").read_text())
    described = {key: each for key, each in described.items() if not key.startswith(".")}
    assert described.keys() == STRINGS[f"{kind}s"].keys() == ICONS[f"{kind}s"].keys() == keys
    for key, each in described.items():
        words = STRINGS[f"{kind}s"][key]
        assert words.keys() - {"fields"} == {"name", "description"}
        assert words.get("fields", {}).keys() == each.get("fields", {}).keys()
        assert ICONS[f"{kind}s"][key].keys() == {kind}
        # Without it the editor would offer them for all that is in the house.
        assert {DOMAIN} == {entity["integration"] for entity in each["target"]["entity"]}


def test_each_type_of_event_has_a_trigger() -> None:
    assert set(TYPES.values()) == set(PrintEventType)


def test_exceptions_are_translated() -> None:
    raised = re.findall(r'translation_domain=DOMAIN,?\s+translation_key="([a-z_]+)"', SOURCE)
    errors = (CannotConnectError(), RateLimitedError(1), ResponseError())
    polled = {*map(error_key, errors), error_key(KeyError())}
    acted = {
        str(action_error(err).translation_key)
        for err in (*errors, AuthenticationError(), PermissionDeniedError())
    }
    assert {*raised, *polled, *acted} == set(STRINGS["exceptions"])


def test_errors_of_the_flow_are_translated() -> None:
    assigned = re.findall(r'errors\[[^]]+\] = (?:known\.get\([^"]+)?"([a-z_]+)"', SOURCE)
    known = (getattr(config_flow, name) for name in dir(config_flow) if name.endswith("ERRORS"))
    by_kind = [error for errors in known for error in errors.values()]
    assert {*assigned, *by_kind} == set(STRINGS["config"]["error"])


def steps(flow: type) -> set[str]:
    return {name.removeprefix("async_step_") for name in vars(flow) if "async_step_" in name}


def test_steps_of_the_flow_are_translated() -> None:
    """Menus with each way to sign in, and forms with each of their fields."""
    forms = {
        step_id: {*map(str, fields), config_flow.CONF_NEXT}
        for step_id, fields in config_flow.FORMS.items()
    }
    # It leads to the menu of another step.
    menus = steps(config_flow.BambuConfigFlow) - forms.keys() - {"reauth"}
    assert {
        step_id: {*step.get("menu_options", {}), *step.get("data", {})}
        for step_id, step in STRINGS["config"]["step"].items()
    } == forms | {step_id: set(config_flow.WAYS) for step_id in menus}


async def test_options_are_translated(hass: HomeAssistant) -> None:
    entry = MockConfigEntry(domain=DOMAIN)
    entry.add_to_hass(hass)
    form = await hass.config_entries.options.async_init(entry.entry_id)
    fields = {str(field) for field in form["data_schema"].schema}
    described = {step_id: set(step["data"]) for step_id, step in STRINGS["options"]["step"].items()}
    assert described == {"init": fields}


def test_ends_of_flows_are_translated() -> None:
    ours = re.compile(r'(?:AbortFlow\(|reason=|reason = known, )"([a-z_]+)"')
    theirs = {
        "_abort_if_unique_id_mismatch": {"unique_id_mismatch"},
        "async_update_reload_and_abort": {"reauth_successful", "reconfigure_successful"},
    }
    flow, repair = (inspect.getsource(module) for module in (config_flow, repairs))
    called = (reasons for method, reasons in theirs.items() if f"self.{method}(" in flow)
    assert {*ours.findall(flow), *set().union(*called)} == set(STRINGS["config"]["abort"])
    [issue] = STRINGS["issues"].values()
    assert set(ours.findall(repair)) == set(issue["fix_flow"]["abort"])


def test_issues_are_translated() -> None:
    raised = re.findall(r'async_create_issue\(.*?translation_key="([a-z_]+)"', SOURCE, re.DOTALL)
    assert set(raised) == set(STRINGS["issues"])
    [issue] = STRINGS["issues"].values()
    [given] = re.findall(
        r"translation_placeholders=\{(.*?)\}", inspect.getsource(repairs), re.DOTALL
    )
    needed = set.union(*(placeholders(text) for _, text in texts(issue)))
    assert needed == set(re.findall(r'"(\w+)":', given))
    assert steps(repairs.SignInExpiresRepairFlow) == set(issue["fix_flow"]["step"])


def test_choices_are_translated() -> None:
    choices = {each["translation_key"]: set(each["options"]) for each in SELECTORS}
    assert choices == {key: set(each["options"]) for key, each in STRINGS["selector"].items()}


def test_lines_of_the_activity_are_translated() -> None:
    written = re.findall(r"\bprint_[a-z_]+", inspect.getsource(activity))
    assert set(written) == set(STRINGS["common"])


def test_icons() -> None:
    assert ICONS_SCHEMA(ICONS) == ICONS
    for key, each in (pair for platform in ICONS["entity"].values() for pair in platform.items()):
        assert each, key
        assert each.get("default") not in each.get("state", {}).values(), key


def test_no_icon_without_an_entity() -> None:
    for platform, keys in ICONS["entity"].items():
        for key, icon in keys.items():
            states = STRINGS["entity"][platform][key].get("state", {})
            assert icon.get("state", {}).keys() <= {*states, "on"}, key


def shown() -> Iterator[str]:
    """Return how each sentence begins that tells an owner that something did not work."""
    texts = [each["message"] for each in STRINGS["exceptions"].values()]
    texts += STRINGS["config"]["error"].values()
    texts += [STRINGS["config"]["abort"][key] for key in ("entry_removed", "unique_id_mismatch")]
    texts += [each["title"] for each in STRINGS["issues"].values()]
    for text in texts:
        yield re.sub(r"{\w+}", "…", re.split(r"\.| \(", text)[0])


@pytest.mark.parametrize("sentence", sorted(set(shown())))
def test_what_is_shown_is_explained(sentence: str) -> None:
    """Owners look for the very sentence."""
    pages = [ROOT / "docs" / f"{name}.md" for name in ("troubleshooting", "signing-in")]
    rows = [row for page in pages for row in page.read_text().splitlines() if row.startswith("|")]
    assert any(sentence in row for row in rows)
