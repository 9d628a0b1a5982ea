"""What keeps a network from learning: measured layer by layer, judged, and said with what to do about it."""

from .callback import Diagnosis
from .examine import diagnose, diagnose_estimator
from .findings import Finding
from .report import Report

__all__ = ["Diagnosis", "Finding", "Report", "diagnose", "diagnose_estimator"]
