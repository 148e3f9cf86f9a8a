"""What a printer itself tells, by push: its state before, a message and the time → its state after.

What is compared of a LiveState is what is shown, and it is quiet: temperatures, fans, Wi-Fi and
stages change no more often than somebody wants to read. What a printer told in full is in `told`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
import logging
from typing import Any

from ..api.report import AmsModule, Fans, Presence, Report, Versions
from . import equipment
from .equipment import CANCELLED, LiveAms, LiveNozzle, LiveSpool, PrinterError
from .merge import merged, replaced_units
from .printer import ACTIVE, CurrentPrint, Print, Printer, PrinterStatus
from .quiet import NOTHING_YET, Throttled, steadied
from .stages import PAUSES, PRINTING, stage_name
from .tellers import Word

_LOGGER = logging.getLogger(__name__)

_BUSY = ACTIVE | {PrinterStatus.CALIBRATING}

# A printer that is busy says something more often than this.
FRESH_FOR = timedelta(minutes=3)
# A session that is lost, or a printer that is said to be gone, may be back within this.
GRACE = timedelta(minutes=1)
# What was wrong and is so again within this has never been gone.
_FLICKER = timedelta(minutes=2)
# Printers tell whole minutes, so an end that moves by less has not moved.
_MOVED = timedelta(minutes=2)
_STAGE_HOLDS = timedelta(seconds=5)
_TEMPERATURES_WHILE_BUSY = timedelta(seconds=10)
_TEMPERATURES = timedelta(seconds=30)
_FANS = timedelta(seconds=10)
_WIFI = timedelta(minutes=1)

_STATUS = {
    "IDLE": PrinterStatus.IDLE,
    "PREPARE": PrinterStatus.PREPARING,
    "SLICING": PrinterStatus.PREPARING,
    "RUNNING": PrinterStatus.PRINTING,
    "PAUSE": PrinterStatus.PAUSED,
    "FINISH": PrinterStatus.FINISHED,
    "FAILED": PrinterStatus.FAILED,
}
# It starts up, or an app calls it so: neither says anything of a print.
_NO_STATUS = frozenset({"INIT", "OFFLINE"})
# What is left over of the job before, while the next one begins.
_LEFT_OVER = ("progress", "remaining", "layer")
_NOTHING = Report()
_NO_FANS = Fans()


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottledValues:
    """What is shown no more often than somebody wants to read it."""

    temperatures: Throttled = NOTHING_YET
    fans: Throttled = NOTHING_YET
    wifi: Throttled = NOTHING_YET


_NOTHING_SHOWN = ThrottledValues()


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """What a printer has told; None is what it never told, or what means nothing now.

    progress, expected_end, layer and total_layers are those of a print that is going on, stage one
    of STAGES. errors are what is wrong, which a cancelled print is not, and neither is mere
    information. update_progress is the percentage of the firmware that it installs while
    is_updating. has_full says that it told everything in this session: until then what is known is
    that of the one before, and can be wrong.

    Not compared: the times, what is shown only later, and how it came to what is shown. told is
    all that it said. heard_at, full_at and status_at are when it last said anything, everything,
    and that its status is another; lost_at is when the session ended that told what is known,
    gone_at since when the printer is said to be gone, nameless_since since when an AMS has no
    serial number, and modules_at when the versions were told. is_doubtful says that something hints
    at changes that were lost. new_errors are those that came last, the same object until others
    come, and gone_errors the codes of those that went a moment ago.
    """

    status: PrinterStatus | None = None
    task_id: str | None = None
    subtask_id: str | None = None
    name: str | None = None
    progress: int | None = None
    expected_end: datetime | None = None
    layer: int | None = None
    total_layers: int | None = None
    stage: str | None = None
    nozzles: tuple[LiveNozzle, ...] = ()
    bed_temperature: int | None = None
    bed_target: int | None = None
    chamber_temperature: int | None = None
    chamber_target: int | None = None
    fans: Fans = _NO_FANS
    speed_profile: str | None = None
    errors: tuple[PrinterError, ...] = ()
    cancelled_at: datetime | None = None
    door: bool | None = None
    chamber_light: bool | None = None
    sd_card: str | None = None
    wifi_signal: int | None = None
    is_updating: bool = False
    update_progress: int | None = None
    ams: tuple[LiveAms, ...] = ()
    external: tuple[LiveSpool, ...] = ()
    active_filament: LiveSpool | None = None
    has_full: bool = False

    model: str | None = field(default=None, compare=False)
    told: Report = field(default=_NOTHING, compare=False, repr=False)
    modules: Mapping[int, AmsModule] = field(default_factory=dict, compare=False, repr=False)
    heard_at: datetime | None = field(default=None, compare=False)
    full_at: datetime | None = field(default=None, compare=False)
    status_at: datetime | None = field(default=None, compare=False)
    lost_at: datetime | None = field(default=None, compare=False)
    gone_at: datetime | None = field(default=None, compare=False)
    presence_at: datetime | None = field(default=None, compare=False)
    nameless_since: datetime | None = field(default=None, compare=False)
    modules_at: datetime | None = field(default=None, compare=False)
    is_doubtful: bool = field(default=False, compare=False)
    calibrates: bool = field(default=False, compare=False)
    left_over: Mapping[str, int] = field(default_factory=dict, compare=False)
    stage_now: str | None = field(default=None, compare=False)
    stage_at: datetime | None = field(default=None, compare=False)
    new_errors: tuple[PrinterError, ...] = field(default=(), compare=False)
    gone_errors: Mapping[str, datetime] = field(default_factory=dict, compare=False)
    throttled: ThrottledValues = field(default=_NOTHING_SHOWN, compare=False, repr=False)

    @property
    def is_busy(self) -> bool:
        """Return if it prints, in whatever way, or calibrates itself."""
        return self.status in _BUSY

    @property
    def is_known(self) -> bool:
        """Return if it told everything, in this session or in one that may be back in a moment."""
        return self.has_full or self.lost_at is not None

    @property
    def word(self) -> Word:
        """Return what it says of its print."""
        return Word(
            status=self.status,
            task_id=self.task_id,
            subtask_id=self.subtask_id,
            name=self.name,
            progress=self.progress,
            cancelled_at=self.cancelled_at,
            errors=tuple(error.code for error in self.errors),
            stage=self.stage_now if self.stage_now in PAUSES else None,
        )

    @property
    def due_at(self) -> datetime | None:
        """Return when something that is held back may be shown: then it is to be `settled`."""
        stage_due = (
            self.stage_at + _STAGE_HOLDS
            if self.stage_at is not None and self.is_busy and self.stage_now != self.stage
            else None
        )
        throttled = self.throttled
        dues = (throttled.temperatures.due, throttled.fans.due, throttled.wifi.due, stage_due)
        return min((due for due in dues if due is not None), default=None)

    def nozzle(self, side: str | None) -> LiveNozzle | None:
        """Return the nozzle on a side, or the only one."""
        return next((nozzle for nozzle in self.nozzles if nozzle.side == side), None)

    def unit(self, number: int) -> LiveAms | None:
        """Return the AMS with a number."""
        return next((unit for unit in self.ams if unit.id == number), None)

    def external_spool(self, side: str | None) -> LiveSpool | None:
        """Return the place of the external spool of a nozzle, or of the only one."""
        return next((spool for spool in self.external if spool.side == side), None)


def heard(
    before: LiveState | None,
    message: Report | Versions | Presence,
    *,
    at: datetime,
    model: str | None,
) -> LiveState:
    """Return the state of a printer after a message that came `at` a time.

    model is its product name, or its internal code.
    """
    model = model.removesuffix("-V2") if model else None
    before = before or LiveState()
    if model != before.model:
        before = replace(before, model=model)
    match message:
        case Report():
            return _after_report(before, message, at)
        case Presence():
            return settled(_after_presence(before, message, at), at=at)
        case Versions():
            modules = {module.id: _named(module, before) for module in message.ams}
            return settled(replace(before, modules=modules, modules_at=at), at=at)


def _named(module: AmsModule, before: LiveState) -> AmsModule:
    """Return a module with the serial number that it left out, as some do now and then."""
    known = before.modules.get(module.id)
    is_same = module.serial is None and known is not None and known.kind == module.kind
    return known if known is not None and is_same else module


def session_lost(state: LiveState, *, at: datetime) -> LiveState:
    """Return the state after the session ended, or the printer's: changes may be missed since.

    What is known is true for another minute, and then old unless everything is told anew. So it is
    with a printer that is not fresh any more, whatever it goes on to tell.
    """
    stands = is_fresh(state, online=True, now=at)
    lost_at = at if state.has_full else state.lost_at
    return replace(state, has_full=False, lost_at=lost_at if stands else None)


def fresh_until(state: LiveState, *, online: bool | None) -> datetime | None:
    """Return when the state is no longer fresh if nothing comes, None if it stays so.

    online is what user/bind says. Only if it says yes, silence means nothing: what it says may be
    older than a message.
    """
    ends = []
    if state.heard_at is not None:
        if state.is_busy or online is None:
            ends.append(state.heard_at + FRESH_FOR)
        elif not online:
            ends.append(state.heard_at + GRACE)
    if state.gone_at is not None and not state.is_busy:
        ends.append(state.gone_at + GRACE)
    if state.lost_at is not None:
        ends.append(state.lost_at + GRACE)
    return min(ends, default=None)


def is_fresh(state: LiveState | None, *, online: bool | None, now: datetime) -> bool:
    """Return if what a printer told is true now, as far as anybody can know."""
    if state is None or not state.is_known:
        return False
    end = fresh_until(state, online=online)
    return end is None or now < end


def settled(state: LiveState, *, at: datetime) -> LiveState:
    """Return the state with all that it tells now, and what was held back as far as it is due."""
    told, model, throttled = state.told, state.model, state.throttled
    temperatures = throttled.temperatures.after(
        steadied(throttled.temperatures.values, equipment.temperatures(told, model), margin=0.7),
        at,
        _TEMPERATURES_WHILE_BUSY if state.is_busy else _TEMPERATURES,
    )
    fans = throttled.fans.after(
        # A step of the coarsest teller is 7 %, and it jumps up and down by one.
        steadied(throttled.fans.values, equipment.fan_speeds(told, model), margin=9, step=10),
        at,
        _FANS,
    )
    signal = None if told.wired else told.wifi_signal
    wifi = throttled.wifi.after({} if signal is None else {"signal": signal}, at, _WIFI)
    stage = state.stage_now if _holds(state.stage_at, at) else state.stage
    ams = equipment.ams_units(told, state.modules, temperatures.values)
    external = equipment.external_spools(told, model)
    nameless = {unit.id for unit in ams if unit.serial is None}
    is_known = nameless <= {unit.id for unit in state.ams if unit.serial is None}
    nameless_since = state.nameless_since if is_known else at
    return replace(
        state,
        stage=stage if state.is_busy else None,
        nozzles=equipment.nozzles(told, model, temperatures.values),
        bed_temperature=temperatures.values.get("bed"),
        bed_target=equipment.whole(told.bed_target),
        chamber_temperature=temperatures.values.get("chamber"),
        chamber_target=equipment.chamber_target(told, model),
        fans=Fans(**fans.values),
        speed_profile=equipment.SPEED_PROFILES.get(told.speed_level or 0),
        errors=equipment.errors(told),
        door=equipment.door_is_open(told, model),
        chamber_light=told.chamber_light,
        sd_card=told.sd_card,
        wifi_signal=wifi.values.get("signal"),
        is_updating=bool(told.is_updating),
        update_progress=told.update_progress if told.is_updating else None,
        ams=ams,
        external=external,
        active_filament=equipment.active_filament(told, model, ams, external),
        nameless_since=nameless_since if nameless else None,
        throttled=ThrottledValues(temperatures=temperatures, fans=fans, wifi=wifi),
    )


def _holds(stage_at: datetime | None, at: datetime) -> bool:
    return stage_at is None or at - stage_at >= _STAGE_HOLDS


def overlaid(printer: Printer, state: LiveState, *, now: datetime) -> Printer:
    """Return a printer of the cloud with what it says itself, which is fresh.

    What it prints is what the cloud knows of it, else only its name.
    """
    current = None
    if state.status in ACTIVE:
        known = printer.current.print if printer.current else None
        end = state.expected_end
        current = CurrentPrint(
            print=known or Print(printer_id=printer.id, title=state.name),
            progress=state.progress,
            progress_estimated=False,
            expected_end=end if end is not None and end > now else None,
        )
    return replace(
        printer,
        online=True,
        status=state.status or printer.status,
        current=current if state.status is not None else printer.current,
        was_active=False,
    )


def _after_presence(before: LiveState, message: Presence, at: datetime) -> LiveState:
    """Return the state after the broker said that the printer came or went.

    Both may come within a second, and the later first: that was a moment without Wi-Fi.
    """
    if message.at and before.presence_at and message.at < before.presence_at:
        return before
    state = replace(before, presence_at=message.at or before.presence_at)
    if not message.online:
        return replace(state, gone_at=state.gone_at or at)
    if state.heard_at is not None and at - state.heard_at < GRACE:
        return replace(state, gone_at=None, is_doubtful=True)
    return replace(session_lost(state, at=at), gone_at=None)


def _after_report(before: LiveState, message: Report, at: datetime) -> LiveState:
    """Return the state after the printer said something."""
    if before.has_full and not is_fresh(before, online=True, now=at):
        before = session_lost(before, at=at)
    message = _understood(message)
    anew = message.full and not before.has_full
    told = merged(_NOTHING if anew else before.told, message)
    if told.gcode_state is None:
        told = replace(told, gcode_state=before.told.gcode_state)
    changes = _of_job(before, told, message, at)
    heats_up = changes["status"] not in _BUSY and _heats(told) and not _heats(before.told)
    state = replace(
        before,
        told=told,
        has_full=before.has_full or message.full,
        heard_at=at,
        full_at=at if message.full else before.full_at,
        lost_at=None if message.full else before.lost_at,
        gone_at=None,
        cancelled_at=at if message.error in CANCELLED else before.cancelled_at,
        is_doubtful=not message.full and (before.is_doubtful or heats_up),
        throttled=_NOTHING_SHOWN if anew else before.throttled,
        modules=_modules(before, told, at) if anew else _without(before, told),
        **changes,
    )
    return _with_errors(before, settled(state, at=at), at)


def _with_errors(before: LiveState, state: LiveState, at: datetime) -> LiveState:
    """Return the state with what is wrong since now, which is nothing when all is told anew."""
    if state.errors == before.errors:
        return state
    stood = {error.code for error in before.errors}
    stands = {error.code for error in state.errors}
    gone = {code: since for code, since in before.gone_errors.items() if at - since < _FLICKER}
    new = tuple(error for error in state.errors if error.code not in stood | gone.keys())
    gone |= dict.fromkeys(stood, at)
    state = replace(
        state, gone_errors={code: since for code, since in gone.items() if code not in stands}
    )
    return replace(state, new_errors=new) if new and before.has_full else state


def _without(before: LiveState, told: Report) -> Mapping[int, AmsModule]:
    """Return the modules without those of AMS that are others now."""
    gone, modules = replaced_units(before.told, told), before.modules
    if gone.isdisjoint(modules):
        return modules
    return {number: module for number, module in modules.items() if number not in gone}


def _modules(before: LiveState, told: Report, at: datetime) -> Mapping[int, AmsModule]:
    """Return the modules when all is told anew: meanwhile another AMS may hang there."""
    times = [each for each in (before.lost_at, before.modules_at) if each is not None]
    is_recent = any(at - each < GRACE for each in times)
    return _without(before, told) if is_recent else {}


def _understood(message: Report) -> Report:
    """Return a message without a state that says nothing: what was known of it still holds."""
    word = message.gcode_state
    if word is None or word in _STATUS:
        return message
    if word not in _NO_STATUS:
        _say_once(word)
    return replace(message, gcode_state=None)


@lru_cache
def _say_once(word: str) -> None:
    _LOGGER.debug("A printer tells a state that is not known yet: %s", word)


def _heats(told: Report) -> bool:
    """Return if something is to become hot."""
    nozzles = (nozzle.target for nozzle in told.nozzles or ())
    return any(target for target in (told.nozzle_target, told.bed_target, *nozzles))


def _of_job(before: LiveState, told: Report, message: Report, at: datetime) -> dict[str, Any]:
    """Return the fields of a state that follow from its job."""
    status = _STATUS.get(told.gcode_state or "")
    if status in ACTIVE:
        calibrates = _is_own_calibration(told)
    else:
        calibrates = before.calibrates and _job(told) == _job(before.told)
    if status is not None and calibrates:
        # When it is done nothing was printed, so nothing has finished or failed.
        status = PrinterStatus.CALIBRATING if status in ACTIVE else PrinterStatus.IDLE
    left_over = _left_over(before, told, status)
    current = (
        {name: getattr(told, name) for name in _LEFT_OVER if name not in left_over}
        if status in ACTIVE
        else {}
    )
    stage = stage_name(told.stage) if status in _BUSY else None
    if stage == PRINTING and status is not PrinterStatus.PRINTING:
        # Some printers say so whenever they are at nothing else.
        stage = None
    remaining = current.get("remaining")
    progress = current.get("progress")
    if progress == 100 and (remaining or 0) > 1:
        # It jumps there and back during a print (seen 2026).
        progress = before.progress
    return {
        "status": status,
        "status_at": at if status is not before.status else before.status_at,
        "calibrates": calibrates,
        "task_id": told.task_id,
        "subtask_id": told.subtask_id,
        "name": told.name or None,
        "progress": progress,
        "expected_end": _expected_end(
            before.expected_end,
            None if status is PrinterStatus.PAUSED else remaining,
            is_told=message.remaining is not None,
            is_other=told.remaining != before.told.remaining,
            at=at,
        ),
        "layer": current.get("layer"),
        "total_layers": told.total_layers if "layer" in current else None,
        "left_over": left_over,
        "stage_now": stage,
        # What it is at when we first hear of it, it may have been at for long.
        "stage_at": None
        if before.status is None
        else before.stage_at
        if stage == before.stage_now
        else at,
    }


def _is_own_calibration(told: Report) -> bool:
    """Return if the job is one that the printer has by itself, to calibrate."""
    return told.print_type == "system" or (bool(told.is_calibration) and told.print_type != "cloud")


def _job(told: Report) -> tuple[str | None, ...]:
    return told.task_id, told.subtask_id, told.name


def _left_over(before: LiveState, told: Report, status: PrinterStatus | None) -> dict[str, int]:
    """Return what is still told of the job before, until it changes.

    A percentage of 100 while the next one is prepared is left over as well if nobody saw that
    before.
    """
    if status not in ACTIVE:
        return {}
    left = dict(before.left_over)
    if before.status not in ACTIVE:
        left = {name: value for name in _LEFT_OVER if (value := getattr(before.told, name))}
    if status is PrinterStatus.PREPARING and told.progress == 100:
        left["progress"] = 100
    return {name: value for name, value in left.items() if getattr(told, name) == value}


def _expected_end(
    before: datetime | None,
    remaining: int | None,
    *,
    is_told: bool,
    is_other: bool,
    at: datetime,
) -> datetime | None:
    """Return when a print should end; remaining are minutes, which a message tells or did before.

    They stand still while a printer prepares, which is in them, so an end moves only when they are
    others; one that is reached moves by less as well.
    """
    if not remaining:
        # They are whole, so there are none in the last one.
        is_last = remaining == 0 and before is not None and before - at < _MOVED
        return before if is_last else None
    end = at + timedelta(minutes=remaining)
    has_moved = is_other and before is not None and abs(end - before) >= _MOVED
    return end if before is None or has_moved or (is_told and before <= at) else before
