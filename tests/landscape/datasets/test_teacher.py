import json

import numpy as np
import pytest

from landscape import CrossEntropyLoss, datasets
from landscape.networks import MLP


@pytest.mark.parametrize("activation", ["tanh", "gelu", "relu"])
def test_a_student_that_is_the_teacher_is_always_right(activation):
    data = datasets.teacher(
        rows=300, teacher_layers=(4, 3, 3), teacher_activation=activation, teacher_seed=2, test_rows=50
    )
    network = MLP((4, 3, 3), activation)
    theta = datasets.teacher_parameters(network, 2)
    for inputs, labels in ((data.inputs, data.labels), (data.test_inputs, data.test_labels)):
        assert (network.logits(theta, inputs).argmax(axis=1) == labels).all()
    larger = CrossEntropyLoss(network, data, 0.0).network.flatten(
        [layer._replace(kernel=k * layer.kernel, bias=k * layer.bias) for layer, k in
         zip(network.unflatten(theta), (1.0, 50.0), strict=True)]
    )  # fmt: skip
    logits = network.logits(larger, data.inputs)
    assert (np.logaddexp.reduce(logits, axis=1) - logits[np.arange(300), data.labels]).mean() < 0.2


def test_rows_are_normal_and_independent_of_the_teacher():
    one, other = (datasets.teacher(rows=2000, seed=1, teacher_seed=seed) for seed in (0, 1))
    np.testing.assert_array_equal(one.inputs, other.inputs)
    assert (one.labels != other.labels).any()
    assert np.abs(one.inputs.mean(axis=0)).max() < 4 / np.sqrt(2000)
    np.testing.assert_allclose(np.cov(one.inputs.T), np.eye(5), atol=0.15)


def test_noise_changes_labels_and_nothing_else():
    clean, noisy = (datasets.teacher(rows=500, teacher_noise=noise) for noise in (0.0, 1.0))
    np.testing.assert_array_equal(clean.inputs, noisy.inputs)
    assert 0.02 < (clean.labels != noisy.labels).mean() < 0.5


def test_made_again_from_its_metadata_and_by_name():
    data = datasets.teacher(
        rows=30, seed=3, teacher_layers=(2, 3, 4), teacher_activation="silu", teacher_noise=0.1, test_rows=4
    )
    again = datasets.reload(json.loads(json.dumps(dict(data.metadata))), data.sha256)
    assert again.sha256 == data.sha256
    assert datasets.load("teacher", rows=30).sha256 == datasets.teacher(30).sha256


@pytest.mark.parametrize("regression", [False, True])
def test_a_name_may_have_the_layers_of_the_teacher(regression):
    expected = datasets.teacher(20, 1, teacher_layers=(7, 2, 3), teacher_activation="gelu", regression=regression)
    loaded = datasets.load("teacher:7,2,3:gelu", rows=20, seed=1, regression=regression)
    assert loaded.sha256 == expected.sha256
    assert loaded.metadata == expected.metadata
    assert datasets.name_of_teacher([7, 2, 3], "gelu") == "teacher:7,2,3:gelu"
    assert datasets.load("teacher:7,2,3", rows=20).metadata["teacher_activation"] == "tanh"


@pytest.mark.parametrize(
    ("name", "words"),
    [("teacher:", "must be teacher or teacher:INPUTS"), ("teacher:a,b", "got 'teacher:a,b'"),
     ("teacher:4,1", r"two or more outputs.*--regression.*got \(4, 1\)"), ("teacher:4,2:step", "activation must be")],
)  # fmt: skip
def test_bad_names_of_teachers(name, words):
    with pytest.raises(ValueError, match=words):
        datasets.load(name)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"teacher_noise": -1.0}, "teacher_noise"), ({"rows": 0}, "rows"), ({"teacher_activation": "step"}, "activation"),
     ({"teacher_seed": -1}, "teacher_seed"), ({"teacher_layers": (3,)}, "layer_sizes")],
)  # fmt: skip
def test_bad_arguments_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        datasets.teacher(**options)
