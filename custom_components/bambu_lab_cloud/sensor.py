"""Sensors of the Bambu Lab Cloud integration."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import (
    ATTR_ENTITY_PICTURE,
    MAX_LENGTH_STATE_STATE,
    PERCENTAGE,
    SIGNAL_STRENGTH_DECIBELS_MILLIWATT,
    EntityCategory,
    UnitOfLength,
    UnitOfMass,
    UnitOfTemperature,
    UnitOfTime,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.typing import StateType
from homeassistant.util import slugify

from .api.report import NOZZLE_TYPES, SD_CARDS
from .cloud import cloud_now
from .coordinator import BambuCoordinator
from .data import BambuConfigEntry, BambuData
from .entity import (
    BambuAccountEntity,
    BambuFirmwareEntity,
    BambuLiveEntity,
    BambuLiveEntityDescription,
    BambuPastEntity,
    BambuPrinterEntity,
    add_live_entities,
    async_add_printer_entities,
)
from .fleet.equipment import SPEED_PROFILES, LiveAms, LiveNozzle, LiveSpool
from .fleet.history import Totals
from .fleet.live import LiveState
from .fleet.messages import message_text, message_title
from .fleet.printer import CurrentPrint, Print, Printer, PrinterStatus, PrintResult
from .fleet.stages import STAGES
from .history import HistoryCoordinator
from .messages import Inbox
from .printers import PrintersCoordinator
from .repairs import expires_at
from .swatch import swatch

PARALLEL_UPDATES = 0
SCAN_INTERVAL = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class BambuSensorEntityDescription(SensorEntityDescription):
    """A sensor of a printer."""

    value_fn: Callable[[Printer], StateType | datetime]
    attributes_fn: Callable[[Printer], dict[str, Any] | None] = lambda printer: None


def _of_current[_T](value_fn: Callable[[CurrentPrint], _T]) -> Callable[[Printer], _T | None]:
    """Return a function of a printer that is None while it prints nothing."""
    return lambda printer: value_fn(printer.current) if printer.current else None


def _of_print[_T](value_fn: Callable[[Print], _T]) -> Callable[[Printer], _T | None]:
    """Return a function of the print that a printer's picture shows, None where there is none."""
    return lambda printer: value_fn(printer.shown) if printer.shown else None


def _of_last[_T](value_fn: Callable[[Print], _T]) -> Callable[[Printer], _T | None]:
    """Return a function of a printer that is None while it has printed nothing."""
    return lambda printer: value_fn(printer.last) if printer.last else None


def _text(text: str | None) -> str | None:
    """Return a text as far as a state holds it, None if there is none."""
    return text[:MAX_LENGTH_STATE_STATE] if text else None


# In the order in which they are looked at.
SENSORS: tuple[BambuSensorEntityDescription, ...] = (
    BambuSensorEntityDescription(
        key="status",
        translation_key="status",
        name=None,
        device_class=SensorDeviceClass.ENUM,
        options=[status.value for status in PrinterStatus],
        value_fn=lambda printer: printer.status,
    ),
    BambuSensorEntityDescription(
        key="progress",
        translation_key="progress",
        native_unit_of_measurement=PERCENTAGE,
        value_fn=_of_current(lambda current: current.progress),
        attributes_fn=lambda printer: {
            "estimated": printer.current is not None and printer.current.progress_estimated
        },
    ),
    BambuSensorEntityDescription(
        key="print_end",
        translation_key="print_end",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=_of_current(lambda current: current.expected_end),
        # Who tells an end before it is reached reckons: the printer itself, or we by slicing time.
        attributes_fn=lambda printer: {"estimated": True},
    ),
    BambuSensorEntityDescription(
        key="print_title",
        translation_key="print_title",
        value_fn=_of_print(lambda job: _text(job.title)),
    ),
    BambuSensorEntityDescription(
        key="print_filament",
        translation_key="print_filament",
        entity_registry_enabled_default=False,
        value_fn=_of_print(lambda job: job.material),
        attributes_fn=lambda printer: {
            "colors": _of_print(lambda job: [f.color for f in job.filaments if f.color])(printer)
        },
    ),
    BambuSensorEntityDescription(
        key="print_start",
        translation_key="print_start",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_registry_enabled_default=False,
        value_fn=_of_print(lambda job: job.started_at),
    ),
    BambuSensorEntityDescription(
        key="print_weight",
        translation_key="print_weight",
        device_class=SensorDeviceClass.WEIGHT,
        native_unit_of_measurement=UnitOfMass.GRAMS,
        suggested_display_precision=1,
        entity_registry_enabled_default=False,
        value_fn=_of_print(lambda job: job.weight),
    ),
    BambuSensorEntityDescription(
        key="print_length",
        translation_key="print_length",
        device_class=SensorDeviceClass.DISTANCE,
        native_unit_of_measurement=UnitOfLength.METERS,
        # Nozzles and filament are metric for everybody.
        suggested_unit_of_measurement=UnitOfLength.METERS,
        suggested_display_precision=1,
        entity_registry_enabled_default=False,
        value_fn=_of_print(lambda job: job.length),
    ),
    BambuSensorEntityDescription(
        key="bed_type",
        translation_key="bed_type",
        entity_registry_enabled_default=False,
        # The cloud writes "Supertack Plate" beside "textured_plate".
        value_fn=_of_print(lambda job: _text(slugify(job.bed_type or ""))),
    ),
    BambuSensorEntityDescription(
        key="nozzle_diameter",
        translation_key="nozzle_diameter",
        device_class=SensorDeviceClass.DISTANCE,
        native_unit_of_measurement=UnitOfLength.MILLIMETERS,
        suggested_unit_of_measurement=UnitOfLength.MILLIMETERS,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        suggested_display_precision=1,
        value_fn=lambda printer: printer.nozzle_diameter,
    ),
)

PRINT_REMAINING = SensorEntityDescription(
    key="print_remaining",
    translation_key="print_remaining",
    device_class=SensorDeviceClass.DURATION,
    native_unit_of_measurement=UnitOfTime.MINUTES,
    entity_registry_enabled_default=False,
)

LAST_PRINT: tuple[BambuSensorEntityDescription, ...] = (
    BambuSensorEntityDescription(
        key="last_print_title",
        translation_key="last_print_title",
        # The activity names the print that ended, and while nothing prints so does print_title.
        entity_registry_enabled_default=False,
        value_fn=_of_last(lambda job: _text(job.title)),
    ),
    BambuSensorEntityDescription(
        key="last_print_result",
        translation_key="last_print_result",
        device_class=SensorDeviceClass.ENUM,
        options=[result.value for result in PrintResult],
        entity_registry_enabled_default=False,
        value_fn=_of_last(lambda job: job.result),
        attributes_fn=lambda printer: {"cancelled": printer.last and printer.last.cancelled},
    ),
    BambuSensorEntityDescription(
        key="last_print_end",
        translation_key="last_print_end",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_registry_enabled_default=False,
        value_fn=_of_last(lambda job: job.ended_at),
    ),
    BambuSensorEntityDescription(
        key="last_print_duration",
        translation_key="last_print_duration",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_unit_of_measurement=UnitOfTime.HOURS,
        suggested_display_precision=2,
        entity_registry_visible_default=False,
        # A print that was cancelled at once lasted zero seconds, which is not unknown.
        value_fn=_of_last(
            lambda job: None if job.duration is None else job.duration.total_seconds()
        ),
    ),
    BambuSensorEntityDescription(
        key="last_print_weight",
        translation_key="last_print_weight",
        device_class=SensorDeviceClass.WEIGHT,
        native_unit_of_measurement=UnitOfMass.GRAMS,
        suggested_display_precision=1,
        entity_registry_enabled_default=False,
        value_fn=_of_last(lambda job: job.weight),
    ),
)


@dataclass(frozen=True, kw_only=True)
class BambuLiveSensorEntityDescription[_ToldT](
    BambuLiveEntityDescription[_ToldT, StateType], SensorEntityDescription
):
    """A sensor of what a printer says itself, or of its AMS."""

    attributes_fn: Callable[[_ToldT], dict[str, Any] | None] = lambda told: None
    picture_fn: Callable[[_ToldT], str | None] | None = None


# The stage of a printer that rests.
IDLE = "idle"

# The only nozzle, or those of a printer with two.
_SIDES = (None, "left", "right")


def _on(side: str | None, key: str) -> str:
    """Return the key of what there is for each nozzle."""
    return f"{side}_{key}" if side else key


def _of_nozzle[_T](
    side: str | None, value_fn: Callable[[LiveNozzle], _T]
) -> Callable[[LiveState], _T | None]:
    """Return a function of what a printer says that is None where it has no such nozzle."""

    def value(live: LiveState) -> _T | None:
        nozzle = live.nozzle(side)
        return value_fn(nozzle) if nozzle else None

    return value


def _spool[_ToldT](
    key: str,
    spool_fn: Callable[[_ToldT], LiveSpool | None],
    *attributes: str,
    number: int | None = None,
    visible: bool = True,
) -> BambuLiveSensorEntityDescription[_ToldT]:
    """Return what is on a spool: "empty" where there is none, unknown where nothing is told."""

    def material(told: _ToldT) -> str | None:
        spool = spool_fn(told)
        if spool is None:
            return None
        return "empty" if spool.is_empty else spool.material

    def known(told: _ToldT) -> dict[str, Any]:
        spool = spool_fn(told)
        return {name: spool and getattr(spool, name) for name in ("color", "brand", *attributes)}

    def picture(told: _ToldT) -> str | None:
        if (spool := spool_fn(told)) is None:
            return None
        return swatch(spool.colors or ((spool.color,) if spool.color else ()))

    return BambuLiveSensorEntityDescription(
        key=key if number is None else f"{key}_{number}",
        translation_key=key,
        translation_placeholders=None if number is None else {"number": str(number)},
        entity_registry_visible_default=visible,
        value_fn=material,
        attributes_fn=known,
        picture_fn=picture,
        has_fn=lambda told: spool_fn(told) is not None,
    )


def _tray(number: int) -> BambuLiveSensorEntityDescription[LiveAms]:
    """Return what is in a tray, which people count from 1."""
    return _spool("tray", lambda ams: ams.tray(number - 1), "name", "remaining", number=number)


def _temperature(
    key: str, value_fn: Callable[[LiveState], int | None]
) -> BambuLiveSensorEntityDescription[LiveState]:
    """Return a temperature."""
    return BambuLiveSensorEntityDescription(
        key=key,
        translation_key=key,
        device_class=SensorDeviceClass.TEMPERATURE,
        native_unit_of_measurement=UnitOfTemperature.CELSIUS,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        value_fn=value_fn,
    )


def _target(
    key: str, value_fn: Callable[[LiveState], int | None]
) -> BambuLiveSensorEntityDescription[LiveState]:
    """Return a temperature that is to be reached."""
    return replace(
        _temperature(key, value_fn), state_class=None, entity_registry_enabled_default=False
    )


def _fan(name: str) -> BambuLiveSensorEntityDescription[LiveState]:
    """Return how fast a fan is."""
    return BambuLiveSensorEntityDescription(
        key=f"{name}_fan",
        translation_key=f"{name}_fan",
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        entity_registry_enabled_default=False,
        value_fn=attrgetter(f"fans.{name}"),
    )


def _external_spool(side: str | None) -> BambuLiveSensorEntityDescription[LiveState]:
    """Return what is on the external spool of a nozzle."""
    return _spool(
        _on(side, "external_spool"), lambda live: live.external_spool(side), visible=False
    )


def _nozzle_type(side: str | None) -> BambuLiveSensorEntityDescription[LiveState]:
    """Return what a nozzle is made of, and what else is known of it."""
    key = _on(side, "nozzle_type")
    return BambuLiveSensorEntityDescription(
        key=key,
        translation_key=key,
        device_class=SensorDeviceClass.ENUM,
        options=list(NOZZLE_TYPES),
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=_of_nozzle(side, lambda nozzle: nozzle.type),
        attributes_fn=lambda live: {
            "diameter": _of_nozzle(side, lambda nozzle: nozzle.diameter)(live),
            "high_flow": _of_nozzle(side, lambda nozzle: nozzle.high_flow)(live),
        },
    )


def _stage(live: LiveState) -> str | None:
    """Return what a printer is at, None where it is busy with what is no stage."""
    return live.stage if live.is_busy or live.status is None else IDLE


# In the order in which they are looked at. Those that have a unit or a state class stay out of the
# activity.
LIVE: tuple[BambuLiveSensorEntityDescription[LiveState], ...] = (
    BambuLiveSensorEntityDescription(
        key="stage",
        translation_key="stage",
        device_class=SensorDeviceClass.ENUM,
        options=[*STAGES, IDLE],
        value_fn=_stage,
        has_fn=lambda live: True,
    ),
    BambuLiveSensorEntityDescription(
        key="layer",
        translation_key="layer",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda live: live.layer,
        has_fn=lambda live: True,
    ),
    *(
        _temperature(
            _on(side, "nozzle_temperature"), _of_nozzle(side, lambda nozzle: nozzle.temperature)
        )
        for side in _SIDES
    ),
    _temperature("bed_temperature", lambda live: live.bed_temperature),
    _temperature("chamber_temperature", lambda live: live.chamber_temperature),
    BambuLiveSensorEntityDescription(
        key="total_layers",
        translation_key="total_layers",
        state_class=SensorStateClass.MEASUREMENT,
        entity_registry_visible_default=False,
        value_fn=lambda live: live.total_layers,
        has_fn=lambda live: True,
    ),
    _spool("active_filament", lambda live: live.active_filament, "tray", visible=False),
    *(_external_spool(side) for side in _SIDES),
    *(
        _target(
            _on(side, "nozzle_target_temperature"), _of_nozzle(side, lambda nozzle: nozzle.target)
        )
        for side in _SIDES
    ),
    _target("bed_target_temperature", lambda live: live.bed_target),
    _target("chamber_target_temperature", lambda live: live.chamber_target),
    *(_fan(name) for name in ("part", "aux", "chamber", "heatbreak")),
    BambuLiveSensorEntityDescription(
        key="speed_profile",
        translation_key="speed_profile",
        device_class=SensorDeviceClass.ENUM,
        options=list(SPEED_PROFILES.values()),
        entity_registry_enabled_default=False,
        value_fn=lambda live: live.speed_profile,
    ),
    *(_nozzle_type(side) for side in _SIDES),
    BambuLiveSensorEntityDescription(
        key="sd_card",
        translation_key="sd_card",
        device_class=SensorDeviceClass.ENUM,
        options=list(SD_CARDS),
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=lambda live: live.sd_card,
    ),
    BambuLiveSensorEntityDescription(
        key="wifi_signal",
        translation_key="wifi_signal",
        device_class=SensorDeviceClass.SIGNAL_STRENGTH,
        native_unit_of_measurement=SIGNAL_STRENGTH_DECIBELS_MILLIWATT,
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        value_fn=lambda live: live.wifi_signal,
    ),
)


AMS: tuple[BambuLiveSensorEntityDescription[LiveAms], ...] = (
    *(_tray(number) for number in range(1, 5)),
    BambuLiveSensorEntityDescription(
        key="humidity",
        device_class=SensorDeviceClass.HUMIDITY,
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda ams: ams.humidity,
    ),
    BambuLiveSensorEntityDescription(
        key="humidity_level",
        translation_key="humidity_level",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda ams: ams.humidity_level,
    ),
    BambuLiveSensorEntityDescription(
        key="drying_remaining",
        translation_key="drying_remaining",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.MINUTES,
        value_fn=lambda ams: ams.drying_remaining,
    ),
    BambuLiveSensorEntityDescription(
        key="temperature",
        device_class=SensorDeviceClass.TEMPERATURE,
        native_unit_of_measurement=UnitOfTemperature.CELSIUS,
        state_class=SensorStateClass.MEASUREMENT,
        entity_registry_enabled_default=False,
        suggested_display_precision=0,
        value_fn=lambda ams: ams.temperature,
    ),
)


@dataclass(frozen=True, kw_only=True)
class BambuTotalSensorEntityDescription(SensorEntityDescription):
    """A sensor of what a printer's prints add up to."""

    value_fn: Callable[[Totals], StateType]


TOTALS: tuple[BambuTotalSensorEntityDescription, ...] = (
    BambuTotalSensorEntityDescription(
        key="total_prints",
        translation_key="total_prints",
        state_class=SensorStateClass.TOTAL,
        value_fn=lambda totals: totals.prints,
    ),
    BambuTotalSensorEntityDescription(
        key="total_filament_weight",
        translation_key="total_filament_weight",
        device_class=SensorDeviceClass.WEIGHT,
        native_unit_of_measurement=UnitOfMass.GRAMS,
        state_class=SensorStateClass.TOTAL,
        suggested_display_precision=0,
        value_fn=lambda totals: totals.weight,
    ),
    BambuTotalSensorEntityDescription(
        key="total_print_time",
        translation_key="total_print_time",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_unit_of_measurement=UnitOfTime.HOURS,
        state_class=SensorStateClass.TOTAL,
        suggested_display_precision=2,
        entity_registry_visible_default=False,
        value_fn=lambda totals: totals.print_time.total_seconds(),
    ),
    BambuTotalSensorEntityDescription(
        key="success_rate",
        translation_key="success_rate",
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        entity_registry_visible_default=False,
        value_fn=lambda totals: totals.success_rate,
    ),
    BambuTotalSensorEntityDescription(
        key="total_filament_length",
        translation_key="total_filament_length",
        device_class=SensorDeviceClass.DISTANCE,
        native_unit_of_measurement=UnitOfLength.METERS,
        suggested_unit_of_measurement=UnitOfLength.METERS,
        state_class=SensorStateClass.TOTAL,
        suggested_display_precision=0,
        entity_registry_enabled_default=False,
        value_fn=lambda totals: totals.length,
    ),
)


FIRMWARE_VERSION = SensorEntityDescription(
    key="firmware_version",
    translation_key="firmware_version",
    entity_category=EntityCategory.DIAGNOSTIC,
    entity_registry_enabled_default=False,
)


TOKEN_EXPIRY = SensorEntityDescription(
    key="token_expiry",
    translation_key="token_expiry",
    device_class=SensorDeviceClass.TIMESTAMP,
    entity_category=EntityCategory.DIAGNOSTIC,
    entity_registry_enabled_default=False,
)


@dataclass(frozen=True, kw_only=True)
class BambuAccountSensorEntityDescription(SensorEntityDescription):
    """A sensor of an account: the coordinator, and what of its data to show."""

    coordinator_fn: Callable[[BambuData], BambuCoordinator[Any]]
    value_fn: Callable[[Any], StateType | datetime]
    attributes_fn: Callable[[Any], dict[str, Any] | None] = lambda data: None


def _next_print_end(printers: dict[str, Printer]) -> datetime | None:
    """Return when the first of the running prints is expected to end."""
    ends = (p.current.expected_end for p in printers.values() if p.current)
    return min(filter(None, ends), default=None)


def _last_message(inbox: Inbox) -> str | None:
    """Return what the newest message is called; not all have a title."""
    if (newest := inbox.newest) is None:
        return None
    return message_title(newest) or message_text(newest)


ACCOUNT_SENSORS: tuple[BambuAccountSensorEntityDescription, ...] = (
    BambuAccountSensorEntityDescription(
        key="printers_printing",
        translation_key="printers_printing",
        state_class=SensorStateClass.MEASUREMENT,
        coordinator_fn=lambda data: data.printers,
        value_fn=lambda printers: sum(printer.is_active for printer in printers.values()),
    ),
    BambuAccountSensorEntityDescription(
        key="next_print_end",
        translation_key="next_print_end",
        device_class=SensorDeviceClass.TIMESTAMP,
        coordinator_fn=lambda data: data.printers,
        value_fn=_next_print_end,
    ),
    BambuAccountSensorEntityDescription(
        key="unread_messages",
        translation_key="unread_messages",
        state_class=SensorStateClass.MEASUREMENT,
        coordinator_fn=lambda data: data.messages,
        value_fn=lambda inbox: inbox.unread,
    ),
    BambuAccountSensorEntityDescription(
        key="last_message",
        translation_key="last_message",
        coordinator_fn=lambda data: data.messages,
        value_fn=_last_message,
        attributes_fn=lambda inbox: {"text": inbox.newest and message_text(inbox.newest)},
    ),
    BambuAccountSensorEntityDescription(
        key="slicer_version",
        translation_key="slicer_version",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        coordinator_fn=lambda data: data.slicer,
        value_fn=_text,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: BambuConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the sensors of the printers and of the account."""
    await async_add_printer_entities(
        entry,
        async_add_entities,
        lambda data, printer_id: [
            *(BambuSensor(data.printers, printer_id, each) for each in SENSORS),
            BambuRemainingSensor(data.printers, printer_id, PRINT_REMAINING),
            *(BambuPastSensor(data.printers, printer_id, each) for each in LAST_PRINT),
            *(BambuTotalSensor(data.printers, printer_id, each, data.history) for each in TOTALS),
            BambuFirmwareSensor(data.printers, printer_id, FIRMWARE_VERSION, data.firmware),
        ],
    )
    add_live_entities(
        entry,
        async_add_entities,
        lambda data, printer_id: [
            BambuLiveSensor(data.printers, printer_id, each) for each in LIVE
        ],
    )
    add_live_entities(
        entry,
        async_add_entities,
        lambda data, ams_id: [BambuLiveSensor(data.printers, ams_id, each) for each in AMS],
        devices=lambda printers: printers.ams.known,
    )
    data = entry.runtime_data
    async_add_entities(
        [
            *(BambuAccountSensor(each.coordinator_fn(data), each) for each in ACCOUNT_SENSORS),
            BambuTokenExpirySensor(data.printers, TOKEN_EXPIRY),
        ]
    )


class BambuSensor(BambuPrinterEntity, SensorEntity):
    """A sensor of a printer."""

    entity_description: BambuSensorEntityDescription

    @property
    @override
    def native_value(self) -> StateType | datetime:
        """Return the value."""
        return self.entity_description.value_fn(self.printer)

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any] | None:
        """Return what belongs beside the value."""
        return self.entity_description.attributes_fn(self.printer)


class BambuPastSensor(BambuPastEntity, BambuSensor):
    """A sensor of the last print of a printer."""


class BambuLiveSensor(BambuLiveEntity, SensorEntity):
    """A sensor of what a printer says itself, or of its AMS."""

    entity_description: BambuLiveSensorEntityDescription[Any]
    _unrecorded_attributes = frozenset({ATTR_ENTITY_PICTURE})

    @property
    @override
    def native_value(self) -> StateType:
        """Return the value."""
        return self.entity_description.value_fn(self.told)

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any] | None:
        """Return what belongs beside the value."""
        return self.entity_description.attributes_fn(self.told)

    @property
    @override
    def _shown(self) -> tuple[object, ...]:
        """Return all of its state that can change."""
        return (*super()._shown, self.entity_picture)

    @property
    @override
    def entity_picture(self) -> str | None:
        """Return a picture of the value, in place of an icon."""
        if self.told is None or (picture_fn := self.entity_description.picture_fn) is None:
            return None
        return picture_fn(self.told)


class BambuRemainingSensor(BambuPrinterEntity, SensorEntity):
    """The time until the expected end of a print, which changes with the clock, not the cloud."""

    @property
    @override
    def should_poll(self) -> bool:
        """Return that Home Assistant reads it every minute."""
        return True

    @override
    async def async_update(self) -> None:
        """Ask the cloud nothing for it; Home Assistant writes it after this."""
        self._written = self._shown

    @property
    @override
    def native_value(self) -> int | None:
        """Return the whole minutes that remain."""
        current = self.printer.current
        if current is None or current.expected_end is None:
            return None
        remaining = current.expected_end - cloud_now(self.coordinator.client)
        return max(0, round(remaining.total_seconds() / 60))


class BambuTotalSensor(BambuPastEntity, SensorEntity):
    """A sensor of what a printer's prints add up to, unknown until all of them are known."""

    entity_description: BambuTotalSensorEntityDescription

    def __init__(
        self,
        coordinator: PrintersCoordinator,
        printer_id: str,
        description: BambuTotalSensorEntityDescription,
        history: HistoryCoordinator,
    ) -> None:
        """Initialize the sensor."""
        super().__init__(coordinator, printer_id, description, history)
        self._history = history

    @property
    @override
    def native_value(self) -> StateType:
        """Return the total."""
        totals = self._history.totals(self._printer_id)
        return None if totals is None else self.entity_description.value_fn(totals)


class BambuFirmwareSensor(BambuFirmwareEntity, SensorEntity):
    """The firmware that a printer has."""

    @property
    @override
    def native_value(self) -> str | None:
        """Return the version."""
        return _text(self.firmware.installed) if self.firmware else None


class BambuAccountSensor(BambuAccountEntity[BambuCoordinator[Any]], SensorEntity):
    """A sensor of an account."""

    entity_description: BambuAccountSensorEntityDescription

    @property
    @override
    def native_value(self) -> StateType | datetime:
        """Return the value."""
        return self.entity_description.value_fn(self.coordinator.data)

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any] | None:
        """Return what belongs beside the value."""
        return self.entity_description.attributes_fn(self.coordinator.data)


class BambuTokenExpirySensor(BambuAccountEntity[PrintersCoordinator], SensorEntity):
    """Until when the sign-in is good, unknown where the cloud did not say."""

    @property
    @override
    def native_value(self) -> datetime | None:
        """Return the end."""
        return expires_at(self.coordinator.config_entry)
