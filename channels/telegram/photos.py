"""Pictures: uploaded once per bot, and sent by their file ID from then on.

"There are no limits for files sent this way" (https://core.telegram.org/bots/api#sending-files).
A file ID is valid for this bot alone and as long as it likes: one that is refused is uploaded
anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from threading import Lock

from channels.base import Picture
from channels.telegram.memory import Memory
from channels.telegram.verdicts import Answered

_KEPT = 2000
# Locks shared out among pictures by their digest, so that there is no lock per picture to keep.
_LOCKS = 64

Media = Sequence[str | bytes]


class Photos:
    """What Telegram calls the pictures that this process has sent."""

    def __init__(self) -> None:
        self._ids: Memory[str, str] = Memory(_KEPT)
        self._locks = tuple(Lock() for _ in range(_LOCKS))

    def send(self, pictures: Sequence[Picture], deliver: Callable[[Media], Sequence[str]]) -> None:
        """Send pictures; `deliver` is given a file ID or bytes for each, and returns its file IDs.

        Raises what `deliver` raises, but for a file ID that is refused: then all are uploaded.
        """
        try:
            self._send(pictures, deliver)
        except Answered as answer:
            if not answer.is_about_file or not any(map(self._id, pictures)):
                raise
            for picture in pictures:
                self._ids.forget(picture.sha256)
            self._send(pictures, deliver)

    def _send(self, pictures: Sequence[Picture], deliver: Callable[[Media], Sequence[str]]) -> None:
        with self._uploading(pictures):
            media = [self._id(picture) or picture.data for picture in pictures]
            for picture, file_id in zip(pictures, deliver(media), strict=False):
                if file_id:
                    self._ids.put(picture.sha256, file_id)

    @contextmanager
    def _uploading(self, pictures: Sequence[Picture]) -> Iterator[None]:
        """Keep others from uploading the same pictures; always in one order, lest two wait."""
        missing = [picture for picture in pictures if not self._id(picture)]
        with ExitStack() as held:
            for number in sorted({hash(picture.sha256) % _LOCKS for picture in missing}):
                held.enter_context(self._locks[number])
            yield

    def _id(self, picture: Picture) -> str | None:
        return self._ids.get(picture.sha256)
