"""How this program wants the interpreter to collect garbage."""

import gc


def settle_interpreter() -> None:
    """Collect rarely. Call it once a process is set up, before it serves, writes or projects.

    States and commands hold no cycles, so there is little to find; looking for it after every few
    hundred objects took a quarter of the writer's time. What stands now is not looked at again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
