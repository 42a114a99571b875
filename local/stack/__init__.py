"""The whole of Piecewise on one machine, as a context manager; the heavy parts are in its processes."""

from local.options import Options
from local.stack.stack import Stack
from local.stack.supervisor import StackError

__all__ = ["Options", "Stack", "StackError"]
