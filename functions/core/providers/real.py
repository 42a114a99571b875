"""Real models, through pydantic-ai. Imported only when one is opened: it takes a second or two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic_ai.direct import model_request
from pydantic_ai.messages import ModelRequest, ModelResponse, UserPromptPart
from pydantic_ai.settings import ModelSettings

from functions.core.errors import ProviderError
from functions.core.model import ModelAnswer, ModelCall
from functions.core.providers.prompt import private_text, prompt_of
from functions.core.providers.real_clients import Client, open_client
from functions.core.providers.real_failures import translated

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.core.secret import ModelKey
    from functions.core.settings import Settings

_CUT = "\n[cut off: the model reached its output limit]"


def open_real(kind: str, name: str, settings: Settings, key: ModelKey | None) -> RealProvider:
    """The provider for `kind:name`, on the running event loop. Raises ProviderError when it cannot be opened.

    With `key` that is found out at the first call: the key is read then, on another thread.
    """

    def connect(api_key: str | None) -> Client:
        return open_client(kind, name, settings, api_key)

    provider = RealProvider(f"{kind}:{name}", connect, timeout=settings.call_timeout, key=key)
    if key is None:
        provider.connect(settings.model_api_key)
    return provider


class RealProvider:
    """A client with its connections, for the calls of one event loop: one request a call, never a retry.

    But a key may be changed while we run: a call that was refused for its key is made again with the new one.
    """

    def __init__(
        self, model: str, connect: Callable[[str | None], Client], *, timeout: float, key: ModelKey | None
    ) -> None:
        """`timeout`: seconds from the first byte sent to the last one read."""
        self._model = model
        self._connect = connect
        self._timeout = timeout
        self._key = key
        self._clients: dict[str | None, Client] = {}  # by key; one, but while a key is being replaced

    def connect(self, api_key: str | None) -> Client:
        """The client with this key. Raises ProviderError."""
        if api_key not in self._clients:
            with translated(self._model, timeout=self._timeout, secrets=(api_key or "",), text=""):
                self._clients[api_key] = self._connect(api_key)
        return self._clients[api_key]

    async def analyse(self, call: ModelCall) -> ModelAnswer:
        """The model's words on the text. Raises ProviderError, nothing else."""
        if self._key is None:
            [client] = self._clients.values()
            return await self._ask(client, call)
        used = await self._key.text()
        try:
            return await self._ask(self.connect(used), call)
        except ProviderError as error:
            if error.code != "bad_credentials":
                raise
            refusal = error
        renewed = await self._key.text(refused=used)
        if renewed == used:
            raise refusal
        return await self._ask(self.connect(renewed), call)

    async def _ask(self, client: Client, call: ModelCall) -> ModelAnswer:
        instructions, prompt = prompt_of(call)
        with translated(self._model, timeout=self._timeout, secrets=client.secrets, text=private_text(call)):
            response = await model_request(
                client.model,
                [ModelRequest([UserPromptPart(prompt)], instructions=instructions)],
                model_settings=ModelSettings(request_timeout=self._timeout),
                instrument=False,  # prompts are the user's documents: they go to the model and nowhere else
            )
            return ModelAnswer(self._text(response))

    async def aclose(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.close()

    def _text(self, response: ModelResponse) -> str:
        if response.finish_reason == "content_filter":
            raise ProviderError("refused_content", f"{self._model} refused the content")
        if not response.text:
            raise ProviderError("bad_response", f"{self._model} answered without any text")
        return response.text + (_CUT if response.finish_reason == "length" else "")
