"""Questions with known answers, as probabilities and without generated text.

    python examples/decisions.py "I love red cars."

The bundled model shows the shape; it was not trained for such questions.
"""

import sys

from local_llm_kit import ChoiceAnswer, LLMClient, PredicateAnswer

COLOURS = ["red", "blue", "dark green"]

with LLMClient("tiny") as client:
    decision = client.decisions.create(
        input=sys.argv[1] if sys.argv[1:] else "I love red cars.",
        questions=[
            {
                "type": "choice",
                "name": "colour",
                "instructions": "Which colour is meant?",
                "choices": [{"value": colour} for colour in COLOURS],
            },
            {"type": "predicate", "instructions": "The user likes something."},
        ],
    )

for answer in decision.answers:
    if isinstance(answer, ChoiceAnswer):
        for one in answer.probabilities:
            print(f"{one.value:<10} {one.probability:6.1%}")
    elif isinstance(answer, PredicateAnswer):
        print(f"likes it   {answer.probability:6.1%}")
