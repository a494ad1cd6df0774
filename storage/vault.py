"""Encryption of personal data, with keys that lie outside the database.

AES-256-GCM under the newest key of the ring; each ciphertext names its key, so that old ones
stay readable after a rotation.  Blind indexes are HMAC-SHA256 under a key of their own that
never rotates, because an index that changed could no longer be looked up.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12
# The key's number and the nonce stand before what is sealed.
_HEAD = 1 + _NONCE
_BROKEN = (InvalidTag, KeyError, IndexError, ValueError)


class SealBroken(Exception):
    """A ciphertext was changed, or its key is not in the ring."""


@dataclass(frozen=True, slots=True)
class Vault:
    """Seals and opens personal data; `keys` maps a key's number (0-255) to 32 bytes."""

    keys: dict[int, bytes] = field(repr=False)
    index_key: bytes = field(repr=False)
    # Making a cipher of a key takes longer than opening an address with it.
    _ciphers: dict[int, AESGCM] = field(default_factory=dict, init=False, repr=False, compare=False)

    def seal(self, plain: bytes, purpose: str) -> bytes:
        """Encrypt; `purpose` (table.column) must be given again to open."""
        number = max(self.keys)
        nonce = secrets.token_bytes(_NONCE)
        sealed = self._cipher(number).encrypt(nonce, plain, purpose.encode())
        return bytes([number]) + nonce + sealed

    def open(self, cipher: bytes, purpose: str) -> bytes:
        """Decrypt; raises SealBroken."""
        try:
            key = self._cipher(cipher[0])
            return key.decrypt(cipher[1:_HEAD], cipher[_HEAD:], purpose.encode())
        except _BROKEN as error:
            raise SealBroken(purpose) from error

    def _cipher(self, number: int) -> AESGCM:
        """Of two threads that make one, the second's stays: they do the same."""
        if number not in self._ciphers:
            self._ciphers[number] = AESGCM(self.keys[number])
        return self._ciphers[number]

    def seal_text(self, text: str, purpose: str) -> bytes:
        return self.seal(text.encode(), purpose)

    def open_text(self, cipher: bytes, purpose: str) -> str:
        return self.open(cipher, purpose).decode()

    def opener(self, purpose: str) -> Callable[[bytes], str]:
        """`open_text` for very many ciphertexts of one purpose."""
        meant = purpose.encode()
        ciphers = {number: self._cipher(number) for number in self.keys}

        def opened(cipher: bytes) -> str:
            try:
                key = ciphers[cipher[0]]
                return key.decrypt(cipher[1:_HEAD], cipher[_HEAD:], meant).decode()
            except _BROKEN as error:
                raise SealBroken(purpose) from error

        return opened

    def seal_json(self, value: Any, purpose: str) -> bytes:
        return self.seal(json.dumps(value, ensure_ascii=False).encode(), purpose)

    def open_json(self, cipher: bytes, purpose: str) -> Any:
        return json.loads(self.open(cipher, purpose))

    def index(self, *parts: str) -> bytes:
        """A keyed hash to find a row by what it holds without storing that in clear."""
        message = "\x1f".join(parts).encode()
        return hmac.new(self.index_key, message, hashlib.sha256).digest()


def load_vault(path: Path) -> Vault:
    """Read the key file, making it (readable by its owner only) where there is none."""
    if not path.exists():
        _make_keys(path)
    ring = json.loads(path.read_text())
    keys = {int(number): bytes.fromhex(key) for number, key in ring["keys"].items()}
    return Vault(keys=keys, index_key=bytes.fromhex(ring["index"]))


def _make_keys(path: Path) -> None:
    ring = {"keys": {"1": secrets.token_hex(32)}, "index": secrets.token_hex(32)}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_secret(path, json.dumps(ring, indent=1))


def write_secret(path: Path, text: str) -> None:
    """Write a new file that only its owner may read; another process's file is kept."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    try:
        draft.write_text(text)
        draft.chmod(0o600)
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return
    finally:
        draft.unlink()
