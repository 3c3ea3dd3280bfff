"""Prompts to embeddings: what diffusers reads is what we read, and lost words are named."""

from pipeline.prompt import encode


def test_embeddings_hold_the_negative_row_first(modules):
    pair = encode(modules, "a red fox", "blurry")
    swapped = encode(modules, "blurry", "a red fox")
    assert pair.embeds.shape == (2, 77, 64)
    assert pair.pooled.shape == (2, 32)
    assert (pair.embeds == swapped.embeds.flip(0)).all()
    assert (pair.pooled == swapped.pooled.flip(0)).all()
    assert (pair.embeds[0] != pair.embeds[1]).any()


def test_an_empty_negative_prompt_is_encoded_and_not_zeros(modules):
    assert encode(modules, "a red fox", "").embeds[0].abs().sum() > 0


def test_words_beyond_the_encoders_are_named(modules):
    fits = "a " * 75
    assert encode(modules, fits, "").notes == ()
    (note,) = encode(modules, fits + "Fox, in the SNOW", "").notes
    assert note == ('The prompt is too long for the text encoders (80 tokens, 75 fit); not read: "Fox, in the SNOW".')
    (note,) = encode(modules, "", fits + "blurry").notes
    assert note.startswith("The negative prompt is too long")


def test_a_long_prompt_tells_the_person_who_asked(engine, recipe):
    drawing = engine.draw(recipe(prompt="a " * 75 + "fox", steps=1)).result()
    assert any('not read: "fox"' in note for note in drawing.notes)
