"""How the sketch family's weights are made: drawings, then the VAE, the face models, the denoiser, its identity."""
