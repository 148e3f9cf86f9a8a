"""The cloud that an account lives in: its region, and the sessions to reach it."""

from collections.abc import Awaitable
from datetime import datetime
from functools import cache
from os import environ
from typing import TYPE_CHECKING

from aiohttp import ClientSession, DummyCookieJar
from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_REGION, CONF_TOKEN
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import (
    async_create_clientsession,
    async_get_clientsession,
)
from homeassistant.helpers.importlib import async_import_module
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.ssl import client_context

from .api import (
    REGIONS,
    AuthenticationError,
    BambuCloud,
    BambuCloudError,
    BambuLogin,
    Broker,
    CannotConnectError,
    PermissionDeniedError,
    Region,
    ResponseError,
)
from .const import DOMAIN, LOGGER, USER_AGENT

if TYPE_CHECKING:
    from .api.live import LiveSession

CLIENTS: HassKey[dict[str, tuple[tuple[str, str], BambuCloud]]] = HassKey(DOMAIN)


def _region(name: str) -> Region:
    """Return a region by name, or the one cloud that the environment names instead of all."""
    if base_url := environ.get("BAMBU_LAB_CLOUD_URL"):
        return Region.at(base_url)
    return REGIONS[name]


@cache
def _broker(url: str) -> Broker | None:
    """Return the broker that the environment names, or say once that it is none."""
    try:
        return Broker.at(url)
    except ValueError:
        LOGGER.error(
            "BAMBU_LAB_CLOUD_MQTT_URL is neither mqtts://host:port nor, on this machine, "
            "mqtt://host:port, so there is no live data"
        )
        return None


async def live_session(
    hass: HomeAssistant, region: str, uid: str, token: str
) -> LiveSession | None:
    """Return a session with the broker of a region, not connected yet, or None without a broker.

    The environment can name one broker instead of all. Where it names only another cloud, there
    is none: what is meant for a simulator never reaches the real one.
    """
    url = environ.get("BAMBU_LAB_CLOUD_MQTT_URL")
    if (broker := _broker(url) if url else _region(region).mqtt) is None:
        return None
    live = await async_import_module(hass, f"{__package__}.api.live")
    session: LiveSession = live.LiveSession(broker, uid, token, tls_context=client_context())
    return session


def cloud_client(hass: HomeAssistant, region: str, token: str) -> BambuCloud:
    """Return a client that reads with Home Assistant's shared session."""
    return BambuCloud(async_get_clientsession(hass), _region(region), token, user_agent=USER_AGENT)


def entry_client(hass: HomeAssistant, entry: ConfigEntry) -> BambuCloud:
    """Return the client of an account, the same one as long as its token is.

    It knows for how long the cloud wants to be left alone, which each new try to set the account up
    would forget with it.
    """
    clients = hass.data.setdefault(CLIENTS, {})
    region, token = entry.data[CONF_REGION], entry.data[CONF_TOKEN]
    known, client = clients.get(entry.entry_id, (None, None))
    if client is None or known != (region, token):
        client = cloud_client(hass, region, token)
        clients[entry.entry_id] = ((region, token), client)
    return client


def forget_client(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Forget the client of an account, and with it the pause that the cloud has asked for."""
    hass.data.get(CLIENTS, {}).pop(entry.entry_id, None)


def login_session(hass: HomeAssistant) -> ClientSession:
    """Return a session for one sign-in, to be detached after it.

    The shared session's cookie jar would carry one account's cookies into the next sign-in.
    """
    return async_create_clientsession(hass, auto_cleanup=False, cookie_jar=DummyCookieJar())


def cloud_login(session: ClientSession, region: str) -> BambuLogin:
    """Return the conversation that signs an account in."""
    return BambuLogin(session, _region(region), user_agent=USER_AGENT)


def cloud_now(client: BambuCloud) -> datetime:
    """Return the cloud's time, in which the age of a print is reckoned where the clocks differ."""
    return dt_util.utcnow() + client.clock_offset


def error_text(err: Exception) -> str:
    """Return what may be read of an error: the text of one that is not ours could hold anything."""
    return str(err) if isinstance(err, BambuCloudError) else type(err).__name__


async def optional[_T](answer: Awaitable[_T]) -> _T | None:
    """Return an answer that can be done without, or None: its failure spoils nothing else.

    A refusal of the token counts as one here: whether it is dead, what cannot be done without
    will tell.
    """
    try:
        return await answer
    except (AuthenticationError, CannotConnectError, PermissionDeniedError, ResponseError) as err:
        LOGGER.debug("Going on without an answer: %s", err)
        return None
