"""The sketch family's networks: SDXL's architecture, about 300 times smaller."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.identity.encoder import Shape

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

SIZE = 128
"""Native width and height, in pixels: 16 x 16 latents."""
TEXT_WIDTHS = (96, 128)
WIDTH = sum(TEXT_WIDTHS)
"""D: the width of the prompt embeds, both encoders' side by side."""

UNET: dict[str, Any] = {
    "sample_size": SIZE // 8,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": [96, 160],
    # Attention at 16 x 16 too, where an eye is a cell wide: without it faces come out scrambled.
    "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
    "layers_per_block": 1,
    "transformer_layers_per_block": [1, 1],
    "attention_head_dim": [3, 5],
    "cross_attention_dim": WIDTH,
    "norm_num_groups": 16,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 32,
    "projection_class_embeddings_input_dim": 6 * 32 + TEXT_WIDTHS[1],
}
VAE: dict[str, Any] = {
    "sample_size": SIZE,
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "block_out_channels": [16, 32, 64, 96],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "force_upcast": False,
}
ID_ENCODER = Shape(
    vision={
        "hidden_size": 96,
        "intermediate_size": 288,
        "num_attention_heads": 4,
        "num_hidden_layers": 3,
        "image_size": 64,
        "patch_size": 8,
        "projection_dim": TEXT_WIDTHS[0],
        "hidden_act": "quick_gelu",
    },
    cross_attention_dim=WIDTH,
    tokens=2,
    id_embeds_dim=512,
    perceiver={"depth": 1, "dim_head": 32, "heads": 4},
)
LORA_RANK = 8
SCHEDULER: dict[str, Any] = {
    "_class_name": "EulerDiscreteScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "prediction_type": "v_prediction",
    "interpolation_type": "linear",
    "timestep_spacing": "leading",
    "steps_offset": 1,
    "use_karras_sigmas": False,
}


def text_configs(vocabulary: int) -> "tuple[CLIPTextConfig, CLIPTextConfig]":
    """Both text encoders' configs for a tokenizer of so many tokens, whose last two are the start and the end."""
    from transformers import CLIPTextConfig

    return tuple(  # type: ignore[return-value]
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=width,
            intermediate_size=5 * width // 2,
            projection_dim=width,
            num_hidden_layers=3,
            num_attention_heads=4,
            hidden_act=activation,
            bos_token_id=vocabulary - 2,
            eos_token_id=vocabulary - 1,
            pad_token_id=vocabulary - 1,
        )
        for width, activation in zip(TEXT_WIDTHS, ("quick_gelu", "gelu"), strict=True)
    )


@dataclass(frozen=True)
class Networks:
    """What draws a picture: both text encoders and the UNet, trained together."""

    text_encoder: "CLIPTextModel"
    text_encoder_2: "CLIPTextModelWithProjection"
    unet: "UNet2DConditionModel"


def networks(vocabulary: int) -> Networks:
    """Untrained networks with torch's present random state."""
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    first, second = text_configs(vocabulary)
    return Networks(CLIPTextModel(first), CLIPTextModelWithProjection(second), UNet2DConditionModel(**UNET))


def autoencoder() -> "AutoencoderKL":
    """An untrained VAE with torch's present random state."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(**VAE)
