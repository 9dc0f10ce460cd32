"""What llama.cpp's log tells of its buffers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from local_llm_kit.engines.llama_cpp.buffers import note, recording

MIB = 1 << 20

LINES = [
    b"load_tensors:   CPU_Mapped model buffer size =   300.00 MiB\n",
    b"load_tensors:   CPU_REPACK model buffer size =   200.00 MiB\n",
    b"load_tensors:        CUDA0 model buffer size =    50.50 MiB\n",
    b"llama_context:        CPU  output buffer size =     5.00 MiB\n",
    b"llama_kv_cache:      CUDA0 KV buffer size =    20.00 MiB\n",
    b"llama_kv_cache:        CPU KV buffer size =    10.00 MiB\n",
    b"llama_adapter_lora_init_impl:        CPU LoRA buffer size =     1.25 MiB\n",
    b"sched_reserve:      CUDA0 compute buffer size =     7.00 MiB\n",
    b"sched_reserve: graph nodes = 161\n",
]


def test_buffers_are_told_by_part_and_repacked_weights_apart() -> None:
    with recording() as found:
        for line in LINES:
            note(line)
    assert found.parts() == {
        "weights": round(350.5 * MIB),
        "repacked": 200 * MIB,
        "logits": 5 * MIB,
        "cache": 30 * MIB,
        "adapters": round(1.25 * MIB),
        "workspace": 7 * MIB,
    }
    assert found.total == round(393.75 * MIB)


def test_weights_that_are_not_mapped_are_in_memory_once() -> None:
    with recording() as found:
        note(LINES[1])
    assert found.parts() == {"weights": 200 * MIB}


def test_a_recording_inside_another_is_one_part_of_it() -> None:
    with recording() as outer:
        note(LINES[4])
        with recording("draft"):
            note(LINES[5])
            note(LINES[3])
        with recording("nothing"):
            note(LINES[8])
    assert outer.parts() == {"cache": 20 * MIB, "draft": 15 * MIB}


def test_another_threads_lines_are_not_ours() -> None:
    with recording() as found, ThreadPoolExecutor(1) as threads:
        threads.submit(note, LINES[0]).result()
    note(LINES[0])
    assert found.parts() == {}
