"""The array type of every signature."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
"""A NumPy array, float32 or float64 unless a docstring says otherwise."""

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
"""The two working precisions."""

EXACT = np.dtype(object)
"""Arrays of fractions, for the trace: the equations take them, slowly."""
