"""Products of the fused decoder: eight bits against the weights that they stand for."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from local_llm_kit.engines.transformers.linear import Int8Linear, Linear, LowRank
from local_llm_kit.engines.transformers.norm import RmsNorm
from local_llm_kit.engines.transformers.rope import Rope, pair_up


def relative_error(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found.float() - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("n_rows", [1, 8, 31, 32, 100])
@pytest.mark.parametrize("size", [(300, 64), (24000, 64)], ids=["one piece", "two pieces"])
def test_eight_bits_come_near_the_weights(n_rows: int, size: tuple[int, int]) -> None:
    torch.manual_seed(3)
    weight, bias, x = torch.randn(size), torch.randn(size[0]), torch.randn(n_rows, size[1])
    found = Int8Linear(weight, bias)(x.to(torch.bfloat16))
    assert found.dtype == torch.bfloat16
    assert relative_error(found, x @ weight.T + bias) < 0.02


def test_eight_bits_take_a_quarter_of_the_memory() -> None:
    weight = torch.randn(512, 512)
    assert Int8Linear(weight).size_bytes == pytest.approx(Linear(weight).size_bytes / 4, rel=0.02)


def test_a_row_of_zeros_stays_zero_in_eight_bits() -> None:
    x = torch.randn(3, 16).to(torch.bfloat16)
    assert not Int8Linear(torch.zeros(4, 16))(x).any()


@pytest.mark.parametrize("bias", [None, torch.ones(5)], ids=["no bias", "bias"])
@pytest.mark.parametrize("adapter", [None, "a", "elsewhere"])
def test_adding_to_a_total_is_adding_the_product(
    bias: torch.Tensor | None, adapter: str | None
) -> None:
    linear = Linear(torch.randn(5, 7), bias)
    linear.adapters = {"a": LowRank(torch.randn(2, 7), torch.randn(5, 2))}
    x, total = torch.randn(3, 7), torch.randn(3, 5)
    wanted = total + linear(x, adapter)
    linear.add_to(total, x, adapter)
    assert torch.allclose(total, wanted, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
def test_norms_are_those_of_torch(scale: float) -> None:
    torch.manual_seed(3)
    x, weight = torch.randn(4, 3, 32) * scale, torch.randn(32)
    wanted = torch.nn.functional.rms_norm(x, (32,), weight, 1e-6)
    assert torch.allclose(RmsNorm(weight, 1e-6)(x), wanted, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_scores_of_turned_heads_depend_on_their_distance(dtype: torch.dtype) -> None:
    torch.manual_seed(3)
    rope = Rope(1.0 / 100.0 ** (torch.arange(8) / 8))
    heads = torch.randn(1, 2, 16).to(dtype)

    def score(first: int, second: int) -> float:
        q, k = heads[:, :1].clone(), heads[:, 1:].clone()
        rope.turn(q, rope.turns(torch.tensor([first])))
        rope.turn(k, rope.turns(torch.tensor([second])))
        return float((q.float() * k.float()).sum())

    assert score(7, 3) == pytest.approx(
        score(104, 100), abs=0.1 if dtype == torch.bfloat16 else 1e-3
    )
    assert score(7, 3) != pytest.approx(score(7, 4), abs=0.1)


def test_pairs_stand_together() -> None:
    assert pair_up(torch.arange(8), 4).tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
