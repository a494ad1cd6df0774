"""Encryption of personal data."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.vault import SealBroken, Vault, load_vault

VAULT = Vault({1: b"a" * 32}, b"i" * 32)


@given(st.binary(), st.text())
def test_what_is_sealed_opens_again(plain: bytes, purpose: str) -> None:
    assert VAULT.open(VAULT.seal(plain, purpose), purpose) == plain


@given(st.data())
def test_a_changed_ciphertext_never_opens(data: st.DataObject) -> None:
    cipher = bytearray(VAULT.seal(b"taro@example.jp", "contact_points.address"))
    position = data.draw(st.integers(0, len(cipher) - 1))
    cipher[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealBroken):
        VAULT.open(bytes(cipher), "contact_points.address")


@pytest.mark.parametrize("cipher", [b"", b"\x01", b"\x09" + b"x" * 40])
def test_what_is_no_ciphertext_is_told_apart(cipher: bytes) -> None:
    with pytest.raises(SealBroken):
        VAULT.open(cipher, "any")


def test_a_ciphertext_opens_for_its_own_purpose_only() -> None:
    with pytest.raises(SealBroken):
        VAULT.open(VAULT.seal(b"secret", "inbox.payload"), "replies.payload")


def test_old_ciphertexts_open_after_a_new_key() -> None:
    rotated = Vault({**VAULT.keys, 2: b"b" * 32}, VAULT.index_key)
    assert rotated.open(VAULT.seal(b"old", "any"), "any") == b"old"
    assert rotated.seal(b"new", "any")[0] == 2


def test_many_are_opened_as_one_is() -> None:
    rotated = Vault({**VAULT.keys, 2: b"b" * 32}, VAULT.index_key)
    opened = rotated.opener("any")
    assert [opened(vault.seal_text("古い", "any")) for vault in (VAULT, rotated)] == ["古い"] * 2
    for cipher in (b"", b"\x09" + b"x" * 40, VAULT.seal(b"secret", "other")):
        with pytest.raises(SealBroken):
            opened(cipher)


def test_the_parts_of_an_index_do_not_run_together() -> None:
    assert VAULT.index("ab", "c") != VAULT.index("a", "bc")


def test_keys_are_made_once_and_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "var" / "keys.json"
    first = load_vault(path)
    assert load_vault(path) == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(path.read_text())) == {"keys", "index"}
    assert [child.name for child in path.parent.iterdir()] == ["keys.json"]


def test_keys_do_not_show() -> None:
    assert "kkkk" not in repr(Vault({1: b"k" * 32}, b"k" * 32))
