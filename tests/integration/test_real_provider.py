"""Real models over real HTTP: OpenAI's, Anthropic's and Bedrock's clients against a server on loopback."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from functions.core.errors import ProviderError
from functions.core.model import ModelAnswer, ModelCall
from functions.core.outcomes import OUTCOMES
from functions.core.ports import Provider
from functions.core.providers.catalogue import Catalogue
from functions.core.providers.prompt import DEFAULT_INSTRUCTIONS, prompt_of
from functions.core.settings import Settings
from tests.fixtures.model_server import Answer, ModelServer, Request, completion, converse, message

KEY = "correct-horse-battery"
TEXT = "It was the best of times, it was the worst of times,\nit was the age of wisdom."
CALL = ModelCall("job", 3, 1, TEXT, 0, "List the ages.")
OPENAI, ANTHROPIC, BEDROCK = (
    "openai:gpt-9",
    "anthropic:claude-haiku-5-5",
    "bedrock:anthropic.claude-3-haiku-20240307-v1:0",
)
every_kind = pytest.mark.parametrize("model", [OPENAI, ANTHROPIC, BEDROCK])


@pytest.fixture(autouse=True)
def _no_keys_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN",
        "ANTHROPIC_BASE_URL", "AWS_BEARER_TOKEN_BEDROCK", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL",
        "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
        "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy",
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/nonexistent")  # where the SDKs look for credentials of their own
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def providers(url: str | None, **settings: Any) -> Catalogue:
    values: dict[str, Any] = {"model_base_url": url, "model_api_key": KEY, "call_timeout": 60.0, **settings}
    return Catalogue(
        Settings(database_url="x", bucket="b", plan_queue="p", chunk_queue="c", finalize_queue="f", **values)
    )


def base_url(server: ModelServer, model: str) -> str:
    return f"{server.url}/v1" if model == OPENAI else server.url


@pytest.fixture
def ask(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModelAnswer]:
    """Open the model, put one call (or what `work` does) to it, close it."""

    def asked(model: str, call: ModelCall = CALL, work: Any = None, **settings: Any) -> Any:
        if model == BEDROCK:  # botocore sends a bearer key over HTTPS only: sign with AWS keys instead
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
            settings = {"model_api_key": None, **settings}
        catalogue = providers(settings.pop("url", base_url(server, model)), **settings)
        return asyncio.run(_with(catalogue, model, work or (lambda provider: provider.analyse(call))))

    return asked


async def _with(catalogue: Catalogue, model: str, work: Callable[[Provider], Awaitable[Any]]) -> Any:
    provider = catalogue.open(model)
    try:
        return await work(provider)
    finally:
        await provider.aclose()


def failure(ask: Callable[..., ModelAnswer], model: str, **options: Any) -> ProviderError:
    with pytest.raises(ProviderError) as failed:
        ask(model, **options)
    assert failed.value.code in OUTCOMES
    assert failed.value.message.startswith(model)
    # A logged traceback must not show what the SDK raised.
    assert failed.value.__suppress_context__ or failed.value.__context__ is None
    return failed.value


def sent(request: Request) -> tuple[str, str]:
    """(instructions, text) as each API carries them."""
    body = request.body
    if request.path.endswith("/chat/completions"):
        system, user = body["messages"]
        assert (system["role"], user["role"]) == ("system", "user")
        return system["content"], user["content"]
    [user] = body["messages"]
    return body["system"][0]["text"], user["content"][0]["text"]


@every_kind
def test_the_text_goes_out_with_the_instructions_and_the_words_come_back(
    server: ModelServer, ask: Callable[..., ModelAnswer], model: str
) -> None:
    assert ask(model) == ModelAnswer("the answer")
    [request] = server.requests
    assert sent(request) == ("List the ages.", TEXT)
    assert not {"temperature", "reasoning_effort", "tools"} & request.body.keys()


@every_kind
def test_without_instructions_a_summary_is_asked_for(
    server: ModelServer, ask: Callable[..., ModelAnswer], model: str
) -> None:
    ask(model, ModelCall("job", 0, 1, TEXT, 0, None))
    assert sent(server.requests[0]) == (DEFAULT_INSTRUCTIONS, TEXT)


@every_kind
def test_context_goes_out_in_tags_of_its_own(server: ModelServer, ask: Callable[..., ModelAnswer], model: str) -> None:
    call = ModelCall("job", 0, 1, TEXT, 0, "List the ages.", before="Before it.", after="And after.")
    ask(model, call)
    instructions, prompt = sent(server.requests[0])
    assert (instructions, prompt) == prompt_of(call)
    assert instructions.startswith("List the ages.\n\nWork on what stands between <part-")
    assert prompt.index("Before it.") < prompt.index(TEXT) < prompt.index("And after.")


@pytest.mark.parametrize("model", [OPENAI, ANTHROPIC])
def test_the_configured_key_is_sent(server: ModelServer, ask: Callable[..., ModelAnswer], model: str) -> None:
    ask(model)
    assert KEY in "".join(server.requests[0].headers.values())


@pytest.mark.parametrize(("model", "name"), [(OPENAI, "OPENAI_API_KEY"), (ANTHROPIC, "ANTHROPIC_API_KEY")])
def test_else_the_key_of_the_sdks_own_variable(
    server: ModelServer, ask: Callable[..., ModelAnswer], monkeypatch: pytest.MonkeyPatch, model: str, name: str
) -> None:
    monkeypatch.setenv(name, "from-the-environment")
    ask(model, model_api_key=None)
    assert "from-the-environment" in "".join(server.requests[0].headers.values())


@pytest.mark.parametrize("model", [OPENAI, ANTHROPIC])
def test_a_server_of_ones_own_needs_no_key(ask: Callable[..., ModelAnswer], model: str) -> None:
    assert ask(model, model_api_key=None).text == "the answer"


@pytest.mark.parametrize(("model", "name"), [(OPENAI, "OPENAI_API_KEY"), (ANTHROPIC, "ANTHROPIC_API_KEY")])
def test_a_missing_key_is_named_with_the_way_out(ask: Callable[..., ModelAnswer], model: str, name: str) -> None:
    failed = failure(ask, model, url=None, model_api_key=None)
    assert failed.code == "bad_credentials"
    for way_out in (name, "PIECEWISE_MODEL_API_KEY", "PIECEWISE_MODEL_BASE_URL"):
        assert way_out in failed.message


def test_bedrock_without_a_region_or_credentials_says_so(
    server: ModelServer, ask: Callable[..., ModelAnswer], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "AWS_DEFAULT_REGION" in failure(ask, BEDROCK, url=None).message
    catalogue = providers(server.url, model_api_key=None)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(ProviderError) as failed:
        asyncio.run(_with(catalogue, BEDROCK, lambda provider: provider.analyse(CALL)))
    assert failed.value.code == "bad_credentials"


def test_bedrocks_own_key_never_goes_over_plain_http(server: ModelServer, ask: Callable[..., ModelAnswer]) -> None:
    assert failure(ask, BEDROCK, model_api_key=KEY).code == "invalid_request"
    assert server.requests == []


def test_bedrock_ignores_the_endpoint_of_a_laptops_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    provider: Any = providers(None).open(BEDROCK)
    [client] = provider._clients.values()
    assert client.model.base_url == "https://bedrock-runtime.eu-central-1.amazonaws.com"
    asyncio.run(provider.aclose())


@every_kind
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "invalid_request"), (401, "bad_credentials"), (403, "bad_credentials"), (404, "invalid_request"),
        (408, "timeout"), (429, "rate_limited"), (500, "server_error"), (502, "server_error"), (503, "unavailable"),
        (529, "overloaded"),
    ],
)  # fmt: skip
def test_a_status_becomes_its_code_after_exactly_one_request(
    server: ModelServer, ask: Callable[..., ModelAnswer], model: str, status: int, code: str
) -> None:
    server.answer = Answer(status, body={"error": {"message": "what went wrong"}, "message": "what went wrong"})
    failed = failure(ask, model)
    assert (failed.code, failed.message) == (code, f"{model} answered {status}: what went wrong")
    assert len(server.requests) == 1


@every_kind
def test_retry_after_in_seconds_is_kept(server: ModelServer, ask: Callable[..., ModelAnswer], model: str) -> None:
    server.answer = Answer(429, {"Retry-After": "17"}, {})
    assert failure(ask, model).retry_after == 17.0


@every_kind
def test_retry_after_as_a_date_is_kept(server: ModelServer, ask: Callable[..., ModelAnswer], model: str) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True)
    server.answer = Answer(503, {"Retry-After": later}, {})
    assert failure(ask, model).retry_after == pytest.approx(600, abs=180)


@every_kind
def test_nobody_listening_is_connection_refused(ask: Callable[..., ModelAnswer], model: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert failure(ask, model, url=url).code == "connection_refused"


@every_kind
def test_a_connection_that_breaks_off_is_connection_reset(
    server: ModelServer, ask: Callable[..., ModelAnswer], model: str
) -> None:
    server.answer = Answer(drop=True)
    assert failure(ask, model).code == "connection_reset"
    assert len(server.requests) == 1


@every_kind
def test_no_answer_in_time_is_a_timeout(server: ModelServer, ask: Callable[..., ModelAnswer], model: str) -> None:
    server.answer = Answer(hold=threading.Event())
    failed = failure(ask, model, call_timeout=0.05)
    assert (failed.code, failed.message) == ("timeout", f"{model} gave no answer within 0.05 s")


@every_kind
@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=b"{garbage"), Answer(body=b"garbage", headers={"Content-Type": "text/plain"}), Answer(body=[]),
        Answer(body={}), Answer(body={"choices": [], "content": [], "output": {}}), Answer(body=b""),
        Answer(body={"choices": None, "content": None, "output": None}), Answer(body={"error": {"message": "x"}}),
    ],
    ids=lambda answer: repr(answer.body),
)  # fmt: skip
def test_an_answer_of_another_shape_is_a_bad_response(
    server: ModelServer, ask: Callable[..., ModelAnswer], model: str, answer: Answer
) -> None:
    server.answer = answer
    assert failure(ask, model).code == "bad_response"
    assert len(server.requests) == 1


@pytest.mark.parametrize(("model", "body"), [(OPENAI, completion("")), (OPENAI, completion(None))])
def test_an_answer_without_text_is_a_bad_response(
    server: ModelServer, ask: Callable[..., ModelAnswer], model: str, body: dict[str, Any]
) -> None:
    server.answer = Answer(body=body)
    assert failure(ask, model).code == "bad_response"


@pytest.mark.parametrize(
    ("model", "answer"),
    [
        (OPENAI, Answer(body=completion("", finish_reason="content_filter"))),
        (OPENAI, Answer(body=completion(None, message={"refusal": "I cannot help with that"}))),
        (OPENAI, Answer(400, body={"error": {"code": "content_policy_violation", "message": "no"}})),
        (OPENAI, Answer(400, body={"error": {"code": "content_filter", "message": "no"}})),
        (ANTHROPIC, Answer(body=message("", "refusal"))),
        (BEDROCK, Answer(body=converse("no", "guardrail_intervened"))),
    ],
)
def test_a_filter_that_says_no_is_refused_content(
    server: ModelServer, ask: Callable[..., ModelAnswer], model: str, answer: Answer
) -> None:
    server.answer = answer
    assert failure(ask, model).code == "refused_content"


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (OPENAI, completion("half an ans", finish_reason="length")),
        (ANTHROPIC, message("half an ans", "max_tokens")),
        (BEDROCK, converse("half an ans", "max_tokens")),
    ],
)
def test_an_answer_cut_by_the_models_limit_says_so(
    server: ModelServer, ask: Callable[..., ModelAnswer], model: str, body: dict[str, Any]
) -> None:
    server.answer = Answer(body=body)
    assert ask(model).text == "half an ans\n[cut off: the model reached its output limit]"


@pytest.mark.parametrize(
    ("name", "code"), [("ModelErrorException", "server_error"), ("ThrottlingException", "rate_limited")]
)
def test_bedrocks_own_codes(server: ModelServer, ask: Callable[..., ModelAnswer], name: str, code: str) -> None:
    status = {"ModelErrorException": 424, "ThrottlingException": 429}[name]
    server.answer = Answer(status, {"x-amzn-errortype": name}, {"message": "later"})
    failed = failure(ask, BEDROCK)
    assert (failed.code, failed.message) == (code, f"{BEDROCK} answered {status}: later")


def test_an_error_inside_a_stream_has_the_code_it_would_have_had_before(
    server: ModelServer, ask: Callable[..., ModelAnswer]
) -> None:
    error = b'{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}'
    server.answer = Answer(body=b"event: error\ndata: " + error + b"\n\n")
    assert failure(ask, ANTHROPIC).code == "overloaded"
    assert len(server.requests) == 1


@every_kind
def test_a_message_never_carries_the_text_the_instructions_or_a_key(
    server: ModelServer, ask: Callable[..., ModelAnswer], model: str
) -> None:
    server.answer = Answer(500, echo=True)
    message = failure(ask, model).message
    assert message.startswith(f"{model} answered 500")
    for private in (TEXT[:20], "worst of times", "List the ages", KEY, KEY[:8]):
        assert private not in message
    assert len(message) < 400


def test_eight_calls_at_once_share_a_pool_of_connections(server: ModelServer, ask: Callable[..., ModelAnswer]) -> None:
    hold = threading.Event()
    server.answer = Answer(hold=hold)

    async def two_rounds(provider: Provider) -> None:
        first = [asyncio.create_task(provider.analyse(CALL)) for _ in range(8)]
        await asyncio.to_thread(server.arrived, 8)  # all are under way before any is answered
        hold.set()
        await asyncio.gather(*first)
        await asyncio.gather(*(provider.analyse(CALL) for _ in range(8)))

    ask(OPENAI, work=two_rounds)
    assert len(server.requests) == 16
    assert len({request.connection for request in server.requests}) == 8


def test_a_cancelled_call_is_cancelled_and_the_next_one_works(
    server: ModelServer, ask: Callable[..., ModelAnswer]
) -> None:
    hold = threading.Event()
    server.answer = Answer(hold=hold)

    async def cancel_one(provider: Provider) -> ModelAnswer:
        task = asyncio.create_task(provider.analyse(CALL))
        await asyncio.to_thread(server.arrived, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        hold.set()
        return await provider.analyse(CALL)

    assert ask(OPENAI, work=cancel_one) == ModelAnswer("the answer")


def test_a_text_of_any_characters_arrives_as_it_is(server: ModelServer, ask: Callable[..., ModelAnswer]) -> None:
    text = '\ufeffa\r\nb\t"quoted" \\ <|im_end|> {braces} 👩\u200d👩\u200d👧 \u202e' * 3
    ask(OPENAI, ModelCall("job", 0, 1, text, 0, None))
    assert sent(server.requests[0])[1] == text
