"""What callers ask an answer to look like, checked before anything compiles it.

JSON schemas, regular expressions and grammars come from strangers. What could take long, grow
large or never end is refused here, in Python, with the place and the reason; so is what constrained
decoding cannot hold, so that nothing is promised and then ignored.
"""

from local_llm_kit.schemas.dropped import KNOWN_KEYWORDS
from local_llm_kit.schemas.grammar import vet_grammar, vet_regex
from local_llm_kit.schemas.vet import vet_schema

__all__ = ["KNOWN_KEYWORDS", "vet_grammar", "vet_regex", "vet_schema"]
