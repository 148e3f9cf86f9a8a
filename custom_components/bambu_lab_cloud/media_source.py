"""Past prints of the Bambu Lab Cloud integration in the media panel, with their pictures."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import override

from aiohttp import web
from homeassistant.components.http import HomeAssistantView
from homeassistant.components.media_player import BrowseError, MediaClass, MediaType
from homeassistant.components.media_source import (
    BrowseMediaSource,
    MediaSource,
    MediaSourceItem,
    PlayMedia,
    Unresolvable,
)
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from .calendar import failed_sign
from .const import DOMAIN
from .data import BambuConfigEntry
from .fleet.history import EndedPrint
from .registry import ids_of, printer_devices

NAME = "Bambu Lab Cloud"
PICTURES = f"/api/{DOMAIN}/pictures"
# The picture of a print stays what it is.
KEPT = {"Cache-Control": "private, max-age=86400"}
NOT_KEPT = {"Cache-Control": "no-store"}
# An empty build plate: the panel shows what comes as a picture, whatever the status is.
PLACEHOLDER = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-24 -24 48 48" fill="none">'
    b'<path d="M0-6 12 0 0 6-12 0Z" stroke="#808080"/></svg>'
)


async def async_get_media_source(hass: HomeAssistant) -> MediaSource:
    """Set up the media source."""
    hass.http.register_view(PictureView(hass))
    return BambuMediaSource(hass)


@callback
def _loaded_entry(hass: HomeAssistant, entry_id: str) -> BambuConfigEntry | None:
    """Return an account, None if it is not loaded or not one of ours."""
    entry = hass.config_entries.async_get_entry(entry_id)
    if entry is None or entry.domain != DOMAIN or entry.state is not ConfigEntryState.LOADED:
        return None
    return entry


@callback
def _printers(hass: HomeAssistant, entry: BambuConfigEntry) -> dict[str, tuple[str, str]]:
    """Return id and name of the printers by the id of their device: their own is a secret."""
    named = [
        (device.name_by_user or device.name or "", device.id, printer_id)
        for device in printer_devices(hass, entry)
        for printer_id in ids_of(device)
    ]
    return {device_id: (printer_id, name) for name, device_id, printer_id in sorted(named)}


def _by_month(prints: Iterable[EndedPrint]) -> dict[str, list[EndedPrint]]:
    """Return prints by the month in which they ended at home, the newest first."""
    months: dict[str, list[EndedPrint]] = {}
    for job in sorted(prints, key=lambda job: job.ended_at, reverse=True):
        months.setdefault(f"{dt_util.as_local(job.ended_at):%Y-%m}", []).append(job)
    return months


def _picture_url(entry: BambuConfigEntry, job: EndedPrint) -> str:
    return f"{PICTURES}/{entry.entry_id}/{job.task_id}"


def _cover(entry: BambuConfigEntry, prints: Iterable[EndedPrint]) -> str | None:
    """Return the newest picture of some prints that is at home: none is fetched for a folder."""
    album = entry.runtime_data.album
    at_home = (job for job in prints if album.has(job.task_id))
    newest = max(at_home, key=lambda job: job.ended_at, default=None)
    return _picture_url(entry, newest) if newest else None


def _folder(
    *place: str,
    title: str,
    children: list[BrowseMediaSource] | None = None,
    children_class: MediaClass = MediaClass.DIRECTORY,
    thumbnail: str | None = None,
) -> BrowseMediaSource:
    return BrowseMediaSource(
        domain=DOMAIN,
        identifier="/".join(place) or None,
        media_class=MediaClass.DIRECTORY,
        media_content_type=MediaType.IMAGE,
        title=title,
        can_play=False,
        can_expand=True,
        children=children,
        children_media_class=children_class,
        thumbnail=thumbnail,
    )


class BambuMediaSource(MediaSource):
    """The past prints: accounts if there are several, printers, months, prints."""

    name = NAME

    def __init__(self, hass: HomeAssistant) -> None:
        """Initialize the media source."""
        super().__init__(DOMAIN)
        self.hass = hass

    @override
    async def async_browse_media(self, item: MediaSourceItem) -> BrowseMediaSource:
        """Return what a folder holds."""
        entries: list[BambuConfigEntry] = self.hass.config_entries.async_loaded_entries(DOMAIN)
        if not item.identifier and len(entries) > 1:
            accounts = [_folder(entry.entry_id, title=entry.title) for entry in entries]
            return _folder(title=NAME, children=accounts)
        place = item.identifier.split("/") if item.identifier else []
        entry = _loaded_entry(self.hass, place[0]) if place else next(iter(entries), None)
        if entry is None:
            raise BrowseError(translation_domain=DOMAIN, translation_key="no_loaded_account")
        if len(place) < 2:
            title = entry.title if len(entries) > 1 else NAME
            history = entry.runtime_data.history.data
            # It knows whose all are after this.
            await self._aside(entry, lambda: history.of_printer(""))
            return _folder(*place, title=title, children=self._account(entry))
        printer = _printers(self.hass, entry).get(place[1])
        if printer is None or len(place) > 3:
            raise BrowseError(translation_domain=DOMAIN, translation_key="not_in_history")
        printer_id, name = printer
        history = entry.runtime_data.history.data
        months = await self._aside(entry, lambda: _by_month(history.of_printer(printer_id)))
        if len(place) == 2:
            return _folder(*place, title=name, children=self._printer(entry, place[1], months))
        if place[2] not in months:
            raise BrowseError(translation_domain=DOMAIN, translation_key="not_in_history")
        return _folder(
            *place,
            title=f"{name} {place[2]}",
            children=[self._print(entry, place, job, name) for job in months[place[2]]],
            children_class=MediaClass.IMAGE,
        )

    async def _aside[T](self, entry: BambuConfigEntry, look: Callable[[], T]) -> T:
        """Look through prints, of which there are tens of thousands, beside the event loop."""
        found = await self.hass.async_add_executor_job(look)
        if _loaded_entry(self.hass, entry.entry_id) is None:
            # It was unloaded meanwhile.
            raise BrowseError(translation_domain=DOMAIN, translation_key="no_loaded_account")
        return found

    def _account(self, entry: BambuConfigEntry) -> list[BrowseMediaSource]:
        """Return the printers of an account."""
        history = entry.runtime_data.history.data
        # The older ones follow within minutes.
        more = "" if history.is_complete else " …"
        return [
            _folder(
                entry.entry_id,
                device_id,
                title=f"{name}{more}",
                thumbnail=_cover(entry, history.of_printer(printer_id)),
            )
            for device_id, (printer_id, name) in _printers(self.hass, entry).items()
        ]

    def _printer(
        self, entry: BambuConfigEntry, device_id: str, months: dict[str, list[EndedPrint]]
    ) -> list[BrowseMediaSource]:
        """Return the months in which a printer ended a print."""
        if not months and not entry.runtime_data.history.data.is_complete:
            raise BrowseError(translation_domain=DOMAIN, translation_key="history_is_being_read")
        return [
            _folder(
                entry.entry_id,
                device_id,
                month,
                title=f"{month} ({len(prints)})",
                thumbnail=_cover(entry, prints),
            )
            for month, prints in months.items()
        ]

    def _print(
        self, entry: BambuConfigEntry, place: list[str], job: EndedPrint, name: str
    ) -> BrowseMediaSource:
        """Return a print."""
        title = f"{failed_sign(job)}{job.title or name}"
        return BrowseMediaSource(
            domain=DOMAIN,
            identifier="/".join((*place, job.task_id)),
            media_class=MediaClass.IMAGE,
            # Of what kind it is shows when it is here; most are of this one.
            media_content_type="image/png",
            title=f"{title} · {dt_util.as_local(job.ended_at):%Y-%m-%d %H:%M}",
            can_play=False,
            can_expand=False,
            thumbnail=_picture_url(entry, job),
        )

    @override
    async def async_resolve_media(self, item: MediaSourceItem) -> PlayMedia:
        """Return where the picture of a print is."""
        place = item.identifier.split("/") if item.identifier else [""]
        if (entry := _loaded_entry(self.hass, place[0])) is None:
            raise Unresolvable(translation_domain=DOMAIN, translation_key="no_loaded_account")
        job = entry.runtime_data.history.data.prints.get(place[-1])
        if job is None:
            raise Unresolvable(translation_domain=DOMAIN, translation_key="not_in_history")
        if (image := await entry.runtime_data.album.async_picture(job)) is None:
            raise Unresolvable(translation_domain=DOMAIN, translation_key="picture_not_available")
        return PlayMedia(_picture_url(entry, job), image.content_type)


class PictureView(HomeAssistantView):
    """The pictures of past prints, for those who are signed in."""

    url = f"{PICTURES}/{{entry_id}}/{{task_id}}"
    name = f"api:{DOMAIN}:picture"

    def __init__(self, hass: HomeAssistant) -> None:
        """Initialize the view."""
        self._hass = hass

    async def get(self, request: web.Request, entry_id: str, task_id: str) -> web.Response:
        """Return a picture."""
        entry = _loaded_entry(self._hass, entry_id)
        job = entry.runtime_data.history.data.prints.get(task_id) if entry else None
        image = await entry.runtime_data.album.async_picture(job) if entry and job else None
        if image is None:
            return web.Response(
                status=HTTPStatus.NOT_FOUND,
                body=PLACEHOLDER,
                content_type="image/svg+xml",
                headers=NOT_KEPT,
            )
        return web.Response(body=image.content, content_type=image.content_type, headers=KEPT)
