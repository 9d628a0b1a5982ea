"""Draw a real training run for the README: ``python tools/picture.py docs/training-run.svg``."""

from __future__ import annotations

import sys

import matplotlib as mpl
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

from deltarule import MLPClassifier

TRAINING, VALIDATION, MUTED = "#2f6db3", "#d9822b", "#777777"


def main(path: str) -> None:
    """Train on the handwritten digits and draw losses and accuracy, epoch by epoch."""
    X, y = load_digits(return_X_y=True)
    model = MLPClassifier((64, 32), dropout=0.2, early_stopping=True, n_iter_no_change=15, max_iter=150, random_state=0)
    model.fit(X / 16, y)
    history = model.history_
    epochs = range(1, model.n_iter_ + 1)
    best = max(epochs, key=lambda e: (history["validation_score"][e - 1], -e))

    mpl.rcParams.update(
        {"svg.hashsalt": "deltarule", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False}
    )
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    left.plot(epochs, history["loss"], color=TRAINING)
    left.plot(epochs, history["validation_loss"], color=VALIDATION)
    left.set(title="cost J", xlabel="epoch", yscale="log")
    end = len(history["loss"])
    left.annotate("training (with dropout)", (end * 0.35, history["loss"][int(end * 0.35)] * 1.25), color=TRAINING)
    left.annotate("validation", (end * 0.55, history["validation_loss"][int(end * 0.55)] * 0.5), color=VALIDATION)
    right.plot(epochs, history["validation_score"], color=VALIDATION)
    right.axvline(best, color=MUTED, linewidth=0.8, linestyle=":")
    right.annotate(
        f"best weights: epoch {best}", (best, 0.3), xytext=(-6, 0), textcoords="offset points", color=MUTED, ha="right"
    )
    right.set(title="accuracy on the validation set", xlabel="epoch", ylim=(0, 1.02))
    figure.suptitle(f"handwritten digits, {model.network_}", fontsize=9, color=MUTED)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main(sys.argv[1])
