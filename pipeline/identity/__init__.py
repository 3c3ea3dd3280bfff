"""Who is in the picture: PhotoMaker's ID encoder, its checkpoint and its LoRA, for V1 and V2."""
