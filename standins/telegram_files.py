"""The files of the Telegram stand-in: what was uploaded, and by which IDs it is known.

core.telegram.org/bots/api#sending-files: an upload gets IDs that the bot may use as often as it
likes; they are unique to the bot and stay valid.  A photo is kept as JPEG in several sizes.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import Any

from PIL import Image

from standins.telegram_errors import bad

# At most 10 MB, width and height together at most 10000, their ratio at most 20
# (core.telegram.org/bots/api#sendphoto).
PHOTO_BYTES = 10 * 1024 * 1024
PHOTO_SIDES = 10_000
PHOTO_RATIO = 20
# core.telegram.org/bots/api#getfile.
DOWNLOAD_BYTES = 20 * 1024 * 1024
LINK_SECONDS = 3600.0
# The boxes "m", "x" and "y" (core.telegram.org/api/files#image-thumbnail-types).
_BOXES = (320, 800, 1280)
_RENDERED_AT_MOST = 64


@dataclass(slots=True)
class File:
    """One size of one photo; `link_until` is when its download link ends."""

    file_id: str
    unique_id: str
    data: bytes
    width: int
    height: int
    path: str
    link_until: float = 0.0

    def as_size(self) -> dict[str, Any]:
        """As a PhotoSize."""
        return {
            "file_id": self.file_id,
            "file_unique_id": self.unique_id,
            "file_size": len(self.data),
            "width": self.width,
            "height": self.height,
        }


class Files:
    """All files of the bot."""

    def __init__(self) -> None:
        self._rendered: OrderedDict[bytes, list[tuple[bytes, int, int]]] = OrderedDict()
        self.clear()

    def clear(self) -> None:
        """Forget every file."""
        self.by_id: dict[str, File] = {}
        self.photos: dict[str, list[File]] = {}
        self.by_path: dict[str, File] = {}

    def add_photo(self, data: bytes) -> list[File]:
        """Keep a photo in its sizes, the smallest first; refuses what is no photo."""
        if not data:
            raise bad("file must be non-empty")
        if len(data) > PHOTO_BYTES:
            limit = f"the maximum size is {PHOTO_BYTES} bytes"
            raise bad(f"file of size {len(data)} bytes is too big for a photo; {limit}")
        sizes = [self._add(*one) for one in self._sizes(data)]
        for size in sizes:
            self.photos[size.file_id] = sizes
        return sizes

    def _add(self, data: bytes, width: int, height: int) -> File:
        number = len(self.by_id) + 1
        file = File(
            f"AgACAg{secrets.token_urlsafe(36)}",
            f"AQAD{secrets.token_urlsafe(8)}",
            data,
            width,
            height,
            f"photos/file_{number}.jpg",
        )
        self.by_id[file.file_id] = self.by_path[file.path] = file
        return file

    def _sizes(self, data: bytes) -> list[tuple[bytes, int, int]]:
        key = sha256(data).digest()
        if key not in self._rendered:
            self._rendered[key] = _rendered(data)
            if len(self._rendered) > _RENDERED_AT_MOST:
                self._rendered.popitem(last=False)
        return self._rendered[key]


def _rendered(data: bytes) -> list[tuple[bytes, int, int]]:
    try:
        opened = Image.open(BytesIO(data))
        _check_sides(*opened.size)
        image = opened.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise bad("IMAGE_PROCESS_FAILED") from None
    longest = max(image.size)
    boxes = [box for box in _BOXES if box < longest] + [min(longest, _BOXES[-1])]
    return [_fitted(image, box) for box in dict.fromkeys(boxes)]


def _check_sides(width: int, height: int) -> None:
    ratio = max(width, height) / max(1, min(width, height))
    if width + height > PHOTO_SIDES or ratio > PHOTO_RATIO:
        raise bad("PHOTO_INVALID_DIMENSIONS")


def _fitted(image: Image.Image, box: int) -> tuple[bytes, int, int]:
    fitted = image.copy()
    fitted.thumbnail((box, box))
    out = BytesIO()
    fitted.save(out, "JPEG", quality=87)
    return out.getvalue(), *fitted.size
