"""What a model tells its user in parameters of Python, in the options of the command line."""

from __future__ import annotations

import re

FIRTH = "firth"
"""As an --optimizer: the solver of `deltarule.LogisticRegression` of that name."""

_IN_OPTIONS = {
    "penalize (a finite C), or use solver='firth'": "penalize (--l2 1), or use --optimizer firth",
    "penalize (a finite C)": "penalize (--l2 1)",
    "fit with C=np.inf": "train with --model logistic --l2 0",
    "fit with alpha=0, l1=0": "train with --model linear --l2 0",
    "Expected two classes for solver='firth'": "Expected two classes for --optimizer firth",
    "penalize: use solver='lbfgs'": "penalize: --l2 1",
    "solver='firth': ": "--optimizer firth: ",
    "lower tol or raise max_iter": "raise --epochs",
    "or penalize": "or penalize (--l2 1)",
}


def in_options(text: str) -> str:
    """`text` with the parameters it names replaced by options."""
    for parameter, option in _IN_OPTIONS.items():
        if option not in text:
            text = text.replace(parameter, option)
    return re.sub(r"found C=\S+?( \(scikit-learn's default\))?(?=:)", "found one", text)
