"""Short texts of strangers: addresses, headers, names of files, conversations and settings."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from python_multipart.multipart import MultipartParser

from cloud.llm.ollama.address import parsed_host
from fuzzing.files import written
from fuzzing.target import Target
from LLM.config import LLMConfig
from LLM.error_response import parse_retry_after
from LLM.exceptions import LLMConfigError
from LLM.multipart import file_form
from llmring.cli.server import env_file
from llmring.cli.terminal_chat.archive import Chat
from llmring.exceptions import ConfigurationError
from local_llm_kit.cli.conversation import Conversation


def check_address(data: bytes) -> None:
    """A server's address: what is taken is one whose host was told, and means itself."""
    text = data.decode("utf-8", "replace")
    try:
        url = LLMConfig(base_url=text).base_url
    except LLMConfigError as err:
        assert len(str(err)) < 1000
    else:
        found = urlsplit(url)
        assert found.scheme in ("http", "https")
        assert found.hostname
        assert url == text.rstrip("/")
        assert not any((found.username, found.password, found.query, found.fragment))
    try:
        url = parsed_host(text)
    except LLMConfigError as err:
        assert "@" not in text or text not in str(err)
        return
    assert parsed_host(url) == url


def check_retry_after(data: bytes) -> None:
    """How long a server asks to wait: a bounded number of seconds, or nothing."""
    first, _, second = data.decode("latin-1").partition("\n")
    found = parse_retry_after({"retry-after": first, "retry-after-ms": second}, 1e9)
    assert found is None or (math.isfinite(found) and 0 <= found <= 1e9)


@dataclass(frozen=True, slots=True)
class _File:
    filename: str
    content: bytes
    media_type: str = "application/octet-stream"

    @property
    def size_bytes(self) -> int:
        return len(self.content)

    def pieces(self) -> Iterator[bytes]:
        yield self.content


def check_form(data: bytes) -> None:
    """A form with a file: whatever the file's name, nothing is in the form but what was given."""
    name, _, content = data.partition(b"\n\n")
    form = file_form(_File(name.decode("utf-8", "replace"), content), {"purpose": "batch"})
    body = b"".join(form)
    assert len(body) == form.size_bytes
    headers: list[bytes] = []
    parts: list[bytes] = []
    parser = MultipartParser(
        form.content_type.partition("boundary=")[2],
        {
            "on_part_begin": lambda: parts.append(b""),
            "on_header_begin": lambda: headers.append(b""),
            "on_header_field": lambda data, i, j: headers.append(headers.pop() + data[i:j]),
            "on_part_data": lambda data, i, j: parts.append(parts.pop() + data[i:j]),
        },
    )
    parser.write(body)
    parser.finalize()
    assert parts == [b"batch", content]
    assert headers == [b"Content-Disposition", b"Content-Disposition", b"Content-Type"]


def check_conversation(data: bytes) -> None:
    """Conversations of the two command lines: what is read is written as it was, or refused."""
    text = data.decode("utf-8", "replace")
    try:
        own = Conversation.from_json(text, "fuzz")
    except LLMConfigError:
        pass
    else:
        assert Conversation.from_json(own.to_json(), "fuzz") == own
        own.to_markdown()
        while own.undo():
            pass
    try:
        ring = Chat.from_json(text)
    except ValueError:
        return
    again = Chat.from_json(ring.to_json())
    assert (again.session_id, again.model, again.created_at) == (
        ring.session_id, ring.model, ring.created_at
    )  # fmt: skip
    assert again.to_json() == ring.to_json()
    assert isinstance(ring.first_question, str)


def check_env_file(data: bytes) -> None:
    """A file of settings: one is changed, and the other lines are as they were."""
    path = written("settings", data)
    try:
        before = env_file.read(path)
        env_file.write(path, {"LLMRING_API_KEY": "k'$ \\"})
    except ConfigurationError:
        assert path.read_bytes() == data
        return
    after = env_file.read(path)
    assert after.pop("LLMRING_API_KEY") == "k'$ \\"
    before.pop("LLMRING_API_KEY", None)
    assert after == before
    assert _other_lines(path.read_bytes()) == _other_lines(data)


def _other_lines(data: bytes) -> list[bytes]:
    lines = data.removesuffix(b"\n").split(b"\n")
    return [line for line in lines if line and b"LLMRING_API_KEY" not in line]


_CONVERSATION = (
    b'{"format": "local-llm-kit conversation", "version": 1, "model": "tiny", "system": null, '
    b'"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}]}'
)
_CHAT = (
    b'{"session_id": "0a", "model": "fast", "created_at": "2026-01-01T00:00:00+00:00", "messages": '
    b'[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "", "tool_calls": ['
    b'{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}]}'
)
TARGETS = {
    "address": Target(
        check_address,
        (b"http://127.0.0.1:8000/v1", b"https://api.example.org/", b"localhost:11434", b"::1",
         b"http://[::1]:1/api", b"user:pass@host", b"http://a/v1/chat/completions"),
        (b"http://", b"https://", b"[", b"]", b"@", b":", b"/v1", b"?a=b", b"#f", b"0.0.0.0",
         b"%00", b"\xe2\x84\x80", b":99999", b"//", b"\\", "．".encode()),
        max_bytes=128,
    ),
    "retry_after": Target(
        check_retry_after,
        (b"5", b"0.5\n250", b"Wed, 21 Oct 2065 07:28:00 GMT", b"5, 7", b"", b"9" * 400),
        (b"GMT", b"Mon, ", b" Jan ", b"+9999", b"1e9", b"inf", b"\xb2", b"-1"),
        max_bytes=512,
    ),
    "form": Target(
        check_form,
        (b"notes.txt\n\nSome text.", b'a"; name="x\r\n\r\n--\n\n\r\n--\r\n', b"\\\n\n\0\xff"),
        (b'"', b"\\", b"\r\n", b"\n", b"--", b'; filename="', b"%22", b"\0"),
        max_bytes=512,
    ),
    "conversation": Target(
        check_conversation,
        (_CONVERSATION, _CHAT, b"[]", b"{"),
        (b'"role": "system"', b'"role": "tool"', b'"tool_call_id": "1"', b'"content": [', b"null",
         b'{"type": "text", "text": "x"}', b'{"type": "image_url", "image_url": {"url": "data:"}}',
         b'"tool_calls": []', b'"timestamp": "2026-01-01"', b"\\ud800", b"NaN", b"1e999", b"[",
         b"{", b'"metadata": {}', b'"name": "x"'),
    ),
    "env_file": Target(
        check_env_file,
        (b"# mine\nexport A=1\nLLMRING_API_KEY=old\n", b"A='x y' # c\r\nB=\n", b"A='open", b""),
        (b"LLMRING_API_KEY=", b"export ", b"'", b'"', b"\\", b"#", b"\n", b"\r\n", b"\f",
         b"\xc2\x85", b"\xe2\x80\xa8", b"\x1c", b"\r"),
        max_bytes=512,
    ),
}  # fmt: skip
