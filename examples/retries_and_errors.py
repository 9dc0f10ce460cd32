"""What is tried again by itself, and what is raised as which error.

    python examples/retries_and_errors.py

The server here is a scripted one: busy twice, then it answers, then it refuses the key.
"""

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from LLM import LLM, LLMAuthError, LLMConfig, LLMConnectionError, LLMError

ANSWER = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Here I am."}}]}
REFUSAL = {"error": {"message": "this key is no longer good", "code": "invalid_api_key"}}
SCRIPT = iter([(503, {}), (429, {}), (200, ANSWER), (401, REFUSAL)])


class Busy(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status, body = next(SCRIPT)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *args: object) -> None:
        """Say nothing."""


logging.basicConfig(format="%(levelname)s %(message)s")  # each try that fails is a warning
question = [{"role": "user", "content": "Are you there?"}]

with HTTPServer(("127.0.0.1", 0), Busy) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # It waits 0.05 and 0.1 s; by default 1, 2 and 4.
    config = LLMConfig(base_url=f"http://127.0.0.1:{server.server_port}", retry_delay=0.05)
    with LLM(config) as llm:
        print("answered after two failures:", llm.chat_completion(question).text)
        try:
            llm.chat_completion(question)
        except LLMAuthError as err:  # never tried again
            print("refused:", err.status_code, err.code, err.message)
    server.shutdown()

try:
    with LLM(config.model_copy(update={"max_retries": 1})) as llm:
        llm.chat_completion(question)
except LLMConnectionError as err:
    print("nobody there:", err.message)
except LLMError as err:  # the root of all errors of all packages
    print("something else:", err)
