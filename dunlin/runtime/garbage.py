"""What Python's collector of garbage looks at in a process that serves for long."""

import gc

# A request makes some hundred objects and drops them by itself. Python's own 700 would look at these again and again.
_NEW_OBJECTS = 10_000


def look_at_what_is_new() -> None:
    """Leave out of every search for garbage what is there now: the schema, the tables, all modules. They stay."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
