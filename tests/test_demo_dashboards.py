"""The demo's dashboard, and the prints that it shows."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from freezegun.api import FrozenDateTimeFactory
import pytest

from scripts import demo_dashboards
from scripts.demo_dashboards import (
    DASHBOARD,
    arrange_prints,
    install_dashboards,
    renew_dashboards,
)
from scripts.demo_home import DOMAIN, Home
from simulator import Simulator


class Owned(Home):
    """A home that has dashboards, and nothing else."""

    def __init__(self) -> None:
        self.dashboards: dict[str, Any] = {}
        self.opens: dict[str, str] = {}
        self.text = "views: []"

    async def render(self, template: str) -> str:
        return self.text

    async def command(self, name: str, /, **fields: Any) -> Any:
        match name:
            case "lovelace/dashboards/list":
                return [{"url_path": each} for each in self.dashboards]
            case "lovelace/dashboards/create":
                self.dashboards[fields["url_path"]] = None
            case "lovelace/config":
                return self.dashboards[fields["url_path"]]
            case "lovelace/config/save":
                self.dashboards[fields["url_path"]] = fields["config"]
            case "frontend/set_user_data":
                self.opens = fields["value"]
            case "recorder/list_statistic_ids":
                return [{"source": DOMAIN}]
        return []


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Owned:
    """A home in which nothing takes its time."""
    monkeypatch.setattr(demo_dashboards, "LATE", 0)
    return Owned()


async def test_the_demo_opens_on_its_dashboard(home: Owned) -> None:
    assert await install_dashboards(home) == {"views": []}
    assert home.dashboards == {DASHBOARD: {"views": []}}
    assert home.opens == {"default_panel": DASHBOARD}


async def test_the_demo_leaves_a_dashboard_alone(home: Owned) -> None:
    home.dashboards[DASHBOARD] = {"views": ["mine"]}
    installed = await install_dashboards(home)
    await renew_dashboards(home, installed)
    assert home.dashboards == {DASHBOARD: {"views": ["mine"]}}
    assert home.opens == {}


@pytest.mark.parametrize(("now", "later"), [([], ["late"]), (["mine"], ["mine"])])
async def test_the_demo_adds_what_comes_late(home: Owned, now: list[str], later: list[str]) -> None:
    """Unless its dashboard was changed by then."""
    installed = await install_dashboards(home)
    home.dashboards[DASHBOARD] = {"views": now}
    home.text = "views: [late]"
    await renew_dashboards(home, installed)
    assert home.dashboards[DASHBOARD] == {"views": later}


@pytest.mark.parametrize("printers", [3, 13])
@pytest.mark.usefixtures("socket_enabled")
async def test_prints_of_the_demo(printers: int, freezer: FrozenDateTimeFactory) -> None:
    """Some run, one has finished and one has failed when somebody opens it."""
    # When a schedule goes on follows from the time.
    freezer.move_to("2026-11-20T12:07:00Z")
    cloud = Simulator(seed=1, printers=printers, time_factor=60)
    await cloud.start(port=0)
    async with aiohttp.ClientSession() as session:
        await arrange_prints(Home(session, "", cloud.url, Path()))
    # So long it takes to set an account up.
    freezer.tick(timedelta(seconds=30))
    states = cloud.cloud.state()["printers"][:printers]
    await cloud.stop()
    assert states[0]["job"]
    assert [each["print_status"] for each in states[1:3]] == ["SUCCESS", "FAIL"]
    assert [each["job"] for each in states[1:3]] == [None, None]
    assert sum(not each["online"] for each in states) == (printers > 3)
    assert sum(bool(each["job"]) for each in states) >= printers // 3
