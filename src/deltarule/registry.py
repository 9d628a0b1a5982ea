"""Registers: name -> entry, the one place where an activation, loss or optimizer is added.

An entry is chosen by a short text, the same in Python, on the command line and in a model file:
``"tanh"``, ``"leaky_relu(slope=0.2)"``, ``"leaky_relu(0.2)"``. The options an entry takes are the keyword-only
parameters, with defaults, of its formula; nothing is listed twice.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from numbers import Integral, Real
from typing import Any, Generic, Self, TypeAlias, TypeVar

from .errors import InvalidOption, UnknownName, did_you_mean
from .lazily import cached_property

Option: TypeAlias = float | int | bool
Formula: TypeAlias = Callable[..., Any]
LARGEST = sys.float_info.max


@cache
def _parameters(function: Formula) -> Mapping[str, inspect.Parameter]:
    """What a formula takes: read once, as entries are configured anew at every fit."""
    try:
        return inspect.signature(function).parameters
    except ValueError:  # a function of NumPy, which before 2.4 does not say
        return {}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What all entries of all registers have in common.

    Parameters
    ----------
    name : str
        The name users write.
    formula : callable
        The defining function; its keyword-only parameters with defaults are the entry's options.
    aliases : tuple of str
        Other names users may write, such as those of scikit-learn.
    options : mapping
        Options that differ from the defaults; see `configured`.
    bounds : mapping
        For a numeric option, the closed interval it must lie in.
    latex : str
        The formula as the docs show it.
    asked : frozenset of str
        Names of the options that somebody gave, also of those that are the default: what else is chosen for him must
        leave these alone. Entries that differ in nothing else are equal.
    """

    name: str
    formula: Formula
    aliases: tuple[str, ...] = ()
    options: Mapping[str, Option] = field(default_factory=dict)
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    latex: str = ""
    asked: frozenset[str] = field(default=frozenset(), kw_only=True)

    @cached_property
    def defaults(self) -> dict[str, Option]:
        """The options this entry takes, with their default values."""
        return {
            p.name: p.default
            for p in _parameters(self.formula).values()
            if p.kind is p.KEYWORD_ONLY and p.default is not inspect.Parameter.empty
        }

    @cached_property
    def settings(self) -> dict[str, Option]:
        """Every option with the value in force."""
        return {**self.defaults, **self.options}

    @cached_property
    def rule(self) -> Formula:
        """The formula with this entry's options filled in."""
        return self.bind(self.formula)

    def bind(self, function: Formula) -> Formula:
        """`function` with those of this entry's options that it takes filled in."""
        takes = _parameters(function)
        given = {name: value for name, value in self.options.items() if name in takes}
        return partial(function, **given) if given else function

    def configured(self, **options: Option) -> Self:
        """The same entry with other options.

        Raises
        ------
        InvalidOption
            For an option the entry does not take, or a value out of its bounds.
        """
        if not options:
            return self
        checked = {name: self._checked(name, value) for name, value in options.items()}
        merged = {**self.options, **checked}
        different = {name: value for name, value in merged.items() if value != self.defaults[name]}
        return dataclasses.replace(self, options=different, asked=self.asked | options.keys())

    def _checked(self, name: str, value: Option) -> Option:
        """`value` as plain bool, int or float, like the default, so that `str` of the entry can be read back."""
        if name not in self.defaults:
            known = ", ".join(self.defaults) or "none"
            raise InvalidOption(f"{self.name} takes the options: {known}; found {name!r}")
        default = self.defaults[name]
        expected, fits = _expected_type(default, value)
        if not fits:
            raise InvalidOption(f"{self.name}: {name} must be {expected}, found {value!r}")
        low, high = self.bounds.get(name, (-LARGEST, LARGEST))
        plain = int(value) if isinstance(value, Integral) else float(value)
        if not low <= plain <= high:
            raise InvalidOption(f"{self.name}: {name} must lie in [{_brief(low)}, {_brief(high)}], found {value!r}")
        return type(default)(plain)

    def __str__(self) -> str:
        """The text that chooses this entry with these options."""
        return _spelled(self.name, self.options)

    def as_asked(self) -> str:
        """The same with all options that were asked for, also those that are the default."""
        return _spelled(self.name, {**self.options, **{name: self.settings[name] for name in self.asked}})

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash((type(self), str(self)))


def _brief(number: float) -> str:
    """With as few digits as tell it from others."""
    short = f"{number:g}"
    return short if float(short) == number else repr(number)


def _spelled(name: str, options: Mapping[str, Option]) -> str:
    return f"{name}({', '.join(f'{k}={v!r}' for k, v in sorted(options.items()))})" if options else name


E = TypeVar("E", bound=Entry)


class Register(Mapping[str, E], Generic[E]):
    """The entries of one kind, by name, in the order they were added. Aliases are looked up, but not iterated over.

    >>> from deltarule.equations import ACTIVATIONS
    >>> ACTIVATIONS["sigmoid"].range
    '(0, 1)'
    >>> str(ACTIVATIONS.choose("leaky_relu(0.2)"))
    'leaky_relu(slope=0.2)'
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, E] = {}
        self._aliases: dict[str, str] = {}

    def add(self, entry: E) -> E:
        """Add an entry, under a name that is still free."""
        for name in (entry.name, *entry.aliases):
            if name in self._entries or name in self._aliases:
                raise InvalidOption(f"the {self.kind} {name!r} exists already", "choose another name")
        self._entries[entry.name] = entry
        self._aliases.update(dict.fromkeys(entry.aliases, entry.name))
        return entry

    def remove(self, name: str) -> None:
        """Take an entry out again, with its aliases."""
        entry = self._entries.pop(self[name].name)
        for alias in entry.aliases:
            del self._aliases[alias]

    def __getitem__(self, name: str) -> E:
        canonical = self._aliases.get(name, name)
        if canonical not in self._entries:
            raise UnknownName(
                f"expected one of the known {self.kind} names ({', '.join(self._entries)}), found {name!r}",
                did_you_mean(str(name).lower(), [*self._entries, *self._aliases]),
            )
        return self._entries[canonical]

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self._aliases

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def choose(self, text: str | E) -> E:
        """The entry that `text` names, with the options it gives.

        Parameters
        ----------
        text : str or entry
            ``name``, ``name(value)`` or ``name(option=value, ...)``; an entry is returned as it is.

        Raises
        ------
        UnknownName
            If the name is not in this register.
        InvalidOption
            If the options cannot be read, are not the entry's, or are out of bounds.
        """
        if isinstance(text, Entry):
            return text
        if not isinstance(text, str):
            raise InvalidOption(f"expected the name of a known {self.kind}, found {text!r}")
        if text in self._entries:
            return self._entries[text]
        name, positional, keywords = _parse(text, self.kind)
        entry = self[name]
        names = list(entry.defaults)
        if len(positional) > len(names):
            raise InvalidOption(f"{name} takes {len(names)} options, found {len(positional)} in {text!r}")
        given = [*zip(names, positional, strict=False), *keywords]
        twice = [option for option, count in Counter(option for option, _ in given).items() if count > 1]
        if twice:
            raise InvalidOption(f"{name} takes each option once, found {twice[0]!r} twice in {text!r}")
        return entry.configured(**dict(given))


def _expected_type(default: Option, value: Option) -> tuple[str, bool]:
    """What an option with this default takes, in words, and whether `value` is that."""
    if isinstance(default, bool):
        return "true or false", isinstance(value, bool)
    if isinstance(default, int):
        return "a whole number", isinstance(value, Integral) and not isinstance(value, bool)
    return "a number", isinstance(value, Real) and not isinstance(value, bool)


LONGEST = 1000
"""Characters of a text that chooses an entry: nobody writes more, and more may be meant to exhaust the parser."""


def _parse(text: str, kind: str) -> tuple[str, list[Option], list[tuple[str, Option]]]:
    """Split ``name(1, key=2)`` into its name, positional and named options."""
    name, parenthesis, _ = text.partition("(")
    if not parenthesis:
        return text.strip(), [], []
    try:
        if len(text) > LONGEST:
            raise ValueError
        call = ast.parse(text.strip(), mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError
        positional = [_literal(node) for node in call.args]
        keywords = [(str(node.arg), _literal(node.value)) for node in call.keywords]
    except (ValueError, SyntaxError, RecursionError):
        raise InvalidOption(
            f"expected the {kind} as name(option=value, ...), found {text[:80]!r}",
            "numbers and true or false can be given as options",
        ) from None
    return name.strip(), positional, keywords


def _literal(node: ast.expr) -> Option:
    if isinstance(node, ast.Name) and node.id in ("true", "false"):
        return node.id == "true"
    value = ast.literal_eval(node)
    if not isinstance(value, bool | int | float):
        raise ValueError
    return value
