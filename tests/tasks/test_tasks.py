"""Tasks: which labels mean what, and figures of merit."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cardiax.catalog import DATASETS
from cardiax.config import AugmentationConfig, with_overrides
from cardiax.ecg.voltage import activation_time
from cardiax.errors import InputError
from cardiax.recipes import recipe
from cardiax.simulate.rhythms import fibrillation, pauses
from cardiax.tasks import TASKS, check_config

BEATS = {"beat": np.zeros((5, 187), np.float32), "label": np.arange(5)}


def test_heartbeat_takes_n_against_the_rest():
    arrays = TASKS["heartbeat"].arrays(BEATS, DATASETS["kaggle_heartbeat/mitbih"])
    assert arrays["target"].tolist() == [0, 1, 1, 1, 1]
    assert arrays["leads"].shape == (5, 187, 1)
    two = {"beat": BEATS["beat"][:2], "label": np.array([1, 0])}
    assert TASKS["heartbeat"].arrays(two, DATASETS["kaggle_heartbeat/ptbdb"])["target"].tolist() == [1, 0]


def test_arrhythmia_keeps_the_aami_classes():
    arrays = TASKS["arrhythmia"].arrays(BEATS, DATASETS["simulated_heartbeat"])
    assert arrays["target"].tolist() == [0, 1, 2, 3, 4]


def test_a_dataset_without_the_answer_is_refused():
    for task in TASKS.values():
        for dataset in DATASETS.values():
            known = dataset.voltages or not getattr(task, "needs_voltages", False)
            if dataset.built_in and dataset.kind == task.kind and known:
                task.check(dataset)
            elif dataset.built_in:
                with pytest.raises(InputError, match=f"task '{task.name}' cannot learn from {dataset.name}"):
                    task.check(dataset)
    with pytest.raises(InputError, match="found labels normal, abnormal, expected N, S, V, F, Q"):
        TASKS["arrhythmia"].check(DATASETS["kaggle_heartbeat/ptbdb"])


def test_figures_of_a_split_by_hand():
    # Two of three right: confusion [[1, 0], [1, 1]]; F1 2/3 for both classes; -log softmax(0, 0) is log 2.
    task = TASKS["heartbeat"]
    logits = jnp.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]) * jnp.array([[100.0], [1.0], [100.0]])
    measured = {name: np.asarray(value) for name, value in task.measure(logits, jnp.array([0, 1, 1])).items()}
    assert measured["prediction"].tolist() == [0, 0, 1]
    figures = task.summarize(measured)
    np.testing.assert_array_equal(figures["confusion"], [[1, 0], [1, 1]])
    scalars = task.scalars(figures)
    assert scalars["accuracy"] == pytest.approx(2 / 3)
    assert scalars["macro_f1"] == pytest.approx(2 / 3)
    assert scalars["loss"] == pytest.approx(np.log(2) / 3)
    assert scalars["f1_abnormal"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("balance", "weights"), [("weights", [2 / 3, 2.0]), ("none", [1.0, 1.0]), ("sampling", [1.0, 1.0])]
)
def test_the_training_loss_weighs_classes_and_smooths_labels(balance, weights):
    # Three normal beats to one abnormal: with the power 1 they weigh 2/3 and 2, of mean 1 over beats.
    # Logits 0 and log 3: -log p is log 4 and log 4/3, and their mean is what the smoothing of 0.2 mixes in.
    config = with_overrides(recipe("heartbeat"), {"balance": balance, "balance_power": 1.0, "label_smoothing": 0.2})
    loss = TASKS["heartbeat"].training_loss(config, np.array([0, 0, 0, 1]))
    found = loss(jnp.log(jnp.array([[1.0, 3.0], [1.0, 3.0]])), jnp.array([0, 1]))
    nats = np.log([4, 4 / 3])
    np.testing.assert_allclose(found, weights * (0.8 * nats + 0.2 * nats.mean()), rtol=1e-5)


RECORDINGS = {
    "electrodes": np.random.default_rng(0).normal(size=(3, 500, 10)).astype(np.float32),
    "voltage": np.where(np.arange(500)[:, None] < np.arange(75), -85.0, 20.0)[None].repeat(3, 0).astype(np.float32),
}


def test_activation_targets_are_the_crossings_of_0_mv():
    # Site s is at -85 mV before sample s and at 20 mV from there: the line crosses 0 at s - 20/105.
    arrays = TASKS["activation"].arrays(RECORDINGS, DATASETS["simulated_intracardiac"])
    np.testing.assert_allclose(arrays["target"][1, 1:], np.arange(1, 75) - 20 / 105, rtol=1e-5)
    assert arrays["target"][0, 0] == 0
    assert arrays["leads"].shape == (3, 500, 12)
    np.testing.assert_allclose(
        arrays["leads"][..., 0], RECORDINGS["electrodes"][..., 1] - RECORDINGS["electrodes"][..., 0]
    )


def test_activation_times_may_be_given_in_place_of_voltages():
    times = np.arange(150, dtype=np.float32).reshape(2, 75)
    electrodes = RECORDINGS["electrodes"][:2].astype(np.float16)
    varied = DATASETS["simulated_intracardiac/varied"]
    arrays = TASKS["activation"].arrays({"electrodes": electrodes, "activation": times}, varied)
    np.testing.assert_array_equal(arrays["target"], times)
    assert arrays["leads"].dtype == np.float32
    # Lead II is LL - RA, exact in float32 but not in float16.
    exact = electrodes.astype(np.float64)
    np.testing.assert_allclose(arrays["leads"][..., 1], exact[..., 2] - exact[..., 0], rtol=1e-6, atol=1e-7)
    with pytest.raises(InputError, match=r"found activation times of 75 sites, expected their voltages"):
        TASKS["transmembrane"].check(varied)


@pytest.mark.parametrize("name", ["activation", "transmembrane"])
def test_a_delayed_example_has_a_delayed_target(name):
    task = TASKS[name]
    arrays = task.arrays(RECORDINGS, DATASETS["simulated_intracardiac"])
    leads, target = jnp.asarray(arrays["leads"][0]), jnp.asarray(arrays["target"][0])
    config = AugmentationConfig(stretch=0, warp=0, noise=0, mixup=0, shift=40)
    moved, moved_target = task.augment(jax.random.key(3), {"leads": leads}, target, config)
    moved = moved["leads"]
    shift = next(s for s in range(41) if np.array_equal(moved[s:], leads[: 500 - s]))
    assert shift > 0
    times = moved_target if name == "activation" else activation_time(moved_target)
    before = target if name == "activation" else activation_time(target)
    np.testing.assert_allclose(times[1:], before[1:] + shift, rtol=1e-5)


@pytest.mark.parametrize("name", ["activation", "transmembrane"])
def test_a_slower_example_has_a_slower_target(name):
    task = TASKS[name]
    ramp = np.arange(500, dtype=np.float32)[:, None] * np.ones((1, 12), np.float32)
    target = jnp.asarray(task.arrays(RECORDINGS, DATASETS["simulated_intracardiac"])["target"][0])
    config = AugmentationConfig(stretch=0.2, warp=0, noise=0, mixup=0)
    slower, moved = task.augment(jax.random.key(3), {"leads": jnp.asarray(ramp)}, target, config)
    factor = 100 / float(slower["leads"][100, 0])
    assert 0.01 < abs(factor - 1) < 0.2
    times = moved if name == "activation" else activation_time(moved)
    before = target if name == "activation" else activation_time(target)
    np.testing.assert_allclose(times[1:], before[1:] * factor, atol=0.5)  # an upstroke of one sample, resampled


def test_errors_of_a_voltage_by_hand():
    # The prediction is 3 mV above the truth in site 0 and equal elsewhere; no voltage of site 5 crosses 0.
    task, truth = TASKS["transmembrane"], jnp.asarray(RECORDINGS["voltage"][:2])
    truth = truth.at[:, :, 5].set(-85.0)
    measured = task.measure(truth.at[..., 0].add(3.0), truth)
    figures = task.summarize({key: np.asarray(value) for key, value in measured.items()})
    scalars = task.scalars(figures)
    assert scalars["voltage_mae"] == pytest.approx(3 / 75)
    assert scalars["voltage_rmse"] == pytest.approx(np.sqrt(9 / 75))
    assert scalars["activation_mae"] == 0
    assert scalars["loss"] == pytest.approx(9 / 10 / 75)  # Huber over 5 mV
    assert figures["active"].sum() == figures["found"].sum() == 2 * 74
    assert f"{task.selection}" in scalars


def test_fields_that_mean_nothing_are_refused():
    check_config(TASKS["activation"], recipe("activation"))
    check_config(TASKS["arrhythmia"], recipe("arrhythmia"))
    with pytest.raises(
        InputError, match=r"augmentation.mixup: found 0.2, which has no effect on task 'activation'; expected"
    ):
        check_config(TASKS["activation"], with_overrides(recipe("activation"), {"augmentation.mixup": 0.2}))
    with pytest.raises(InputError, match=r"balance: found weights, .* expected none"):
        check_config(TASKS["transmembrane"], with_overrides(recipe("transmembrane"), {"balance": "weights"}))
    with pytest.raises(InputError, match=r"augmentation\.shift"):
        check_config(TASKS["heartbeat"], with_overrides(recipe("heartbeat"), {"augmentation.shift": 4}))


def window():
    """The inputs of a beat of two leads with its rhythm."""
    shapes = TASKS["arrhythmia"].shapes(DATASETS["physionet_mitbih/patient"])
    return {name: jax.random.normal(jax.random.key(i), shape) for i, (name, shape) in enumerate(shapes.items())}


def test_normal_beats_alone_are_given_the_rhythm_of_fibrillation():
    task, config = TASKS["arrhythmia"], AugmentationConfig(stretch=0, warp=0, noise=0, mixup=0, fibrillation=1.0)
    beat = window()
    changed, target = task.augment(jax.random.key(1), beat, jnp.int32(0), config)
    assert target == 0
    chex.assert_trees_all_equal(changed | {"rr": beat["rr"]}, beat)
    assert (fibrillation().features == np.asarray(changed["rr"])).all(axis=1).any()
    for other in (1, 2, 3):
        kept, _ = task.augment(jax.random.key(1), beat, jnp.int32(other), config)
        chex.assert_trees_all_equal(kept, beat)


def test_a_normal_beat_in_a_rhythm_with_pauses_is_what_it_would_be_there():
    config = AugmentationConfig(stretch=0, warp=0, noise=0, mixup=0, pauses=1.0)
    beat = window()
    rhythm = pauses()
    for name, ectopic in (("arrhythmia", 1), ("heartbeat", 1)):
        augment = jax.jit(partial(TASKS[name].augment, config=config))
        seen = set()
        for seed in range(24):
            changed, target = augment(jax.random.key(seed), beat, jnp.int32(0))
            chex.assert_trees_all_equal(changed | {"rr": beat["rr"]}, beat)
            same = (rhythm.features == np.asarray(changed["rr"])).all(axis=1)
            assert target == ectopic * rhythm.supraventricular[same].item()
            seen.add(int(target))
        assert seen == {0, ectopic}
        kept, target = augment(jax.random.key(1), beat, jnp.int32(2))
        chex.assert_trees_all_equal(kept, beat)
        assert target == 2


def test_the_second_lead_of_a_beat_is_missing_as_often_as_asked_and_the_first_never():
    config = AugmentationConfig(stretch=0, warp=0, noise=0, mixup=0, drop_lead=0.3)
    beat = window()
    keys = jax.random.split(jax.random.key(2), 1000)
    changed, _ = jax.vmap(lambda key: TASKS["arrhythmia"].augment(key, beat, jnp.int32(0), config))(keys)
    gone = np.asarray((changed["leads"][:, :, 1] == 0).all(axis=1))
    assert 0.25 < gone.mean() < 0.35
    for name in ("leads", "deviation"):
        expected = np.where(gone[:, None], 0, beat[name][None, :, 1])
        np.testing.assert_array_equal(changed[name][:, :, 1], expected)
        np.testing.assert_array_equal(changed[name][:, :, 0], np.broadcast_to(beat[name][:, 0], (1000, 192)))


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("fibrillation", "RR features"),
        ("pauses", "RR features"),
        ("drop_lead", "a second lead"),
        ("rotate_leads", "a second lead"),
    ],
)
def test_a_beat_alone_is_given_no_other_rhythm_and_keeps_its_lead(name, what):
    config = AugmentationConfig(**{name: 0.25})
    with pytest.raises(InputError, match=rf"augmentation\.{name}: found beats without {what}"):
        TASKS["heartbeat"].augment(jax.random.key(0), {"leads": jnp.ones((187, 1))}, jnp.int32(0), config)
