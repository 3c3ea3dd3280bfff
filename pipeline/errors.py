"""Everything that can go wrong while drawing, each a sentence for the person who meets it (imports no torch)."""


class PipelineError(Exception):
    """A picture could not be drawn; `str()` is a sentence that says where, what stood there and what to do."""


class OutOfMemory(PipelineError):
    """The device has not enough memory even for this one picture."""


class NoFaceFound(PipelineError):
    """A photo or picture that needs a face shows none."""


class Stopped(PipelineError):
    """Whoever asked for the picture no longer wants it, or the engine was closed."""


class BadWeights(PipelineError):
    """A family's files are missing or damaged."""


class BadRecipe(PipelineError):
    """A recipe asks for something that this pipeline cannot draw."""


class BadPhoto(PipelineError):
    """A photo that somebody brought cannot be opened."""
