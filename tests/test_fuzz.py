"""A few of the bodies of scripts/fuzz, in every run of the suite."""

from collections.abc import AsyncIterator

from homeassistant.core import HomeAssistant
import pytest

from scripts.fuzz import pushes_of
from scripts.fuzz_bodies import chance
from scripts.fuzz_home import Home
from scripts.fuzz_judge import Judge
from scripts.fuzz_parsers import Parsers, valid_bodies
from simulator import Simulator
from tests.conftest import settle, sign_in

SEED = 11


@pytest.mark.usefixtures("socket_enabled")
async def test_what_reads_answers_and_messages() -> None:
    """It raises nothing but errors of its own, and returns nothing that breaks who uses it."""
    judge = Judge()
    pushes = pushes_of(Simulator(history=5, mqtt="manual"))
    parsers = Parsers(judge, await valid_bodies(), pushes)
    with judge.listening():
        for make in (parsers.answer, parsers.push, parsers.picture):
            for judge.number in range(300):
                await make(chance(SEED, judge.number))
    parsers.stop()
    assert _but_for_the_clock(judge) == []


@pytest.fixture
async def cloud(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Simulator]:
    """A cloud whose time goes on: a session with its broker needs that."""
    cloud = Simulator(seed=1, history=5, mqtt="manual")
    await cloud.start()
    cloud.cloud.stop_schedules()
    monkeypatch.setenv("BAMBU_LAB_CLOUD_URL", cloud.url)
    monkeypatch.setenv("BAMBU_LAB_CLOUD_MQTT_URL", cloud.mqtt_url)
    yield cloud
    await cloud.stop()


async def test_an_account(hass: HomeAssistant, cloud: Simulator) -> None:
    """It shows the truth again as soon as that is told."""
    judge = Judge()
    entry = (await sign_in(hass, "password"))["result"]
    await settle(hass)
    account = Home(
        judge=judge,
        hass=hass,
        entry=entry,
        simulator=cloud,
        valid=await valid_bodies(),
        pushes=pushes_of(cloud),
    )
    await account.good()
    with judge.listening():
        for make in (account.answer, account.push):
            for judge.number in range(20):
                await make(chance(SEED, judge.number))
            await account.good()
    account.stop()
    await settle(hass)
    assert _but_for_the_clock(judge) == []


def _but_for_the_clock(judge: Judge) -> list[tuple[str, int, str]]:
    """Return what does not hold; times are for the script, as other work makes them longer."""
    return [each for each in judge.wrongs if each[0] != "loop"]
