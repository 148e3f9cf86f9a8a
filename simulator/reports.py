"""What printers say of themselves over MQTT."""

from datetime import datetime
import json
from typing import Any

from .cloud import Cloud, Printer

type Body = dict[str, Any]


def status(cloud: Cloud, printer: Printer, now: datetime, sequence: int) -> Body:
    """Return everything that a printer says of itself, its n-th message."""
    job = printer.last(now)
    running = bool(job and job.running(now))
    return {
        "gcode_state": "IDLE" if job is None else "RUNNING" if running else "FINISH",
        "mc_percent": 0 if job is None else int(min(1, job.printed_for(now) / job.cost) * 100),
        "subtask_name": cloud.look(job, printer).title if job else "",
        "task_id": str(job.id) if job else "0",
        "wifi_signal": f"-{45 + sequence % 3}dBm",
    }


def full(cloud: Cloud, printer: Printer, now: datetime, sequence: int) -> Body:
    """Return a full message."""
    body = status(cloud, printer, now, sequence)
    return {"print": {**body, "command": "push_status", "msg": 0, "sequence_id": str(sequence)}}


def versions(printer: Printer, sequence_id: str) -> Body:
    """Return the answer to get_version."""
    module = {"name": "ota", "sw_ver": "01.08.02.00", "hw_ver": "OTA", "sn": printer.dev_id}
    return {"info": {"command": "get_version", "sequence_id": sequence_id, "module": [module]}}


def difference(before: Body, after: Body) -> Body:
    """Return what has changed."""
    return {key: value for key, value in after.items() if before.get(key) != value}


def encoded(body: Body) -> bytes:
    """Return a message as it is sent."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
