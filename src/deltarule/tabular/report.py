"""How a model was trained, as its file tells it: which fields there are, and that each is what it should be."""

from __future__ import annotations

from typing import Any

from deltarule.errors import ModelFileError
from deltarule.fields import read_field

_REPORT = {
    "decisions": list,
    "columns": list,
    "rows": dict,
    "options": dict,
    "test": dict,
    "baseline": dict,
    "baseline_is": str,
    "stopped": str,
    "interrupted": bool,
    "best_epoch": int,
}
_MAY_BE_NONE = ("test", "baseline", "best_epoch")


def check_report(report: object) -> dict[str, Any]:
    """A report that was read, with every field of its type, also within its lists.

    Raises
    ------
    ModelFileError
    """
    if not isinstance(report, dict):
        raise ModelFileError("expected a report of the training, found none")
    for name, kind in _REPORT.items():
        if not (name in _MAY_BE_NONE and report.get(name, ...) is None):
            read_field(report, "report", name, kind)
    for name, keys in (("decisions", ("what", "choice", "why")), ("columns", ("name", "kind", "why"))):
        for entry in report[name]:
            if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in keys):
                raise ModelFileError(f"report: expected texts {', '.join(keys)} in {name}, found {str(entry)[:40]!r}")
    for name in ("test", "baseline"):
        for value in (report[name] or {}).values():
            if value is not None and not isinstance(value, int | float):
                raise ModelFileError(f"report: expected numbers in {name}, found {str(value)[:40]!r}")
    if not all(isinstance(count, int) for count in report["rows"].values()):
        raise ModelFileError("report: expected numbers of rows")
    return report
