"""What relays and carriers say, and what that means.  The words are from facts on carriers."""

import pytest

from channels.email.verdicts import Phase, verdict
from domain.outcomes import Accepted, Outcome, Refused, TryLater


def later(reason: str) -> TryLater:
    return TryLater(reason)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("2.0.0 Ok: queued as 4F1B2C", "4F1B2C"),
        ("OK id=1abcde-0001-AB", "1abcde-0001-AB"),
        ("OK ids=d7ef20b6", "d7ef20b6"),
        ("2.0.0 OK", ""),
    ],
)
def test_accepted(text: str, reference: str) -> None:
    assert verdict("dot", 250, text) == Accepted(reference)


@pytest.mark.parametrize(
    ("phase", "code", "text", "outcome"),
    [
        # docomo
        ("rcpt", 550, "Unknown user taro@docomo.ne.jp", Refused("unknown_user", "550")),
        ("dot", 550, "Unknown user taro@docomo.ne.jp", Refused("filtered", "550")),
        ("dot", 552, "Too much mail data", later("mailbox_full")),
        ("dot", 500, "Line Too Long", Refused("too_large", "500")),
        ("rcpt", 554, "Transaction failed", Refused("refused", "554")),
        # au
        ("rcpt", 550, "<taro@ezweb.ne.jp>: User unknown", Refused("unknown_user", "550")),
        ("rcpt", 550, ": User unknown", Refused("filtered", "550")),
        # SoftBank
        ("rcpt", 550, "Invalid recipient: <taro@softbank.ne.jp>", Refused("unknown_user", "550")),
        # yahoo.co.jp
        ("rcpt", 553, "VS98-IP0 deferred", later("too_busy")),
        ("dot", 451, "4.7.0 [TSS04] messages temporarily deferred", later("too_busy")),
        # iCloud
        ("rcpt", 550, "5.1.1 user does not exist", Refused("unknown_user", "550 5.1.1")),
        # everybody
        ("rcpt", 450, "4.2.0 Greylisted, come back", later("greylisted")),
        ("rcpt", 452, "4.2.2 Over quota", later("mailbox_full")),
        ("rcpt", 552, "5.2.2 Mailbox full", later("mailbox_full")),
        ("rcpt", 552, "", later("mailbox_full")),
        ("dot", 421, "4.3.2 closing", later("too_busy")),
        ("rcpt", 450, "4.7.1 Too many messages", later("too_busy")),
        ("rcpt", 451, "4.3.0 Temporary lookup failure", later("temporary")),
        ("dot", 552, "5.3.4 Message size exceeds limit", Refused("too_large", "552 5.3.4")),
        ("mail", 552, "", Refused("too_large", "552")),
        ("rcpt", 501, "5.1.3 Bad recipient address syntax", Refused("bad_address", "501 5.1.3")),
        ("rcpt", 553, "bad", Refused("bad_address", "553")),
        ("dot", 554, "5.7.1 Message looks like spam", Refused("spam", "554 5.7.1")),
        ("dot", 550, "5.7.26 DMARC check failed", Refused("policy", "550 5.7.26")),
        ("dot", 554, "no", Refused("refused", "554")),
        # about us, not about the recipient
        ("mail", 550, "5.7.1 Sender rejected", later("sender_refused")),
        ("mail", 530, "5.7.0 Authentication required", later("relay_needs_login")),
        ("rcpt", 554, "5.7.1 <a@b.jp>: Relay access denied", later("relay_denied")),
        ("rcpt", 550, "5.7.54 Unable to relay", later("relay_denied")),
        ("dot", 354, "what?", later("unclear")),
        ("data", 250, "what?", later("unclear")),
    ],
)
def test_verdicts(phase: Phase, code: int, text: str, outcome: Outcome) -> None:
    assert verdict(phase, code, text) == outcome


def test_no_detail_names_the_recipient() -> None:
    outcome = verdict("rcpt", 550, "5.1.1 <taro@docomo.ne.jp>: no such user taro")
    assert "taro" not in repr(outcome)
