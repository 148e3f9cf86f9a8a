"""What was announced and what waits for it, in one file: neither is written without the other."""

from datetime import timedelta
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from .fleet.lifecycle import PrinterRecord, PrintEvent, Records, records_from_dict
from .fleet.messages import News, Seen, news_from_dict
from .fleet.stored import as_stored, from_stored
from .storage import EntryStore

type Announcement = PrintEvent | News

# Between two polls only the time of the poll changes, which is worth a write now and then.
SAVE_DELAY = timedelta(minutes=15)


class Memory:
    """The memory of an account.

    records is what is known of prints whose end is not announced yet or was, seen are the messages
    that are no news any more, outbox is what waits to be announced.
    """

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Initialize the memory."""
        self.records = Records()
        self.seen = Seen()
        self.outbox: list[Announcement] = []
        self._saved_at = dt_util.utcnow()
        self._store = EntryStore(hass, entry.entry_id, "announced", self._as_dict, delay=1)
        # Made before all others of the account, it is told of its end after them.
        entry.async_on_unload(self._store.async_flush)

    async def async_load(self) -> None:
        """Take up what an earlier start has stored."""
        if stored := await self._store.async_load(_read):
            self.records, self.seen, self.outbox = stored

    @callback
    def remember(self, records: Records) -> None:
        """Remember what is known of prints, and have it written soon if it matters."""
        if not records.are_like(self.records):
            self._store.set_dirty()
        self.records = records

    @callback
    def remember_printer(self, printer_id: str, record: PrinterRecord) -> None:
        """Remember what is known of one printer, whatever is known of the others."""
        before = self.records.printers.get(printer_id)
        if before is None or before.essence != record.essence:
            self._store.set_dirty()
        self.records = self.records.with_record(printer_id, record)

    @callback
    def see(self, seen: Seen) -> None:
        """Remember which messages are no news any more; their order matters less."""
        if seen.groups != self.seen.groups or set(seen.ids) != set(self.seen.ids):
            self._store.set_dirty()
        self.seen = seen

    @callback
    def keep(self, outbox: list[Announcement]) -> None:
        """Keep what waits to be announced."""
        if outbox != self.outbox:
            self._store.set_dirty()
        self.outbox = outbox

    async def async_save_if_due(self) -> None:
        """Write what changed, and once in a while when the printers were last seen."""
        is_fresh = timedelta() <= dt_util.utcnow() - self._saved_at <= SAVE_DELAY
        if self._store.is_dirty or not is_fresh:
            await self.async_save()

    async def async_save(self) -> None:
        """Write all of it now."""
        self._saved_at = dt_util.utcnow()
        await self._store.async_save()

    def _as_dict(self) -> dict[str, Any]:
        return {
            "records": as_stored(self.records),
            "seen": as_stored(self.seen),
            "outbox": [
                {"message" if isinstance(item, News) else "print": as_stored(item)}
                for item in self.outbox
            ],
        }


def _read(data: dict[str, Any]) -> tuple[Records, Seen, list[Announcement]]:
    return (
        records_from_dict(data["records"]),
        from_stored(Seen, data["seen"]),
        [
            news_from_dict(item["message"])
            if "message" in item
            else from_stored(PrintEvent, item["print"])
            for item in data["outbox"]
        ],
    )
