import hashlib
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from domain import images
from domain.images import NotAnImage, PreparedImage, prepare_image

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "HEIF")
RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)
ORIENTATION, GPS, GPS_LATITUDE_REF = 0x0112, 0x8825, 1
SECRET = b"Koshigaya 35.89N"


def _bytes(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def _two_halves(size: tuple[int, int] = (64, 32)) -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image


def _noise(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    count = size[0] * size[1] * len(mode)
    return Image.frombytes(mode, size, random.Random(1).randbytes(count))


def _black_or_white() -> Image.Image:
    return _noise((1600, 1600), "L").point(lambda grey: 255 * (grey > 127)).convert("1")


def _opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def _reason(raw: bytes) -> str:
    with pytest.raises(NotAnImage) as caught:
        prepare_image(raw)
    assert str(caught.value) == caught.value.reason
    return caught.value.reason


def _is_near(colour: object, expected: tuple[int, int, int], within: int = 12) -> bool:
    assert isinstance(colour, tuple)
    return all(abs(a - b) <= within for a, b in zip(colour, expected, strict=True))


def _corners(prepared: PreparedImage) -> tuple[object, object]:
    image = _opened(prepared.data).convert("RGB")
    return image.getpixel((2, 2)), image.getpixel((image.width - 3, image.height - 3))


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_becomes_one_that_every_channel_shows(format: str) -> None:
    prepared = prepare_image(_bytes(_two_halves(), format))
    image = _opened(prepared.data)
    assert (prepared.width, prepared.height) == image.size == (64, 32)
    assert prepared.media_type == f"image/{(image.format or '').lower()}"
    assert prepared.sha256 == hashlib.sha256(prepared.data).hexdigest()
    assert _opened(prepared.preview).format == "JPEG"
    left, right = _corners(prepared)
    assert _is_near(left, RED)
    assert _is_near(right, BLUE)


@pytest.mark.parametrize(
    ("size", "expected", "preview"),
    [
        ((3200, 1000), (1600, 500), (480, 150)),
        ((1000, 3200), (500, 1600), (150, 480)),
        ((1600, 1600), (1600, 1600), (480, 480)),
        ((4000, 1), (1600, 80), (480, 24)),
        ((1600, 40), (1600, 80), (480, 24)),
        ((300, 6300), (80, 1600), (24, 480)),
        ((1, 21), (2, 21), (2, 21)),
        ((1, 20), (1, 20), (1, 20)),
        ((1, 1), (1, 1), (1, 1)),
    ],
)
def test_sizes(size: tuple[int, int], expected: tuple[int, int], preview: tuple[int, int]) -> None:
    prepared = prepare_image(_bytes(Image.new("RGB", size, RED), "JPEG"))
    assert _opened(prepared.data).size == expected
    assert _opened(prepared.preview).size == preview


SIDES = st.integers(1, 100) | st.integers(1, 2500)


@settings(deadline=None, max_examples=40)
@given(SIDES, SIDES)
def test_whatever_its_size_telegram_takes_it(width: int, height: int) -> None:
    """https://core.telegram.org/bots/api#sendphoto: at most 10,000 together, and 1 to 20."""
    prepared = prepare_image(_bytes(Image.new("1", (width, height)), "PNG"))
    assert _opened(prepared.data).size == (prepared.width, prepared.height)
    for size in (_opened(prepared.data).size, _opened(prepared.preview).size):
        assert sum(size) <= 10_000
        assert max(size) <= 20 * min(size)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_narrow_picture_stays_whole_between_white_margins(mode: str) -> None:
    banner = _two_halves((1600, 40)).convert(mode)
    image = _opened(prepare_image(_bytes(banner, "PNG")).data).convert("RGB")
    column = [image.getpixel((400, y)) for y in (0, 18, 22, 57, 61, 79)]
    for colour, expected in zip(column, (WHITE, WHITE, RED, RED, WHITE, WHITE), strict=True):
        assert _is_near(colour, expected, 30)
    assert _is_near(image.getpixel((2, 40)), RED, 30)
    assert _is_near(image.getpixel((1597, 40)), BLUE, 30)


@pytest.mark.parametrize("make", [lambda: _noise((1600, 1600)), _black_or_white])
def test_what_compresses_worst_is_small_enough_for_line(make: Callable[[], Image.Image]) -> None:
    """LINE takes 10 MB and a preview of 1 MB (Messaging API reference, "Image message")."""
    prepared = prepare_image(_bytes(make(), "PNG", compress_level=0))
    assert len(prepared.data) <= 10_000_000
    assert len(prepared.preview) <= 1_000_000


def test_the_same_bytes_are_prepared_alike() -> None:
    raw = _bytes(_noise((50, 50)), "PNG")
    assert prepare_image(raw) == prepare_image(raw)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_metadata_is_left_behind(format: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 1
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(GPS)[GPS_LATITUDE_REF] = "N"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    options = {"comment": SECRET} if format == "JPEG" else {}
    raw = _bytes(_noise((64, 32)), format, exif=exif, icc_profile=profile, **options)
    assert SECRET in raw
    prepared = prepare_image(raw)
    for data in (prepared.data, prepared.preview):
        image = _opened(data)
        assert not image.getexif()
        assert not {"exif", "icc_profile", "comment", "xmp"} & set(image.info)
        assert SECRET not in data


# What must be done to an upright picture so that this orientation turns it back (EXIF 2.3).
_STORED: dict[int, tuple[Image.Transpose, ...]] = {
    1: (),
    2: (Image.Transpose.FLIP_LEFT_RIGHT,),
    3: (Image.Transpose.ROTATE_180,),
    4: (Image.Transpose.FLIP_TOP_BOTTOM,),
    5: (Image.Transpose.TRANSPOSE,),
    6: (Image.Transpose.ROTATE_90,),
    7: (Image.Transpose.TRANSVERSE,),
    8: (Image.Transpose.ROTATE_270,),
}


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "HEIF"])
@pytest.mark.parametrize("orientation", _STORED)
def test_a_picture_is_turned_upright(format: str, orientation: int) -> None:
    stored = _two_halves()
    for step in _STORED[orientation]:
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    prepared = prepare_image(_bytes(stored, format, exif=exif.tobytes()))
    assert (prepared.width, prepared.height) == (64, 32)
    left, right = _corners(prepared)
    assert _is_near(left, RED, 30)
    assert _is_near(right, BLUE, 30)


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"garbage"])
def test_damaged_exif_loses_no_picture(exif: bytes) -> None:
    assert prepare_image(_bytes(_two_halves(), "JPEG", exif=exif)).width == 64


@pytest.mark.parametrize("profile", [b"", b"garbage", b"\0" * 4000])
def test_a_damaged_profile_loses_no_picture(profile: bytes) -> None:
    raw = _bytes(_two_halves(), "JPEG", icc_profile=profile)
    assert _is_near(_corners(prepare_image(raw))[0], RED)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colours_are_converted_to_srgb(mode: str, swapped_profile: bytes) -> None:
    raw = _bytes(_two_halves().convert(mode), "PNG", icc_profile=swapped_profile)
    left, right = _corners(prepare_image(raw))
    assert _is_near(left, BLUE, 40)
    assert _is_near(right, RED, 40)


@pytest.fixture
def swapped_profile() -> bytes:
    """An sRGB profile whose red and blue have changed places: no eye can miss its use."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"tmpZ").replace(b"bXYZ", b"rXYZ").replace(b"tmpZ", b"bXYZ")


def test_cmyk_is_shown_in_rgb() -> None:
    raw = _bytes(_two_halves().convert("CMYK"), "JPEG")
    assert _is_near(_corners(prepare_image(raw))[0], RED, 40)


@pytest.mark.parametrize("format", ["PNG", "WEBP", "HEIF"])
def test_transparency_becomes_white_paper(format: str) -> None:
    image = Image.new("RGBA", (64, 32), (0, 0, 0, 0))
    image.paste((*BLUE, 255), (32, 0, 64, 32))
    left, right = _corners(prepare_image(_bytes(image, format)))
    assert _is_near(left, WHITE)
    assert _is_near(right, BLUE)


def test_transparent_palettes_become_white_paper() -> None:
    image = Image.new("P", (16, 16), 1)
    image.putpalette([*BLUE, 0, 0, 0])
    for format in ("PNG", "GIF"):
        assert _is_near(_corners(prepare_image(_bytes(image, format, transparency=1)))[0], WHITE)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16"])
def test_grey_stays_as_grey_as_it_was(mode: str) -> None:
    image = Image.new("I;16", (16, 16), 0x8000) if mode == "I;16" else Image.new("L", (16, 16), 128)
    black_or_white = mode == "1"
    raw = _bytes(image if mode == "I;16" else image.convert(mode), "PNG")
    colour = _corners(prepare_image(raw))[0]
    assert black_or_white or _is_near(colour, (128, 128, 128), 2)


def test_a_drawing_stays_png_where_that_is_smaller() -> None:
    drawing = Image.new("L", (400, 400), 255)
    drawing.paste(0, (0, 200, 400, 202))
    assert prepare_image(_bytes(drawing, "PNG")).media_type == "image/png"
    assert prepare_image(_bytes(drawing, "JPEG")).media_type == "image/jpeg"
    assert prepare_image(_bytes(_noise((64, 64)), "PNG")).media_type == "image/jpeg"


def test_the_first_frame_of_an_animation_is_shown() -> None:
    frames = [Image.new("RGB", (16, 16), RED), Image.new("RGB", (16, 16), BLUE)]
    for format in ("GIF", "PNG", "WEBP"):
        raw = _bytes(frames[0], format, save_all=True, append_images=frames[1:])
        assert _is_near(_corners(prepare_image(raw))[0], RED)


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("photo.jpg", _bytes(_two_halves(), "JPEG"))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        "運動会は中止です".encode(),
        b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41",
        b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"BM" + bytes(100),
        b"II*\0" + bytes(100),
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
    ],
)
def test_what_is_no_image(raw: bytes) -> None:
    assert _reason(raw) == "not_image"


def test_an_archive_of_images_is_no_image() -> None:
    assert _reason(_zip()) == "not_image"


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("part", [0.2, 0.5, 0.8])
def test_a_truncated_image_is_broken(format: str, part: float) -> None:
    raw = _bytes(_noise((64, 64)), format)
    assert _reason(raw[: int(len(raw) * part)]) == "broken"


def test_an_input_of_too_many_bytes_is_not_even_looked_at() -> None:
    assert _reason(bytes(images.INPUT_LIMIT + 1)) == "too_large"


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _png_that_claims(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(100))
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _jpeg_that_claims(width: int, height: int) -> bytes:
    raw = _bytes(_two_halves(), "JPEG")
    return raw.replace(struct.pack(">HH", 32, 64), struct.pack(">HH", height, width), 1)


def _gif_that_claims(width: int, height: int) -> bytes:
    raw = _bytes(_two_halves(), "GIF")
    return raw[:6] + struct.pack("<HH", width, height) + raw[10:]


@pytest.mark.parametrize("claim", [_png_that_claims, _jpeg_that_claims, _gif_that_claims])
@pytest.mark.parametrize("size", [(10_000, 5_001), (20_000, 5_000), (60_000, 60_000)])
def test_a_decompression_bomb_is_too_large(
    claim: Callable[[int, int], bytes], size: tuple[int, int]
) -> None:
    assert _reason(claim(*size)) == "too_large"


def test_what_is_no_photograph_may_have_fewer_pixels() -> None:
    assert _reason(_png_that_claims(6_000, 5_000)) == "too_large"
    assert _reason(_gif_that_claims(6_000, 5_000)) == "too_large"


def test_a_jpeg_of_endless_scans_is_broken() -> None:
    raw = _bytes(_two_halves(), "JPEG")
    assert _reason(raw + b"\xff\xda\0\x0c" * 2000) == "broken"


SEEDS = tuple(_bytes(_noise((12, 10)), format) for format in FORMATS)


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    raw = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 8))):
        raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
    return bytes(raw[: draw(st.none() | st.integers(0, len(raw)))])


@settings(deadline=None, max_examples=300)
@given(_damaged() | st.binary(max_size=200))
def test_any_bytes_are_prepared_or_refused(raw: bytes) -> None:
    try:
        prepared = prepare_image(raw)
    except NotAnImage:
        return
    assert max(_opened(prepared.data).size) <= images.LONGEST_SIDE
