"""Files in messages: the same content for every provider, whatever form each of them wants.

    python examples/files_and_images.py [chart.png]

Text goes to every model. Images go to those that see; the bundled model does not, and says so.
"""

import base64
import sys
import tempfile
from pathlib import Path

from llmring import LLMRing, analyze_image
from llmring.exceptions import LLMRingError
from llmring.file_utils import analyze_file

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

with tempfile.TemporaryDirectory() as folder:
    people = Path(folder, "people.txt")
    people.write_text("Ada is 36 years old.")
    image = Path(sys.argv[1] if sys.argv[1:] else Path(folder, "pixel.png"))
    if not sys.argv[1:]:
        image.write_bytes(base64.b64decode(PIXEL))

    ring = LLMRing()
    for alias, content in (
        ("fast", analyze_file(people, "How old is Ada?")),
        ("vision", analyze_image(image, "What is in this image?")),
    ):
        print([part["type"] for part in content])
        try:
            # No event loop runs here, so no await: reading a field waits for the answer.
            messages = [{"role": "user", "content": content}]
            response = ring.chat(alias, messages=messages, temperature=0.0)
            print(response.model, "says:", response.content)
        except LLMRingError as err:
            print("refused:", err)
