"""What a picture is by its first bytes; nothing here decodes one."""

import struct
from struct import unpack_from

# Nothing can be seen in less.
_SMALLEST = 64
# Whoever shows it takes four bytes for each: 100 MB.
_MOST_PIXELS = 25_000_000
# A picture has a dozen; a walk through millions of empty ones would hold the event loop.
_MOST_SEGMENTS = 200
_FRAMES_OF_JPEG = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


def image_type(content: bytes) -> str | None:
    """Return "image/png", "image/jpeg" or "image/webp" by the first bytes of a picture.

    Anything else is None, and so is what is too short to show anything, does not tell its size,
    or would have more than 25 million pixels: a few bytes can unfold to gigabytes.
    """
    if len(content) < _SMALLEST:
        return None
    try:
        if content.startswith(b"\x89PNG\r\n\x1a\n"):
            content_type, (width, height) = "image/png", _png(content)
        elif content.startswith(b"\xff\xd8\xff"):
            content_type, (width, height) = "image/jpeg", _jpeg(content)
        elif content.startswith(b"RIFF") and content[8:12] == b"WEBP":
            content_type, (width, height) = "image/webp", _webp(content)
        else:
            return None
    except struct.error:
        return None
    return content_type if 0 < width * height <= _MOST_PIXELS else None


def _png(content: bytes) -> tuple[int, int]:
    """Read the first chunk."""
    name, width, height = unpack_from(">4s2I", content, 12)
    return (width, height) if name == b"IHDR" else (0, 0)


def _jpeg(content: bytes) -> tuple[int, int]:
    """Read the frame, which follows other segments."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        mark, kind, length = unpack_from(">BBH", content, at)
        if mark != 0xFF:
            break
        if kind in _FRAMES_OF_JPEG:
            height, width = unpack_from(">2H", content, at + 5)
            return width, height
        # A mark may be preceded by any number of bytes as itself begins with.
        at += 1 if kind == 0xFF else 2 + length
    return 0, 0


def _webp(content: bytes) -> tuple[int, int]:
    """Read the first chunk, of which there are three kinds; two count from one less."""
    match content[12:16]:
        case b"VP8 ":
            width, height = unpack_from("<2H", content, 26)
            return width & 0x3FFF, height & 0x3FFF
        case b"VP8L":
            (bits,) = unpack_from("<I", content, 21)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            (bits,) = unpack_from("<Q", content[:30] + bytes(2), 24)
            return (bits & 0xFFFFFF) + 1, (bits >> 24 & 0xFFFFFF) + 1
    return 0, 0
