"""From a table to the matrix of a formula such as ``y ~ x + C(group)``, through the library formulaic.

What is kept of a formula is its text and the levels of its categories, as plain JSON, so that the same matrix is made
of other rows. `expressions` looks at it each time before it is computed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from deltarule.arrays import Array
from deltarule.errors import DataError, InvalidOption, ModelFileError
from deltarule.fields import read_field
from deltarule.tabular.columns import Column, Kind
from deltarule.tabular.encoders import read_numbers
from deltarule.tabular.expressions import CONTRASTS, FUNCTIONS, LONGEST, Terms, read_formula
from deltarule.tabular.odd_numbers import FEW_LEVELS, refuse_odd_numbers
from deltarule.tabular.preprocessing import ignored_columns, require_columns
from deltarule.tabular.rows import first_where, row_number
from deltarule.tabular.values import parse_levels
from deltarule.tabular.wording import near_matches


@dataclass(frozen=True)
class FormulaPreprocessing:
    """From a table to the matrix of a formula; takes the place of `Preprocessing`.

    Attributes
    ----------
    formula : str
        Its right side.
    levels : dict
        Column -> its levels in order, for categories; numbers are not there.
    names : tuple of str
        All columns.
    feature_names : list of str
        Columns of the matrix, without the intercept.
    intercept : bool
    """

    formula: str
    levels: dict[str, tuple[str, ...]]
    names: tuple[str, ...]
    feature_names: list[str]
    intercept: bool

    @classmethod
    def fit(cls, frame: pl.DataFrame, right: str) -> Self:
        """Learn the levels of the training rows.

        Raises
        ------
        DataError, InvalidOption
            For a formula that does not fit the table.
        """
        terms = _terms(frame, right)
        for name in terms.columns:
            _refuse_odd_numbers(frame[name], terms)
        levels = {name: _levels(frame[name]) for name in terms.columns if _is_category(frame[name], terms)}
        for name, level in terms.references:
            if level not in levels[name]:
                near = near_matches(level, levels[name])
                raise InvalidOption(
                    f"expected one of the levels of {name!r} in C() of the formula, found {level!r}",
                    near if near.startswith("did") else f"such as {', '.join(map(repr, levels[name][:8]))}",
                )
        draft = cls(right, levels, terms.columns, [], terms.intercept)
        X = draft._matrix(frame, [])
        names = [str(name) for name in X.columns if name != "Intercept"]
        if not names:
            raise InvalidOption(f"expected at least one column of the matrix, found none in {right!r}")
        return cls(right, levels, terms.columns, names, terms.intercept)

    @property
    def columns(self) -> list[str]:
        """Names of the columns that a table must have."""
        return list(self.names)

    @property
    def term_names(self) -> list[str]:
        """As the features."""
        return self.feature_names

    def units(self) -> Array:
        """Nothing is scaled: zeros and ones (2, n_x)."""
        n = len(self.feature_names)
        return np.stack([np.zeros(n), np.ones(n)])

    def remarks(self) -> list[str]:
        """The levels that have no weight."""
        known = []
        for name, levels in self.levels.items():
            without = [level for level in levels if not self._has_weight(name, level)]
            known += [f"{name}: {level}" for level in without if len(without) == 1]
        return [f"reference levels, from which the others differ: {'; '.join(known)}."] if known else []

    def _has_weight(self, name: str, level: str) -> bool:
        """Whether ``name[T.level]``, ``C(name)[level]`` or the like is a feature, or a factor of one."""
        column, level = re.escape(name), re.escape(level)
        factor = re.compile(rf"(?:^|:)(?:{column}|C\(`?{column}`?(?:,[^\[]*)?\))\[(?:T\.)?{level}\]")
        return any(map(factor.search, self.feature_names))

    def complete(self, frame: pl.DataFrame) -> Array:
        """Which rows of `frame`, (m,) of bool, have all values of the formula; there is no matrix of others."""
        require_columns(frame, self.columns)
        return complete_rows(frame, [name for name in self.names if name not in self.levels], self.levels)

    def transform(
        self, frame: pl.DataFrame, dtype: npt.DTypeLike = np.float64, *, notes: list[str] | None = None
    ) -> Array:
        """The matrix (m, n_x) of `frame`; see `Preprocessing.transform`.

        Raises
        ------
        DataError
            Columns are missing, values are, or something that is no finite number comes out.
        """
        require_columns(frame, self.columns)
        told: list[str] = []
        X = self._matrix(frame, told)
        found = [str(name) for name in X.columns if name != "Intercept"]
        if found != self.feature_names:
            raise ModelFileError(f"formula: expected the features {self.feature_names}, found {found}")
        out = X[self.feature_names].to_numpy(dtype=np.float64)
        wrong = ~np.isfinite(out)
        if wrong.any():
            row, k = np.argwhere(wrong)[0]
            raise DataError(
                f"formula: expected a finite {self.feature_names[k]}, found {out[row, k]} in row {row_number(int(row))}"
            )
        if notes is not None:
            notes += told + ignored_columns(frame, self.columns)
        return out.astype(dtype)

    def _matrix(self, frame: pl.DataFrame, notes: list[str]) -> Any:
        """The frame of pandas that formulaic makes."""
        terms = read_formula(self.formula)
        import pandas as pd
        from formulaic.errors import FormulaicError

        if terms.columns != self.names or not terms.categories <= self.levels.keys():
            raise ModelFileError(f"formula: expected the columns {self.names}, found {terms.columns}")
        data = pd.DataFrame({name: self._column(frame[name], notes) for name in self.names})
        with np.errstate(all="ignore"):
            try:
                return terms.formula.get_model_matrix(data, context=FUNCTIONS, na_action="ignore", output="pandas")
            except (FormulaicError, ValueError, TypeError, ArithmeticError, LookupError) as error:
                raise DataError(f"formula {self.formula!r}: {' '.join(str(error).split())[:160]}") from None

    def _column(self, series: pl.Series, notes: list[str]) -> Any:
        import pandas as pd

        if series.name not in self.levels:
            numbers = read_numbers(series)
            _require_all(numbers)
            return numbers.to_numpy().astype(np.float64)
        levels, texts = self.levels[series.name], parse_levels(series)
        _require_all(texts)
        unseen = ~texts.is_in(list(levels))
        if unseen.any():
            row, value = first_where(series, unseen)
            notes.append(
                f"column {series.name!r}: values not among the levels seen in training (first {value!r} in row {row}) "
                f"are taken as {levels[0]!r}"
            )
            texts = texts.set(unseen, levels[0])
        return pd.Categorical(texts.to_list(), categories=list(levels))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "formula": self.formula,
            "levels": {name: list(levels) for name, levels in self.levels.items()},
            "names": list(self.names),
            "feature_names": self.feature_names,
            "intercept": self.intercept,
        }

    @classmethod
    def from_json(cls, document: object) -> Self:
        """The inverse of `to_json`; raises ModelFileError. The formula is looked at before it is ever computed."""
        read = partial(read_field, document, "formula")
        formula, intercept = read("formula", str), read("intercept", bool)
        names, features = read("names", list), read("feature_names", list)
        levels: Mapping[str, Any] = read("levels", dict)
        for texts in (names, features, *levels.values()):
            if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
                raise ModelFileError(f"formula: expected a list of texts, found {str(texts)[:60]!r}")
            if len(set(texts)) < len(texts):
                raise ModelFileError(f"formula: expected different names, found {str(texts)[:60]!r}")
        if not levels.keys() <= set(names) or len(formula) > LONGEST:
            raise ModelFileError(f"formula: expected levels of its columns, found {str(list(levels))[:60]!r}")
        return cls(formula, {name: tuple(found) for name, found in levels.items()}, tuple(names), features, intercept)

    def describe(self) -> list[str]:
        """One line for the formula and one for each column, for people."""
        lines = [f"formula: {self.formula}"]
        for name in self.names:
            levels = self.levels.get(name)
            lines.append(f"{name}: {'number' if levels is None else 'one of ' + ', '.join(levels[:8])}")
        return lines


def formula_columns(frame: pl.DataFrame, target: str, weights: str | None, right: str) -> list[Column]:
    """What each column of a table is to a formula.

    Raises
    ------
    DataError, InvalidOption
        For a formula that does not fit the table.
    """
    terms = _terms(frame, right)
    both = [name for name in terms.columns if name in ("C", "I", *CONTRASTS, *FUNCTIONS) and f"{name}(" in right]
    if both:
        raise InvalidOption(f"expected a column or a function {both[0]}, found both in {right!r}", "rename the column")
    for name in (target, weights):
        if name in terms.columns:
            raise DataError(f"expected other columns than {name!r} on the right of the formula, found it there")
    found = []
    for name in frame.columns:
        if name in (target, weights):
            continue
        if name not in terms.columns:
            found.append(Column(name, Kind.drop, "left out: not in the formula"))
        elif _is_category(frame[name], terms):
            found.append(Column(name, Kind.categorical, "in the formula"))
        else:
            found.append(Column(name, Kind.numeric, "in the formula"))
    return found


def complete_rows(frame: pl.DataFrame, numbers: Iterable[str], categories: Iterable[str]) -> Array:
    """Which rows, (m,) of bool, miss no value of these columns."""
    complete = np.ones(len(frame), dtype=bool)
    for read, names in ((read_numbers, numbers), (parse_levels, categories)):
        for name in names:
            complete &= read(frame[name]).is_not_null().to_numpy()
    return complete


def _terms(frame: pl.DataFrame, right: str) -> Terms:
    """What a formula is made of, whose columns the table has."""
    terms = read_formula(right)
    require_columns(frame, list(terms.columns), "the formula")
    return terms


def _is_category(series: pl.Series, terms: Terms) -> bool:
    return series.name in terms.categories or not _is_number(series)


def _refuse_odd_numbers(series: pl.Series, terms: Terms) -> None:
    """Numbers that cannot be read are no categories, unless they are few or the formula says so."""
    if series.name not in terms.categories and series.dtype == pl.String and series.n_unique() > FEW_LEVELS:
        values, asked = parse_levels(series).drop_nulls(), f"write C({series.name}) in the formula"
        refuse_odd_numbers(series, values, f"column {series.name!r}", "categories", asked)


def _is_number(series: pl.Series) -> bool:
    return series.dtype.is_numeric() or series.dtype == pl.Decimal


def _levels(series: pl.Series) -> tuple[str, ...]:
    """The levels of a category in their order: of numbers by size, of text by the alphabet."""
    distinct = parse_levels(series).drop_nulls().unique().to_list()
    if not distinct:
        raise DataError(f"column {series.name!r}: expected values, found none")
    return tuple(sorted(distinct, key=float) if _is_number(series) else sorted(distinct))


def _require_all(series: pl.Series) -> None:
    if series.has_nulls():
        row, _ = first_where(series, series.is_null())
        raise DataError(f"column {series.name!r}: expected a value in each row, found none in row {row}", "fill it in")
