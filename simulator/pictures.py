"""Covers: links with a signature that expires, and the pictures behind them."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
import hmac
import io
from math import cos, sin, tau
from random import Random

from . import answers
from .answers import Answer

COVER_LIFE = timedelta(minutes=30)
FILE_LIFE = timedelta(minutes=5)
_DATE = "%Y%m%dT%H%M%SZ"
_KEY = b"object store of the simulator"
SIZE = 512


def sign(path: str, now: datetime, serial: int, life: timedelta = COVER_LIFE) -> str:
    """Return the path with a signed query; the serial makes every link differ from the last."""
    query = (
        "X-Amz-Algorithm=AWS4-HMAC-SHA256"
        f"&X-Amz-Credential=SIMULATOR{serial:07d}%2F{now:%Y%m%d}%2Fus-west-2%2Fs3%2Faws4_request"
        f"&X-Amz-Date={now.strftime(_DATE)}"
        f"&X-Amz-Expires={int(life.total_seconds())}"
        "&X-Amz-SignedHeaders=host"
    )
    return f"{path}?{query}&X-Amz-Signature={_signature(f'{path}?{query}')}"


def _signature(text: str) -> str:
    return hmac.digest(_KEY, text.encode(), "sha256").hex()


def refusal(link: str, now: datetime) -> Answer | None:
    """Return why a link of the store is refused, exactly as it was requested."""
    signed, _, signature = link.partition("&X-Amz-Signature=")
    if not signature:
        return answers.storage(403, "AccessDenied", "Access Denied")
    # Compared as sent: a client that writes %2F as a slash breaks the signature.
    if not hmac.compare_digest(signature.encode(), _signature(signed).encode()):
        return answers.storage(403, "SignatureDoesNotMatch", "The signature does not match.")
    fields = dict(pair.split("=", 1) for pair in signed.partition("?")[2].split("&"))
    signed_at = datetime.strptime(fields["X-Amz-Date"], _DATE).replace(tzinfo=UTC)
    if now > signed_at + timedelta(seconds=int(fields["X-Amz-Expires"])):
        return answers.storage(403, "AccessDenied", "Request has expired")
    return None


@lru_cache(maxsize=512)
def picture(path: str, kind: str) -> bytes:
    """Draw a build plate with something on it; `kind` is PNG, WEBP or JPEG."""
    # Whoever asks for no picture needs no Pillow.
    from PIL import Image, ImageDraw  # noqa: PLC0415

    chance = Random(path)
    hue = chance.randrange(360)
    # Bambu Studio draws the picture of a plate on nothing.
    image = Image.new("RGBA", (SIZE, SIZE), (236, 238, 240, 0))
    draw = ImageDraw.Draw(image)
    plate = [(256, 120), (486, 256), (256, 392), (26, 256)]
    draw.polygon([(x, y + 14) for x, y in plate], fill=(60, 64, 68))
    draw.polygon(plate, fill=(92, 97, 102))
    for step in range(1, 8):
        along = 230 * step / 8
        rise = 136 * step / 8
        draw.line([(256 + along, 120 + rise), (26 + along, 256 + rise)], fill=(108, 113, 118))
        draw.line([(256 - along, 120 + rise), (486 - along, 256 + rise)], fill=(108, 113, 118))
    width, height = chance.randint(70, 130), chance.randint(50, 190)
    layers = height // 2
    phase, twist = chance.uniform(0, 1), chance.choice((0.0, 0.35, 0.6))
    corners = chance.choice((4, 5, 6, 8, 48))
    for layer in range(layers):
        up = layer / layers
        reach = width * (1 - twist * up * up)
        light = 32 + int(24 * up) + 3 * (layer % 2)
        draw.polygon(
            _outline(corners, phase + twist * up, reach, 262 - 2 * layer),
            fill=f"hsl({hue}, 70%, {light}%)",
        )
    draw.polygon(
        _outline(corners, phase + twist, width * (1 - twist), 262 - 2 * layers),
        fill=f"hsl({hue}, 75%, 66%)",
    )
    file = io.BytesIO()
    (image.convert("RGB") if kind == "JPEG" else image).save(file, kind)
    return file.getvalue()


def _outline(corners: int, turn: float, reach: float, y: float) -> list[tuple[float, float]]:
    """Return a regular shape that lies on the plate."""
    angles = [tau * (corner / corners + turn) for corner in range(corners)]
    return [(256 + reach * cos(a), y + reach * 0.58 * sin(a)) for a in angles]
