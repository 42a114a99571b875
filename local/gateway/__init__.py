"""API Gateway's HTTP API in front of one function, on one machine."""

from local.gateway.app import Gateway
from local.gateway.server import bind, serve

__all__ = ["Gateway", "bind", "serve"]
