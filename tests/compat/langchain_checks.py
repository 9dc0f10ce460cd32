"""langchain-openai."""

from __future__ import annotations

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from tests.compat.common import CITY, HELLO, KEY, MODEL, WEATHER, City, get_weather


def _model(url: str, **options: object) -> ChatOpenAI:
    return ChatOpenAI(base_url=f"{url}/v1", api_key=KEY, model=MODEL, temperature=0, **options)


def chat(url: str) -> None:
    assert _model(url, reasoning_effort="low", seed=3).invoke(HELLO).content


def stream(url: str) -> None:
    pieces = [chunk.content for chunk in _model(url).stream(HELLO)]
    assert len(pieces) > 1
    assert "".join(pieces) == _model(url).invoke(HELLO).content


def tools(url: str) -> None:
    model = _model(url).bind_tools([get_weather])
    answer = model.invoke(WEATHER)
    (call,) = answer.tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Paris"})
    told = ToolMessage(get_weather("Paris"), tool_call_id=call["id"])
    assert "sunny" in model.invoke([HumanMessage(WEATHER), answer, told]).content


def structured(url: str) -> None:
    for method in ("json_schema", "function_calling"):
        model = _model(url).with_structured_output(City, method=method)
        assert isinstance(model.invoke(CITY), City)


def responses(url: str) -> None:
    model = _model(url, use_responses_api=True)
    assert model.invoke(HELLO).text
    assert len(list(model.stream(HELLO))) > 1
    (call,) = model.bind_tools([get_weather]).invoke(WEATHER).tool_calls
    assert call["name"] == "get_weather"
    assert isinstance(model.with_structured_output(City).invoke(CITY), City)


def embeddings(url: str) -> None:
    # Otherwise it counts tokens by OpenAI's tokenizer, which it downloads, and sends its token ids.
    model = OpenAIEmbeddings(
        base_url=f"{url}/v1", api_key=KEY, model=MODEL, check_embedding_ctx_length=False
    )
    assert len(model.embed_query(HELLO)) == len(model.embed_documents([HELLO, CITY])[1])


CHECKS = (chat, stream, tools, structured, responses, embeddings)
