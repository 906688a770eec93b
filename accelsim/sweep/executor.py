"""A process pool that loses no item: one that raises, or that takes its process down, becomes a `Failure`."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from accelsim.errors import AccelsimError, SimulationError

Item = TypeVar("Item")
Value = TypeVar("Value")

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Failure:
    """What an item failed with, and the exit code of such an end."""

    message: str
    exit_code: int = SimulationError.exit_code


@dataclass(frozen=True, slots=True)
class Attempt(Generic[Item, Value]):
    """A function whose exceptions are its results; also in another process, where not every exception travels."""

    function: Callable[[Item], Value]

    def __call__(self, item: Item) -> Value | Failure:
        try:
            return self.function(item)
        except AccelsimError as error:
            return Failure(str(error), error.exit_code)
        except Exception as error:
            return Failure(f"{type(error).__name__}: {error}")


def run_all(
    function: Callable[[Item], Value], items: Sequence[Item], jobs: int
) -> Iterator[tuple[int, Value | Failure]]:
    """`function` of every item, in up to `jobs` processes of one thread each: (index, outcome) as they come.

    Items run in this process until one succeeds, so that what it compiles is in the disk cache before the others
    start.
    """
    attempt = Attempt(function)
    rest = dict(enumerate(items))
    for index, item in enumerate(items):
        outcome = attempt(item)
        del rest[index]
        yield index, outcome
        if jobs > 1 and not isinstance(outcome, Failure):
            break
    if rest:
        yield from _pooled(attempt, rest, jobs)


def _pooled(attempt: Attempt[Item, Value], items: dict[int, Item], jobs: int) -> Iterator[tuple[int, Value | Failure]]:
    """Outcomes as they come. A dead process breaks its whole pool, so what it left undone is repeated one by one."""
    broken: list[int] = []
    with _pool(min(jobs, len(items))) as pool:
        futures = {pool.submit(attempt, item): index for index, item in items.items()}
        for future in as_completed(futures):
            if isinstance(future.exception(), BrokenProcessPool):
                broken.append(futures[future])
            else:
                yield futures[future], future.result()
    for index in sorted(broken):
        with _pool(1) as pool:
            lone: Future[Value | Failure] = pool.submit(attempt, items[index])
            died = isinstance(lone.exception(), BrokenProcessPool)
        yield index, Failure("the worker process died") if died else lone.result()


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes have one thread each, and which are gone when an interrupt leaves it."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    others = set(multiprocessing.active_children())
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(max(1, workers), mp_context=context, initializer=_die_silently)
    try:
        yield pool
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        # The pool's own thread reaps its processes; only after it has ended are they known to be gone.
        pool.shutdown(cancel_futures=True)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _die_silently() -> None:
    """Let an interrupt from the keyboard end a worker without a traceback; the parent tells of it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
