"""Writing a broadcast and having it approved: what most chapters begin with."""

from __future__ import annotations

from dataclasses import dataclass

from commands.demo.phone import Phone
from commands.demo.telling import Telling

WHOLE_SCHOOL, WHOLE_CITY = "学校全体", "市内全校"


@dataclass(frozen=True, slots=True)
class Notice:
    """What a teacher sends; the audience as it is typed, in one line or several."""

    subject: str
    body: str
    audience: tuple[str, ...] = (WHOLE_SCHOOL,)
    purpose: str = "school"
    when: str = "今すぐ"
    picture: bytes | None = None


def write(tell: Telling, author: Phone, notice: Notice) -> None:
    """Answer everything that composing asks, up to the preview."""
    tell.says(author, "作成")
    tell.taps(author, f"broadcast.purpose.{notice.purpose}")
    for each in notice.audience:
        tell.says(author, each)
    if notice.audience not in ((WHOLE_SCHOOL,), (WHOLE_CITY,)):
        tell.says(author, "完了")
    tell.says(author, notice.subject, "compose.ask_body")
    tell.says(author, notice.body, "compose.ask_images")
    if notice.picture is None:
        tell.taps(author, "compose.no_images")
    else:
        tell.sends_picture(author, notice.picture)
        tell.taps(author, "compose.images_done")
    tell.says(author, notice.when, notice.subject)


def submit(tell: Telling, author: Phone) -> None:
    tell.taps(author, "compose.next.submit", "compose.submitted")


def approve(tell: Telling, approver: Phone, subject: str) -> None:
    """Approve the newest version that this approver was shown."""
    tell.hears(approver, subject)
    tell.taps(approver, "broadcast.card.approve", "decide.approved")


def send(tell: Telling, author: Phone, approver: Phone, notice: Notice) -> None:
    """Write, submit and approve."""
    write(tell, author, notice)
    submit(tell, author)
    approve(tell, approver, notice.subject)
