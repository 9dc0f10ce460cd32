"""Files of jobs and of cassettes: lines as people and killed programs leave them."""

from __future__ import annotations

from fuzzing.files import written
from fuzzing.target import Target
from LLM.batch.exceptions import BatchInputError, BatchOutputError
from LLM.batch.lines import error_of, read_line
from LLM.batch.parsing import RequestReader
from LLM.batch.source import LineFile
from LLM.batch.stores import DirectStore
from LLM.cassettes import file as cassette_file
from LLM.exceptions import CassetteError, LLMError

_BOM = b"\xef\xbb\xbf"


def check_input(data: bytes) -> None:
    """A file of requests: each line is a request or an error that names it."""
    path = written("in.jsonl", data)
    found = list(LineFile(path).read())
    lines = data.removeprefix(_BOM).split(b"\n")
    wanted = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    assert [(number, line.removesuffix(b"\n")) for number, line in found] == wanted
    reader = RequestReader("m")
    for number, line in found:
        try:
            request = reader.request(line, number - 1, f"line {number}")
        except BatchInputError as err:
            assert err.message.startswith(f"line {number}: ")
            assert len(err.message) < 1000
            continue
        again = reader.request_again(line, number - 1)
        assert again is not None
        assert again.id == request.id


def check_output(data: bytes) -> None:
    """What an earlier run has left: whole lines stay, a torn one goes, all else is refused."""
    path = written("out.jsonl", data)
    store: DirectStore | None = None
    try:
        store = DirectStore(path, path.with_name("errors.jsonl"))
        lines = list(store.scan())
    except BatchOutputError:
        assert path.read_bytes() == data
        return
    finally:
        if store is not None:
            store.close()
    kept = path.read_bytes()
    assert data.startswith(kept)
    assert not kept or kept.endswith(b"\n")
    assert all(kept[place : place + len(line)] == line for place, line in lines)
    for _, line in lines:
        record = read_line(line)
        if record is not None:
            assert isinstance(error_of(record), LLMError | None)


def check_cassette(data: bytes) -> None:
    """A cassette: what is read can be played, or the file is refused."""
    try:
        found = cassette_file.read(written("calls.jsonl", data))
    except CassetteError as err:
        assert len(str(err)) < 2000
        return
    for one in found:
        if one.response is not None:
            one.answer("http://127.0.0.1")


_REQUEST = (
    b'{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": '
    b'[{"role": "user", "content": "Hi"}]}}\n'
)
_ID = b"batch_req_" + b"0" * 32
_ANSWER = (
    b'{"id":"' + _ID + b'","custom_id":"a","response":{"status_code":200,"request_id":"r",'
    b'"body":{}},"error":null}\n'
)
_FAILURE = (
    b'{"id":"' + _ID + b'","custom_id":"b","response":null,"error":{"code":"c","message":"no",'
    b'"type":"LLMTimeoutError"}}\n'
)
_HEADER = b'{"cassette": 1}\n'
_CALL = (
    b'{"number": 0, "request": {"method": "POST", "url": "http://h/v1", "body": {"a": 1}}, '
    b'"seconds": 0.1, "response": {"status": 200, "headers": {"content-type": "x"}, "body": {}}}\n'
)
_STREAM = (
    b'{"number": 1, "request": {"method": "POST", "url": "http://h/v1", "text": "x"}, "seconds": 1,'
    b' "response": {"status": 200, "headers": {}, "stream": [[0.1, "a"], [0.2, {"base64": "AA=="}]]'
    b"}}\n"
)
_ERROR = (
    b'{"number": 2, "request": {"method": "GET", "url": "http://h/"}, "seconds": 1, "error": '
    b'{"type": "LLMTimeoutError", "message": "m", "status_code": 408}}\n'
)
TARGETS = {
    "batch_input": Target(
        check_input,
        (_REQUEST, _BOM + _REQUEST + b"\r\n\n" + _REQUEST.replace(b'"a"', b'"b"').strip(),
         b'{"custom_id": 1}\n[]\nnull\n{', b"\xff\xfe{\0}\0"),
        (_REQUEST, b'"url": "/v1/embeddings"', b'"input": "x"', b'"prompt": "x"', b'"model": 1',
         b'"url": "/v1/completions"', b'"stream": true', b'"temperature": 3', b'"max_tokens": -1',
         b"\n", b"\\ud800", b"NaN", b"1e999", b"null", b"[]", b"{}"),
    ),
    "batch_output": Target(
        check_output,
        (_ANSWER, _ANSWER + _FAILURE, _ANSWER + _FAILURE[:40], _ANSWER + b"\0\0", b"mine\n", b""),
        (_ANSWER, _FAILURE, b'{"id":"batch_req_', b"\n", b"\0", b'"type":"LLMError"', b"null",
         b'"type":"LLMAPIError"', b'"type":"CassetteMissError"', b'"body":[]',
         b'"status_code":"x"'),
    ),
    "cassette": Target(
        check_cassette,
        (_HEADER + _CALL, _HEADER + _CALL + _STREAM + _ERROR, _HEADER + _CALL[:60], b"no\n", b"",
         b'{"cassette": 2}\n'),
        (_CALL, _STREAM, _ERROR, b'"base64": "!"', b'"text": 1', b'"body": null', b'"headers": []',
         b'"end": "left"', b'"url": 1', b"1e999", b"null", b"\\ud800", b"{}", b"[]"),
    ),
}  # fmt: skip
