"""The demo's story, turn by turn, through the real conversations on LINE, Telegram, web chat."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

from rich.console import Console

from commands.demo.cast import PLAYS_ON, Cast, sign_on_everywhere
from commands.demo.drawing import weather_poster
from commands.demo.phone import Phone
from commands.demo.theatre import Theatre
from domain.wording import render, say
from storage import broadcasts
from storage.tables import Broadcast

NAMES = {
    "family": ("保護者", "green"),
    "teacher": ("先生", "cyan"),
    "principal": ("校長", "magenta"),
    "centre": ("教育センター", "cyan"),
    "board": ("教育委員会", "magenta"),
}
GUARDIANS_MAIL = "hanako.yamada@docomo.example"
WRONG_ID = "ABCD-2345-EFGH"
PIN = re.compile(r"\b\d{6}\b")


@dataclass
class Story:
    """Plays the whole main job; `play` returns the ID of the city-wide broadcast."""

    scene: Theatre
    people: Cast
    console: Console

    def play(self) -> int:
        self._staff_signs_on()
        self._guardian_registers()
        self._teacher_composes()
        self._teacher_may_not_approve()
        self._principal_approves()
        return self._city_wide()

    def _staff_signs_on(self) -> None:
        self._heading("教職員は、招待コードで登録します / staff sign on")
        for name, code in self.people.codes.items():
            phone: Phone = getattr(self.people, name)
            self._says(phone, code)
            if PLAYS_ON[name] == "line":
                self._links_account(phone)
        sign_on_everywhere(self.scene)

    def _links_account(self, phone: Phone) -> None:
        """Follow the link that the bot gave, as a browser does: our page, then LINE's own."""
        button = phone.link()
        self._line(phone, f"［{button['label']}］")
        post = Request(f"{self.scene.local_url}{button['href']}", data=b"", method="POST")  # noqa: S310
        with urlopen(post, timeout=10):  # noqa: S310 (both on loopback)
            self._hears(phone, [phone.waits_for("担当者として登録しました")])

    def _guardian_registers(self) -> None:
        self._heading("保護者が学校IDで登録します / a guardian registers")
        guardian, school = self.people.family, self.people.school
        self._says(guardian, "登録")
        self._says(guardian, WRONG_ID)
        self._says(guardian, _wide(school.school_id))
        self._taps(guardian, "bot.yes")
        for answer in ("３の２", "12", "いいえ", "完了"):
            self._says(guardian, answer)
        self._taps(guardian, "register.confirm.yes")
        self._says(guardian, GUARDIANS_MAIL)
        self._says(guardian, self._pin_mailed_to(GUARDIANS_MAIL))

    def _pin_mailed_to(self, address: str) -> str:
        """The one-time number, read where the guardian would read it: in the mail."""
        mailbox = self.scene.mailbox
        mail = self.people.family.waits(lambda: mailbox.newest_to(address), "a mail")
        found = PIN.search(mail.text)
        assert found is not None
        return found[0]

    def _teacher_composes(self) -> None:
        self._heading("先生が写真つきの連絡を作ります / a teacher composes")
        teacher = self.people.teacher
        self._says(teacher, "作成")
        self._taps(teacher, "broadcast.purpose.event")
        self._says(teacher, "1")
        self._says(teacher, "運動会の延期について")
        self._says(
            teacher,
            "本日の運動会は、雨のため明日に延期します。\nお弁当と水筒を持たせてください。",
        )
        self._sends_picture(teacher, weather_poster())
        self._taps(teacher, "compose.images_done")
        self._says(teacher, "今すぐ")
        self._taps(teacher, "compose.next.submit")

    def _teacher_may_not_approve(self) -> None:
        self._heading("自分が書いたものは、自分では承認できません / nobody approves their own")
        card = self.people.principal.waits_for("運動会の延期について")
        self._hears(self.people.principal, [card])
        row = self._newest()
        self._says(self.people.teacher, f"承認 {row.id}-{row.version}")

    def _principal_approves(self) -> None:
        self._heading("校長が承認し、保護者に届きます / the principal approves")
        self._taps(self.people.principal, "broadcast.card.approve")
        # On LINE, where this guardian reads: mail only takes its place should LINE fail.
        notice = self.people.family.waits_for("運動会の延期について")
        self._hears(self.people.family, [notice])
        report = self.people.teacher.waits_for("届")
        self._hears(self.people.teacher, [report])

    def _city_wide(self) -> int:
        self._heading("市全体への配信：センターが書き、委員会が承認 / to the whole city")
        centre, board = self.people.centre, self.people.board
        self._says(centre, "作成")
        self._taps(centre, "broadcast.purpose.disaster")
        self._taps(centre, "compose.whole_city")
        self._says(centre, "台風接近にともなう明日の対応について")
        self._says(
            centre,
            "台風第19号の接近にともない、明日は市内すべての小中学校を臨時休業とします。\n"
            "ご家庭で安全にお過ごしください。",
        )
        self._taps(centre, "compose.no_images")
        self._says(centre, "今すぐ")
        self._taps(centre, "compose.next.submit")
        card = board.waits_for("台風接近")
        self._hears(board, [card])
        self._taps(board, "broadcast.card.approve")
        return self._newest().id

    def _newest(self) -> Broadcast:
        house = self.scene.house
        with house.database.reading() as tx:
            return broadcasts.newest(tx, house.board_id, limit=1)[0]

    # One turn each, shown as it happens.

    def _says(self, phone: Phone, text: str) -> None:
        self._line(phone, f"「{text}」")
        self._hears(phone, phone.says(text))

    def _taps(self, phone: Phone, key: str) -> None:
        label = render(say(key), "ja")
        self._line(phone, f"［{label}］")
        self._hears(phone, phone.taps(label))

    def _sends_picture(self, phone: Phone, picture: bytes) -> None:
        self._line(phone, f"（写真 {len(picture) // 1024} KB）")
        self._hears(phone, phone.sends_picture(picture))

    def _heading(self, words: str) -> None:
        self.console.rule(f"[bold]{words}", align="left")

    def _line(self, phone: Phone, words: str) -> None:
        name, colour = NAMES[phone.name]
        self.console.print(f"[{colour}]{name:<6}[/] [bold]{_flat(words)}[/]", highlight=False)

    def _hears(self, phone: Phone, entries: list[dict[str, Any]]) -> None:
        name, _ = NAMES[phone.name]
        for entry in entries:
            labels = " ".join(f"［{button['label']}］" for button in entry.get("buttons", ()))
            words = f"{entry['subject']}\n{entry['text']}".strip()
            self.console.print(f"   [dim]→ {name}[/] {_flat(words)} [dim]{labels}[/]")


def _flat(words: str) -> str:
    """One line for the terminal, brackets kept from being read as colours."""
    return words.replace("\n", " ⏎ ").replace("[", "\\[")


def _wide(text: str) -> str:
    """As a Japanese keyboard types it: full width."""
    return text.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})
