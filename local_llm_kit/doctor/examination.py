"""All checks together, and whether anything here can run a model."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from local_llm_kit.doctor.back_ends import (
    PACKAGES,
    check_gpus,
    missing_packages,
    nvidia_gpus,
    tried,
    untried,
)
from local_llm_kit.doctor.finding import Finding
from local_llm_kit.doctor.machine import check_folders, check_machine
from local_llm_kit.doctor.packages import check_packages, installed_version
from local_llm_kit.doctor.servers import check_servers, find_servers, usual_places
from local_llm_kit.doctor.trial import Trial, try_out
from local_llm_kit.doctor.variables import check_variables


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found.

    :param can_run: whether a model can be run: a back end answered, or was not tried and is
        installed, or an Ollama server has models.
    """

    findings: tuple[Finding, ...]
    can_run: bool


def examine(*, with_trials: bool = True) -> Examination:
    """Look at everything. Takes some seconds, since each installed back end answers a question.

    :param with_trials: try the back ends; without it that they are installed has to do.
    """
    missing = {backend: missing_packages(backend, installed_version) for backend in PACKAGES}
    there = [backend for backend, packages in missing.items() if not packages]
    with ThreadPoolExecutor(max_workers=4) as pool:
        servers = pool.submit(find_servers, usual_places())
        nvidia = pool.submit(nvidia_gpus)
        # One after the other: on few cores they would slow one another.
        trials = {backend: try_out(backend) for backend in there if with_trials}
        found = servers.result()
        back_ends = [_of_back_end(backend, missing[backend], trials) for backend in PACKAGES]
        back_ends += check_gpus(nvidia.result(), trials, _has)
    has_ollama = installed_version("ollama") is not None
    findings = (
        *check_packages(),
        *back_ends,
        *check_machine(),
        *check_folders(),
        *check_variables(),
        *check_servers(found, has_ollama),
    )
    works = [trial.problem is None for trial in trials.values()] if with_trials else [bool(there)]
    at_ollama = has_ollama and any(one.kind == "Ollama" and one.n_models for one in found)
    return Examination(findings, any(works) or at_ollama)


def _of_back_end(backend: str, missing: list[str], trials: dict[str, Trial]) -> Finding:
    if missing:
        return untried(backend, missing, _has)
    if backend in trials:
        return tried(backend, trials[backend])
    return Finding("back ends", backend, "ok", "installed; not tried")


def _has(program: str) -> bool:
    return shutil.which(program) is not None
