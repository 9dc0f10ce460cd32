"""Tensors of a checkpoint by name, checked against the shape that they must have."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from safetensors import safe_open

from LLM.exceptions import InvalidRequestError
from local_llm_kit.checkpoint import Checkpoint


class Weights:
    """A checkpoint's files, open while they are read.

    :param checkpoint: already checked.
    :param dtype: type that the tensors get.
    :param device: where they go.
    """

    def __init__(self, checkpoint: Checkpoint, dtype: Any, device: Any) -> None:
        self._folder = checkpoint.folder
        self._dtype = dtype
        self._device = device
        self._stack = ExitStack()
        self._files: dict[str, Any] = {}
        for path in checkpoint.files:
            file = self._stack.enter_context(safe_open(path, framework="pt", device="cpu"))
            self._files.update(dict.fromkeys(file.keys(), file))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        err: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def __call__(self, name: str, *shape: int) -> Any:
        """A copy of one tensor.

        :param shape: what the model's config.json makes of it.
        :raises InvalidRequestError: there is no such tensor, or it has another shape.
        """
        if name not in self._files:
            self._fail(f"there is no tensor {name!r}")
        found = self._files[name].get_tensor(name)
        if tuple(found.shape) != shape:
            self._fail(
                f"the tensor {name!r} is {tuple(found.shape)}, and config.json makes it {shape}"
            )
        if not found.is_floating_point():
            self._fail(f"the tensor {name!r} holds {found.dtype}, which is no weight")
        # A copy: the file's own pages would stay mapped, and change with the file.
        return found.to(device=self._device, dtype=self._dtype, copy=True)

    def _fail(self, what: str) -> None:
        raise InvalidRequestError(
            f"{str(self._folder)!r} is not a model that can be loaded: {what}; download it again",
            code="invalid_checkpoint",
        )
