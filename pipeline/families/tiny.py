"""A toy with SDXL's architecture: seeded random weights that paint abstract colour fields in seconds on a CPU.

The family is written into the cache folder in diffusers' own layout, once, and then loaded like any other.
"""

import hashlib
import json
import re
import shutil
import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pipeline.config import Config
from pipeline.families.card import Card
from pipeline.families.photomaker import choose

if TYPE_CHECKING:
    from pipeline.layouts import Folder

IDENTITY = Path(__file__).parents[1] / "identity"
SOURCES = (Path(__file__), *(IDENTITY / f"{name}.py" for name in ("encoder", "fuse", "perceiver")))
VERSION = hashlib.sha256(b"".join(path.read_bytes() for path in SOURCES)).hexdigest()[:12]
"""Keys the cache folder: whatever changes in these files is written anew."""

CARD = Card(
    name="tiny",
    title="Tiny (random weights, abstract pictures)",
    native_width=128,
    native_height=128,
    defaults=MappingProxyType({"width": 128, "height": 128, "detail": False, "detail_size": 256}),
    notes="Random weights: it shows how everything works, not what a prompt means.",
)

SEED, TEXT_SEED = 33, 52
"""Chosen by eye among many: they paint in oranges, greens, violets and reds."""

GAINS = {
    "decoder.conv_out": 0.55,
    "add_embedding": 1.5,
    "vision_model.encoder": 2.0,
    "visual_projection": 3.0,
    "fuse_module.mlp1.fc2": 3.0,
}
"""Where unit gain is not right: less contrast in the pixels, more say for the prompt and for what a photo shows."""

WORDS = """
a an the of in on at by with and or to from for under over near very no not one two three
portrait photo picture painting drawing sketch oil watercolor pencil ink poster icon style art
woman man girl boy person people face hair eyes hand smile old young child king queen knight
cat dog fox bird horse wolf bear lion fish dragon robot astronaut wizard
city street house castle tower bridge room kitchen garden forest tree flower mountain hill river lake sea ocean
beach island desert field sky cloud rain snow storm fog sun moon star night day morning evening winter summer
spring autumn light shadow golden fire water ice stone wood glass metal gold silver
red orange yellow green blue purple pink brown black white gray dark bright warm cold soft sharp blurry
beautiful detailed quality high low realistic cinematic dramatic abstract colorful vintage modern fantasy
car train ship boat plane bicycle book window door table chair cup hat coat dress wearing holding standing
sitting walking looking flying bad ugly deformed text watermark
above aesthetic after against ahead air along amber among amused amusement anamorphic angle apron arms around
atmosphere attentive available awning back backdrop background backlight balmy band bar bare bearing before behind
below belted beside between blazer bleached blinds blowing blown blurred bold bootlace both braces breath breeze broad
brooding bulb bulbs business but butterfly caf call calm camel camera campaign candid candlelight cap cardigan cards
carrying centre charcoal checked cheeks chest chunky clean clear close closely clothes cloudless clouds club cockpit
coconut coffee collar collecting coloured colours comic composition concentration concert confetti confident contented
contrast cool corner corporate corridor cotton counter court cream crew crisp cropped curious cut damp dappled dawn
daydreaming daylight dealing deck deep defiant delicate denim depth desk detached determined diffuse dim directional
disposable distance documentary doorway dough dreamy drifting drinking dull dusk dusted dusty earth eaves edge
editorial empty european even every everywhere expectant expedition expired expression eye eyebrow fabrics facing
faded faint fallen falling fashion fast film fine fireworks fitting flannel flash flat flickering flight focus focused
folded food foreground format framed framing freckles fresh front frost full gathering gaze gazing gelatin gentle
genuine giant glow glowing grain graphic grass grey grin guitar gutters half hall hands hard harsh haze hazy head heat
heavy helmet hint hip homesick hooded hopeful hotel hour hours houses hung hurry hut icicles inspired instant intimate
into jacket jazz joke jumper key kneading knit knitted lamp lamplight lamps lantern large laughing layered leading
leaf leaning leather leaves lemons length level lighting lights lined linen lines listening log long look loose
loosened loud magazine many market medium melancholy merino midday midnight mild milky mirroring mischievous mist
moment monochrome mood moonlight mossy music muted natural navy nearby neck neon neutral newsroom nobody noir novel
off office open out outdoor outfit oven overcast overcoat overhead oversized pale panel paper parasol park particular
party passing pastry path patiently pausing peeling petals phone plain planet playful plenty pockets pool posing print
private proud puddles quarter quay quietly rainy raised reading relaxed rembrandt restaurant rim rink rising roll
rolled rolling rose round rubbing rule running salt sand saturated scarf screens sculptural serene set shade shadows
shaking shallow sharply shimmering shirt shirtsleeves shop short shoulder shoulders side silk single skate slatted
sleeved sleeves slicing slide slight small smart smiling snapshot sodium somebody space spacecraft spilling split
sport sports spray stack stage stall starlight station steam steely steps stiff still stop stove straight
straightening straw streaked striding strings striped strolling strong structured studio suit sunlight sunset surface
symmetrical tailored taking tall telephoto tender tense textured thick thin thirds thoughtful through tie tight
tightly tilt toned tones top towards towel training tram travel trench tugging tune tunic turning tying umbrella
unbleached velvet view viewer visible voice waist waistcoat waiting wall walled warming washes watercolour waxed way
weary wedding wet wide wind windows wistful without wonder wool woollen worn writing
"""
"""What the tokenizer's merges are learned from: the words of many prompts."""

TEXT_WIDTHS = (32, 32)
UNET = {
    "sample_size": 16,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": [32, 64],
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"],
    "layers_per_block": 1,
    "transformer_layers_per_block": [1, 1],
    "attention_head_dim": [2, 4],
    "cross_attention_dim": sum(TEXT_WIDTHS),
    "norm_num_groups": 8,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": 6 * 8 + TEXT_WIDTHS[1],
}
VAE = {
    "sample_size": 128,
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "block_out_channels": [16, 16, 16, 16],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "scaling_factor": 0.13025,
    "force_upcast": True,
}
VISION = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "image_size": 28,
    "patch_size": 7,
    "projection_dim": TEXT_WIDTHS[0],
}
PERCEIVER = {"depth": 2, "dim_head": 16, "heads": 4}
LORA_RANK, LORA_GAIN = 4, 0.02
"""The LoRA changes each attention weight by this part of its size: enough to be seen in numbers, not in pictures."""
SCHEDULER = {
    "_class_name": "EulerDiscreteScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "interpolation_type": "linear",
    "timestep_spacing": "leading",
    "steps_offset": 1,
    "use_karras_sigmas": False,
}


def prepare(config: Config) -> "Folder":
    """The family's folder, built first where it is missing; safe when several processes start at once."""
    from pipeline.layouts import Folder

    folder = config.cache_dir / f"tiny-{VERSION}"
    if not folder.is_dir():
        config.cache_dir.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=config.cache_dir))
        try:
            write(building)
            building.chmod(0o755)  # mkdtemp's is private
            building.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was first, with the same content
                raise
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return Folder(folder)


def photomaker(config: Config) -> Path | None:
    """The written PhotoMaker: V2 where a face-model pack makes the embeddings that it reads, else V1."""
    return choose(config, prepare(config).path)


def write(folder: Path) -> None:
    """Write the whole family into an empty folder."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from safetensors.torch import save_file
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    vocabulary, merges = byte_pairs()
    for name, width, kind in (
        ("text_encoder", TEXT_WIDTHS[0], CLIPTextModel),
        ("text_encoder_2", TEXT_WIDTHS[1], CLIPTextModelWithProjection),
    ):
        config = CLIPTextConfig(
            vocab_size=len(vocabulary),
            hidden_size=width,
            intermediate_size=2 * width,
            projection_dim=width,
            num_hidden_layers=2,
            num_attention_heads=2,
            bos_token_id=len(vocabulary) - 2,
            eos_token_id=len(vocabulary) - 1,
            pad_token_id=len(vocabulary) - 1 if name == "text_encoder" else 0,
        )
        model = kind(config)
        randomise(model, TEXT_SEED)
        write_json(folder / name / "config.json", {"architectures": [kind.__name__], **config.to_diff_dict()})
        save_file(model.state_dict(), folder / name / "model.safetensors", metadata={"format": "pt"})
    networks: tuple[tuple[str, Any], ...] = (("unet", UNet2DConditionModel(**UNET)), ("vae", AutoencoderKL(**VAE)))
    for name, network in networks:
        randomise(network)
        network.save_pretrained(folder / name)
    write_photomakers(folder, networks[0][1])
    for name, pad in (("tokenizer", "<|endoftext|>"), ("tokenizer_2", "!")):
        write_tokenizer(folder / name, vocabulary, merges, pad)
    write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULER)
    parts = {
        "scheduler": ["diffusers", "EulerDiscreteScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "tokenizer_2": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    write_json(folder / "model_index.json", {"_class_name": "StableDiffusionXLPipeline", **parts})
    write_json(
        folder / "card.json",
        {
            "name": CARD.name,
            "title": CARD.title,
            "native_width": CARD.native_width,
            "native_height": CARD.native_height,
            "defaults": dict(CARD.defaults),
        },
    )


def write_photomakers(folder: Path, unet: Any) -> None:
    """Write V1 and V2 for this UNet, with one and the same LoRA, so that it paints alike with either."""
    import torch
    from safetensors.torch import save_file

    from pipeline.identity.encoder import IDEncoder, Shape

    random, lora = torch.Generator().manual_seed(SEED), {}
    for name, weight in unet.named_parameters():
        if found := re.fullmatch(r"(.+\.attn[12])\.to_(q|k|v|out)(\.0)?\.weight", name):
            wide, deep = weight.shape
            key = f"lora_weights.unet.{found[1]}.processor.to_{found[2]}_lora"
            lora[f"{key}.down.weight"] = torch.randn(LORA_RANK, deep, generator=random) / deep**0.5
            lora[f"{key}.up.weight"] = torch.randn(wide, LORA_RANK, generator=random) * LORA_GAIN / LORA_RANK**0.5
    width = sum(TEXT_WIDTHS)
    shapes = {
        "v1": Shape(VISION, cross_attention_dim=width, tokens=1),
        "v2": Shape(VISION, cross_attention_dim=width, tokens=2, id_embeds_dim=512, perceiver=PERCEIVER),
    }
    for version, shape in shapes.items():
        encoder = IDEncoder(shape)
        randomise(encoder)
        tensors = {f"id_encoder.{key}": tensor for key, tensor in encoder.state_dict().items()}
        path = folder / f"photomaker-{version}.safetensors"
        save_file(tensors | lora, path, metadata={"shape": shape.to_json()})


def randomise(module: Any, seed: int = SEED) -> None:
    """Seeded weights: every matrix and kernel of unit gain, so that signals neither die nor explode.

    A 3 x 3 kernel is a random mixture of channels times one blur, which makes smooth colour fields of what would
    else be grey noise; its mixture sums to zero, so that no activation's positive mean outshines the rest.
    """
    import torch

    blur = torch.tensor([1.0, 2.0, 1.0]).outer(torch.tensor([1.0, 2.0, 1.0]))
    blur /= blur.norm()
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if "embedding.weight" in name or "class_embedding" in name:
                weight.normal_(generator=random)
            elif weight.ndim >= 2:
                mixture = torch.randn(weight.shape[:2], generator=random) / weight.shape[1] ** 0.5
                if weight.shape[2:] == blur.shape:
                    mixture -= mixture.mean(dim=1, keepdim=True)
                    weight.copy_(mixture[:, :, None, None] * blur)
                else:
                    weight.copy_(mixture.reshape(weight.shape))
                weight *= next((gain for part, gain in GAINS.items() if part in name), 1.0)
            elif name.endswith("bias"):
                weight.copy_(torch.randn(weight.shape, generator=random) * 0.2)


def byte_pairs() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A byte-level BPE as CLIP's: every byte, every byte at a word's end, and merges learned from `WORDS`."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(byte) for byte in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    words = [[*word[:-1], f"{word[-1]}</w>"] for word in WORDS.split()]
    merges: list[tuple[str, str]] = []
    while pairs := Counter(pair for word in words for pair in pairwise(word)):
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for word in words:
            for at in range(len(word) - 2, -1, -1):
                if tuple(word[at : at + 2]) == best:
                    word[at : at + 2] = ["".join(best)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges)]
    return {token: i for i, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}, merges


def write_tokenizer(folder: Path, vocabulary: dict[str, int], merges: list[tuple[str, str]], pad: str) -> None:
    """One CLIP tokenizer folder; the second tokenizer of SDXL pads with "!"."""
    write_json(folder / "vocab.json", vocabulary)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")
    special = {
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
        "pad_token": pad,
    }
    write_json(folder / "special_tokens_map.json", special)
    write_json(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, **special},
    )


def write_json(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")
