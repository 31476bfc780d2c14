"""Pictures no finer than a model needs: against means written out by hand, against full pixels, and when damaged."""

import importlib.util
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from inference import bundle, coarse, detect, pixels
from inference.records import Rejection
from inference.settings import DecodeSettings

GOLDEN = next(
    (folder for parent in Path(__file__).parents if (folder := parent / "shared" / "data" / "dicom").is_dir()), None
)
real = pytest.mark.skipif(GOLDEN is None, reason="the golden radiograph RG3 is not beside this checkout")
SIDE = DecodeSettings(model_side=32)
WINDOW = {"WindowCenter": "2048", "WindowWidth": "4096"}


def _cases():
    if "dicom_cases" not in sys.modules:
        path = Path(__file__).parents[1] / "hostile" / "dicom_cases.py"
        spec = importlib.util.spec_from_file_location("dicom_cases", path)
        sys.modules["dicom_cases"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["dicom_cases"]


dc = _cases()
BIG = dc.picture(150, 90)  # halved twice: 38 x 23, the last row and column of it from part of a block


@pytest.fixture
def decode(tmp_path):
    def run(ds, settings=SIDE):
        (tmp_path / "image").write_bytes(ds if isinstance(ds, bytes) else dc.encode(ds))
        return pixels.decode(tmp_path / "image", settings)

    return run


def means(stored, step=4):
    """Means of blocks, one by one; the edges repeated."""
    rows, columns = -(-stored.shape[0] // step), -(-stored.shape[1] // step)
    full = np.pad(stored.astype(float), ((0, rows * step - len(stored)), (0, columns * step - stored.shape[1])), "edge")
    return np.array(
        [
            [full[y * step : y * step + step, x * step : x * step + step].mean() for x in range(columns)]
            for y in range(rows)
        ]
    )


def windowed(values):
    return np.clip((values - 2047.5) / 4095 + 0.5, 0, 1)


def reversible(stored, levels=5):
    return imagecodecs.jpeg2k_encode(
        np.ascontiguousarray(stored), reversible=True, bitspersample=12, resolutions=levels
    )


def jpeg_2000(stream):
    return dc.compressed(dc.JPEG + "90", stream, Rows=len(BIG), Columns=BIG.shape[1], **WINDOW)


def test_blocks_are_averaged_before_the_grey_levels(decode):
    found = decode(dc.image(BIG, **WINDOW))
    assert found.image.shape == (38, 23)
    assert (found.rows, found.columns, found.scale) == (150, 90, 4.0)
    np.testing.assert_allclose(found.image, windowed(means(BIG)), atol=1e-5)


def test_bits_above_the_stored_ones_do_not_count(decode):
    overlay = BIG | np.uint16(0x8000)
    np.testing.assert_allclose(decode(dc.image(overlay, **WINDOW)).image, windowed(means(BIG)), atol=1e-5)


@pytest.mark.parametrize("bits", [8, 12, 13, 14, 16])
@pytest.mark.parametrize("times", [0, 1, 3])
def test_no_sum_of_a_block_overflows(bits, times):
    full = np.full((16, 24), (1 << bits) - 1, np.uint8 if bits == 8 else np.uint16)
    full[0, 0] = 0
    form = pixels.PixelFormat(16, 24, 1, 8 * full.itemsize, bits, False, "MONOCHROME2", 0, 1, "")
    step = 2**times
    expected = full.astype(np.float64).reshape(16 // step, step, 24 // step, step).mean(axis=(1, 3))
    np.testing.assert_allclose(coarse.averaged(full, form, times), expected, rtol=1e-7)


def test_the_long_side_stays_at_least_the_models():
    values = type("Values", (), {"padding": None})
    form = pixels.PixelFormat(127, 90, 1, 16, 12, False, "MONOCHROME2", 0, 1, "")
    assert [coarse.halvings(form, values, side) for side in (32, 64, 63, 16, None)] == [1, 0, 1, 2, 0]


def test_images_whose_means_would_mislead_are_decoded_in_full(decode):
    for change in (
        {"PixelPaddingValue": 0},
        {"PixelRepresentation": 1},
    ):
        found = decode(dc.image(BIG, **WINDOW, **change))
        assert found.image.shape == (150, 90), change


def test_jpeg_2000_at_part_of_its_resolution_is_nearly_the_mean(decode):
    taken = coarse.low_pass(reversible(BIG) + b"\0", pixels.PixelFormat(150, 90, 1, 16, 12, False, "", 0, 1, ""), 2)
    assert taken is not None
    found = decode(jpeg_2000(reversible(BIG)))
    assert found.image.shape == (38, 23)
    assert found.scale == 4.0
    smooth = np.add.outer(np.linspace(0, 3000, 150), np.linspace(0, 900, 90)).astype(np.uint16)
    found = decode(jpeg_2000(reversible(smooth)))
    # The wavelet's low-pass is centred on a block's first pixel, the mean on its middle.
    np.testing.assert_allclose(found.image, windowed(means(smooth)), atol=(3000 / 150 + 900 / 90) * 2 / 4095)


def test_jpeg_2000_that_was_halved_too_seldom_is_decoded_in_full(decode):
    found = decode(jpeg_2000(reversible(BIG, levels=2)))
    np.testing.assert_allclose(found.image, windowed(means(BIG)), atol=1e-5)


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
def test_a_cut_stream_is_no_better_for_being_read_coarsely(decode, keep):
    stream = reversible(BIG)
    cut = stream[: int(len(stream) * keep)]
    assert not coarse.whole(cut + b"\xff\xd9")
    for settings in (SIDE, DecodeSettings()):
        assert isinstance(decode(jpeg_2000(cut), settings), Rejection)


def test_tile_parts_are_followed_by_their_lengths():
    stream = reversible(BIG)
    assert coarse.whole(stream)
    assert coarse.whole(stream + b"\0")  # padded to an even length, as DICOM wants it
    assert not coarse.whole(stream[:-2])
    assert not coarse.whole(b"")
    where = stream.index(b"\xff\x90")
    for length, good in ((0, True), (5, False), (1 << 31, False), (0xFFFFFFFF, False)):
        changed = stream[: where + 6] + length.to_bytes(4, "big") + stream[where + 10 :]
        assert coarse.whole(changed) == good, length


@real
def test_every_lossless_encoding_but_jpeg_2000_gives_the_same_picture():
    plain, *others = (
        pixels.decode(GOLDEN / f"RG3_{name}.dcm", DecodeSettings(model_side=448)).image
        for name in ("UNC", "RLE", "JPLL", "JLSL")
    )
    assert plain.shape == (880, 880)
    for other in others:
        np.testing.assert_array_equal(other, plain)


@real
def test_the_score_of_a_real_radiograph_is_that_of_its_full_pixels_within_the_stated_bound():
    model = bundle.load(bundle.embedded())
    full, mean, wavelet = (
        detect.detect(model, [pixels.decode(GOLDEN / f"RG3_{name}.dcm", settings).image])[0].score
        for name, settings in (
            ("UNC", DecodeSettings(max_side=1 << 15)),
            ("UNC", DecodeSettings(model_side=model.input_size)),
            ("J2KR", DecodeSettings(model_side=model.input_size)),
        )
    )
    assert mean == pytest.approx(full, abs=0.03)
    assert wavelet == pytest.approx(full, abs=0.03)
    assert wavelet != full  # the coarse way was taken
