"""Which face-model pack a family finds faces with, of those that the operator has laid into MODEL_DIR (no torch)."""

from pathlib import Path

from pipeline import lock
from pipeline.config import Config
from pipeline.errors import BadWeights

PREFERRED = ("antelopev2", "buffalo_l")


def folder(config: Config) -> Path:
    """Where the packs lie, each a folder of its own."""
    return config.model_dir / "insightface" / "models"


def choose(config: Config) -> Path | None:
    """MODEL_DIR/insightface/models/NAME, checked against the lock; None where there is none.

    Of several antelopev2 comes first, then buffalo_l, then the others by name. BadWeights, a sentence, where folders
    lie there and none holds a model: somebody put them there, so they are never passed over in silence.
    """
    models = folder(config)
    packs = sorted(path for path in models.iterdir() if path.is_dir()) if models.is_dir() else []
    if not packs:
        return None
    filled = [pack for pack in packs if any(pack.glob("*.onnx"))]
    if not filled:
        raise BadWeights(f"{packs[0]} holds no .onnx files: move the model pack's files right into that folder.")
    ranks = {name: rank for rank, name in enumerate(PREFERRED)}
    pack = min(filled, key=lambda path: (ranks.get(path.name, len(ranks)), path.name))
    lock.verify(config, sorted(pack.glob("*.onnx")))
    return pack
