"""Where live data comes from: never from the real broker by mistake."""

from homeassistant.core import HomeAssistant
import pytest

from custom_components.bambu_lab_cloud import cloud
from custom_components.bambu_lab_cloud.api import CHINA, GLOBAL, Broker
from custom_components.bambu_lab_cloud.cloud import live_session

LOCAL = "mqtt://127.0.0.1:1883"
SIMULATOR = "http://127.0.0.1:8099"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what the environment named, and what was said of it."""
    monkeypatch.delenv("BAMBU_LAB_CLOUD_URL", raising=False)
    monkeypatch.delenv("BAMBU_LAB_CLOUD_MQTT_URL", raising=False)
    cloud._broker.cache_clear()


async def broker_of(hass: HomeAssistant, region: str) -> Broker | None:
    """Return the broker that a session would connect to."""
    session = await live_session(hass, region, "4815162342", "token")
    return getattr(session, "_broker", None)


@pytest.mark.parametrize(("region", "broker"), [("global", GLOBAL.mqtt), ("china", CHINA.mqtt)])
async def test_each_region_has_its_broker(hass: HomeAssistant, region: str, broker: Broker) -> None:
    assert await broker_of(hass, region) == broker


@pytest.mark.parametrize("region", ["global", "china"])
@pytest.mark.parametrize("url", [SIMULATOR, ""])
async def test_the_environment_names_one_broker_instead_of_all(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch, url: str, region: str
) -> None:
    monkeypatch.setenv("BAMBU_LAB_CLOUD_URL", url)
    monkeypatch.setenv("BAMBU_LAB_CLOUD_MQTT_URL", LOCAL)
    assert await broker_of(hass, region) == Broker("127.0.0.1", 1883, is_encrypted=False)


async def test_another_cloud_has_no_broker_unless_it_is_named(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAMBU_LAB_CLOUD_URL", SIMULATOR)
    assert await broker_of(hass, "global") is None


@pytest.mark.parametrize(
    "url", ["mqtt://broker.example.com:1883", "mqtts://user:secret@example.com:8883", "nonsense"]
)
async def test_what_names_no_broker_is_said_once_and_means_none(
    hass: HomeAssistant,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    url: str,
) -> None:
    monkeypatch.setenv("BAMBU_LAB_CLOUD_MQTT_URL", url)
    for _ in range(3):
        assert await broker_of(hass, "global") is None
    assert caplog.text.count("BAMBU_LAB_CLOUD_MQTT_URL") == 1
    assert url not in caplog.text


async def test_sessions_verify_certificates_as_home_assistant_does(hass: HomeAssistant) -> None:
    session = await live_session(hass, "global", "4815162342", "token")
    assert session is not None
    tls = session._tls
    assert tls is not None
    assert tls.check_hostname
