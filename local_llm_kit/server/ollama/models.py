"""Which models there are, what each is, and which are loaded."""

from __future__ import annotations

import logging
import time

from starlette.requests import Request
from starlette.responses import Response

from LLM._version import __version__
from LLM.exceptions import LLMError, LLMServerError
from local_llm_kit.backends import Backend, JSONObject
from local_llm_kit.fields import Fields
from local_llm_kit.pool import Holding
from local_llm_kit.server.endpoints import json_body, json_response
from local_llm_kit.server.headers import ignored_header
from local_llm_kit.server.ollama.descriptions import Description, describe_model
from local_llm_kit.server.ollama.request import read_model
from local_llm_kit.server.service import Service
from local_llm_kit.server.timestamps import utc_text

_log = logging.getLogger("local_llm_kit.server")

#: The release of Ollama whose API this is; clients look here for what they may use.
API_VERSION = "0.12.11"
#: Stands for a model that stays loaded for ever: as Ollama, the longest duration that Go knows.
_EVER_S = float((1 << 63) // 10**9)


class Models:
    """The handlers of ``/api/tags``, ``/api/show``, ``/api/ps`` and ``/api/version``."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def tags(self, request: Request) -> Response:
        """The models that requests may name."""
        return json_response({"models": await self._service.beside(self._cards)})

    async def show(self, request: Request) -> Response:
        """One of them.

        :raises ModelNotFoundError: it does not exist.
        """
        left = Fields(await json_body(request))
        name = read_model(left)
        # What an older client may send, and fields that say how much to tell.
        ignored = [one for one in ("verbose", "system", "template", "options") if left.take(one)]
        left.done({})
        service = self._service
        if service.catalog.info.backend == "ollama":
            # Its facts come with its connection; the weights are loaded at the first question.
            await service.beside(lambda: service.models.require(name))
            (await service.lease(name)).release()
        described = await service.beside(lambda: self._described(name))
        return json_response(described.shown(), ignored_header(ignored))

    async def ps(self, request: Request) -> Response:
        """The models that are loaded."""
        return json_response({"models": await self._service.beside(self._loaded)})

    async def version(self, request: Request) -> Response:
        """The API's version, and this server's."""
        return json_response({"version": API_VERSION, "server": f"llm-kit {__version__}"})

    def _cards(self) -> list[JSONObject]:
        return [self._description(name).card() for name in self._service.models.names()]

    def _described(self, name: str) -> Description:
        """What can be told of a model; what is wrong with its files is told to the log alone.

        :raises ModelNotFoundError: it does not exist.
        :raises LLMServerError: its files cannot be read.
        """
        self._service.models.require(name)
        try:
            return describe_model(self._service, name)
        except (LLMError, OSError) as err:
            _log.error("the model %r cannot be described: %s", name, err)
            raise LLMServerError(
                f"the model {name!r} cannot be described; the server's log says why",
                status_code=500,
                code="model_unreadable",
            ) from None

    def _description(self, name: str) -> Description:
        """What can be told of a model; one with damaged files is told by its name."""
        try:
            return describe_model(self._service, name)
        except (LLMError, OSError):
            return Description(name)

    def _loaded(self) -> list[JSONObject]:
        return [self._resident(*one) for one in self._service.catalog.ready()]

    def _resident(self, holding: Holding, model: Backend) -> JSONObject:
        info, plan = model.info, model.memory_plan
        name = self._service.models.public_name(holding.name)
        described = self._description(name)
        on_devices = plan.device_bytes if plan else {}
        left_s = self._service.catalog.seconds_left(holding)
        return {
            "name": name,
            "model": name,
            "size": plan.total_bytes if plan else info.size_bytes,
            "digest": described.digest,
            "details": described.details(),
            "expires_at": utc_text(time.time() + (_EVER_S if left_s is None else left_s)),
            "size_vram": sum(size for device, size in on_devices.items() if device != "cpu"),
            "context_length": info.context_length,
        }
