"""The provider `local`: an extractive analysis in pure Python. No model, no network, no key, no download."""

from __future__ import annotations

from functions.core.model import ModelAnswer, ModelCall
from functions.core.providers.extract.report import report


class LocalProvider:
    """Quotes and counts what is in a chunk; says so where it was asked for more.

    The same call has the same answer in every process. 10,000 characters take a millisecond or two, which is why it
    runs on the loop and not on a thread.
    """

    async def analyse(self, call: ModelCall) -> ModelAnswer:
        """The extract of one chunk, quotes with offsets into the document. Raises nothing, whatever the text."""
        return ModelAnswer(report(call.text, call.char_start, call.instructions))

    async def aclose(self) -> None:
        """Nothing is held open."""
