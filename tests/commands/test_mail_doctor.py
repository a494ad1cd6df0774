"""`doctor` and the domain that mail is sent from: what it says, keeps, and lets somebody accept."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from channels.email import lookup
from channels.email.dkim import new_key, private_pem, read_signer, record_strings
from commands import mail_doctor
from commands.mail_doctor import gate_of
from domain.mail_checks import CHECKS
from storage.audit import entries_of
from storage.database import system_clock
from storage.mail_checks import current
from tests.channels.email.tls_server import HOST, make_certificate, tls_server
from tests.channels.email.zone import Zone
from tests.commands.conftest import Install
from tests.dns_standin import dns_standin

DOMAIN = "city.midori.jp"
SETTINGS = {"smtp_url": "smtp://127.0.0.1:2525", "mail_from": f"みどり市 <renraku@{DOMAIN}>"}


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Zone:
    """The DNS; nothing is asked over the network."""
    made = Zone(
        f"""
        {DOMAIN} TXT "v=spf1 mx -all"
        {DOMAIN} MX 10 mx.{DOMAIN}.
        mx.{DOMAIN} A 203.0.113.6
        _dmarc.{DOMAIN} TXT "v=DMARC1; p=none"
        """
    )
    monkeypatch.setattr(mail_doctor, "sync_resolver", lambda _: made)
    return made


@pytest.fixture
def signing(tmp_path: Path, zone: Zone) -> dict[str, str]:
    """The settings of a key, whose public part is published."""
    key, path = new_key(), tmp_path / "dkim.pem"
    path.write_bytes(private_pem(key))
    text = " ".join(f'"{part}"' for part in record_strings(key))
    zone.add(f"s1._domainkey.{DOMAIN}", "TXT", text)
    return {"dkim_domain": DOMAIN, "dkim_selector": "s1", "dkim_key_file": str(path)}


def test_what_is_missing_holds_mail_until_it_is_published(
    install: Install, zone: Zone, signing: dict[str, str]
) -> None:
    one = install(**SETTINGS, **signing)
    zone.drop(f"_dmarc.{DOMAIN}", "TXT")
    found = one.doctor()
    assert {name for name in CHECKS if found[name][0]} == {"DMARC"}
    assert "no mail is sent" in found["DMARC"][1]
    assert found["DKIM"] == (False, f"the key at s1._domainkey.{DOMAIN} is ours")
    assert not gate_of(one.house).allows("email")
    assert "held back" in found["mail gate"][1]
    zone.add(f"_dmarc.{DOMAIN}", "TXT", '"v=DMARC1; p=none"')
    assert not any(one.doctor()[name][0] for name in CHECKS)
    assert gate_of(one.house).allows("email")
    # Once passed it holds; the centre is told of what was lost.
    zone.drop(f"{DOMAIN}", "TXT")
    lost = one.doctor()
    assert lost["SPF"][0]
    assert "no mail is sent" not in lost["SPF"][1]
    assert gate_of(one.house).allows("email")


def test_a_record_to_publish_is_printed_on_one_line(
    install: Install, zone: Zone, signing: dict[str, str]
) -> None:
    zone.drop(f"s1._domainkey.{DOMAIN}", "TXT")
    one = install(**SETTINGS, **signing)
    key = read_signer(DOMAIN, "s1", Path(signing["dkim_key_file"])).key
    record = f's1._domainkey.{DOMAIN} TXT "{"".join(record_strings(key))}"'
    assert record in one.run("doctor").output.splitlines()
    assert record in [found["publish"] for found in json.loads(one.run("doctor", "--json").stdout)]


def test_a_stage_after_real_mail_is_not_held(install: Install, zone: Zone) -> None:
    real, stage = install(**SETTINGS), install(**{**SETTINGS, "mail_from": "a@midori.example"})
    gate_of(real.house).check()
    assert "not checked" in stage.doctor()["mail sender"][1]
    assert stage.doctor()["mail gate"] == (False, "nothing holds mail back")
    # Whoever looks with other settings takes nothing back of what the worker holds mail for.
    assert "held back" in real.doctor()["mail gate"][1]
    with real.house.database.reading() as tx:
        assert {each.name for each in current(tx)} == set(CHECKS)


def test_what_was_accepted_is_said(install: Install, zone: Zone, signing: dict[str, str]) -> None:
    zone.drop(f"s1._domainkey.{DOMAIN}", "TXT")
    one = install(**SETTINGS, **signing)
    gate_of(one.house).check()
    accept = ("doctor", "--accept", "dkim", "--reason")
    said = one.run(*accept, "a\nlittle\x1b[2Jlate").output
    assert f"DKIM: accepted for {DOMAIN}, s1._domainkey.{DOMAIN} until 2" in said
    assert "other settings" not in said
    assert one.doctor()["DKIM"][1].startswith("accepted until 2")
    assert "(a little [2Jlate); no key at" in one.doctor()["DKIM"][1]
    other = install(**SETTINGS, **signing | {"dkim_selector": "s2"})
    assert "other settings" in other.run(*accept, "later").output
    assert "(later)" in other.doctor()["DKIM"][1]
    too_long = one.run(*accept, "x" * 501)
    assert (too_long.exit_code, "at most 500" in too_long.output) == (1, True)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"mail_from": "みどり市 <ｒｅｎ@midori.jp>"}, "write its address as ren@midori.jp"),
        ({"mail_from": "renraku@みどり.jp"}, "write its address as renraku@xn--p9j0b8a.jp"),
        ({"mail_from": "renraku@midori.jp。"}, "write its address as renraku@midori.jp"),
        ({"mail_from": "renraku"}, "RENRAKUMO_MAIL_FROM is no mail address"),
        ({"mail_ehlo_name": "mail.midori.jp\r\nX"}, "RENRAKUMO_MAIL_EHLO_NAME is a host's name"),
        ({"mail_ehlo_name": "mail midori"}, "RENRAKUMO_MAIL_EHLO_NAME is a host's name"),
        ({"mail_ehlo_name": "[203.0.113.256]"}, "RENRAKUMO_MAIL_EHLO_NAME is a host's name"),
    ],
)
def test_a_sender_that_no_header_can_name(
    install: Install, wrong: dict[str, str], words: str
) -> None:
    one = install(**{**SETTINGS, **wrong})
    found = one.doctor()
    assert found["mail"][0]
    assert words in found["mail"][1]
    assert set(found).isdisjoint(CHECKS)
    started = one.run("worker")
    assert (started.exit_code, words in started.output) == (1, True)


def test_a_key_that_others_can_read(
    install: Install, zone: Zone, signing: dict[str, str], tmp_path: Path
) -> None:
    path = Path(signing["dkim_key_file"])
    path.chmod(0o600)
    one = install(**SETTINGS, **signing)
    assert "signing key" not in one.doctor()
    path.chmod(0o640)
    wrong, words = one.doctor()["signing key"]
    assert (wrong, "chmod 600" in words) == (True, True)
    path.unlink()
    os.mkfifo(path, 0o600)
    assert one.doctor()["mail"] == (True, f"{path} is no file")


def test_a_dns_that_is_away_opens_nothing(install: Install, zone: Zone) -> None:
    zone.away = {"*"}
    one = install(**SETTINGS)
    found = one.doctor()
    assert found["SPF"][0]
    assert "could not be asked" in found["SPF"][1]
    assert not gate_of(one.house).allows("email")


def test_somebody_answers_for_a_check(
    install: Install, zone: Zone, signing: dict[str, str]
) -> None:
    zone.drop(DOMAIN, "MX")
    one = install(**SETTINGS, **signing)
    assert one.doctor()["MX"][0]
    done = one.run("doctor", "--accept", "mx", "--reason", "sends only", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["check"] == "MX"
    wrong, words = one.doctor()["MX"]
    assert not wrong
    assert words.startswith("accepted until 2")
    assert "(sends only)" in words
    assert gate_of(one.house).allows("email")
    with one.house.database.reading() as tx:
        verbs = [entry.verb for entry in entries_of(tx, f"board:{one.house.board_id}")]
    assert verbs[-1] == "accept_mail_check"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--accept", "BIMI", "--reason", "x"), "SPF, DKIM, DMARC, MX, PTR, TLS"),
        (("--accept", "SPF"), "needs a --reason"),
        (("--accept", "SPF", "--reason", "  "), "needs a --reason"),
        (("--reason", "x"), "--accept takes one of"),
    ],
)
def test_what_cannot_be_accepted(install: Install, arguments: tuple[str, ...], words: str) -> None:
    refused = install(**SETTINGS).run("doctor", *arguments)
    assert refused.exit_code == 2
    assert words in refused.output


def test_a_stage_is_not_checked(install: Install, zone: Zone) -> None:
    one = install(smtp_url="smtp://127.0.0.1:2525", mail_from="renraku@midori.example")
    found = one.doctor()
    assert not found["mail sender"][0]
    assert set(found).isdisjoint(CHECKS)
    assert zone.asked == []
    assert gate_of(one.house).allows("email")
    assert one.run("doctor", "--accept", "SPF", "--reason", "x").exit_code == 1


def test_without_mail_there_is_no_gate(install: Install) -> None:
    one = install()
    assert gate_of(one.house).allows("email")
    assert set(one.doctor()).isdisjoint({*CHECKS, "mail sender"})


def test_everything_asked_over_the_wire(
    install: Install, tmp_path: Path, signing: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real resolver, a real mail server: nothing between us and them is made up."""
    monkeypatch.setattr(mail_doctor, "sync_resolver", lookup.sync_resolver)
    key = read_signer(DOMAIN, "s1", Path(signing["dkim_key_file"])).key
    records = {
        DOMAIN: {"TXT": ['"v=spf1 a:out.city.midori.jp -all"'], "MX": [f"10 out.{DOMAIN}."]},
        f"out.{DOMAIN}": {"A": [HOST]},
        f"s1._domainkey.{DOMAIN}": {"TXT": [" ".join(f'"{p}"' for p in record_strings(key))]},
        f"_dmarc.{DOMAIN}": {"TXT": ['"v=DMARC1; p=none"']},
        "1.0.0.127.in-addr.arpa": {"PTR": [f"out.{DOMAIN}."]},
    }
    with dns_standin() as dns, tls_server(make_certificate(tmp_path)) as port:
        dns.zone(records)
        one = install(
            smtp_url=f"mx://{HOST}?port={port}",
            mail_from=SETTINGS["mail_from"],
            mail_ehlo_name=f"out.{DOMAIN}",
            dns_servers=dns.servers,
            **signing,
        )
        dns.fault(match="_dmarc", kind="servfail")
        found = one.doctor()
        assert [name for name in CHECKS if found[name][0]] == ["DMARC"]
        assert "could not be asked" in found["DMARC"][1]
        gate = gate_of(one.house)
        assert not gate.allows("email")
        dns.end_faults()
        one.house.database.clock = lambda: system_clock() + timedelta(minutes=10)
        gate.check()
        assert gate.allows("email")
