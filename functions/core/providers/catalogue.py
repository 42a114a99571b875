"""The models that a deployment may use, by name. A real model's packages are imported when one is opened."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from functions.core.errors import ProviderError, Rejected
from functions.core.settings import PREFIX, Settings

if TYPE_CHECKING:
    from functions.core.ports import Provider
    from functions.core.providers.simulated import SimulatedProvider
    from functions.core.secret import ModelKey

_REAL = re.compile(r"(openai|anthropic|bedrock):([!-~]{1,256})")


class Catalogue:
    """`local`, `openai:MODEL`, `anthropic:MODEL` and `bedrock:MODEL`, as far as the settings allow; on one machine
    (with a `scratch_dir`) `simulated` too.
    """

    def __init__(self, settings: Settings, *, key: ModelKey | None = None) -> None:
        """`key`: where real models get theirs; None: from the settings. Raises Misconfigured: a bad simulate option."""
        self._settings = settings
        self._key = key
        # One for the process: a rate limit must outlive the invocation that a provider is opened for.
        self._simulated = _simulated(settings, settings.scratch_dir) if settings.scratch_dir else None

    def check(self, model: str) -> None:
        """Raises Rejected (422 `unknown-model`) when `model` is not allowed, or not of a known kind."""
        if not any(_matches(model, pattern) for pattern in self._settings.allowed_models):
            reason = f"the model {_shown(model)} is not allowed here"
        elif not self._is_known(model):
            reason = f"there is no model {_shown(model)}: a name after openai:, anthropic: or bedrock: was expected"
        else:
            return
        default = self._settings.default_model
        detail = (
            f"{reason}. Allowed: {', '.join(self._settings.allowed_models) or 'none'}. Name one of these as `model`"
            f"{'' if model == default else f', or leave it out for {default}'}; "
            f"{PREFIX}ALLOWED_MODELS sets what is allowed."
        )
        raise Rejected(422, "unknown-model", detail, errors=[{"field": "model", "message": reason}])

    def open(self, model: str) -> Provider:
        """The provider for a model, for one invocation and one event loop. Raises ProviderError."""
        if model == "simulated" and self._simulated:
            return self._simulated
        if model == "local":
            from functions.core.providers.local import LocalProvider

            return LocalProvider()
        if not (parts := _REAL.fullmatch(model)):
            raise ProviderError("invalid_request", f"there is no model {_shown(model)}; start a new job with another")
        from functions.core.providers.real import open_real

        return open_real(parts[1], parts[2], self._settings, self._key)

    def _is_known(self, model: str) -> bool:
        if model == "simulated":
            return self._simulated is not None
        return model == "local" or _REAL.fullmatch(model) is not None


def _simulated(settings: Settings, scratch_dir: str) -> SimulatedProvider:
    from functions.core.providers.simulated import SimulatedProvider, SimulateOptions

    return SimulatedProvider(SimulateOptions.parse(settings.simulate), scratch_dir=scratch_dir)


def _matches(model: str, pattern: str) -> bool:
    return model.startswith(pattern[:-1]) if pattern.endswith("*") else model == pattern


def _shown(model: str) -> str:
    return repr(model if len(model) <= 80 else model[:80] + "…")
