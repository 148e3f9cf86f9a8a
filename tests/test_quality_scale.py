"""The quality scale's rules are all answered, and what can be proven of the answers is."""

from configparser import ConfigParser
import json
from pathlib import Path
import re

from homeassistant import components
import probatio
import pytest
import yaml

from custom_components.bambu_lab_cloud import PLATFORMS, config_flow, diagnostics
from custom_components.bambu_lab_cloud.const import DOMAIN

ROOT = Path(__file__).parent.parent
INTEGRATION = ROOT / "custom_components" / DOMAIN
MANIFEST = json.loads((INTEGRATION / "manifest.json").read_text())
CORE = Path(components.__path__[0])
RULES = yaml.safe_load((INTEGRATION / "quality_scale.yaml").read_text())["rules"]
STATUS = {name: rule if isinstance(rule, str) else rule["status"] for name, rule in RULES.items()}
# As hassfest has it for integrations of core.
SCHEMA = probatio.Any(
    probatio.In(["done", "todo"]),
    {
        probatio.Required("status"): probatio.In(["done", "todo"]),
        probatio.Optional("comment"): str,
    },
    {probatio.Required("status"): "exempt", probatio.Required("comment"): str},
)
SOURCE = {path.name: path.read_text() for path in sorted(INTEGRATION.glob("*.py"))}
ALL = "\n".join(SOURCE.values())
README = (ROOT / "README.md").read_text()
DOCS = {path.name: path.read_text() for path in (ROOT / "docs").glob("*.md")}
TEST = (ROOT / "scripts" / "test").read_text()
MODELS = ("X1 Carbon", "X1E", "P1P", "P1S", "P2S", "A1 mini", "A2L", "H2S", "H2D Pro", "H2C", "X2D")
DISCOVERY = ("bluetooth", "dhcp", "homekit", "mqtt", "ssdp", "usb", "zeroconf")


def has(text: str, *patterns: str) -> bool:
    """Return if a text has all of these."""
    return all(re.search(pattern, text, re.DOTALL) for pattern in patterns)


def has_heading(text: str) -> bool:
    """Return if the README has a chapter of this name."""
    return f"\n## {text}\n" in README


def documents(name: str, page: str) -> bool:
    """Return if a page tells of all triggers, conditions or actions."""
    described = yaml.safe_load((INTEGRATION / f"{name}.yaml").read_text())
    keys = [key for key in described if not key.startswith(".")]
    return bool(keys) and all(f"{DOMAIN}.{key}" in DOCS[page] for key in keys)


def raises_what_is_translated() -> bool:
    """Return if whatever Home Assistant shows has a key. That of AbortFlow is its reason."""
    errors = r"(?:\w*Error|BrowseError|Unresolvable|UpdateFailed|ConfigEntry\w+)"
    shown = re.findall(rf"(?:raise|return) {errors}\((\s*\S+)", ALL)
    ours = [each.strip() for each in shown if not each.strip().startswith('"slicer/')]
    return bool(ours) and all(each.startswith("translation_domain=DOMAIN,") for each in ours)


def types_strictly() -> bool:
    """Return if mypy is strict, and whoever takes the client gets its types."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    return (
        config["mypy"].getboolean("strict")
        and (INTEGRATION / "api" / "py.typed").exists()
        and '"$bin/mypy" custom_components' in (ROOT / "scripts" / "check").read_text()
        and not re.search(r"config_entry: ConfigEntry\b(?!\[)", SOURCE["data.py"])
    )


FLOW = config_flow.BambuConfigFlow
# What a rule demands, as far as it can be seen without a judgement.
PROVEN = {
    "action-setup": has(SOURCE["__init__.py"], r"async def async_setup\(.*?async_setup_services\("),
    "appropriate-polling": "interval" not in SOURCE["config_flow.py"],
    "async-dependency": not has(ALL, r"import (?:requests|urllib3|urllib\.request)"),
    "brands": (INTEGRATION / "brand" / "icon.png").exists(),
    "common-modules": {"coordinator.py", "entity.py"} <= SOURCE.keys(),
    "config-entry-unloading": has(
        SOURCE["__init__.py"], r"async def async_unload_entry\(.*?async_unload_platforms\("
    ),
    "config-flow": MANIFEST["config_flow"] and has(SOURCE["config_flow.py"], r"async_step_user\("),
    "config-flow-test-coverage": has(TEST, r"config_flow\.py' --fail-under=100"),
    "devices": has(SOURCE["registry.py"], "model_id=", "serial_number=", "manufacturer="),
    "diagnostics": all(
        hasattr(diagnostics, f"async_get_{kind}_diagnostics") for kind in ("config_entry", "device")
    ),
    "discovery": any(key in MANIFEST for key in DISCOVERY),
    "discovery-update-info": any(key in MANIFEST for key in DISCOVERY),
    "docs-actions": documents("services", "actions.md"),
    "docs-conditions": documents("conditions", "automations.md"),
    "docs-configuration-parameters": has(README, r"⚙\*\*.*?live data"),
    "docs-data-update": has(DOCS["updating.md"], "asked every"),
    "docs-examples": has(README, "```yaml\n") and has(DOCS["automations.md"], "```yaml\n"),
    "docs-high-level-description": README.startswith(f"# {MANIFEST['name']}"),
    "docs-installation-instructions": has_heading("Install"),
    "docs-installation-parameters": has(DOCS["signing-in.md"], "\n## The ways\n"),
    "docs-known-limitations": has_heading("What it cannot do"),
    "docs-removal-instructions": has_heading("Remove"),
    "docs-supported-devices": all(model in README for model in MODELS),
    "docs-supported-functions": has_heading("What you get"),
    "docs-triggers": documents("triggers", "automations.md"),
    "docs-troubleshooting": has(DOCS["troubleshooting.md"], r"\| sentence \|"),
    "docs-use-cases": has_heading("Get told, and automate"),
    "entity-category": has(ALL, r"entity_category=EntityCategory\.DIAGNOSTIC"),
    "entity-device-class": has(ALL, r"device_class=SensorDeviceClass\.TIMESTAMP"),
    "entity-disabled-by-default": has(ALL, "entity_registry_enabled_default=False"),
    "entity-event-setup": has(
        SOURCE["event.py"], r"async def async_added_to_hass\(.*?self\.async_on_remove\("
    ),
    "entity-translations": has(ALL, "translation_key=") and not has(ALL, r"_attr_name = \""),
    "entity-unique-id": has(SOURCE["entity.py"], r"_attr_unique_id = "),
    "exception-translations": raises_what_is_translated(),
    "has-entity-name": has(SOURCE["entity.py"], "_attr_has_entity_name = True"),
    "icon-translations": not has(ALL, r"\b_?(?:attr_)?icon ?= ?\"mdi:"),
    "inject-websession": has((INTEGRATION / "api" / "client.py").read_text(), "ClientSession,")
    and has(SOURCE["cloud.py"], r"BambuCloud\(async_get_clientsession\(hass\)"),
    "integration-owner": bool(MANIFEST["codeowners"]),
    "log-when-unavailable": has(SOURCE["coordinator.py"], r"UpdateFailed\("),
    "parallel-updates": all(
        has(SOURCE[f"{platform}.py"], r"\nPARALLEL_UPDATES = \d+\n") for platform in PLATFORMS
    ),
    "reauthentication-flow": hasattr(FLOW, "async_step_reauth"),
    "reconfiguration-flow": hasattr(FLOW, "async_step_reconfigure"),
    "repair-issues": has(SOURCE["repairs.py"], r"is_fixable=True", "async_create_fix_flow"),
    "runtime-data": has(SOURCE["data.py"], r"type BambuConfigEntry = ConfigEntry\[BambuData\]")
    and has(SOURCE["__init__.py"], r"entry\.runtime_data = BambuData\(")
    and "hass.data[DOMAIN]" not in ALL,
    "stale-devices": has(SOURCE["__init__.py"], r"async def async_remove_config_entry_device\("),
    "strict-typing": types_strictly(),
    "test-before-configure": has(SOURCE["config_flow.py"], r"client\.get_preference\(\)"),
    "test-before-setup": has(SOURCE["__init__.py"], r"await \w+\.async_config_entry_first_refresh"),
    "test-coverage": int(re.findall(r"--cov-fail-under=(\d+)", TEST)[0]) >= 95,
    "unique-config-entry": has(
        SOURCE["config_flow.py"], r"async_set_unique_id\(preference\.uid\)", "already_configured"
    ),
}
# How errors of actions look, what is unavailable when, and who is new: each has tests of its own.
JUDGED = {
    "action-exceptions",
    "dependency-transparency",
    "dynamic-devices",
    "entity-unavailable",
}


def test_every_rule_is_answered() -> None:
    """Those that integrations of core answer, whichever Home Assistant this is."""
    asked = {
        rule
        for path in CORE.glob("*/quality_scale.yaml")
        for rule in re.findall(r"^  ([a-z][a-z-]+):", path.read_text(), re.MULTILINE)
    }
    assert len(asked) >= 54
    assert RULES.keys() == asked == PROVEN.keys() | JUDGED


@pytest.mark.parametrize("rule", RULES)
def test_answers_are_what_they_are(rule: str) -> None:
    assert SCHEMA(RULES[rule]) == RULES[rule]


@pytest.mark.parametrize("rule", PROVEN)
def test_what_is_done_is_there(rule: str) -> None:
    assert bool(PROVEN[rule]) == (STATUS[rule] == "done")


def test_the_manifest_claims_nothing() -> None:
    """A custom integration is always that, whatever it says."""
    assert "quality_scale" not in MANIFEST
