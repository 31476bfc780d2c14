"""Training from data to bundle on drawn images: resumable, seeded, honest about its folds."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from inference import bundle, detect
from inference.errors import BundleError
from inference.network import FractureNet
from inference.training import __main__ as training
from inference.training import assess, augment, card, crossfit, dataset, export, loop, quantise, recipe
from inference.training.recipe import Recipe, Stage

COLUMNS = ["image_id", "label", "fold", "group", "label_uncertain", *dataset.REGIONS, "width", "height"]

TINY = Recipe(
    stages=(Stage(epochs=1, size=32, batch=4, frozen=3), Stage(epochs=1, size=64, batch=4, frozen=-1)),
    train_folds=(0,),
    calibration_folds=(1,),
    test_folds=(2,),
    negatives_per_epoch=4,
    cached_size=64,
    box_thresholds=(0.2, 0.3),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Thirty drawn bones, half of them with a bright break in a known box."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "images").mkdir()
    (folder / "boxes_yolo").mkdir()
    random = np.random.default_rng(0)
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for number in range(30):
            image = random.integers(0, 60, (80, 60)).astype(np.uint8)
            image[:, 25:35] = 150
            label = number % 2
            if label:
                image[30:40, 20:40] = 250
                (folder / "boxes_yolo" / f"I{number}.txt").write_text("0 0.5 0.4375 0.333 0.125\n")
            Image.fromarray(image).save(folder / "images" / f"I{number}.png")
            row = dict.fromkeys(dataset.REGIONS, 0) | {"hand": 1}
            writer.writerow(
                row
                | {"image_id": f"I{number}.png", "label": label, "fold": number // 10, "group": number // 2}
                | {"label_uncertain": int(number == 0), "width": 60, "height": 80}
            )
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file in the layout of the published weights."""
    torch.manual_seed(1)
    state = {n: v for n, v in FractureNet().state_dict().items() if not n.startswith(("map_", "image_"))}
    state["_conv_stem.weight"] = state["_conv_stem.weight"].repeat(1, 3, 1, 1) / 3
    state["_fc.weight"] = torch.zeros(1000, 1280)
    path = tmp_path_factory.mktemp("weights") / "lite0.pth"
    torch.save(state, path)
    return path


def run(data, out, weights, *, recipe=TINY, resume=False, hours=1.0):
    return training.run(recipe, data, out, resume=resume, hours=hours, version="t", weights=weights)


@pytest.fixture(scope="module")
def trained(data, weights, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    return out, run(data, out, weights)


def test_bundle_report_curve_and_manifest_are_written(trained):
    out, folder = trained
    model = bundle.load(folder)
    assert (model.version, model.input_size) == ("t", 64)
    report = json.loads((out / "report.json").read_text())
    assert [row["epoch"] for row in report["history"]] == [1, 2]
    assert report["performance"]["test"]["images"] == 10
    summary = (out / "report.md").read_text()
    for row in report["history"]:
        assert f"| {row['size']} | {row['loss']:.4f} | {row['auroc']:.3f} |" in summary
    assert summary.count("(chosen)") == 1
    assert f"| {report['training']['recipe']['epoch_chosen']} (chosen) |" in summary
    assert "10 (5)" in summary  # images (fractures) of the test fold
    with Image.open(out / "curve.png") as curve:
        assert np.asarray(curve).std() > 5
    with (out / "held_out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["path"].rsplit("/", 1)[1] for row in rows} == {f"I{n}.png" for n in range(20, 30)}
    assert {row["region"] for row in rows} == {"hand"}


def test_card_states_the_measured_figures(trained):
    _, folder = trained
    test = bundle.describe(folder)["performance"]["test"]
    text = (folder / "MODEL_CARD.md").read_text()
    assert f"{test['auroc']['value']:.3f}" in text
    assert "10 (5)" in text
    assert "FracAtlas, CC BY 4.0" in text


@pytest.fixture(scope="module")
def quantised(trained, data):
    pytest.importorskip("onnx", reason="extra [onnx]")
    pytest.importorskip("onnxruntime", reason="extra [onnx]")
    out, folder = trained
    return quantise.run(folder, data, out, lambda line: None)


def test_a_bundle_of_eight_bit_integers_is_fitted_and_measured_on_its_own(trained, quantised):
    _, folder = trained
    whole, made = bundle.describe(folder), bundle.describe(quantised)
    assert (made["name"], made["format"], made["version"]) == ("bilan-fracture-int8", "onnx", "t")
    told = made["training"]["recipe"]
    assert told["quantised_from"] == {name: whole[name] for name in ("name", "version", "sha256")}
    assert told["quantised_over"] == 10  # of the training fold alone
    assert made["performance"]["test"]["images"] == 10
    assert (quantised / "weights.onnx").stat().st_size < (folder / "weights.safetensors").stat().st_size
    card = (quantised / "MODEL_CARD.md").read_text()
    assert "integers of eight bits for ONNX Runtime from bilan-fracture t" in card
    first, other = bundle.load(folder), bundle.load(quantised)
    images = np.random.default_rng(6).random((6, 1, 64, 64)).astype(np.float32)
    expected, found = first.forward(images)[1], other.forward(images)[1]
    assert not np.array_equal(found, expected)
    np.testing.assert_allclose(found, expected, atol=0.02)
    np.testing.assert_allclose(other.forward(images[2:4])[1], found[2:4], atol=1e-5)


def test_only_our_own_whole_network_is_quantised(trained, quantised, data, tmp_path, monkeypatch):
    with pytest.raises(loop.TrainingError, match="own network"):
        quantise.run(quantised, data, tmp_path, print)
    altered = shutil.copytree(trained[1], tmp_path / "altered")
    (altered / "weights.safetensors").write_bytes(b"other")
    with pytest.raises(BundleError, match="sha256 differs"):
        quantise.run(altered, data, tmp_path, print)
    monkeypatch.setattr(quantise, "onnx_usable", lambda: False)
    with pytest.raises(loop.TrainingError, match=r"pip install 'bilan\[onnx\]'"):
        quantise.run(quantised, data, tmp_path, print)


def test_a_killed_run_resumes_to_the_same_weights(trained, data, weights, tmp_path):
    _, whole = trained
    first_only = run(data, tmp_path, weights, hours=1e-9)  # stops after nothing
    assert first_only is None
    stages = (TINY.stages[0], TINY.stages[1])
    interrupted = replace(TINY, stages=stages)
    killed = _Killed()
    with pytest.raises(KeyboardInterrupt):
        _train_until_killed(interrupted, data, tmp_path, weights, killed)
    assert killed.lines == 1
    folder = run(data, tmp_path, weights, resume=True)
    one, other = (load_file(f / "weights.safetensors") for f in (whole, folder))
    assert all(torch.equal(one[name], other[name]) for name in one)


class _Killed:
    """Progress that dies after the first epoch was announced."""

    lines = 0

    def __call__(self, line):
        if line.startswith("epoch"):
            self.lines += 1
            raise KeyboardInterrupt


def _train_until_killed(recipe, data, out, weights, say):
    original, training.say = training.say, say
    try:
        run(data, out, weights, recipe=recipe)
    finally:
        training.say = original


def test_uncertain_labels_and_held_out_folds_are_not_trained_on(data, weights, tmp_path, monkeypatch):
    seen = {}

    def spy(recipe, pictures, *args, **kwargs):
        seen["n"] = len(pictures.labels)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "train", spy)
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path, weights)
    assert seen["n"] == 9  # ten in the training fold, one of them uncertain


EARLIER = {
    "name": "bilan-fracture",
    "version": "0.3.0",
    "format": "safetensors",
    "sha256": "ab" * 32,
    "training": {"recipe": recipe.Recipe().as_json(), "hours": 0.8, "data": []},
}


def test_further_training_states_what_it_started_from():
    # As model.json gives it: tuples as lists.
    assert training.earlier(json.loads(json.dumps(EARLIER)), recipe.REFINEMENT) == {
        "name": "bilan-fracture",
        "version": "0.3.0",
        "sha256": "ab" * 32,
        "recipe": json.loads(json.dumps(EARLIER["training"]["recipe"])),
        "hours": 0.8,
    }


@pytest.mark.parametrize("folds", [{"test_folds": [6], "calibration_folds": [7]}, {"train_folds": [*range(8)]}, {}])
def test_a_bundle_of_other_folds_is_not_trained_further(folds):
    told = EARLIER["training"]["recipe"] | folds if folds else {}
    with pytest.raises(loop.TrainingError, match="other folds"):
        training.earlier(EARLIER | {"training": {"recipe": told, "hours": 1.0}}, recipe.REFINEMENT)


def test_another_makers_bundle_is_not_trained_further():
    with pytest.raises(loop.TrainingError, match="own network"):
        training.earlier(EARLIER | {"format": "onnx"}, recipe.REFINEMENT)


def test_further_training_starts_from_the_bundles_weights_and_resumes(trained, data, tmp_path, capsys):
    _, folder = trained
    described = bundle.describe(folder)
    told = {name: described[name] for name in ("name", "version", "sha256")}
    start = {**told, "recipe": described["training"]["recipe"], "hours": described["training"]["hours"]}
    further = replace(
        TINY, seed=5, learning_rate=0.0, head_learning_rate=0.0, stages=(Stage(1, 64, 4, 3),), start=start
    )
    made = run(data, tmp_path / "f", folder / "weights.safetensors", recipe=further)
    first, other = (load_file(f / "weights.safetensors") for f in (folder, made))
    # With a learning rate of 0 what is trained stays, but for what is weighed anew on the calibration fold
    # and the running statistics of the layers that are not frozen.
    kept = [name for name in first if "running" not in name and not name.startswith(("image_logit", "map_weight"))]
    assert len(kept) > 50
    assert all(torch.equal(first[name], other[name]) for name in kept)
    assert "(bundle t)" in (made / "MODEL_CARD.md").read_text()
    assert "Started from bilan-fracture t" in (tmp_path / "f" / "report.md").read_text()
    again = run(data, tmp_path / "f", folder / "weights.safetensors", recipe=further, resume=True)
    assert bundle.describe(again)["sha256"] == bundle.describe(made)["sha256"]
    with pytest.raises(loop.TrainingError, match="another run"):
        run(data, tmp_path / "f", folder / "weights.safetensors", recipe=replace(further, start=None), resume=True)


def test_cross_validation_scores_each_image_by_a_network_that_never_saw_it(data, weights, tmp_path, monkeypatch):
    wanted = replace(
        TINY,
        stages=(Stage(1, 32, 4, 3),),
        train_folds=(0, 1),
        calibration_folds=(2,),
        held_out=((0,), (1,)),
        teacher_stages=(Stage(1, 32, 4, 3),),
        trust=0.5,
        dropout=0.3,
        drop_path=0.2,
    )
    seen, original = [], loop.train

    def spy(recipe, pictures, *args, **kwargs):
        seen.append((recipe.train_folds, pictures))
        return original(recipe, pictures, *args, **kwargs)

    monkeypatch.setattr(loop, "train", spy)
    made = run(data, tmp_path, weights, recipe=wanted)
    assert [folds for folds, _ in seen] == [(1,), (0,), (0, 1)]
    assert [len(pictures.labels) for _, pictures in seen] == [10, 9, 19]
    teachers, final = seen[:2], seen[2][1]
    assert all(set(np.unique(pictures.taught)) == {0.0, 1.0} for _, pictures in teachers)
    # Half label, half a probability: never on the other side of one half than the label.
    assert np.array_equal(final.taught > 0.5, final.labels == 1)
    assert len(np.unique(final.taught)) > 2
    figures = bundle.describe(made)["performance"]["cross_validation"]
    assert (figures["auroc"]["images"], [part["images"] for part in figures["parts"]]) == (19, [9, 10])
    assert "| folds [1] | 10 (5) |" in (made / "MODEL_CARD.md").read_text()
    assert (
        bundle.describe(run(data, tmp_path, weights, recipe=wanted, resume=True))["sha256"]
        == (bundle.describe(made)["sha256"])
    )


def test_evidence_of_a_part_is_weighed_by_the_other_parts_labels():
    random = np.random.default_rng(4)
    part_of, labels = np.arange(60) % 3, (np.arange(60) // 3) % 2
    evidence = random.normal(size=(60, 2)) + labels[:, None]
    before = crossfit.weighed(evidence, labels, part_of)
    changed = np.where(part_of == 1, 1 - labels, labels)
    after = crossfit.weighed(evidence, changed, part_of)
    np.testing.assert_allclose(before[part_of == 1], after[part_of == 1])
    assert not np.allclose(before[part_of == 0], after[part_of == 0])


def test_branches_are_skipped_in_training_only():
    torch.manual_seed(0)
    network = FractureNet(dropout=0.0)
    loop.drop_paths(network, 0.9)
    images = torch.rand(2, 1, 64, 64)
    loop.freeze(network, -1)
    one, other = (network(images)[0] for _ in range(2))
    assert not torch.allclose(one, other)
    network.eval()
    with torch.inference_mode():
        assert torch.equal(network(images)[0], network(images)[0])


def test_the_command_line_shows_both_runs_and_says_in_words_what_is_wrong(tmp_path, monkeypatch, capsys):
    text = training.command_line().format_help()
    assert "--start first/bundle" in text
    assert "--resume" in text.split("examples:")[1]
    monkeypatch.setattr("sys.argv", ["x", "--data", "d", "--out", str(tmp_path), "--start", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"error: model\.json is missing"):
        training.main()


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save({"_conv_stem.weight": torch.zeros(32, 3, 3, 3)}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match="not EfficientNet-lite0"):
        loop.pretrained(FractureNet(), tmp_path / "w.pth")


def test_masks_lie_where_the_letterbox_puts_the_box():
    radiograph = dataset.Radiograph("a", 1, 0, 0, (), (), False, False, 64, 32, ((0.25, 0.5, 0.25, 0.5),))
    mask = dataset.masks([radiograph], 64)[0]
    # In the 64 square the image fills rows 16..48; the box rows 24..40, columns 8..24; stride 4.
    expected = np.zeros((16, 16), np.uint8)
    expected[6:10, 2:6] = 1
    np.testing.assert_array_equal(mask, expected)


def test_augmented_targets_follow_the_bright_mark():
    images, masks = torch.zeros(16, 1, 128, 128), torch.zeros(16, 1, 32, 32)
    images[:, :, 48:64, 32:48] = 1.0
    masks[:, :, 12:16, 8:12] = 1.0
    moved, targets = augment.augment(images, masks, 128, torch.Generator().manual_seed(4))
    bright = torch.nn.functional.avg_pool2d(moved, 16).flatten(1).argmax(1)
    assert targets.flatten(1).gather(1, bright[:, None]).min() > 0.5
    assert targets.amax() == pytest.approx(1.0)
    assert (moved.min() >= 0) and (moved.max() <= 1)


def test_augmentation_is_seeded_and_never_loses_a_fracture():
    images, masks = torch.rand(32, 1, 64, 64), torch.zeros(32, 1, 16, 16)
    masks[:, :, 0:3, 0:3] = 1.0  # in the corner that a crop takes first
    first = augment.augment(images, masks, 64, torch.Generator().manual_seed(7))
    again = augment.augment(images, masks, 64, torch.Generator().manual_seed(7))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert first[1].flatten(1).amax(1).min() > 0


def test_learning_rate_rises_then_falls():
    rates = [loop.learning_rate(share, 0.1) for share in (0.0, 0.05, 0.1, 0.5, 1.0)]
    assert rates[:3] == pytest.approx([0.0, 0.5, 1.0])
    assert rates[4] == pytest.approx(0.01)
    assert rates[2] > rates[3] > rates[4]


def test_frozen_blocks_keep_weights_and_statistics():
    network = FractureNet()
    loop.freeze(network, 3)
    assert not any(p.requires_grad for p in network._blocks[2].parameters())
    assert not network._blocks[2].training
    assert network._blocks[3].training
    loop.freeze(network, -1)
    assert all(p.requires_grad for p in network.parameters())


def test_evidence_is_weighed_as_the_held_out_labels_say():
    random = np.random.default_rng(6)
    labels = random.integers(0, 2, 500)
    deceived, honest = random.normal(size=500) * 5, random.normal(size=500) + 3 * labels
    state = {"image_logit.weight": torch.ones(1, 2), "image_logit.bias": torch.ones(1), "map_weight": torch.ones(())}
    balanced = loop.balance(state, np.stack([deceived, honest], axis=1), labels)
    assert 0 <= balanced["image_logit.weight"][0, 0] == balanced["image_logit.bias"][0] < 0.2
    assert balanced["map_weight"] > 2
    assert state["map_weight"] == 1  # the checkpoint's own weights stay as they were


def test_evidence_adds_up_to_the_networks_logit():
    torch.manual_seed(0)
    network = FractureNet().eval()
    squares = np.random.default_rng(0).integers(0, 255, (3, 64, 64)).astype(np.uint8)
    mirrored = np.ascontiguousarray(squares[:, :, ::-1])
    both = (loop.scores(network, squares)[0] + loop.scores(network, mirrored)[0]) / 2
    found = loop.evidence(network, squares)
    np.testing.assert_allclose(found[:, 0] + 0.5 * found[:, 1], both, atol=1e-5)


def test_operating_points_reach_what_was_asked():
    random = np.random.default_rng(2)
    labels = (random.random(400) < 0.3).astype(np.int64)
    logits = random.normal(0, 1, 400) + 1.5 * labels
    fitted = export.fit(labels, logits, sensitivity=0.9, specificity=0.95, box_threshold=0.3)
    scores = 1 / (1 + np.exp(-(fitted.slope * logits + fitted.intercept)))
    assert (scores[labels == 1] >= fitted.doubtful).mean() >= 0.9
    assert (scores[labels == 0] < fitted.positive).mean() >= 0.95
    stricter = np.sort(scores[scores > fitted.doubtful])[0]
    assert (scores[labels == 1] >= stricter).mean() <= 0.9 or stricter > fitted.doubtful
    assert fitted.doubtful <= fitted.positive


def test_peak_is_found_in_image_pixels():
    heat = np.full((4, 4), 1e-6, np.float32)
    heat[2, 1] = 1.0
    frame = detect.Frame(rows=32, columns=64, scale=1.0, top=16, left=0, cell=16.0)
    assert assess.peak(heat, frame) == pytest.approx((24.0, 24.0), abs=0.1)


def test_overlap_by_hand():
    assert assess.overlap((0, 0, 2, 2), (1, 1, 3, 3)) == pytest.approx(1 / 7)
    assert assess.overlap((0, 0, 1, 1), (1, 0, 2, 1)) == 0


def test_curve_of_a_single_epoch_is_drawn(tmp_path):
    card.learning_curve([{"epoch": 1, "loss": 0.7, "auroc": 0.8}], tmp_path / "c.png")
    assert (tmp_path / "c.png").stat().st_size > 500
