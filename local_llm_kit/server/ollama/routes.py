"""The routes of Ollama's API."""

from __future__ import annotations

from starlette.routing import Route

from local_llm_kit.server.endpoints import Endpoint, Generation
from local_llm_kit.server.ollama.embedding import Embedding
from local_llm_kit.server.ollama.generation import OllamaGeneration
from local_llm_kit.server.ollama.models import Models
from local_llm_kit.server.ollama.refusals import REFUSED, Refusal
from local_llm_kit.server.ollama.request import read_chat, read_generate
from local_llm_kit.server.ollama.shape import told_as_message, told_as_response
from local_llm_kit.server.ollama.systemone import read_systemone
from local_llm_kit.server.service import Service


def routes(service: Service) -> list[Route]:
    """The routes, ready to be mounted."""
    models, embedding = Models(service), Embedding(service)
    chat = OllamaGeneration(service, read_chat, told_as_message)
    generate = OllamaGeneration(service, read_generate, told_as_response)
    return [
        Route("/api/chat", Endpoint(chat), methods=["POST"]),
        Route("/api/generate", Endpoint(generate), methods=["POST"]),
        Route("/api/embed", Endpoint(embedding.embed), methods=["POST"]),
        Route("/api/embeddings", Endpoint(embedding.embeddings), methods=["POST"]),
        Route("/v1/systemone", Endpoint(Generation(service, read_systemone)), methods=["POST"]),
        Route("/api/tags", Endpoint(models.tags), methods=["GET"]),
        Route("/api/show", Endpoint(models.show), methods=["POST"]),
        Route("/api/ps", Endpoint(models.ps), methods=["GET"]),
        Route("/api/version", Endpoint(models.version), methods=["GET"]),
        *(
            Route(path, Endpoint(Refusal(advice)), methods=[method])
            for method, path, advice in REFUSED
        ),
    ]
