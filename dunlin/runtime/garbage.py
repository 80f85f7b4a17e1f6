"""What Python's collector of garbage looks at in a process that serves for long."""

import gc

# An answer of some thousand objects is no reason to look for circles among them: nearly all of it goes by itself, and
# Python's own 700 was a third of a page's time.
_NEW_OBJECTS = 50_000


def look_at_what_is_new() -> None:
    """Leave out of every search for garbage what is there now: the schema, the tables, all modules. They stay."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
