"""Receipts: what an operator's act came to, in sentences, read back from the audit log."""

from bot.domain.account import Act
from bot.domain.erasure import ErasureReceipt
from bot.web.rendering import many

NO_FILE = "No file was deleted: another picture is the very same and stays, or it is tried again."
NOT_KEPT = "What went with it was not noted down."


def sentence(act: Act) -> str:
    """That it is done; empty for an act that no page tells of."""
    name, several = act.target, act.detail.get("pictures")
    match act.act:
        case "hide":
            return f"{name} is hidden: nobody but operators sees it on the wall."
        case "show":
            return f"{name} is shown again to everybody who may see the wall."
        case "release" if several is not None:
            left = act.detail.get("left", 0)
            stay = f" Left: {many(left, 'picture')}, of somebody who may not be drawn any more." if left else ""
            return f"Released, at no cost to who asked for {name}: {many(several, 'picture')} of it.{stay}"
        case "release":
            return f"{name} is released; it goes to its channel, at no cost to {act.detail.get('member', 'its owner')}."
        case "drop" if "gone" not in act.detail:
            return f"{name.capitalize()} is closed."
        case "drop" if "-" not in name:
            return f"Deleted for good: {many(_gone(act).pictures, 'picture')} of {name}."
        case "drop" | "delete":
            return f"{name.capitalize()} is deleted for good."
    return ""


def has_receipt(act: Act) -> bool:
    """Whether something was deleted by it; of a refused request nothing was drawn."""
    return act.act == "delete" or "gone" in act.detail


def lines(act: Act) -> list[str]:
    """What a deletion took away, a sentence a line."""
    return in_words(_gone(act)) if "gone" in act.detail else [NOT_KEPT]


def in_words(receipt: ErasureReceipt) -> list[str]:
    """What is gone, a sentence a line."""
    lines = [f"{many(receipt.pictures, 'picture')} deleted from the records."]
    if receipt.wall_entries:
        lines.append(f"{many(receipt.wall_entries, 'picture')} taken off the wall.")
    lines.append(f"{many(receipt.files, 'file')} deleted from the disk." if receipt.files else NO_FILE)
    if receipt.messages:
        lines.append(f"Taken out of {many(receipt.messages, 'message')} in Discord.")
    if receipt.sheets:
        sheets = many(receipt.sheets, "contact sheet")
        lines.append(f"{sheets} showed it; one without it takes that place, if anything is left to show.")
    if receipt.messages_left:
        lines.append(
            f"{many(receipt.messages_left, 'message')} in Discord could not be reached yet; "
            "the console goes on trying until they are gone."
        )
    if receipt.stuck:
        lines.append(
            f"{many(len(receipt.stuck), 'message')} could not be taken out of Discord, which does not let the console; "
            f"to be deleted by hand: {', '.join(receipt.stuck)}"
        )
    if not receipt.messages and not receipt.messages_left and not receipt.stuck:
        lines.append("No message in Discord carried it.")
    return lines


def _gone(act: Act) -> ErasureReceipt:
    return ErasureReceipt.read(act.detail["gone"])
