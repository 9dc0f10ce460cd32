"""What each tool of the lockfile is called, does and takes."""

from __future__ import annotations

from typing import Any, NamedTuple

from llmring.registry.schemas import ABILITIES

#: Most models in one answer: about a thousand tokens.
MAX_LISTED = 20
#: Most models whose details one call may ask for.
MAX_DETAILED = 5
_MAX_NAME_CHARS, _MAX_MODELS_CHARS = 200, 2000


class ToolSchema(NamedTuple):
    """What a tool is called, does and takes.

    :param parameters: JSON schema of its arguments.
    """

    name: str
    description: str
    parameters: dict[str, Any]


def _text(description: str, longest: int = _MAX_NAME_CHARS) -> dict[str, Any]:
    return {"type": "string", "maxLength": longest, "description": description}


def _flag(description: str) -> dict[str, Any]:
    return {"type": "boolean", "description": description}


def _number(description: str, *, whole: bool = False) -> dict[str, Any]:
    kind = "integer" if whole else "number"
    return {"type": kind, "minimum": 0, "maximum": 10**15, "description": description}


def _texts(description: str, **items: Any) -> dict[str, Any]:
    each = {"type": "string", "maxLength": _MAX_NAME_CHARS, **items}
    return {"type": "array", "items": each, "maxItems": 50, "description": description}


_PROFILE = _text("The profile; leave it out for the one in use.")
_PROVIDERS = _texts("Only these providers, such as openai or anthropic; leave it out for all.")


def _schema(
    name: str, description: str, required: tuple[str, ...] = (), **properties: Any
) -> ToolSchema:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    return ToolSchema(name, description, parameters)


SCHEMAS = (
    _schema(
        "add_alias",
        "Bind an alias to models, in place of those it has. Kept in memory until save_lockfile.",
        ("alias", "models"),
        alias=_text("The alias, such as fast or summarizer."),
        models=_text(
            "All models of the alias, the first choice first, each as provider:model, with commas "
            "between: anthropic:claude-haiku-5-5,openai:gpt-6-luna",
            _MAX_MODELS_CHARS,
        ),
        profile=_PROFILE,
        allow_unlisted=_flag(
            "True only where the user insists on a model that the registry does not list."
        ),
    ),
    _schema(
        "remove_alias",
        "Take an alias away. Kept in memory until save_lockfile.",
        ("alias",),
        alias=_text("The alias."),
        profile=_PROFILE,
    ),
    _schema(
        "list_aliases",
        "List the aliases of a profile and their models, changes that are not saved among them.",
        profile=_PROFILE,
        verbose=_flag("With prices and limits of each model."),
    ),
    _schema(
        "assess_model",
        "Say what a model costs and can do, or each model of an alias, and which aliases use it.",
        ("model_ref",),
        model_ref=_text("An alias, or a model as provider:model."),
        profile=_PROFILE,
    ),
    _schema(
        "analyze_costs",
        "Estimate what each alias of a profile costs a month, with the first model that is set up. "
        "To compare, change an alias first: nothing is written.",
        profile=_PROFILE,
        input_tokens=_number("Tokens of prompts a month, each alias.  [1000000]", whole=True),
        output_tokens=_number("Tokens of answers a month, each alias.  [200000]", whole=True),
    ),
    _schema(
        "save_lockfile",
        "Write the changes into the lockfile, and say what has changed. Ask the user first.",
        preview=_flag("True shows what would change and writes nothing."),
    ),
    _schema(
        "get_configuration",
        "Show the whole lockfile: where it is, its profiles, aliases, packages and providers, and "
        "what is not saved yet.",
    ),
    _schema(
        "get_available_providers", "Say which providers are set up here, and what others lack."
    ),
    _schema(
        "list_models",
        f"List models with prices and limits, current ones first, at most {MAX_LISTED}.",
        providers=_PROVIDERS,
        include_inactive=_flag("With models that are no longer served."),
    ),
    _schema(
        "filter_models_by_requirements",
        f"Find models that meet requirements, current and cheap ones first, at most {MAX_LISTED}.",
        min_context=_number("Least tokens of the context window.", whole=True),
        max_input_cost=_number("Most dollars for a million tokens of prompts."),
        max_output_cost=_number("Most dollars for a million tokens of answers."),
        required_capabilities=_texts("What the model must be able to do.", enum=list(ABILITIES)),
        providers=_PROVIDERS,
    ),
    _schema(
        "get_model_details",
        f"Show all that is known of models: prices, limits, capabilities. At most {MAX_DETAILED}.",
        ("models",),
        models={
            **_texts("The models, each as provider:model."),
            "minItems": 1,
            "maxItems": MAX_DETAILED,
        },
    ),
)
