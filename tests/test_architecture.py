"""The floors of the house: imports only go down, and never in a circle."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
import sys

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "custom_components.bambu_lab_cloud"
INTEGRATION = ROOT / "custom_components" / "bambu_lab_cloud"
SIMULATOR = ROOT / "simulator"


def _imports(path: Path, *, at_once: bool = False) -> Iterator[str]:
    """Yield the absolute name of everything that a module imports, or does when it is imported."""
    package = ".".join(path.relative_to(ROOT).with_suffix("").parts[:-1])
    tree = ast.parse(path.read_text())
    for node in tree.body if at_once else ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, level=level, names=names):
                base = package.rsplit(".", level - 1)[0] if level else ""
                origin = ".".join(part for part in (base, module) if part)
                yield from (f"{origin}.{alias.name}" for alias in names)


def _modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def _ours_and_home_assistants(path: Path) -> set[str]:
    return {
        name
        for name in _imports(path)
        if name.split(".")[0] in {"custom_components", "homeassistant", "simulator", "tests"}
    }


@pytest.mark.parametrize("path", _modules(INTEGRATION / "api"), ids=str)
def test_api_stands_on_nothing(path: Path) -> None:
    """The ground floor is ready to be a package of its own."""
    assert {
        n for n in _ours_and_home_assistants(path) if not n.startswith(f"{PACKAGE}.api.")
    } == set()


@pytest.mark.parametrize("path", _modules(INTEGRATION / "api"), ids=str)
def test_api_needs_only_aiohttp_and_aiomqtt(path: Path) -> None:
    """Beside the standard library, the ground floor uses aiohttp with yarl, which it brings.

    What speaks MQTT uses aiomqtt instead, and nothing of paho, which is below that.
    """
    tops = {name.split(".")[0] for name in _imports(path)} - sys.stdlib_module_names
    allowed = {"aiomqtt"} if path.name in {"live.py", "mqtt.py"} else {"aiohttp", "yarl"}
    assert tops - {"custom_components"} <= allowed


@pytest.mark.parametrize("path", _modules(INTEGRATION), ids=str)
def test_who_wants_no_live_data_does_not_load_aiomqtt(path: Path) -> None:
    """It takes a while, so a thread imports it by name, once it is wanted."""
    lazy = (f"{PACKAGE}.api.live.", f"{PACKAGE}.api.mqtt.", "aiomqtt")
    at_once = {name for name in _imports(path, at_once=True) if name.startswith(lazy)}
    assert not at_once or path in {INTEGRATION / "api" / "live.py", INTEGRATION / "api" / "mqtt.py"}


@pytest.mark.parametrize("path", _modules(INTEGRATION / "fleet"), ids=str)
def test_fleet_stands_on_what_is_told_alone(path: Path) -> None:
    """The first floor knows what cloud and printers speak of, and neither how nor who asks."""
    allowed = (f"{PACKAGE}.api.models.", f"{PACKAGE}.api.report.", f"{PACKAGE}.fleet.")
    assert {n for n in _ours_and_home_assistants(path) if not n.startswith(allowed)} == set()


@pytest.mark.parametrize("path", _modules(INTEGRATION / "fleet"), ids=str)
def test_fleet_is_pure(path: Path) -> None:
    """No I/O and no clock: whatever a function of the first floor knows, it was told."""
    tops = {name.split(".")[0] for name in _imports(path)}
    assert tops.isdisjoint({"aiohttp", "asyncio", "os", "pathlib", "random", "socket", "time"})
    called = {
        node.func.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert called.isdisjoint({"now", "today", "utcnow"})


def _name(path: Path) -> str:
    """Return the name that a module is imported by."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _graph(folder: Path) -> dict[str, set[str]]:
    """Return which module imports which others below a folder, also for type checking only."""
    names = {_name(path) for path in _modules(folder)}
    return {
        # What is imported is a module, or something in one.
        _name(path): {name if name in names else name.rpartition(".")[0] for name in _imports(path)}
        & names
        for path in _modules(folder)
    }


@pytest.mark.parametrize("folder", [INTEGRATION, SIMULATOR], ids=lambda folder: folder.name)
def test_no_import_goes_round_in_a_circle(folder: Path) -> None:
    assert list(TopologicalSorter(_graph(folder)).static_order())


def test_circles_would_be_found() -> None:
    """Those of packages and modules, of two and of three."""
    graph = _graph(INTEGRATION)
    assert f"{PACKAGE}.api.client" in graph[f"{PACKAGE}.api"]
    assert f"{PACKAGE}.fleet.printer" in graph[f"{PACKAGE}.printers"]
    graph[f"{PACKAGE}.api.errors"].add(f"{PACKAGE}.api")
    with pytest.raises(CycleError):
        list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("path", _modules(SIMULATOR), ids=str)
def test_simulator_does_not_know_us(path: Path) -> None:
    """It is written to the API's documents, so that a mistake of ours is not made twice."""
    tops = {name.split(".")[0] for name in _imports(path)} - sys.stdlib_module_names
    assert tops - {"simulator"} <= {"aiohttp", "amqtt", "PIL"}


def test_there_is_something_to_prove() -> None:
    """An empty folder would pass every test above."""
    assert len(_modules(INTEGRATION / "api")) > 4
    assert len(_modules(INTEGRATION / "fleet")) > 2
    assert len(_modules(SIMULATOR)) > 2
