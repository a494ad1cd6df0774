"""Images: from whatever a telephone took to one picture that every channel can show.

What goes out is drawn anew, upright, in sRGB and without any metadata: a photograph from a
telephone says in its EXIF where and when it was taken, and by whose device.
"""

import hashlib
import io
import re
import warnings
from dataclasses import dataclass
from typing import Literal

import pillow_heif
from PIL import Image, ImageCms, ImageOps

Reason = Literal["not_image", "too_large", "broken"]

INPUT_LIMIT = 15 * 1024 * 1024
# What phones take: 48 and 50 megapixels, as JPEG or HEIC. Other formats come from screens, and
# are decoded at their full size, which costs up to 16 bytes of memory a pixel.
PIXEL_LIMIT = 50_000_000
SCREEN_PIXEL_LIMIT = 25_000_000
LONGEST_SIDE = 1600
PREVIEW_SIDE = 480
# Telegram refuses photos whose "width and height ratio" is over 20, and with the photo the whole
# notice (https://core.telegram.org/bots/api#sendphoto). A long screenshot is one soon.
MOST_RATIO = 20

_QUALITY = 85
_PREVIEW_QUALITY = 80
_FEW_COLOURS = 256
# A progressive JPEG has about ten scans. Each may take a few bytes and a pass over all pixels,
# so thousands of them would keep a processor busy for minutes.
_SCAN_START = b"\xff\xda"
_SCAN_LIMIT = 64
_JPEG = b"\xff\xd8\xff"
_PHOTOGRAPHS = ("JPEG", "HEIF")

_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "HEIF")
# The HEIF brands are those of still pictures in ISO/IEC 23008-12; a video shares the container.
_MAGIC = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP"
    rb"|....ftyp(?:heic|heix|heim|heis|mif1|msf1|hevc|hevx)",
    re.DOTALL,
)

pillow_heif.register_heif_opener()


class NotAnImage(Exception):
    """What was sent cannot be used as an image.

    Attributes:
        reason: "not_image" (text, a PDF, a video …), "too_large" (bytes or pixels), or "broken"
            (an image by its first bytes, but not to its end).
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


@dataclass(frozen=True)
class PreparedImage:
    """An image ready to be sent, and a small preview (always JPEG) of it.

    `sha256` is the hex digest of `data`.
    """

    data: bytes
    media_type: Literal["image/jpeg", "image/png"]
    width: int
    height: int
    preview: bytes
    sha256: str


def prepare_image(raw: bytes) -> PreparedImage:
    """Prepare a JPEG, PNG, WebP, GIF (its first frame) or HEIC for sending.

    It is turned upright, flattened on white, at most 1600 pixels long, and a JPEG; only drawings
    of few colours stay PNG where that is smaller. One longer than 20 times its width gets white
    margins. Size is checked before pixels are decoded. The
    largest input takes seconds and up to 800 MB of memory (measured: WebP of 50 megapixels), so
    callers prepare one at a time, and not on the way of a webhook's answer.

    Raises:
        NotAnImage: and nothing else, whatever the bytes.
    """
    if len(raw) > INPUT_LIMIT:
        raise NotAnImage("too_large")
    if not _MAGIC.match(raw):
        raise NotAnImage("not_image")
    if raw.startswith(_JPEG) and raw.count(_SCAN_START) > _SCAN_LIMIT:
        raise NotAnImage("broken")
    picture, was_lossless = _drawn_anew(raw)
    return _prepared(picture, was_lossless)


def _drawn_anew(raw: bytes) -> tuple[Image.Image, bool]:
    """Decode an untrusted image, and tell whether its format loses nothing."""
    try:
        # A warning about bad metadata is no reason to refuse a picture whose metadata goes.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(raw), formats=_FORMATS) as opened:
                return _decoded(opened), opened.format in {"PNG", "GIF"}
    except NotAnImage:
        raise
    except Image.DecompressionBombError as error:
        raise NotAnImage("too_large") from error
    except Exception as error:
        # Decoders raise nearly anything over damaged input: OSError, SyntaxError, struct.error …
        raise NotAnImage("broken") from error


def _decoded(opened: Image.Image) -> Image.Image:
    most = PIXEL_LIMIT if opened.format in _PHOTOGRAPHS else SCREEN_PIXEL_LIMIT
    if opened.width * opened.height > most:
        raise NotAnImage("too_large")
    # A JPEG can be decoded at a half, a quarter or an eighth of its size, which saves memory.
    opened.draft(None, (LONGEST_SIDE, LONGEST_SIDE))
    opened.load()
    full = _in_true_colours(opened)
    full.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    profile = opened.info.get("icc_profile")
    return _on_paper(_in_srgb(_upright(full), profile))


def _in_true_colours(image: Image.Image) -> Image.Image:
    """Return the image in a mode that can be scaled and turned well."""
    if image.mode.startswith("I"):
        # Pillow clips 16-bit greys to white where it should scale them.
        return image.convert("I").point(lambda grey: grey / 256).convert("L")
    opaque = image.mode if image.mode in {"L", "CMYK"} else "RGB"
    wanted = "RGBA" if image.has_transparency_data else opaque
    return image if image.mode == wanted else image.convert(wanted)


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        # Damaged EXIF loses the direction, not the picture.
        return image


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert colours from the embedded profile; without a usable one they are sRGB already."""
    if profile and image.mode in {"RGB", "RGBA", "CMYK"}:
        try:
            return _converted(image, profile)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass
    return image if image.mode == "RGBA" else image.convert("RGB")


def _converted(image: Image.Image, profile: bytes) -> Image.Image:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    target = ImageCms.createProfile("sRGB")
    opaque = image.convert("RGB") if image.mode == "RGBA" else image
    converted = ImageCms.profileToProfile(opaque, source, target, outputMode="RGB")
    if converted is None:
        raise ValueError("converted in place")
    if image.mode == "RGBA":
        converted.putalpha(image.getchannel("A"))
    return converted


def _on_paper(image: Image.Image) -> Image.Image:
    """Paste onto fresh white paper, which also leaves comments and other metadata behind.

    The paper is as large as the picture, but never narrower than a channel takes: then the whole
    picture stands in its middle.
    """
    least = -(-max(image.size) // MOST_RATIO)
    width, height = max(image.width, least), max(image.height, least)
    paper = Image.new("RGB", (width, height), "white")
    corner = (width - image.width) // 2, (height - image.height) // 2
    paper.paste(image, corner, mask=image.getchannel("A") if image.mode == "RGBA" else None)
    return paper


def _prepared(picture: Image.Image, was_lossless: bool) -> PreparedImage:
    jpeg = _jpeg(picture, _QUALITY)
    png = _png(picture) if was_lossless and picture.getcolors(_FEW_COLOURS) else None
    small = picture.copy()
    small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.LANCZOS)
    data = png if png and len(png) < len(jpeg) else jpeg
    return PreparedImage(
        data=data,
        media_type="image/png" if data is png else "image/jpeg",
        width=picture.width,
        height=picture.height,
        preview=_jpeg(small, _PREVIEW_QUALITY),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    # Asked to do its best, zlib takes seconds for what is all dots, and gains a twentieth.
    picture.save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()
