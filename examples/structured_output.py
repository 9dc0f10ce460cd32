"""An answer as an object of a pydantic class.

    python examples/structured_output.py

The class goes along as a JSON schema. The local server holds the model's tokens to it, so that even
a small model cannot miss the form; what it says is another matter.
"""

from pydantic import BaseModel

from LLM import LLM, LLMResponseError
from serving import any_server


class Person(BaseModel):
    name: str
    age: int


with any_server() as config, LLM(config) as llm:
    for text in ("Ada is 36 years old.", "Max is 7 years old."):
        question = [{"role": "user", "content": text}]
        try:
            answer = llm.chat_completion(question, response_format=Person, temperature=0.0)
        except LLMResponseError as err:  # from servers that do not hold models to schemas
            print("no person:", err.message, err.body)
        else:
            print(repr(answer.parsed))
