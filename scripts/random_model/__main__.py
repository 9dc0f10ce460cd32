"""Write a model of random weights as safetensors and GGUF.

    scripts/make-random-model KIND OUT [--type f16] [--type q8_0] ...

`OUT/KIND/` gets the safetensors and what transformers wants beside it, and each type a file
`OUT/KIND-TYPE.gguf`. Texts of these models are nonsense, of ASCII, and never end by themselves.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path

from tiny_model.to_gguf import About, convert

from random_model.quantise import QUANTISED, check_rows, quantise
from random_model.shapes import SHAPES
from random_model.weights import save_model

PLAIN = ("f32", "f16")
ABOUT = "Random weights of a {} model, for measuring speed; its texts have no meaning."


def make(kind: str, out: Path, types: list[str], *, seed: int = 0, threads: int = 1) -> None:
    """Write everything for one kind, telling each step on standard error.

    :param types: of `PLAIN` and `QUANTISED`; each makes one GGUF file.
    :raises ValueError: the kind's rows do not fit a type.
    """
    for name in set(types) & set(QUANTISED):
        check_rows(SHAPES[kind], name)
    millions = sum(map(math.prod, SHAPES[kind].tensors().values())) / 1e6
    begin, folder = time.monotonic(), out / kind

    def tell(path: Path) -> None:
        text = f"{kind}, {millions:.1f}M parameters: {path} ({time.monotonic() - begin:.0f} s)"
        print(text, file=sys.stderr, flush=True)

    tell(folder)
    save_model(SHAPES[kind], folder, seed)
    about = About(kind, ABOUT.format(kind))
    for name in types:
        tell(path := gguf_path(out, kind, name))
        if name in PLAIN:
            convert(folder, path, name.upper(), about)
        else:
            _quantised(folder, path, name, about, threads)


def gguf_path(out: Path, kind: str, type_name: str) -> Path:
    """Where a kind's file of a type is written."""
    return out / f"{kind}-{type_name}.gguf"


def _quantised(folder: Path, path: Path, name: str, about: About, threads: int) -> None:
    plain = path.with_suffix(".f16")
    try:
        convert(folder, plain, "F16", about)
        quantise(plain, path, name, threads)
    finally:
        plain.unlink(missing_ok=True)


def main() -> None:
    """Run from the command line."""
    p = argparse.ArgumentParser(
        prog="scripts/make-random-model",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("kind", choices=SHAPES)
    p.add_argument("out", type=Path)
    p.add_argument(
        "--type", dest="types", action="append", default=[], choices=(*PLAIN, *QUANTISED)
    )
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--threads", type=int, default=1, help="of the quantiser")
    args = p.parse_args()
    try:
        make(args.kind, args.out, args.types, seed=args.seed, threads=args.threads)
    except (OSError, ValueError) as err:
        p.error(str(err))


if __name__ == "__main__":
    main()
