"""One image, one score (1e-5): in any company, transfer syntax, polarity, process and batch; the embedded model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inference import bundle, detect, infer, pixels
from inference.description import EMBEDDED
from inference.infer import Task
from inference.settings import DecodeSettings
from inference.simulation import dicom_writer, radiograph
from inference.simulation.plan import plan
from inference.simulation.site import SAINT_AUBIN

SAME = 1e-5
GOLDEN = next(
    (folder for parent in Path(__file__).parents if (folder := parent / "shared" / "data" / "dicom").is_dir()), None
)
LOSSLESS = ("UNC", "RLE", "JPLL", "JLSL", "J2KR")


@pytest.fixture(scope="module", params=EMBEDDED)
def model(request):
    if request.param != "embedded":
        pytest.importorskip("onnxruntime", reason="extra [onnx]")
    return bundle.load(bundle.embedded(request.param))


@pytest.fixture(scope="module")
def drawings():
    """Three drawn radiographs, float32 in 0..1, of three shapes."""
    found = []
    for seed, region in enumerate(("wrist", "ankle", "knee")):
        image = radiograph.draw(region, "AP", seed, fracture=seed != 1).image
        found.append(np.ascontiguousarray(image[: 700 - 90 * seed, : 420 + 60 * seed]))
    return found


def written(folder, image, name, *, syntax="explicit", monochrome1=False):
    study = plan(SAINT_AUBIN, SAINT_AUBIN.partner_since, SAINT_AUBIN.partner_since)[0]
    view = replace(study.views[0], transfer_syntax=syntax)
    study = replace(study, device=replace(study.device, monochrome1=monochrome1), views=(view,))
    stored = dicom_writer.stored(image, monochrome1)
    dicom_writer.write(dicom_writer.wrap(stored, study, view, SAINT_AUBIN), folder / name)
    return folder / name


def scores(model, paths):
    """Score of each file; pictures that come out of the decoder alike to the last bit are scored once."""
    decoded = [pixels.decode(path, DecodeSettings()) for path in paths]
    assert all(isinstance(item, pixels.Prepared) for item in decoded), decoded
    different = {item.image.tobytes(): item.image for item in decoded}
    found = {key: detect.detect(model, [image])[0].score for key, image in different.items()}
    return [found[item.image.tobytes()] for item in decoded]


@pytest.fixture(scope="module")
def reference(model, drawings, tmp_path_factory):
    """Scores of the drawings, uncompressed, each alone."""
    folder = tmp_path_factory.mktemp("reference")
    found = scores(model, [written(folder, image, f"{number}.dcm") for number, image in enumerate(drawings)])
    assert max(found) - min(found) > 100 * SAME  # a model that always says the same would pass all that follows
    return found


def test_every_lossless_encoding_of_a_drawing_in_either_polarity_scores_the_same(model, drawings, reference, tmp_path):
    paths = [
        written(tmp_path, drawings[0], f"{syntax}-{monochrome1}.dcm", syntax=syntax, monochrome1=monochrome1)
        for syntax in sorted(dicom_writer.SYNTAXES)
        for monochrome1 in (False, True)
    ]
    assert scores(model, paths) == pytest.approx([reference[0]] * 16, abs=SAME)


@pytest.mark.skipif(GOLDEN is None, reason="the golden radiograph RG3 is not beside this checkout")
def test_every_lossless_encoding_of_a_real_radiograph_scores_the_same(model):
    found = scores(model, [GOLDEN / f"RG3_{name}.dcm" for name in LOSSLESS])
    assert found == pytest.approx([found[0]] * len(LOSSLESS), abs=SAME)


def test_any_batch_composition_gives_the_network_the_same_answer(model, drawings):
    squares = np.stack([detect.letterbox(image, model.input_size)[0] for image in drawings])[:, np.newaxis]
    alone = [model.forward(square[np.newaxis]) for square in squares]
    for order in ([2, 0], [1, 1, 0]):
        logits, cells = model.forward(np.ascontiguousarray(squares[order]))
        for place, index in enumerate(order):
            probability = detect.probability(model, float(logits[place]))
            assert probability == pytest.approx(detect.probability(model, float(alone[index][0][0])), abs=SAME)
            np.testing.assert_allclose(
                1 / (1 + np.exp(-cells[place])), 1 / (1 + np.exp(-alone[index][1][0])), atol=SAME
            )


@pytest.mark.slow
def test_the_nights_processes_give_the_same_scores_in_any_order_and_number(model, drawings, reference, tmp_path):
    paths = [written(tmp_path, image, f"{number}.dcm") for number, image in enumerate(drawings)]
    order = [2, 1, 0, 1]
    tasks = [Task("s", str(index), paths[index]) for index in order]
    folder = next(
        embedded for name in EMBEDDED if bundle.describe(embedded := bundle.embedded(name))["name"] == model.name
    )
    found = list(infer.run(tasks, folder, DecodeSettings(workers=3), lanes=2))
    assert [item.finding.score for item in found] == pytest.approx([reference[index] for index in order], abs=SAME)
