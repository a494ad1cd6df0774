"""What relays and carriers say, and what that means: each sentence with where it is from."""

from __future__ import annotations

import time
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.email.refusal_texts import LATER, Phase
from channels.email.verdicts import verdict
from domain.lanes import RULES as LANES
from domain.outcomes import Accepted, Outcome, Refused, TryLater

PHASES: tuple[Phase, ...] = get_args(Phase)

# Where the sentences stand; each row of the table names one of these.
SENDMAGIC = "note.com/sendmagic: SMTP応答コードについて"
SISIMAI = "sisimai/p5-sisimai (BSD-2-Clause): Rhost, Reason"
KUMOMTA = "KumoCorp/kumomta: assets/community/shaping.toml"
YAHOO_HELP = "help.yahoo.com SLN3444"
YAHOO_INC = "senders.yahooinc.com/smtp-error-codes"
GOOGLE = "support.google.com/a/answer/3726730"
MICROSOFT = "learn.microsoft.com: non-delivery reports in Exchange Online"
POSTMASTER_LIVE = "postmaster.live.com (sendersupport.olc.protection.outlook.com)"
APPLE = "support.apple.com/102322"
RFC = "RFC 5321, RFC 3463 or RFC 4954"
POSTFIX = "Postfix"

SAYINGS: tuple[tuple[str, str, Phase, int, str, str], ...] = (
    # docomo
    (SENDMAGIC, "docomo", "rcpt", 550, "Unknown user taro@docomo.ne.jp", "unknown_user"),
    (SISIMAI, "docomo", "dot", 550, "Unknown user taro@docomo.ne.jp", "filtered"),
    (SISIMAI, "docomo", "data", 550, "Unknown user taro@docomo.ne.jp", "filtered"),
    (SENDMAGIC, "docomo", "dot", 552, "Too much mail data taro@docomo.ne.jp", "mailbox_full"),
    (SENDMAGIC, "docomo", "rcpt", 552, "Too much mail data taro@docomo.ne.jp", "mailbox_full"),
    (SISIMAI, "docomo", "rcpt", 552, "Too many recipients", "too_busy"),
    (SENDMAGIC, "docomo", "dot", 500, "Line Too Long", "too_large"),
    ("docomo.ne.jp mass_send", "docomo", "rcpt", 554, "Transaction failed", "too_busy"),
    ("", "other", "rcpt", 554, "Transaction failed", "refused"),
    (SISIMAI, "docomo", "data", 503, "Bad sequence of commands", "unclear"),
    # au
    (SENDMAGIC, "au", "rcpt", 550, "<taro@ezweb.ne.jp>: User unknown", "unknown_user"),
    (SISIMAI, "au", "rcpt", 550, ": User unknown", "filtered"),
    (SISIMAI, "au", "dot", 550, ": User unknown", "filtered"),
    (SENDMAGIC, "au", "rcpt", 554, "<ta!ro@ezweb.ne.jp>: Relay access denied", "bad_address"),
    (POSTFIX, "other", "rcpt", 554, "5.7.1 <a@b.jp>: Relay access denied", "relay_denied"),
    # SoftBank, and those that are read like it
    (SENDMAGIC, "softbank", "rcpt", 550, "Invalid recipient: <t@i.softbank.jp>", "unknown_user"),
    ("", "ymobile", "rcpt", 550, "Invalid recipient: <t@ymobile.ne.jp>", "unknown_user"),
    ("", "rakumail", "rcpt", 550, "Invalid recipient: <t@rakumail.jp>", "unknown_user"),
    (SENDMAGIC, "softbank", "rcpt", 553, "mail.example.jp does not exist", "sender_refused"),
    (SENDMAGIC, "softbank", "mail", 553, "mail.example.jp does not exist", "sender_refused"),
    # Yahoo! JAPAN
    (KUMOMTA, "yahoo", "rcpt", 553, "Mail from 192.0.2.1 not allowed - VS98-IP0 deferred",
     "blocked_us"),
    (YAHOO_HELP, "yahoo", "connect", 553, "VS99-IP1 deferred", "blocked_us"),
    (KUMOMTA, "yahoo", "mail", 421, "[TSS04] Messages from 192.0.2.1 temporarily deferred due to "
     "unexpected volume or user complaints", "too_busy"),
    (KUMOMTA, "yahoo", "connect", 421, "[IPTS04] Messages from 192.0.2.1 temporarily deferred",
     "too_busy"),
    (YAHOO_HELP, "yahoo", "rcpt", 451, "VS1-IP Excessive unknown recipients - possible Open Relay "
     "(#4.1.8)", "too_busy"),
    (YAHOO_HELP, "yahoo", "dot", 554, "delivery error: dd This user doesn't have a yahoo.co.jp "
     "account (taro@yahoo.co.jp) [0] - mta1.mail.yahoo.co.jp", "unknown_user"),
    (YAHOO_INC, "yahoo", "dot", 554, "delivery error: dd taro@yahoo.com is no longer valid.",
     "unknown_user"),
    (YAHOO_INC, "yahoo", "mail", 553, "5.7.1 [BL21] Connections will not be accepted from "
     "192.0.2.1, because the ip is in Spamhaus's list", "blocked_us"),
    (YAHOO_INC, "yahoo", "mail", 553, "5.7.2 [TSS09] All messages from 192.0.2.1 will be "
     "permanently deferred; Retrying will NOT succeed.", "blocked_us"),
    (YAHOO_INC, "yahoo", "dot", 421, "Max message per connection reached, closing transmission "
     "channel", "too_busy"),
    (YAHOO_INC, "yahoo", "dot", 554, "Message not allowed - [PH01] Email not accepted for policy "
     "reasons.", "policy"),
    # Gmail
    (GOOGLE, "gmail", "rcpt", 550, "5.1.1 The email account that you tried to reach does not "
     "exist. Please try double-checking the address", "unknown_user"),
    (GOOGLE, "gmail", "rcpt", 550, "5.2.1 The email account that you tried to reach is inactive.",
     "unknown_user"),
    (GOOGLE, "gmail", "rcpt", 450, "4.2.1 The user you are trying to contact is receiving mail "
     "too quickly.", "too_busy"),
    (GOOGLE, "gmail", "rcpt", 550, "5.2.1 The user you are trying to contact is receiving mail at "
     "a rate that prevents additional messages from being delivered.", "too_busy"),
    (GOOGLE, "gmail", "rcpt", 452, "4.2.2 The recipient's inbox is out of storage space.",
     "mailbox_full"),
    (GOOGLE, "gmail", "rcpt", 552, "5.2.2 The email account that you tried to reach is over quota.",
     "mailbox_full"),
    (GOOGLE, "gmail", "dot", 421, "4.7.28 Gmail has detected an unusual rate of mail originating "
     "from your IP address. To protect our users from spam, mail has been temporarily rate limited",
     "too_busy"),
    (GOOGLE, "gmail", "dot", 550, "5.7.1 Our system has detected that this message is likely "
     "suspicious due to the very low reputation of the sending domain.", "blocked_us"),
    (GOOGLE, "gmail", "dot", 550, "5.7.1 Our system has detected an unusual rate of unsolicited "
     "mail originating from your IP address.", "blocked_us"),
    (GOOGLE, "gmail", "dot", 550, "5.7.1 Our system has detected that this message is likely "
     "unsolicited mail.", "spam"),
    (GOOGLE, "gmail", "dot", 550, "5.7.26 This mail has been blocked because the sender is "
     "unauthenticated.", "unauthenticated"),
    (GOOGLE, "gmail", "dot", 421, "4.7.27 Your email has been rate limited because SPF "
     "authentication didn't pass for this message.", "unauthenticated"),
    (GOOGLE, "gmail", "mail", 530, "5.7.0 Must issue a STARTTLS command first.", "no_tls"),
    (GOOGLE, "gmail", "rcpt", 421, "4.7.0 TLS required for RCPT domain, closing connection.",
     "no_tls"),
    (GOOGLE, "gmail", "connect", 421, "4.7.0 Try again later, closing connection.", "too_busy"),
    (GOOGLE, "gmail", "dot", 552, "5.3.4 Your message exceeded Google's message size limits.",
     "too_large"),
    # iCloud
    (SISIMAI, "icloud", "rcpt", 550, "5.1.1 <t@icloud.com>: user does not exist", "unknown_user"),
    (SISIMAI, "icloud", "rcpt", 550, "5.1.1 <t@icloud.com>: inactive email address",
     "unknown_user"),
    (SISIMAI, "icloud", "rcpt", 550, "5.1.1 unknown or illegal alias: t@icloud.com",
     "unknown_user"),
    (SISIMAI, "icloud", "rcpt", 550, "5.1.6 recipient no longer on server: t@icloud.com",
     "unknown_user"),
    (SISIMAI, "icloud", "rcpt", 552, "5.2.2 <t@icloud.com>: user is over quota", "mailbox_full"),
    (APPLE, "icloud", "dot", 554, "5.7.1 [CS01] Message rejected due to local policy.", "policy"),
    (SISIMAI, "icloud", "dot", 554, "5.7.1 [HME1] This message was blocked for failing both SPF "
     "and DKIM authentication checks.", "unauthenticated"),
    (SISIMAI, "icloud", "rcpt", 421, "4.7.1 Messages to t@icloud.com deferred due to excessive "
     "volume.", "too_busy"),
    (SISIMAI, "icloud", "mail", 550, "5.7.1 Mail from IP 192.0.2.1 was rejected due to listing in "
     "Spamhaus SBL.", "blocked_us"),
    (SISIMAI, "icloud", "connect", 554, "st11p00im-smtpin001.me.com ESMTP not accepting "
     "connections", "blocked_us"),
    (KUMOMTA, "icloud", "dot", 451, "[BS02] Temporary server error. Please try again later.",
     "temporary"),
    # Microsoft
    (MICROSOFT, "outlook", "rcpt", 550, "5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient "
     "t@outlook.jp not found by SMTP address lookup", "unknown_user"),
    (MICROSOFT, "outlook", "rcpt", 550, "5.4.1 Recipient address rejected: Access denied.",
     "unknown_user"),
    (SISIMAI, "outlook", "rcpt", 550, "5.5.0 Requested action not taken: mailbox unavailable "
     "(S2017062302).", "unknown_user"),
    (SISIMAI, "outlook", "mail", 550, "5.7.1 Unfortunately, messages from [192.0.2.1] weren't "
     "sent. Please contact your Internet service provider since part of their network is on our "
     "block list (S3150).", "blocked_us"),
    (MICROSOFT, "outlook", "rcpt", 550, "5.7.606 Access denied, banned sending IP [192.0.2.1]",
     "blocked_us"),
    (MICROSOFT, "outlook", "rcpt", 451, "4.7.850 Access denied, please try again later",
     "blocked_us"),
    (POSTMASTER_LIVE, "outlook", "connect", 421, "RP-001 (BAY004) Unfortunately, some messages "
     "from 192.0.2.1 weren't sent. Please try again.", "too_busy"),
    (POSTMASTER_LIVE, "outlook", "mail", 550, "SC-001 (BAY004) Unfortunately, messages from "
     "192.0.2.1 weren't sent.", "blocked_us"),
    (MICROSOFT, "outlook", "dot", 550, "5.7.509 Access denied, sending domain does not pass DMARC "
     "verification", "unauthenticated"),
    (MICROSOFT, "outlook", "dot", 554, "5.2.2 mailbox full; STOREDRV.Deliver", "mailbox_full"),
    # everybody
    (POSTFIX, "other", "rcpt", 550, "5.1.1 <a@b.jp>: Recipient address rejected: User unknown in "
     "local recipient table", "unknown_user"),
    (RFC, "other", "rcpt", 450, "4.2.0 Greylisted, come back", "greylisted"),
    (RFC, "other", "rcpt", 452, "4.2.2 Over quota", "mailbox_full"),
    (RFC, "other", "rcpt", 552, "5.2.2 Mailbox full", "mailbox_full"),
    # the server's own disk is full
    (POSTFIX, "other", "rcpt", 452, "4.3.1 Insufficient system storage", "temporary"),
    (MICROSOFT, "outlook", "dot", 452, "4.3.1 Insufficient system resources", "temporary"),
    (RFC, "other", "rcpt", 452, "Requested action not taken: insufficient system storage",
     "temporary"),
    (RFC, "other", "dot", 554, "5.3.1 Mail system full", "temporary"),
    (RFC, "other", "rcpt", 452, "4.3.1 Mailbox over quota", "mailbox_full"),
    (RFC, "other", "rcpt", 452, "4.2.2 Insufficient system storage", "mailbox_full"),
    (RFC, "other", "rcpt", 552, "", "mailbox_full"),
    (RFC, "other", "dot", 421, "4.3.2 closing", "too_busy"),
    (RFC, "other", "rcpt", 450, "4.7.1 Too many messages", "too_busy"),
    (RFC, "other", "rcpt", 451, "4.3.0 Temporary lookup failure", "temporary"),
    (RFC, "other", "rcpt", 450, "4.1.1 unverified address: User unknown", "temporary"),
    (RFC, "other", "dot", 552, "5.3.4 Message size exceeds limit", "too_large"),
    (RFC, "other", "mail", 552, "", "too_large"),
    (RFC, "other", "rcpt", 501, "5.1.3 Bad recipient address syntax", "bad_address"),
    (RFC, "other", "rcpt", 553, "bad", "bad_address"),
    (RFC, "other", "dot", 554, "5.7.1 Message looks like spam", "spam"),
    (RFC, "other", "dot", 554, "5.7.1 no", "policy"),
    (RFC, "other", "dot", 554, "no", "refused"),
    # about us, not about the recipient
    (RFC, "other", "connect", 554, "No SMTP service here", "blocked_us"),
    (RFC, "other", "connect", 421, "Too many connections", "too_busy"),
    (RFC, "other", "connect", 451, "come back", "temporary"),
    (RFC, "other", "ehlo", 550, "5.7.1 Client host rejected", "blocked_us"),
    (RFC, "other", "starttls", 454, "TLS not available due to temporary reason", "no_tls"),
    (RFC, "other", "starttls", 502, "Command not implemented", "no_tls"),
    (RFC, "other", "auth", 535, "5.7.8 Authentication credentials invalid", "relay_needs_login"),
    (RFC, "other", "auth", 454, "4.7.0 Temporary authentication failure", "temporary"),
    (RFC, "other", "mail", 530, "5.7.0 Authentication required", "relay_needs_login"),
    (RFC, "other", "mail", 550, "5.7.1 Sender rejected", "sender_refused"),
    (MICROSOFT, "other", "rcpt", 550, "5.7.54 Unable to relay", "relay_denied"),
    (RFC, "other", "dot", 354, "what?", "unclear"),
    (RFC, "other", "data", 250, "what?", "unclear"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("source", "lane", "phase", "code", "text", "reason"),
    SAYINGS,
    ids=[f"{lane}-{phase}-{code}-{text[:24]}" for _, lane, phase, code, text, _ in SAYINGS],
)
def test_what_carriers_say(
    source: str, lane: str, phase: Phase, code: int, text: str, reason: str
) -> None:
    said = verdict(phase, code, text, lane)
    assert isinstance(said, TryLater if reason in LATER else Refused), source
    assert said.reason == reason, source


_NAMES = """sports99 cats22 busy.mom ip.tanaka a-ip abl12 spam.box over.quota ptr spf30 policy
greylist security tls.required "tls.required" vs98-ip0 rp-001 user.unknown"""


@pytest.mark.parametrize("name", _NAMES.split())
def test_what_somebody_is_called_says_nothing(name: str) -> None:
    """An outcome that is about us would have the mail tried again, and the lane slowed down."""
    address = f"{name}@docomo.ne.jp"
    texts = (f"Unknown user {address}", f"Unknown user {name}", f"<{address}>: User unknown",
             f"5.1.1 {address}... User unknown", f"No such user ({address})",
             f"<{name}>: no such user", f"Invalid recipient: <{address}>",
             f'User "{address}" not found')  # fmt: skip
    assert {verdict("rcpt", 550, text, "docomo") for text in texts} == {
        Refused("unknown_user", "550"),
        Refused("unknown_user", "550 5.1.1"),
    }
    assert verdict("rcpt", 552, f"Too much mail data {name}") == TryLater("mailbox_full")


def test_however_much_is_said_it_is_judged_at_once() -> None:
    far = "x" * 2_000 + " queued as 4F1B2C"
    assert verdict("dot", 250, far) == Accepted("")
    began = time.process_time()
    for text in ("<" * 70_000, "@" * 70_000, "a<@" * 20_000, '"' * 70_000, "unknown user(" * 5_000):
        verdict("rcpt", 550, text)
    assert time.process_time() - began < 0.5


def test_the_table_speaks_of_every_lane_there_is() -> None:
    assert {lane for _, lane, *_ in SAYINGS} == set(LANES)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("2.0.0 Ok: queued as 4F1B2C", "4F1B2C"),
        ("2.0.0 Ok: queued as <4F1B2C> soon", "4F1B2C"),
        ("2.0.0 Ok: queued as ", ""),
        ("OK id=1abcde-0001-AB", "1abcde-0001-AB"),
        ("OK ids=d7ef20b6", "d7ef20b6"),
        ("OK id=" + "a" * 300, "a" * 100),
        ("queued as " + "a" * 300, "a" * 100),
        ("2.0.0 OK", ""),
        ("thank you", ""),
    ],
)
def test_accepted(text: str, reference: str) -> None:
    assert verdict("dot", 250, text) == verdict("dot", 251, text) == Accepted(reference)


def test_an_acceptance_without_a_name_makes_nothing_new() -> None:
    assert verdict("dot", 250, "2.0.0 Ok") is verdict("dot", 250, "thank you")


def test_no_detail_names_the_recipient() -> None:
    outcome = verdict("rcpt", 550, "5.1.1 <taro@docomo.ne.jp>: no such user taro")
    assert outcome == Refused("unknown_user", "550 5.1.1")


_WORDS = st.one_of(
    st.text(max_size=60),
    st.sampled_from([text for *_, text, _ in SAYINGS]),
    st.lists(st.sampled_from([text for *_, text, _ in SAYINGS]), max_size=3).map(" ".join),
)


@settings(max_examples=60)
@given(
    phase=st.sampled_from(PHASES),
    code=st.integers(min_value=0, max_value=999),
    text=_WORDS,
    lane=st.sampled_from(["", *LANES]),
)
def test_whatever_is_said(phase: Phase, code: int, text: str, lane: str) -> None:
    said: Outcome = verdict(phase, code, text, lane)
    assert isinstance(said, Accepted) == (phase == "dot" and 200 <= code < 300)
    if isinstance(said, Refused):
        assert 500 <= code < 600, "what is temporary ends no delivery"
        assert phase in ("rcpt", "data", "dot") or said.reason == "too_large", "that was about us"
