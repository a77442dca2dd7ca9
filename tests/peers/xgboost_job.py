"""The reference arrhythmia system's XGBoost as its authors ran it, with scikit-learn's draw: what does it score?

  python tests/peers/xgboost_job.py FOLDER [SEED …]

FOLDER holds Kaggle's mitbih_train.csv and mitbih_test.csv. Both are merged and drawn 90/5/5, stratified; each beat is
scaled to mean 0 and deviation 1, each class of the training side resampled to 16078. A minute a seed on one core.
"""

import argparse
from pathlib import Path

import numpy as np
import xgboost
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.utils import resample


def main() -> None:
    """Read, and print a line for each seed of the draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("seeds", type=int, nargs="*", default=[0, 1, 2])
    options = parser.parse_args()
    files = [options.folder / f"mitbih_{part}.csv" for part in ("train", "test")]
    rows = np.concatenate([np.loadtxt(file, delimiter=",", dtype=np.float32) for file in files])
    beats, labels = rows[:, :187], rows[:, 187].astype(int)
    beats = (beats - beats.mean(axis=1, keepdims=True)) / beats.std(axis=1, keepdims=True)
    for seed in options.seeds:
        accuracy, macro_f1 = score(beats, labels, seed)
        print(f"seed {seed}: accuracy {accuracy:.4f}, macro-F1 {macro_f1:.4f}", flush=True)


def score(beats: np.ndarray, labels: np.ndarray, seed: int) -> tuple[float, float]:
    """Accuracy and macro-F1 on the tested twentieth."""
    indices = np.arange(len(labels))
    train, held_out = train_test_split(indices, test_size=0.1, stratify=labels, random_state=seed)
    validation, test = train_test_split(held_out, test_size=0.5, stratify=labels[held_out], random_state=seed)
    of_class = [train[labels[train] == label] for label in range(5)]
    train = np.concatenate([resample(one, n_samples=16078, random_state=seed) for one in of_class])
    trees = xgboost.XGBClassifier(
        n_estimators=500,
        learning_rate=0.1,
        max_depth=4,
        reg_alpha=0.1,
        reg_lambda=0.1,
        subsample=0.8,
        colsample_bytree=0.8,
        early_stopping_rounds=50,
        random_state=seed,
    )
    trees.fit(beats[train], labels[train], eval_set=[(beats[validation], labels[validation])], verbose=False)
    found = trees.predict(beats[test])
    return float(np.mean(found == labels[test])), float(f1_score(labels[test], found, average="macro"))


if __name__ == "__main__":
    main()
