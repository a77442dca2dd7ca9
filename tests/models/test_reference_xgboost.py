"""XGBoost as a model: what it is asked, what it sees, and its run folder."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from cardiax.ecg.augmentation import gramian_angular_field
from cardiax.models import build_model
from cardiax.models.reference_xgboost import Trees
from cardiax.tasks.class_balance import resampled

xgboost = pytest.importorskip("xgboost", reason="needs the extra cardiax[baselines]")

RANDOM = np.random.default_rng(0)
TARGETS = RANDOM.integers(0, 3, 300).astype(np.int32)
BEATS = (RANDOM.normal(size=(300, 187, 1)) * 0.3 + TARGETS[:, None, None]).astype(np.float32)


def test_boosting_is_xgboosts_own():
    trees = Trees(3, trees=12, patience=0)
    booster, losses = trees.fit((BEATS[:200], TARGETS[:200]), (BEATS[200:], TARGETS[200:]), seed=4)
    theirs = xgboost.XGBClassifier(
        n_estimators=12,
        learning_rate=0.1,
        max_depth=4,
        reg_alpha=0.1,
        reg_lambda=0.1,
        subsample=0.8,
        colsample_bytree=0.8,
        random_state=4,
        objective="multi:softprob",
    ).fit(BEATS[:200, :, 0], TARGETS[:200])
    found = np.exp(trees.logits(booster, BEATS[200:]))
    expected = theirs.predict_proba(BEATS[200:, :, 0], iteration_range=(0, booster.num_boosted_rounds()))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert len(losses) == 12
    assert losses[-1]["train_loss"] < losses[0]["train_loss"]


def test_early_stopping_keeps_the_best_round(random):
    targets = random.permutation(TARGETS)  # nothing to learn: validation soon gets worse
    booster, losses = Trees(3, trees=60, patience=5).fit((BEATS[:200], targets[:200]), (BEATS[200:], targets[200:]), 0)
    best = int(np.argmin([row["validation_loss"] for row in losses])) + 1
    assert booster.num_boosted_rounds() == best
    assert len(losses) <= best + 5 < 60


def test_features():
    np.testing.assert_array_equal(Trees(3).features(BEATS), BEATS[..., 0])
    scaled = Trees(3, z_score=True).features(BEATS)
    np.testing.assert_allclose(scaled.mean(axis=1), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=1), 1, atol=1e-4)
    fields = Trees(3, field=16).features(BEATS[:2])
    expected = gramian_angular_field(jnp.asarray(BEATS[:2, :, 0]), 16).reshape(2, -1)
    np.testing.assert_allclose(fields, expected, atol=2e-3)  # the root of 1 − x² near x = 1, in float32


def test_classes_are_resampled():
    targets = np.array([0] * 50 + [1] * 7 + [3] * 20)
    chosen = resampled(targets, 20, seed=1)
    np.testing.assert_array_equal(np.bincount(targets[chosen]), [20, 20, 0, 20])
    assert len(set(chosen[targets[chosen] == 0])) == 20  # a part of them
    assert set(chosen[targets[chosen] == 1]) == set(range(50, 57))  # all of them, some again
    assert (np.diff(chosen) >= 0).all()  # as the classes are
    np.testing.assert_array_equal(chosen, resampled(targets, 20, seed=1))
    assert not np.array_equal(chosen, resampled(targets, 20, seed=2))


def test_fields_are_checked():
    assert build_model("xgboost", 5, args={"depth": 2}).depth == 2
    with pytest.raises(Exception, match="unknown field of model xgboost 'deepth': did you mean 'depth'"):
        build_model("xgboost", 5, args={"deepth": 2})


def test_a_run_is_like_any_other(cardiax, data_dir, tmp_path):
    where = ("--dataset", "kaggle_heartbeat/mitbih", "--data-dir", data_dir, "--workdir", tmp_path / "run")
    command = ("train", "arrhythmia", *where, "--model", "xgboost", "--model_args", "trees=15", "--per_class", 60)
    status, out, error = cardiax(*command)
    assert status == 0, error
    assert "300 examples, 15 rounds" in out
    first = (tmp_path / "run" / "test.json").read_bytes()
    assert json.loads(first)["accuracy"]["value"] > 0.5
    assert json.loads(first)["model"] == "xgboost"
    assert (tmp_path / "run" / "metrics.csv").read_text().startswith("step,train_loss,validation_loss\n1,")
    assert (tmp_path / "run" / "figures" / "test_confusion.png").exists()
    (tmp_path / "run" / "test.json").unlink()
    assert cardiax("evaluate", tmp_path / "run")[0] == 0
    assert (tmp_path / "run" / "test.json").read_bytes() == first
    assert cardiax(*command)[0] == 0  # done already
    assert "found a run of another configuration" in cardiax.mistake(*command, "--seed", 1)
    (tmp_path / "run" / "trees.ubj").write_bytes(b"rubbish")
    assert "trees.ubj: found another SHA-256 than in .sums.json" in cardiax.mistake("evaluate", tmp_path / "run")
    (tmp_path / "run" / ".sums.json").unlink()
    assert "found an XGBoost model that cannot be read" in cardiax.mistake("evaluate", tmp_path / "run")
    (tmp_path / "run" / "trees.ubj").unlink()
    assert "trees.ubj: found no such file, expected a trained XGBoost model" in cardiax.mistake(
        "evaluate", tmp_path / "run"
    )


def test_other_tasks_are_told(cardiax, tmp_path):
    command = ("train", "activation", "--dataset", "ucsd_intracardiac", "--model", "xgboost", "--data-dir", tmp_path)
    told = cardiax.mistake(*command, "--workdir", tmp_path / "run")
    assert "found 'xgboost', which does not read twelve leads for activation" in told
    assert not (tmp_path / "run").exists()
