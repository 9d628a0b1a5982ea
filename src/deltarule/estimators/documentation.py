"""The descriptions of parameters and attributes that several estimators share, written once.

The values that a parameter may take are read from the registers.
"""

from __future__ import annotations

import inspect
import textwrap
from typing import Any, TypeVar

from ..engines import ENGINES
from ..equations import ACTIVATIONS, INITIALIZERS, LOSSES, OPTIMIZERS, SCHEDULES
from ..registry import Entry
from .classes import PROBABILITIES

T = TypeVar("T", bound=type)

WIDTH = 110
"""Of the lines that list values."""

PARAMETERS = {
    "loss": 'str\n    Name of a loss with its options, such as "huber(delta=2)"; a classifier\'s "log_loss" is binary or\n'
    "    categorical cross-entropy, and takes ``label_smoothing``.",
    "hidden_layer_sizes": "int or sequence of int\n    Units of each hidden layer.",
    "activation": 'str or sequence of str\n    Of the hidden layers: one for all, such as "leaky_relu(slope=0.2)", or one a layer.',
    "output_activation": 'str\n    "auto" takes the one that goes with the loss and the target.',
    "solver": 'str\n    Name of an optimizer of the register; "sgd" is gradient descent with `momentum`.',
    "alpha": "float\n    Strength of the L2 penalty ``alpha / (2 m) Σ W²``.",
    "l1": "float\n    Strength of the L1 penalty ``l1 / m Σ |W|``.",
    "dropout": "float or sequence of float\n    Fraction of the units dropped in training: one for all hidden layers, or one each.",
    "initializer": 'str\n    Name of an initializer; "auto" takes the one that suits each activation (He\'s for relu), biases zero.',
    "class_weight": 'dict, "balanced" or None; for several labels a list of dict\n    Weight of each class, in training and on samples held out.',
    "batch_size": 'int or "auto"\n    Samples a step; "auto" is ``min(200, m)``.',
    "learning_rate": 'str\n    Name of a schedule, such as "adaptive" or "cosine(warmup=0.1)".',
    "learning_rate_init": "float\n    The rate from which the schedule starts.",
    "power_t": 'float\n    Exponent of "invscaling".',
    "max_iter": "int\n    Most epochs (for lbfgs, steps).",
    "shuffle": "bool\n    Draw the samples of each epoch in a new order.",
    "random_state": "int, RandomState or None\n    One seed gives one result.",
    "tol": "float\n    Improvements of less do not count; for lbfgs, the gradient at which it stops, if it is not stopped before by\n"
    '    a step that lowers the cost by less than 2.2e-9 of itself; "lbfgs(ftol=0)" leaves `tol` alone.',
    "verbose": 'bool, int or "progress"\n    Print a line an epoch, or show a progress bar.',
    "warm_start": "bool\n    `fit` goes on with the weights of the last one.",
    "momentum": 'float\n    Of "sgd", "momentum" and "nesterov".',
    "nesterovs_momentum": 'bool\n    Whether "sgd" uses Nesterov\'s form.',
    "early_stopping": "bool, str or callable\n    Hold out a validation set and stop when its score ceases to improve: the estimator's\n"
    '    own score (True), a scikit-learn scorer by name, such as "roc_auc" (``sklearn.metrics.get_scorer_names()`` lists\n'
    '    them), a function ``(estimator, X, y)``, or "validation_loss". The best weights are kept.',
    "validation_fraction": "float\n    Fraction of the samples held out.",
    "beta_1": "float\n    Of adam and adamw.",
    "beta_2": "float\n    Of adam and adamw.",
    "epsilon": "float\n    Of adam, adamw and rmsprop.",
    "n_iter_no_change": "int or inf\n    Training ends after more than so many epochs without improvement.",
    "max_fun": "int\n    For lbfgs: most evaluations of the cost.",
    "callbacks": "sequence of Callback or callable, or None\n    Called at the start, after each epoch, and at the end; not by solutions that take no steps (exact, firth).\n"
    "    A function is called after each epoch, with the `deltarule.run.Run`.",
    "fit_intercept": "bool\n    Learn ``b``; otherwise it is zero.",
    "copy_X": "bool\n    Has no effect: `X` is never overwritten.",
    "positive": "bool\n    Keep the weights from becoming negative; for the exact solution of a dense `X`.",
    "standardize": "bool\n    Learn from standardized columns, and put the weights back: the cost and its optimum stay what they are,\n"
    "    the way is shorter. False is the plain gradient descent of the lecture.",
    "penalty": "str or None\n    Deprecated as in scikit-learn; use `l1_ratio` and `C`.",
    "C": "float\n    Inverse of the strength of the penalty; infinity for none.",
    "l1_ratio": "float\n    0 is the L2 penalty, 1 is L1, between them is the elastic net.",
    "dual": "bool\n    Has no effect on the optimum; only with liblinear.",
    "intercept_scaling": "float\n    For liblinear, which penalizes ``b / intercept_scaling`` like a weight.",
    "engine": 'str\n    Who computes; "auto" takes the fastest that can.',
    "n_jobs": "int or None\n    Threads for training and prediction. None is all cores this process may use, at most ``OMP_NUM_THREADS``;\n    -1 is all cores. The result does not depend on it.",
}
"""Parameter name -> type and description, in numpydoc's form."""

ATTRIBUTES = {
    "classes_": "(K,)\n    The labels, sorted; for an indicator matrix, the numbers of its columns.",
    "network_": "Network\n    Architecture and parameters, under the lecture's names: ``network_.W[l]``, ``network_.b[l]``, ``network_.theta``.",
    "coefs_": "list of (n_in, n_out)\n    Weights of each layer, the transposes of ``network_.W[l]``: views, so assigning to an item changes the network.",
    "intercepts_": "list of (n_out,)\n    Biases of each layer, views as well.",
    "history_": 'dict\n    Name -> list with one value an epoch: "loss", "learning_rate" (NaN for lbfgs), "seconds"; with samples held out\n'
    '    also "validation_loss" and "validation_score".',
    "loss_": "float\n    Cost of the last epoch: the mean over its batches, penalties included.",
    "loss_curve_": "list of float\n    The cost of every epoch.",
    "best_loss_": "float or None\n    The lowest of them; None with early stopping.",
    "validation_scores_": "list of float or None\n    The score on the samples held out after each epoch; None without any.",
    "best_validation_score_": "float or None\n    The best of them.",
    "n_iter_": "int\n    Epochs of the last `fit` (for lbfgs, steps); 1 after `partial_fit`.",
    "t_": "int\n    Samples seen in training, over all epochs.",
    "n_features_in_": "int",
    "feature_names_in_": "(n_x,)\n    Names of the columns, if `X` was a frame that has them.",
    "n_layers_": "int\n    Layers, the input counted.",
    "n_outputs_": "int\n    Units of the last layer.",
    "out_activation_": "str\n    Name of its activation, scikit-learn's where it has one.",
    "engine_": "str\n    Who computed: the name of the engine.",
}
"""Attribute of a fitted network -> type and description."""


def spelled(entry: Entry) -> str:
    """How an entry is chosen, with the options it takes and their defaults."""
    options = ", ".join(f"{name}={default!r}" for name, default in entry.defaults.items())
    return f"{entry.name}({options})" if options else entry.name


def named(*entries: Entry) -> list[str]:
    """The same of several, with the other names they have."""
    return [" or ".join([spelled(entry), *entry.aliases]) for entry in entries]


def values(cls: Any) -> dict[str, list[str]]:
    """Parameter -> the values that an estimator takes there, for those that name an entry of a register."""
    is_network, is_classifier = "activation" in inspect.signature(cls).parameters, hasattr(cls, "predict_proba")
    solvers = [entry for entry in OPTIMIZERS.values() if not (is_network and entry.second_order)]
    own = [name for name in cls.own_solvers if name not in OPTIMIZERS]
    found = {
        "solver": [*own, *(named(*solvers) if is_network else [entry.name for entry in solvers])],
        "learning_rate": named(*SCHEDULES.values()),
        "engine": ["auto", *ENGINES],
    }
    if is_network:
        hidden = [entry for entry in ACTIVATIONS.values() if not entry.output_only]
        outputs = [entry for entry in ACTIVATIONS.values() if entry.range in PROBABILITIES or not is_classifier]
        losses = [entry for entry in LOSSES.values() if entry.domain in ("", *PROBABILITIES) or not is_classifier]
        found |= {
            "activation": named(*hidden),
            "output_activation": ["auto", *named(*outputs)],
            "loss": [*(["log_loss"] if is_classifier else []), *named(*losses)],
            "initializer": ["auto", *named(*INITIALIZERS.values())],
        }
    return found


def _listed(names: list[str]) -> list[str]:
    """Lines that list values; none is broken in two."""
    whole = ", ".join(name.replace(" ", "\0") for name in names)
    lines = textwrap.wrap(f"One of: {whole}.", WIDTH, break_long_words=False, break_on_hyphens=False)
    return ["    " + line.replace("\0", " ") for line in lines]


def _section(title: str, lines: list[str]) -> str:
    """A section of a docstring of a class."""
    return "".join(f"    {line}\n" for line in "\n".join([title, "-" * len(title), *lines]).splitlines()) + "\n"


def with_parameters(cls: T) -> T:
    """Put "Parameters", in the order of the constructor, and "Attributes" of a network into the docstring."""
    lines: list[str] = []
    known = values(cls)
    for name in inspect.signature(cls.__init__).parameters:  # type: ignore[misc]
        if name in PARAMETERS:
            kind, _, description = getattr(cls, "documented", {}).get(name, PARAMETERS[name]).partition("\n")
            lines += [f"{name} : {kind}", description, *(_listed(known[name]) if name in known else [])]
    section = _section("Parameters", lines)
    if hasattr(cls, "coefs_"):
        has = [name for name in ATTRIBUTES if name != "classes_" or hasattr(cls, "predict_proba")]
        section += _section("Attributes", [f"{name} : {ATTRIBUTES[name]}" for name in has])
    text = cls.__doc__ or ""
    before, marker, after = text.partition("    Attributes\n" if "    Attributes\n" in text else "    Examples\n")
    cls.__doc__ = f"{before}{section}{marker}{after}"
    return cls
