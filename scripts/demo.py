"""A chat with the bundled model through a local server: what `scripts/demo` runs.

It first makes the environment, with the standard library alone, and then starts itself again in
it; hence LLM is imported late.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import environment
from local_server import LocalServer, ServerError, require_free_port

if TYPE_CHECKING:
    from LLM import LLM, Usage

_HOST = "127.0.0.1"


def main() -> int:
    """Run the demo.

    :return: the exit code: 0 done, 1 failed, 130 interrupted.
    """
    arguments = _parse()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        require_free_port(_HOST, arguments.port)
        if not arguments.no_install:
            environment.enter(environment.prepare("demo"), __file__, sys.argv[1:])
        _demonstrate(arguments)
    except (environment.SetupError, ServerError) as err:
        print(f"error: {err}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read the output has seen enough (scripts/demo | head); nor can more be flushed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; nothing is left running", file=sys.stderr)
        return 130
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="Install what is needed, start the local server, and talk to it through LLM.",
    )
    parser.add_argument("--port", type=int, default=8000, help="port of the server (%(default)s)")
    parser.add_argument("--model", default="tiny", help="name or GGUF file (%(default)s)")
    parser.add_argument("--serve", action="store_true", help="keep the server until Ctrl-C")
    parser.add_argument("--no-install", action="store_true", help="use the running Python as it is")
    arguments = parser.parse_args()
    if not 0 <= arguments.port <= 65535:
        parser.error(f"argument --port: {arguments.port} is not between 0 and 65535")
    return arguments


def _demonstrate(arguments: argparse.Namespace) -> None:
    from LLM import LLM, LLMConfig, LLMError

    began = time.perf_counter()
    with LocalServer(arguments.model, _HOST, arguments.port) as server:
        print(f"server: {server.url}, ready in {time.perf_counter() - began:.1f} s")
        config = LLMConfig(base_url=server.url, model=arguments.model, temperature=0.0)
        try:
            with LLM(config) as llm:
                _list_models(llm)
                _chat(llm, "What is 7 plus 5?")
                _stream_chat(llm, "Count from 1 to 10.")
                _complete(llm, "Once upon a time")
                n_tokens = llm.usage.total.total_tokens
                print(f"\n{llm.get_request_count()} requests, {n_tokens} tokens in all")
        except LLMError as err:
            raise ServerError(f"the server answered with an error: {err}") from err
        if arguments.serve:
            print(f"\nThe server keeps running; stop it with Ctrl-C. OpenAI API: {server.url}/v1")
            print(f"To chat with the model, open {server.url}/ in a browser.", flush=True)
            server.wait()


def _list_models(llm: LLM) -> None:
    print("models:", ", ".join(model.id for model in llm.list_models().data))


def _chat(llm: LLM, question: str) -> None:
    print(f"\nchat_completion  {question}")
    began = time.perf_counter()
    response = llm.chat_completion([{"role": "user", "content": question}], max_tokens=100)
    elapsed = time.perf_counter() - began
    print(f"  {response.text.strip()}")
    _report(response.usage, elapsed)


def _stream_chat(llm: LLM, question: str) -> None:
    print(f"\nchat_completion, streamed  {question}\n  ", end="", flush=True)
    began = time.perf_counter()
    first = None
    messages = [{"role": "user", "content": question}]
    with llm.chat_completion(messages, max_tokens=100, stream=True) as stream:
        for text in stream.iter_text():
            first = first or time.perf_counter() - began
            print(text, end="", flush=True)
    elapsed = time.perf_counter() - began
    print()
    _report(stream.usage, elapsed, first)


def _complete(llm: LLM, prompt: str) -> None:
    print(f"\ncompletion  {prompt}")
    began = time.perf_counter()
    response = llm.completion(prompt, max_tokens=60)
    elapsed = time.perf_counter() - began
    print(f"  {prompt}{response.text}")
    _report(response.usage, elapsed)


def _report(usage: Usage | None, elapsed_s: float, first_s: float | None = None) -> None:
    if usage is None:
        return
    rate = usage.completion_tokens / elapsed_s
    first = f", first text after {first_s * 1000:.0f} ms" if first_s is not None else ""
    print(
        f"  [{usage.prompt_tokens} tokens in, {usage.completion_tokens} out"
        f" in {elapsed_s:.2f} s: {rate:.0f} tokens/s{first}]"
    )


if __name__ == "__main__":
    sys.exit(main())
