"""The tiny model's tokenizer, byte-level BPE with qwen2's pre-tokenizer, and chat template."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from .corpus import Chat, sample

END_OF_TEXT, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CONTROL_TOKENS = [END_OF_TEXT, START, END]
# Part of the visible text, so that a parser sees them, yet one token each.
VISIBLE_TOKENS = ["<tool_call>", "</tool_call>"]

# What llama.cpp splits by for tokenizer.ggml.pre = "qwen2": contractions, words with one leading
# mark, single digits, runs of marks, line ends, spaces. The two sides must split alike.
QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# Tools are written as signatures, "name(key: type, optional?: type) description": a JSON schema
# would cost several times the tokens. Arguments of a call come as a mapping or as JSON text.
CHAT_TEMPLATE = """\
{%- set rest = messages %}
{%- if tools %}
{{- '<|im_start|>system\\n' }}
{%- if messages and messages[0].role in ['system', 'developer'] %}
{{- (messages[0].content or '') + '\\n' }}
{%- set rest = messages[1:] %}
{%- endif %}
{{- 'Tools:' }}
{%- for tool in tools %}
{%- set f = tool.function if tool.function else tool %}
{%- set parameters = f.parameters if f.parameters else {} %}
{%- set required = parameters.required if parameters.required else [] %}
{{- '\\n' + f.name + '(' }}
{%- for key, schema in (parameters.properties if parameters.properties else {}).items() %}
{{- key + ('' if key in required else '?') }}
{%- if schema.type is string %}{{- ': ' + schema.type }}{%- endif %}
{%- if not loop.last %}{{- ', ' }}{%- endif %}
{%- endfor %}
{{- ')' }}
{%- if f.description %}{{- ' ' + f.description }}{%- endif %}
{%- endfor %}
{{- '<|im_end|>\\n' }}
{%- endif %}
{%- for m in rest %}
{{- '<|im_start|>' + ('system' if m.role == 'developer' else m.role) + '\\n' + (m.content or '') }}
{%- if m.role == 'assistant' %}
{%- for call in (m.tool_calls or []) %}
{%- set f = call.function if call.function else call %}
{{- '<tool_call>{"name": "' + f.name + '", "arguments": ' }}
{{- f.arguments if f.arguments is string else (f.arguments | tojson) }}
{{- '}</tool_call>' }}
{%- endfor %}
{%- endif %}
{{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
"""


def corpus_texts(count: int, seed: int) -> Iterator[str]:
    """Give the texts of ``count`` corpus samples, turn by turn."""
    r = Random(seed)
    for _ in range(count):
        chat = sample(r)
        if chat.text:
            yield chat.text
        yield from (m["content"] for m in chat.messages if m["content"])


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """Learn the merges from texts.

    :param vocab_size: tokens in all, the 256 bytes and the 5 special ones included.
    :return: the tokenizer with its chat template, ending turns with ``<|im_end|>``.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(VISIBLE_TOKENS),
        special_tokens=CONTROL_TOKENS,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in VISIBLE_TOKENS])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=END_OF_TEXT,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def render(tokenizer: PreTrainedTokenizerFast, chat: Chat, *, prompt: bool = False) -> str:
    """Write a chat as the text that the model reads.

    :param prompt: end with the opening of the assistant's turn.
    """
    if chat.text:
        return chat.text if prompt else chat.text + END_OF_TEXT
    text = tokenizer.apply_chat_template(
        chat.messages, tools=chat.tools or None, tokenize=False, add_generation_prompt=prompt
    )
    assert isinstance(text, str)
    return text
