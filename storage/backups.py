"""A backup as one file: a ZIP of a manifest and the dump of the database.

Keys are never in it. The manifest holds a fingerprint of each, so that a restore knows before it
touches anything whether the keys at hand open what lies inside.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from storage.vault import Vault

FORMAT = 1
_MANIFEST = "manifest.json"
_PURPOSE = b"renrakumo backup 1: fingerprint"
_PIECE = 1024 * 1024
# A manifest is small; what claims to be larger is none.
_LARGEST_MANIFEST = 1024 * 1024


class BackupBroken(Exception):
    """A file is no backup, or not the one that was written; the words are for a person."""


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    sha256: str
    size: int

    @classmethod
    def from_json(cls, said: Mapping[str, object]) -> Part:
        return cls(str(said["name"]), str(said["sha256"]), int(str(said["size"])))


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself; `taken_at` is not later than anything inside."""

    format: int
    taken_at: datetime
    database: str
    schema: str
    boards: tuple[str, ...]
    fingerprints: Mapping[str, str]
    part: Part

    def to_json(self) -> str:
        return json.dumps(asdict(self) | {"taken_at": self.taken_at.isoformat()}, indent=1)

    @classmethod
    def from_json(cls, raw: bytes) -> Manifest:
        """Raises BackupBroken."""
        try:
            said = json.loads(raw)
            if said["format"] != FORMAT:
                raise BackupBroken(f"its format is {said['format']}, and this version reads 1")
            return cls(
                format=said["format"],
                taken_at=datetime.fromisoformat(said["taken_at"]).astimezone(UTC),
                database=str(said["database"]),
                schema=str(said["schema"]),
                boards=tuple(map(str, said["boards"])),
                fingerprints={str(k): str(v) for k, v in said["fingerprints"].items()},
                part=Part.from_json(said["part"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise BackupBroken("its manifest cannot be read") from error


def fingerprints(vault: Vault, secret: bytes) -> dict[str, str]:
    """One for every key; nobody can come from it to the key, or open anything by it."""
    keys = {f"data {number}": key for number, key in vault.keys.items()}
    keys |= {"index": vault.index_key, "secret": secret}
    return {
        name: hmac.digest(key, _PURPOSE, hashlib.sha256).hex()[:32] for name, key in keys.items()
    }


def missing_keys(manifest: Manifest, vault: Vault, secret: bytes) -> list[str]:
    """The keys of the backup that are not at hand, by name; more keys than its own do no harm."""
    at_hand = fingerprints(vault, secret)
    return sorted(name for name, mark in manifest.fingerprints.items() if at_hand.get(name) != mark)


# Writing.


def write(path: Path, dump: Path, describe: Callable[[Part], Manifest]) -> Manifest:
    """Put a dump into a new file that only its owner may read, and read it back.

    Under its own name it is either whole or not there. Raises FileExistsError.
    """
    if path.exists():
        raise FileExistsError(path)
    manifest = describe(Part(f"database.{dump.name.rpartition('.')[2]}", *_measured(dump)))
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        draft.touch(mode=0o600, exist_ok=False)
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            archive.writestr(_MANIFEST, manifest.to_json())
            archive.write(dump, manifest.part.name)
        _kept(draft)
        read(draft)
        draft.rename(path)
        _kept(path.parent)
    finally:
        draft.unlink(missing_ok=True)
    return manifest


def _measured(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size


def _kept(path: Path) -> None:
    """Have the disk hold a file, or a folder's list of files, before it is relied on."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


# Reading.


def read(path: Path) -> Manifest:
    """The manifest of a backup whose every byte is as it was written; raises BackupBroken."""
    with _opened(path) as (archive, manifest):
        _copy(archive, manifest.part, None)
    return manifest


@contextmanager
def unpacked(path: Path, folder: Path) -> Iterator[tuple[Manifest, Path]]:
    """The dump of a backup as a file of its own for a while; raises BackupBroken."""
    with (
        _opened(path) as (archive, manifest),
        tempfile.NamedTemporaryFile(dir=folder, prefix=".restore-") as dump,
    ):
        _copy(archive, manifest.part, dump)
        dump.flush()
        yield manifest, Path(dump.name)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, Manifest]]:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise BackupBroken(f"it is no backup of ours ({type(error).__name__})") from error
    with archive:
        yield archive, _manifest(archive)


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    try:
        if archive.getinfo(_MANIFEST).file_size > _LARGEST_MANIFEST:
            raise BackupBroken("its manifest cannot be read")
        return Manifest.from_json(archive.read(_MANIFEST))
    except (zipfile.BadZipFile, KeyError, EOFError, zlib.error) as error:
        raise BackupBroken("its manifest cannot be read") from error


def _copy(archive: zipfile.ZipFile, part: Part, to: IO[bytes] | None) -> None:
    """Read a part to its end, not further than it should be long, and compare its digest."""
    digest, left = hashlib.sha256(), part.size
    try:
        with archive.open(part.name) as source:
            while piece := source.read(min(_PIECE, left + 1)):
                digest.update(piece)
                left -= len(piece)
                if left < 0:
                    break
                if to is not None:
                    to.write(piece)
    except (zipfile.BadZipFile, EOFError, KeyError, ValueError, zlib.error) as error:
        raise BackupBroken("it is damaged") from error
    if left or digest.hexdigest() != part.sha256:
        raise BackupBroken("it is damaged")
