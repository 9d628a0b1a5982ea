"""The descriptions of parameters that several estimators share, written once."""

from __future__ import annotations

import inspect
from typing import TypeVar

T = TypeVar("T", bound=type)

PARAMETERS = {
    "loss": 'str\n    Name of a loss of the register with its options, such as "huber(delta=2)"; a classifier\'s\n'
    '    "log_loss" is binary or categorical cross-entropy, and takes ``label_smoothing``.',
    "hidden_layer_sizes": "int or sequence of int\n    Units of each hidden layer.",
    "activation": 'str or sequence of str\n    Of the hidden layers: one for all, such as "leaky_relu(slope=0.2)", or one a layer.',
    "output_activation": 'str\n    "auto" takes the one that goes with the loss and the target.',
    "solver": 'str\n    Name of an optimizer of the register; "sgd" is gradient descent with `momentum`.',
    "alpha": "float\n    Strength of the L2 penalty ``alpha / (2 m) Σ W²``.",
    "l1": "float\n    Strength of the L1 penalty ``l1 / m Σ |W|``.",
    "dropout": "float or sequence of float\n    Fraction of the units dropped in training: one for all hidden layers, or one each.",
    "initializer": 'str\n    Name of an initializer; "auto" takes the one that suits each activation (He\'s for relu), biases zero.',
    "class_weight": 'dict, list of dict, "balanced" or None\n    Weight of each class, in training and on samples held out.',
    "batch_size": 'int or "auto"\n    Samples a step; "auto" is ``min(200, m)``.',
    "learning_rate": 'str\n    Name of a schedule, such as "adaptive" or "cosine(warmup=0.1)".',
    "learning_rate_init": "float\n    The rate from which the schedule starts.",
    "power_t": 'float\n    Exponent of "invscaling".',
    "max_iter": "int\n    Most epochs (for lbfgs, steps).",
    "shuffle": "bool\n    Draw the samples of each epoch in a new order.",
    "random_state": "int, RandomState or None\n    One seed gives one result.",
    "tol": "float\n    Improvements of less do not count; for lbfgs, the gradient at which it stops.",
    "verbose": 'bool, int or "progress"\n    Print a line an epoch, or show a progress bar.',
    "warm_start": "bool\n    `fit` goes on with the weights of the last one.",
    "momentum": 'float\n    Of "sgd", "momentum" and "nesterov".',
    "nesterovs_momentum": 'bool\n    Whether "sgd" uses Nesterov\'s form.',
    "early_stopping": "bool, str or callable\n    Hold out a validation set and stop when its score ceases to improve: the estimator's\n"
    '    own score, a scikit-learn scorer by name ("roc_auc"), a scorer, or "validation_loss". The best weights are kept.',
    "validation_fraction": "float\n    Fraction of the samples held out.",
    "beta_1": "float\n    Of adam and adamw.",
    "beta_2": "float\n    Of adam and adamw.",
    "epsilon": "float\n    Of adam, adamw and rmsprop.",
    "n_iter_no_change": "int or inf\n    Epochs without improvement after which training ends.",
    "max_fun": "int\n    For lbfgs: most evaluations of the cost.",
    "callbacks": "sequence of Callback or callable, or None\n    Called at the start, after each epoch, and at the end; not by solutions that take no steps (exact, firth).",
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


def with_parameters(cls: T) -> T:
    """Put a "Parameters" section, in the order of the constructor, into the docstring before its examples."""
    lines = ["Parameters", "----------"]
    for name in inspect.signature(cls.__init__).parameters:  # type: ignore[misc]
        if name in PARAMETERS:
            kind, _, description = getattr(cls, "documented", {}).get(name, PARAMETERS[name]).partition("\n")
            lines += [f"{name} : {kind}", description]
    section = "\n".join("    " + line for line in "\n".join(lines).splitlines())
    text = cls.__doc__ or ""
    before, marker, after = text.partition("    Attributes\n" if "    Attributes\n" in text else "    Examples\n")
    cls.__doc__ = f"{before}{section}\n\n{marker}{after}"
    return cls
