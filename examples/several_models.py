"""Several models within one memory budget: a model that is idle makes room for the next.

    python examples/several_models.py
    python examples/several_models.py 6GiB one.gguf two.gguf

The first takes the bundled model and a copy of it, and a budget that holds one of them.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import local_llm_kit
from LLM import LLMConfigError
from local_llm_kit import LLMClient

BUNDLED = Path(local_llm_kit.__file__).parent / "models" / "tiny" / "tiny.gguf"


def is_loaded(client: LLMClient) -> bool:
    """Whether the client's own model is in memory."""
    try:
        return bool(client.stats)
    except LLMConfigError:
        return False


with tempfile.TemporaryDirectory() as folder:
    budget, *models = sys.argv[1:] or ["24MiB", "tiny", shutil.copy(BUNDLED, f"{folder}/copy.gguf")]

    # What a model takes is planned from its header, and made to fit, before it is loaded.
    with LLMClient(models[0], memory_budget=budget) as client:
        print(client.memory_plan)
        for model in (*models, models[0]):
            answer = client.chat.completions.create(
                messages=[{"role": "user", "content": "What is 7 plus 5?"}],
                model=model,
                temperature=0.0,
            )
            loaded = "loaded" if is_loaded(client) else "closed to make room"
            print(f"{Path(model).name}: {answer.text} (the first model is {loaded})")
