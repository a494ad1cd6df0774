"""The picture a teacher attaches in the demo, drawn by code."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw

SIZE = (1200, 900)


def weather_poster() -> bytes:
    """A rainy sky over a school yard, as a JPEG."""
    image = Image.new("RGB", SIZE, "#c9d8e6")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 620, *SIZE), fill="#b99f76")
    draw.rectangle((720, 300, 1120, 620), fill="#f5efe2", outline="#8a7f6d", width=6)
    for left in range(760, 1080, 90):
        draw.rectangle((left, 360, left + 50, 430), fill="#8fb0cc")
        draw.rectangle((left, 480, left + 50, 550), fill="#8fb0cc")
    for left, top in ((120, 120), (320, 90), (520, 140), (820, 100)):
        draw.ellipse((left, top, left + 260, top + 130), fill="#8d9bab")
    for step in range(0, 1300, 60):
        for top in range(260, 860, 120):
            draw.line((step, top, step - 26, top + 70), fill="#5d7fa6", width=5)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=88)
    return out.getvalue()
