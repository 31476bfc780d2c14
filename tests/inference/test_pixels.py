"""Decoding and grey levels, against numpy written out by hand and against the golden radiograph."""

import importlib.util
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from PIL import Image

from inference import pixels
from inference.records import Rejection
from inference.settings import DecodeSettings

GOLDEN = Path(__file__).parents[3] / "shared" / "data" / "dicom"
SETTINGS = DecodeSettings()


def _cases():
    if "dicom_cases" not in sys.modules:
        path = Path(__file__).parents[1] / "hostile" / "dicom_cases.py"
        spec = importlib.util.spec_from_file_location("dicom_cases", path)
        sys.modules["dicom_cases"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["dicom_cases"]


dc = _cases()
PICTURE = dc.picture()


@pytest.fixture
def decode(tmp_path):
    def run(ds, settings=SETTINGS):
        path = tmp_path / "image"
        path.write_bytes(ds if isinstance(ds, bytes) else dc.encode(ds))
        return pixels.decode(path, settings)

    return run


WINDOW = {"WindowCenter": "2048", "WindowWidth": "4096"}


def linear(x, center=2048.0, width=4096.0):
    """PS3.3 C.11.2.1.2.1, word for word, for one value at a time."""
    out = np.empty(x.shape)
    for index, value in np.ndenumerate(x.astype(float)):
        if value <= center - 0.5 - (width - 1) / 2:
            out[index] = 0
        elif value > center - 0.5 + (width - 1) / 2:
            out[index] = 1
        else:
            out[index] = (value - (center - 0.5)) / (width - 1) + 0.5
    return out


def close(found, expected, tolerance=1e-5):
    assert not isinstance(found, Rejection), found
    np.testing.assert_allclose(found.image, expected, atol=tolerance)
    assert found.image.dtype == np.float32


@pytest.mark.parametrize("syntax", [dc.IMPLICIT, dc.EXPLICIT, dc.BIG])
def test_native_encodings(decode, syntax):
    close(decode(dc.image(syntax=syntax, **WINDOW)), linear(PICTURE))


def test_deflated(decode):
    close(decode(dc.deflated(dc.image(**WINDOW))), linear(PICTURE))


LOSSLESS = {
    "57": lambda p: imagecodecs.ljpeg_encode(p, bitspersample=12),
    "70": lambda p: imagecodecs.ljpeg_encode(p, bitspersample=12),
    "80": imagecodecs.jpegls_encode,
    "90": lambda p: imagecodecs.jpeg2k_encode(p, codecformat="j2k", reversible=True, level=0),
}


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_lossless_codecs_give_the_very_pixels(decode, syntax):
    close(decode(dc.compressed(dc.JPEG + syntax, LOSSLESS[syntax](PICTURE), **WINDOW)), linear(PICTURE))


@pytest.mark.parametrize("width", [40, 41, 130, 300])
def test_rle_runs_of_every_length(decode, width):
    picture = np.repeat(dc.picture(13, width), 2, axis=1)
    picture[3] = 7
    close(decode(dc.compressed(dc.RLE, dc.rle(picture), pixels=picture, **WINDOW)), linear(picture))


def test_rle_in_colour(decode):
    colour = np.stack([dc.eight(), dc.eight(200), dc.eight(90)], axis=-1)
    ds = dc.image(colour, bits=8, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0)
    planes = [
        dc._packbits(colour[..., index].ravel()[start : start + 128])
        for index in range(3)
        for start in range(0, 1920, 128)
    ]
    segments = [b"".join(planes[index * 15 : index * 15 + 15]) for index in range(3)]
    segments = [segment + b"\0" * (len(segment) % 2) for segment in segments]
    starts = np.cumsum([64, *[len(segment) for segment in segments]])[:3]
    frame = np.array([3, *starts, *[0] * 12], "<u4").tobytes() + b"".join(segments)
    ds.PixelData = dc.encapsulate([frame])
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = dc.RLE
    close(decode(ds), colour @ np.array([0.299, 0.587, 0.114]) / 255)


@pytest.mark.parametrize(
    ("syntax", "stream", "bits"),
    [
        ("50", lambda: imagecodecs.jpeg8_encode(dc.eight(), level=95), 8),
        ("51", lambda: imagecodecs.jpeg8_encode(PICTURE, level=95, bitspersample=12), 12),
        ("81", lambda: imagecodecs.jpegls_encode(PICTURE, level=2), 12),
        ("91", lambda: imagecodecs.jpeg2k_encode(PICTURE, codecformat="j2k", level=85), 12),
    ],
)
def test_lossy_codecs_come_close(decode, syntax, stream, bits):
    top = (1 << bits) - 1
    picture = dc.picture(top=top)
    original = dc.eight() if bits == 8 else picture
    ds = dc.compressed(
        dc.JPEG + syntax,
        stream(),
        pixels=original,
        bits=bits,
        WindowCenter=str((top + 1) / 2),
        WindowWidth=str(top + 1),
    )
    close(decode(ds), picture / top, 0.03)


def test_garbage_above_the_stored_bits_is_ignored(decode):
    close(decode(dc.image(PICTURE | 0xA000, **WINDOW)), linear(PICTURE))


def test_signed_values_keep_their_sign(decode):
    signed = PICTURE.astype(np.int16) - 2048
    stored = signed.view(np.uint16) & 0x0FFF
    close(decode(dc.image(stored, PixelRepresentation=1, WindowCenter="0", WindowWidth="4096")), linear(signed, 0))


def test_rescale_comes_before_the_window(decode):
    ds = dc.image(RescaleSlope="0.5", RescaleIntercept="-1000", WindowCenter="0", WindowWidth="1000")
    close(decode(ds), linear(PICTURE * 0.5 - 1000, 0, 1000))


def test_monochrome_1_is_turned_so_that_bone_is_bright(decode):
    close(decode(dc.image(4095 - PICTURE, PhotometricInterpretation="MONOCHROME1", **WINDOW)), linear(PICTURE), 1e-3)


def test_first_of_several_windows(decode):
    ds = dc.image(WindowCenter=["1000", "2048"], WindowWidth=["500", "4096"])
    close(decode(ds), linear(PICTURE, 1000, 500))


def test_exact_and_sigmoid_windows(decode):
    exact = dc.image(WindowCenter="1000", WindowWidth="500", VOILUTFunction="LINEAR_EXACT")
    close(decode(exact), np.clip((PICTURE - 1000.0) / 500 + 0.5, 0, 1))
    sigmoid = dc.image(WindowCenter="1000", WindowWidth="500", VOILUTFunction="SIGMOID")
    close(decode(sigmoid), 1 / (1 + np.exp(-4 * (PICTURE - 1000.0) / 500)))


def test_modality_and_voi_tables(decode):
    square = [round((value / 4095) ** 2 * 4095) for value in range(4096)]
    ds = dc.image(VOILUTSequence=dc.Sequence([dc.lut_item(0, square)]))
    close(decode(ds), np.array(square)[PICTURE] / 4095)
    ds = dc.image(
        ModalityLUTSequence=dc.Sequence([dc.lut_item(0, square)]), RescaleSlope=None, RescaleIntercept=None, **WINDOW
    )
    close(decode(ds), linear(np.array(square)[PICTURE]))


def test_table_that_starts_above_zero_holds_its_ends(decode):
    ds = dc.image(VOILUTSequence=dc.Sequence([dc.lut_item(1000, list(range(0, 4000, 2)))]))
    close(decode(ds), np.clip(PICTURE.astype(int) - 1000, 0, 1999) * 2 / 4095)


@pytest.mark.parametrize("window", [("100", "0"), ("100", "-5"), ("90000", "10"), ("-90000", "1")])
def test_useless_window_gives_way_to_percentiles(decode, window):
    found = decode(dc.image(WindowCenter=window[0], WindowWidth=window[1]))
    low, high = np.percentile(PICTURE, [0.5, 99.5])
    close(found, np.clip((PICTURE - low) / (high - low), 0, 1), 0.02)


def test_padding_is_black_and_not_counted(decode):
    padded = PICTURE.copy()
    padded[:, :8] = 4000
    padded[padded == 4000] = 4000
    found = decode(dc.image(padded, PixelPaddingValue=4000, **WINDOW))
    assert (found.image[:, :8] == 0).all()
    np.testing.assert_allclose(found.image[:, 8:], linear(PICTURE)[:, 8:], atol=1e-5)


def test_colour_becomes_luminance(decode):
    colour = np.stack([dc.eight(), dc.eight(200), dc.eight(90)], axis=-1)
    expected = colour @ np.array([0.299, 0.587, 0.114]) / 255
    for planar in (0, 1):
        stored = colour if planar == 0 else np.ascontiguousarray(np.moveaxis(colour, 2, 0))
        ds = dc.image(
            stored,
            bits=8,
            SamplesPerPixel=3,
            PhotometricInterpretation="RGB",
            PlanarConfiguration=planar,
            Rows=48,
            Columns=40,
        )
        close(decode(ds), expected)


def test_native_ybr_is_its_first_sample(decode):
    ybr = np.stack([dc.eight(), np.full((48, 40), 128, np.uint8), np.full((48, 40), 128, np.uint8)], axis=-1)
    ds = dc.image(ybr, bits=8, SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL", PlanarConfiguration=0)
    close(decode(ds), dc.eight() / 255)


def test_first_of_several_frames(decode):
    frames = np.concatenate([PICTURE, PICTURE[::-1], PICTURE * 0])
    close(decode(dc.image(frames, Rows=48, NumberOfFrames="3", **WINDOW)), linear(PICTURE))
    streams = [LOSSLESS["80"](np.ascontiguousarray(frame)) for frame in (PICTURE, PICTURE[::-1])]
    close(decode(dc.compressed(dc.JPEG + "80", *streams, NumberOfFrames="2", **WINDOW)), linear(PICTURE))


def test_32_bit_values(decode):
    wide = PICTURE.astype(np.uint32) * 1000
    found = decode(dc.image(wide, bits=32, WindowCenter="2048000", WindowWidth="4096000"))
    close(found, linear(wide, 2048000, 4096000), 1e-4)


def test_reduction_is_the_mean_over_areas(decode):
    big = dc.picture(200, 120)
    found = decode(dc.image(big, WindowCenter="2048", WindowWidth="4096"), DecodeSettings(max_side=50))
    expected = linear(big).reshape(50, 4, 30, 4).mean(axis=(1, 3))
    close(found, expected)
    assert (found.rows, found.columns, found.scale) == (200, 120, 4.0)


def test_reduction_to_a_side_that_divides_nothing(decode):
    big = dc.picture(203, 117)
    found = decode(dc.image(big, **WINDOW), DecodeSettings(max_side=64))
    assert max(found.image.shape) == 64
    assert found.scale == pytest.approx(203 / 64, rel=0.01)
    assert found.image.mean() == pytest.approx(linear(big).mean(), rel=0.01)


def test_small_images_are_left_alone(decode):
    found = decode(dc.image(**WINDOW))
    assert found.image.shape == (48, 40)
    assert found.scale == 1.0


def test_what_is_no_image_is_refused(decode):
    assert decode(b"no") == Rejection("not_dicom", ("NOT_DICOM",))
    assert decode(dc.image(PixelData=None)).reasons == ("NO_PIXEL_DATA",)
    assert decode(dc.image(RescaleSlope="0")).reasons == ("BAD_RESCALE",)
    assert decode(dc.image(Rows=60)).reasons == ("PIXEL_LENGTH",)
    assert decode(dc.image(), DecodeSettings(max_pixels=100)).reasons == ("IMAGE_TOO_LARGE",)


@pytest.mark.skipif(not GOLDEN.exists(), reason="the golden radiograph RG3 is not here")
@pytest.mark.parametrize(
    ("name", "tolerance"),
    [("RLE", 0), ("JPLL", 0), ("JLSL", 0), ("J2KR", 0), ("JLSN", 4 / 1023), ("JPLY", 0.05), ("J2KI", 0.05)],
)
def test_golden_radiograph(name, tolerance):
    plain, other = (pixels.decode(GOLDEN / f"RG3_{kind}.dcm", DecodeSettings(max_side=4096)) for kind in ("UNC", name))
    assert plain.image.shape == (1760, 1760)
    difference = np.abs(other.image - plain.image).max()
    assert difference <= tolerance * 1.0001
    assert (difference > 0) == (tolerance > 0)


@pytest.mark.skipif(not GOLDEN.exists(), reason="the golden radiograph RG3 is not here")
def test_golden_radiograph_against_pydicom():
    stored = pydicom.dcmread(GOLDEN / "RG3_UNC.dcm").pixel_array.astype(float)
    expected = 1 - np.clip((stored - 549.5) / 1023 + 0.5, 0, 1)
    found = pixels.decode(GOLDEN / "RG3_UNC.dcm", DecodeSettings(max_side=4096))
    np.testing.assert_allclose(found.image, expected, atol=1e-5)


def test_pictures(tmp_path):
    Image.fromarray(dc.eight()).save(tmp_path / "grey.png")
    found = pixels.read_picture(tmp_path / "grey.png")
    np.testing.assert_allclose(found.image, dc.eight() / 255, atol=1e-6)
    Image.fromarray(PICTURE).save(tmp_path / "deep.png")
    np.testing.assert_allclose(pixels.read_picture(tmp_path / "deep.png").image, PICTURE / 65535, atol=1e-6)
    Image.fromarray(dc.eight()).convert("RGB").save(tmp_path / "colour.jpg", quality=95)
    np.testing.assert_allclose(pixels.read_picture(tmp_path / "colour.jpg").image, dc.eight() / 255, atol=0.05)


def test_pictures_that_are_none(tmp_path):
    Image.fromarray(dc.eight()).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:200])
    (tmp_path / "text.jpg").write_bytes(b"CANARY")
    (tmp_path / "bomb.jpg").write_bytes(dc.jpeg_header(65500, 65500))
    assert pixels.read_picture(tmp_path / "cut.png").reasons == ("PIXEL_DECODE",)
    assert pixels.read_picture(tmp_path / "text.jpg").reasons == ("PIXEL_DECODE",)
    assert pixels.read_picture(tmp_path / "bomb.jpg").reasons == ("DECOMPRESSION_BOMB",)


@pytest.fixture
def display(tmp_path):
    def run(ds):
        path = tmp_path / "image"
        path.write_bytes(dc.encode(ds))
        shown, model = pixels.display(path, SETTINGS), pixels.decode(path, SETTINGS)
        assert not isinstance(shown, Rejection) and not isinstance(model, Rejection)
        values = np.frombuffer(shown.values, "<u2" if shown.bits == 16 else "u1").reshape(shown.rows, shown.columns)
        return shown, values.astype(float), model.image

    return run


@pytest.mark.parametrize(
    "changes",
    [
        WINDOW,
        {},
        {"WindowCenter": "900", "WindowWidth": "300", "VOILUTFunction": "LINEAR_EXACT"},
        {"WindowCenter": "1500", "WindowWidth": "900", "VOILUTFunction": "SIGMOID"},
        {**WINDOW, "PhotometricInterpretation": "MONOCHROME1"},
        {"WindowCenter": "0", "WindowWidth": "2000", "RescaleSlope": "0.5", "RescaleIntercept": "-1000"},
        {"PhotometricInterpretation": "MONOCHROME1", "PixelPaddingValue": 0},
    ],
)
def test_a_viewer_that_applies_the_window_shows_what_the_model_sees(display, changes):
    shown, values, model = display(dc.image(**changes))
    np.testing.assert_allclose(np.clip((values - shown.low) / (shown.high - shown.low), 0, 1), model, atol=2e-3)


def test_a_viewer_can_tell_the_stored_values(display):
    ds = dc.image(**WINDOW, RescaleSlope="2", RescaleIntercept="-100", PhotometricInterpretation="MONOCHROME1")
    shown, values, _ = display(ds)
    assert shown.slope is not None
    np.testing.assert_allclose(shown.slope * values + shown.intercept, 2.0 * PICTURE - 100)
    center = (shown.low + shown.high) / 2 * shown.slope + shown.intercept
    assert center == pytest.approx(2048 - 0.5)
    assert (shown.bits, shown.photometric) == (16, "MONOCHROME1")


@pytest.mark.parametrize(
    ("changes", "spacing", "where"),
    [
        ({"PixelSpacing": ["0.15", "0.14"], "ImagerPixelSpacing": ["0.2", "0.2"]}, (0.15, 0.14), "patient"),
        ({"ImagerPixelSpacing": ["0.2", "0.2"]}, (0.2, 0.2), "detector"),
        ({"ImagerPixelSpacing": ["0", "0.2"]}, None, None),
        ({}, None, None),
    ],
)
def test_a_viewer_knows_the_size_of_a_pixel(display, changes, spacing, where):
    shown, _, _ = display(dc.image(**WINDOW, **changes))
    assert (shown.spacing, shown.spacing_at) == (spacing, where)
