"""Why the console says no: each error is a sentence for the member who meets it."""


class Refusal(Exception):
    """A request that cannot be granted; its text goes to the member as it is."""


class QueueFull(Refusal):
    """The bounded queue holds as many jobs as it may."""

    def __init__(self, capacity: int, wait: str) -> None:
        super().__init__(f"The queue is full: {capacity} of {capacity} places are taken. Nothing was queued; {wait}.")


class TooFewTokens(Refusal):
    """What is asked costs more than the member has."""

    def __init__(self, price: int, available: int) -> None:
        super().__init__(
            f"This costs up to {_tokens(price)} and you have {available:,}. Ask for fewer images, or an operator for "
            "more tokens (/grant). /balance shows where yours went."
        )


class LimitReached(Refusal):
    """An operator's limit: jobs at one time, or tokens of a day."""


class NotYours(Refusal):
    """Somebody else's job, and the member is no operator."""


class NotFound(Refusal):
    """No such job, preset, example or person."""


class ConsentEnded(Refusal):
    """A person whose consent held for a time that is over, or was revoked: nobody draws them."""


class NoRights(Refusal):
    """A person's folder or photo that the console may not read, or not change, on its own disk."""

    def __init__(self, what: str, act: str) -> None:
        super().__init__(
            f"{what} cannot be {act} on this machine: its file rights forbid it. Ask who runs this console to mend "
            "them in its faces folder."
        )


class BadName(Refusal):
    """What cannot be the name of a person, or is taken."""


class BadUpload(Refusal):
    """An uploaded file that is too large, from elsewhere, or not what the command takes."""


class WrongState(Refusal):
    """The job is past the point at which this could be done."""


class CannotDraw(Refusal):
    """The renderer refused or failed one recipe; the text says why."""


class Interrupted(Exception):
    """Drawing was stopped on purpose (cancel or shutdown); never shown, the item's state tells."""


class Fenced(Exception):
    """A worker's lease was lost to another one, which draws the job now; never shown."""


class Unavailable(Exception):
    """The database does not answer, or is locked by somebody else; what was begun is undone."""


class CannotPost(Exception):
    """The channel refuses these very files (too large, malformed); others may pass."""


class CannotDeliver(Exception):
    """The channel will never take anything (gone, or the console may not write there)."""


def _tokens(number: int) -> str:
    return f"{number:,} token" if number == 1 else f"{number:,} tokens"
