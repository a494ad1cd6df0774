"""Drawing slips and posters as PDF, in a Japanese font that is shipped and embedded in part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import segno
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from actions.printing import Printable
from actions.schools import IssuedSchoolId
from domain import slip_layout as layout
from domain.board_settings import BoardSettings
from domain.schools import Admission
from domain.slip_layout import Frame, Ink, Line, Page, Poster, Qr, Slip, Way, Words
from domain.wording import Text, render, say
from storage.child_codes import KnownCode
from storage.tables import School

FONT = Path(__file__).parent / "fonts" / "BIZUDPGothic-Regular.ttf"
_NAME = "BIZ UDPGothic"
# In the order in which they stand on paper, before the page that asks for no app.
_CHANNELS = ("line", "telegram", "email")
# One weight is shipped; the other is drawn with a line around each letter.
_BOLDER = 0.028
_FILLED, _OUTLINED = 0, 2
_QUIET = 3
# PDF counts in points.
_MM = 72 / 25.4
# All masks can be read; choosing the best one would take five times as long as all the rest.
_MASK = 3

Ways = Callable[[str], Sequence[Way]]
"""The ways to begin with a code."""


Linker = Callable[[str, str], str | None]
"""The address that opens a channel with a text, where it has one."""


def ways_by(link: Linker, settings: BoardSettings, public_url: str) -> Ways:
    """What the board uses, and the page for those who use none of it."""

    def ways(code: str) -> list[Way]:
        used = {name: link(name, code) for name in _CHANNELS if settings.allows(name)}
        apps = [_way(name, address) for name, address in used.items() if address]
        return [*apps, _way("webchat", f"{public_url}/join/{code}")]

    return ways


def _way(channel: str, address: str) -> Way:
    return Way(render(say(f"slip.way.{channel}"), "ja"), address)


def printed(found: Printable, ways: Ways) -> bytes:
    """A page or more for each class, ready to be cut; or the poster."""
    if found.issued is not None:
        shown = _poster(found.school, found.issued, found.zone, ways)
        return drawn([layout.poster_page(shown, measure)], found.school.name)
    pages: list[Page] = []
    for each in found.classes:
        slips = [_slip(found.school, each.name, code, found.zone, ways) for code in each.codes]
        pages += layout.slip_pages(slips, measure)
    return drawn(pages, found.school.name)


def _poster(school: School, issued: IssuedSchoolId, zone: str, ways: Ways) -> Poster:
    confirms = school.admission == Admission.CONFIRM.value
    texts = ("slip.poster.steps", *(("slip.poster.confirm",) if confirms else ()))
    safe = say("slip.poster.keep_safe")
    return Poster(
        heading=render(say("slip.poster.heading"), "ja"),
        school=school.name,
        code_label=_both(say("slip.poster.code")),
        code=issued.id,
        ways=tuple(ways(issued.id)),
        steps="\n".join([*(render(say(key), "ja") for key in texts), render(safe, "ja")]),
        steps_english="\n".join([*(render(say(key), "en") for key in texts), render(safe, "en")]),
        footer=_footer(school, issued.expires, zone),
    )


def _slip(school: School, class_name: str, code: KnownCode, zone: str, ways: Ways) -> Slip:
    return Slip(
        heading=render(say("slip.heading"), "ja"),
        school=school.name,
        child=render(say("slip.child", class_name=class_name, number=code.number), "ja"),
        code_label=_both(say("slip.code")),
        code=code.code,
        ways=tuple(ways(code.code)),
        steps=render(say("slip.steps"), "ja"),
        steps_english=render(say("slip.steps"), "en"),
        footer=_footer(school, code.expires_at, zone),
    )


def _both(words: Text) -> str:
    return f"{render(words, 'ja')}  {render(words, 'en')}"


def _footer(school: School, expires_at: datetime, zone: str) -> str:
    here = expires_at.astimezone(ZoneInfo(zone))
    until = say("slip.until", year=here.year, month=here.month, day=here.day)
    parts = [until, *((say("slip.phone", phone=school.phone),) if school.phone else ())]
    return "    ".join(render(part, "ja") for part in parts)


# Drawing.


@lru_cache(maxsize=1)
def _font() -> str:
    """The font's name, after it was read once: that takes a quarter of a second."""
    pdfmetrics.registerFont(TTFont(_NAME, str(FONT)))
    return _NAME


def measure(text: str, size: float) -> float:
    wide: float = pdfmetrics.stringWidth(text, _font(), size)
    return wide / _MM


def drawn(pages: Sequence[Page], title: str) -> bytes:
    """The pages as PDF; nothing of the time or the machine is in it."""
    file = BytesIO()
    size = (layout.PAGE_WIDTH * _MM, layout.PAGE_HEIGHT * _MM)
    canvas = Canvas(file, pagesize=size, invariant=1, pageCompression=1)
    canvas.setTitle(title)
    for page in pages:
        for ink in page:
            _draw(canvas, ink)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def _draw(canvas: Canvas, ink: Ink) -> None:
    if isinstance(ink, Words):
        _draw_words(canvas, ink)
    elif isinstance(ink, Qr):
        _draw_qr(canvas, ink)
    elif isinstance(ink, Line):
        canvas.setLineWidth(0.4)
        canvas.setDash(2, 3)
        canvas.line(ink.x1 * _MM, _up(ink.y1), ink.x2 * _MM, _up(ink.y2))
    elif isinstance(ink, Frame):
        canvas.setLineWidth(0.8)
        canvas.setDash()
        y = _up(ink.y + ink.height)
        canvas.roundRect(ink.x * _MM, y, ink.width * _MM, ink.height * _MM, 1.5 * _MM)


def _draw_words(canvas: Canvas, words: Words) -> None:
    wide = measure(words.text, words.size)
    x = words.x - {"start": 0.0, "middle": wide / 2, "end": wide}[words.anchor]
    canvas.setDash()
    canvas.setLineWidth(words.size * _BOLDER)
    text = canvas.beginText(x * _MM, _up(words.y))
    text.setFont(_font(), words.size)
    text.setTextRenderMode(_OUTLINED if words.bold else _FILLED)
    text.textOut(words.text)
    canvas.drawText(text)


def _draw_qr(canvas: Canvas, qr: Qr) -> None:
    """Each row's dark modules as few rectangles as may be, in one path."""
    code = segno.make_qr(qr.content, error="m", mask=_MASK, boost_error=False)
    module = qr.side / (len(code.matrix) + 2 * _QUIET)
    path = canvas.beginPath()
    for row, modules in enumerate(code.matrix):
        y = _up(qr.y + (row + _QUIET + 1) * module)
        for start, length in dark_runs(modules):
            x = qr.x + (start + _QUIET) * module
            path.rect(x * _MM, y, length * module * _MM, module * _MM)
    canvas.drawPath(path, stroke=0, fill=1)


def dark_runs(modules: Sequence[int]) -> list[tuple[int, int]]:
    """Where the dark modules of a row begin, and how many stand together."""
    starts = [n for n, dark in enumerate(modules) if dark and not (n and modules[n - 1])]
    ends = [n for n, dark in enumerate(modules, 1) if dark and not modules[n : n + 1].count(1)]
    return [(start, end - start) for start, end in zip(starts, ends, strict=True)]


def _up(y: float) -> float:
    """PDF counts from the lower edge."""
    return (layout.PAGE_HEIGHT - y) * _MM
