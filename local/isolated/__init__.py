"""Functions in processes of their own, under AWS's real Python runtime client."""

from local.isolated.environment import Declared, environment
from local.isolated.function import IsolatedFunction, Plan

__all__ = ["Declared", "IsolatedFunction", "Plan", "environment"]
