"""What an AMS and the places in it are called, and what identifies one, whoever tells of it."""

from ..api.report import Slot

# Product names.
AMS_MODELS = {
    "ams": "AMS",
    "ams_lite": "AMS Lite",
    "ams_2_pro": "AMS 2 Pro",
    "ams_ht": "AMS HT",
}
_A2L_LITE = 16
_FIRST_HT = 128
_FIRST_EXTERNAL = 254


def ams_id(printer_id: str, unit: int | None, serial: str | None) -> str | None:
    """Return what identifies an AMS: its serial number, or where it hangs if that is not told.

    One that has the number of its printer would take its place, so nothing identifies it.
    """
    if serial == printer_id:
        return None
    if serial or unit is None:
        return serial
    return f"{printer_id}_ams_{unit}"


def ams_name(unit: int | None) -> str:
    """Return what an AMS is called beside its printer, by its number there."""
    if unit is None:
        return "AMS"
    if unit >= _FIRST_HT:
        return f"AMS HT {unit - _FIRST_HT + 1}"
    # The AMS Lite of an A2L has number 16, and is the only one.
    return f"AMS {unit % _A2L_LITE + 1}"


def slot_name(slot: Slot) -> str:
    """Return what Bambu Studio calls the place of a spool: "A1" to "D4", "HT-A" or "external"."""
    unit, tray = slot.ams or 0, slot.tray or 0
    if unit >= _FIRST_EXTERNAL:
        return "external"
    if unit >= _FIRST_HT:
        return f"HT-{chr(ord('A') + unit - _FIRST_HT)}"
    return f"{chr(ord('A') + unit % _A2L_LITE)}{tray + 1}"
