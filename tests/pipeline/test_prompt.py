"""Prompts and photos to embeddings: what the references read is what we read, and lost words are named."""

from dataclasses import replace

import pytest
import torch
from transformers import CLIPTextModelWithProjection

from pipeline import trigger
from pipeline.config import Config
from pipeline.errors import BadRecipe
from pipeline.families import tiny
from pipeline.identity import checkpoint
from pipeline.identity.photomaker import PhotoMaker
from pipeline.prompt import Identity, encode, encode_identity, with_class_word


@pytest.fixture(scope="module")
def versions(modules, cache_dir):
    """The tiny family with each PhotoMaker's encoder; the LoRA in the UNet plays no part here."""
    folder = tiny.prepare(Config(cache_dir=cache_dir)).path

    def build(version):
        path = folder / f"photomaker-{version}.safetensors"
        encoder = checkpoint.read(path).build(modules.device, modules.dtype)
        return replace(modules, photomaker=PhotoMaker(encoder, None, path))

    return {version: build(version) for version in ("v1", "v2")}


@pytest.fixture(scope="module")
def v1(versions):
    return versions["v1"]


@pytest.fixture(scope="module")
def v2(versions):
    return versions["v2"]


@pytest.fixture(scope="module")
def pixels():
    return torch.randn(3, 3, 28, 28, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def embeddings():
    return torch.randn(3, 512, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def shown(v2):
    """The photos and embeddings that V2's ID encoder is given, call by call."""
    given = []
    hook = v2.photomaker.encoder.register_forward_pre_hook(lambda _, arguments: given.append(arguments))
    yield given
    hook.remove()


def test_embeddings_hold_the_negative_row_first(modules):
    pair = encode(modules, "a red fox", "blurry")
    swapped = encode(modules, "blurry", "a red fox")
    assert pair.embeds.shape == (2, 77, 64)
    assert pair.pooled.shape == (2, 32)
    assert (pair.embeds == swapped.embeds.flip(0)).all()
    assert (pair.pooled == swapped.pooled.flip(0)).all()
    assert (pair.embeds[0] != pair.embeds[1]).any()


def test_embeddings_are_both_encoders_last_but_one_hidden_states_side_by_side(modules):
    conditioning = encode(modules, "a red fox", None)
    parts = []
    for tokenizer, encoder in (
        (modules.tokenizer, modules.text_encoder),
        (modules.tokenizer_2, modules.text_encoder_2),
    ):
        ids = tokenizer(
            "a red fox", padding="max_length", max_length=77, truncation=True, return_tensors="pt"
        ).input_ids
        parts.append(encoder(ids, output_hidden_states=True))
    assert torch.equal(conditioning.embeds[1:], torch.cat([part.hidden_states[-2] for part in parts], dim=-1))
    assert torch.equal(conditioning.pooled[1:], parts[1].text_embeds)


def test_an_empty_negative_prompt_is_encoded_and_none_is_zeros(modules):
    empty, none = encode(modules, "a red fox", ""), encode(modules, "a red fox", None)
    assert empty.embeds[0].abs().sum() > 0 and empty.pooled[0].abs().sum() > 0
    assert none.embeds[0].abs().sum() == 0 and none.pooled[0].abs().sum() == 0
    assert torch.equal(empty.embeds[1], none.embeds[1]) and torch.equal(empty.pooled[1], none.pooled[1])


@pytest.mark.parametrize("prompt", ["a man img, portrait", "a man IMG , portrait", "img a man, img portrait"])
def test_without_a_person_the_trigger_is_not_read(modules, prompt):
    plain = encode(modules, "a man , portrait", "blurry")
    for conditioning in (encode(modules, prompt, "blurry"), encode(modules, "a man, portrait", "blurry img")):
        assert torch.equal(conditioning.embeds, plain.embeds)
        assert torch.equal(conditioning.pooled, plain.pooled)


def test_words_beyond_the_encoders_are_named(modules):
    fits = "a " * 75
    assert encode(modules, fits, "").notes == ()
    assert encode(modules, "a img " + "a " * 74, "").notes == ()
    (note,) = encode(modules, fits + "Fox, in the SNOW", "").notes
    assert note == ('The prompt is too long for the text encoders (80 tokens, 75 fit); not read: "Fox, in the SNOW".')
    assert encode(modules, "img " + fits + "Fox, in the SNOW", None).notes == (note,)
    (note,) = encode(modules, "", fits + "blurry").notes
    assert note.startswith("The negative prompt is too long")


def test_a_long_prompt_tells_the_person_who_asked(engine, recipe):
    drawing = engine.draw(recipe(prompt="a " * 75 + "fox", steps=1)).result()
    assert any('not read: "fox"' in note for note in drawing.notes)


def test_the_triggers_id_reaches_no_encoder(v2, pixels, embeddings):
    read = []
    towers = (v2.text_encoder.embeddings, v2.text_encoder_2.text_model.embeddings)
    hooks = [
        tower.token_embedding.register_forward_pre_hook(lambda _, arguments: read.append(arguments[0]))
        for tower in towers
    ]
    try:
        encode(v2, "a man img, img", "img")
        encode_identity(v2, "a man img", "IMG", pixels, embeddings)
    finally:
        for hook in hooks:
            hook.remove()
    assert len(read) == 8  # prompt and negative prompt, with and without the person, by two encoders
    assert all(ids.shape == (1, 77) for ids in read)  # each text alone: none depends on another by rounding
    assert max(ids.max() for ids in read) < len(v2.tokenizer) == trigger.trigger_id(v2.tokenizer)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("photos", [1, 3])
def test_identity_is_written_into_the_repeated_class_tokens_of_the_text(versions, version, photos, pixels, embeddings):
    family = versions[version]
    run = photos * family.photomaker.tokens
    identity = encode_identity(family, "a man img, portrait", "blurry", pixels[:photos], embeddings[:photos])
    text = encode(family, "a " + "man " * run + ", portrait", "blurry")
    assert torch.equal(identity.text, text.embeds[1:])
    assert torch.equal(identity.negative, text.embeds[:1])
    assert torch.equal(identity.pooled, text.pooled)
    differs = (identity.fused != identity.text).any(dim=-1)
    assert torch.equal(differs, identity.mask)
    assert identity.mask.nonzero().tolist() == [[0, 2 + i] for i in range(run)]
    assert identity.notes == ()


def test_the_negative_prompt_stays_text(v2, pixels, embeddings):
    none = encode_identity(v2, "a man img", None, pixels, embeddings).weighted(1)
    assert none.embeds[0].abs().sum() == 0 and none.pooled[0].abs().sum() == 0
    named = encode_identity(v2, "a man img", "a woman img", pixels, embeddings).weighted(1)
    plain = encode(v2, "a man", "a woman")
    assert torch.equal(named.embeds[0], plain.embeds[0])
    assert torch.equal(named.pooled[0], plain.pooled[0])


def test_version_1_reads_no_embeddings(v1, pixels, embeddings):
    without = encode_identity(v1, "a man img", "", pixels, None)
    assert torch.equal(without.fused, encode_identity(v1, "a man img", "", pixels, embeddings).fused)


def test_weight_goes_in_a_straight_line_from_the_text_to_the_face_and_beyond(v2, pixels, embeddings):
    identity = encode_identity(v2, "a man img, portrait", "", pixels, embeddings)
    assert torch.equal(identity.weighted(0).embeds[1:], identity.text)
    assert torch.equal(identity.weighted(1).embeds[1:], identity.fused)
    for weight in (0.25, 0.5, 0.8, 1.3, 2):
        conditioning = identity.weighted(weight)
        line = identity.text + weight * (identity.fused - identity.text)
        torch.testing.assert_close(conditioning.embeds[1:], line, atol=1e-5, rtol=1e-5)
        assert torch.equal(conditioning.embeds[1:][~identity.mask], identity.text[~identity.mask])
        assert torch.equal(conditioning.embeds[:1], identity.negative)
        assert torch.equal(conditioning.pooled, identity.pooled)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weight_is_worked_out_in_full_precision_and_kept_in_the_encoders(dtype):
    random = torch.Generator().manual_seed(3)
    text, fused = (torch.randn(1, 77, 8, generator=random).to(dtype) for _ in range(2))
    identity = Identity(text, fused, text, text[0, :2], torch.ones(1, 77, dtype=torch.bool))
    exact = (text.double() + 0.3 * (fused.double() - text.double())).to(dtype)
    embeds = identity.weighted(0.3).embeds[1:]
    assert embeds.dtype == dtype
    # Equal but where float32 rounds to the other of two neighbours: one number in a hundred at most.
    # (Worked out in halves, every fifth number is another.)
    assert (embeds != exact).sum() <= embeds.numel() / 100
    torch.testing.assert_close(embeds, exact, atol=0, rtol=torch.finfo(dtype).eps)


@pytest.mark.parametrize(
    ("face_id_weight", "turns"),
    [(0, [0, 1, 2]), (3, [0, 1, 2]), (5, [0, 1, 2, 0, 1]), (7, [0, 1, 2, 0, 1, 2, 0])],
)
def test_face_id_weight_repeats_the_photos_in_turn(v2, pixels, embeddings, shown, face_id_weight, turns):
    identity = encode_identity(v2, "a man img", "", pixels, embeddings, face_id_weight)
    (given,) = shown
    assert torch.equal(given[0], pixels[turns][None])
    assert torch.equal(given[3], embeddings[turns][None])
    assert identity.mask.sum() == 2 * len(turns)
    assert identity.notes == ()


def test_a_face_id_weight_below_the_photos_uses_each_once_and_says_so(v2, pixels, embeddings, shown):
    identity = encode_identity(v2, "a man img", "", pixels, embeddings, 2)
    assert torch.equal(shown[0][0], pixels[None])
    assert identity.notes == ("face_id_weight 2 is less than the 3 photos of the person: each photo counts once.",)


def test_repeats_that_do_not_fit_are_refused_with_the_number_that_does(v2, pixels, embeddings):
    late = "a " * 60 + "man img"
    assert encode_identity(v2, late, "", pixels, embeddings, 7).mask.sum() == 14
    with pytest.raises(BadRecipe, match="has room for 7 photos of the person, and there are 8 "):
        encode_identity(v2, late, "", pixels, embeddings, 8)


def test_words_that_are_not_read_are_named_once(v2, pixels, embeddings):
    prompt, negative = "man img, " + "a " * 72 + "Red fox", "a " * 75 + "blurry"
    one = encode_identity(v2, prompt, negative, pixels[:1], embeddings[:1])
    assert [note.partition(" is")[0] for note in one.notes] == ["The negative prompt", "The prompt"]
    assert one.notes[1].endswith('not read: "Red fox".')
    assert one.weighted(0.5).notes == one.notes
    with pytest.raises(BadRecipe, match=r'leave out "a a a a Red fox", or use fewer photos\.$'):
        encode_identity(v2, prompt, negative, pixels, embeddings)


def test_the_pooled_output_is_the_end_tokens_right_behind_the_expanded_text(v2, pixels, embeddings):
    encoder = v2.text_encoder_2
    identity = encode_identity(v2, "a man img, portrait", "", pixels, embeddings)
    text = encode(v2, "a man man man man man man, portrait", "")
    ids = trigger.expand((v2.tokenizer, v2.tokenizer_2), "a man img, portrait", 3, 2).expanded_ids[1]
    end = ids.tolist().index(v2.tokenizer_2.eos_token_id)
    assert end > 7 and set(ids[end + 1 :].tolist()) == {0}  # behind the run, before the pads
    state = encoder(ids[None]).last_hidden_state[:, end]
    torch.testing.assert_close(identity.pooled[1:], encoder.text_projection(state), atol=1e-6, rtol=1e-6)
    assert torch.equal(identity.pooled, text.pooled)
    # SDXL's own config says that the end token is 2, and means the highest id.
    config = type(encoder.config)(**{**encoder.config.to_dict(), "eos_token_id": 2})
    old = CLIPTextModelWithProjection(config).eval().requires_grad_(False)
    old.load_state_dict(encoder.state_dict())
    by_old = encode_identity(replace(v2, text_encoder_2=old), "a man img, portrait", "", pixels, embeddings)
    torch.testing.assert_close(by_old.pooled, identity.pooled, atol=1e-5, rtol=1e-5)


def test_what_the_caller_holds_stays_as_it_is(v2, pixels, embeddings):
    copies = pixels.clone(), embeddings.clone()
    identity = encode_identity(v2, "a man img", "", pixels, embeddings, 5)
    before = [tensor.clone() for tensor in (identity.text, identity.fused, identity.negative, identity.pooled)]
    identity.weighted(0.5)
    after = [identity.text, identity.fused, identity.negative, identity.pooled]
    assert all(map(torch.equal, before, after))
    assert torch.equal(pixels, copies[0]) and torch.equal(embeddings, copies[1])


def test_size_counts_all_that_is_held(v2, pixels, embeddings):
    identity = encode_identity(v2, "a man img", "", pixels, embeddings)
    assert identity.size == 4 * (3 * 77 * 64 + 2 * 32) + 77
    assert identity.weighted(1).size == 4 * (2 * 77 * 64 + 2 * 32)


def test_a_person_that_cannot_be_drawn_is_refused_with_a_sentence(v2, pixels, embeddings):
    with pytest.raises(BadRecipe) as refused:
        encode_identity(replace(v2, photomaker=None), "man img", "", pixels, embeddings)
    assert str(refused.value) == (
        'The family "tiny" has no PhotoMaker, so it cannot draw a person; '
        "leave the person out or choose a family that has one."
    )
    with pytest.raises(BadRecipe) as refused:
        encode_identity(v2, "man img", "", pixels, None)
    assert str(refused.value) == (
        "PhotoMaker V2 reads a face embedding of each photo, and this face analyser makes none; "
        "set up an InsightFace model pack or use PhotoMaker V1."
    )
    with pytest.raises(BadRecipe, match="A face needs at least one photo"):
        encode_identity(v2, "man img", "", pixels[:0], embeddings[:0], 4)
    with pytest.raises(BadRecipe, match="The prompt starts with the trigger word"):
        encode_identity(v2, "img man", "", pixels, embeddings)
    with pytest.raises(ValueError, match="one face embedding for each of 3 photos, got 2"):
        encode_identity(v2, "man img", "", pixels, embeddings[:2])


@pytest.mark.parametrize(
    ("prompt", "people", "whole"),
    [
        ("a fox", ["man"], "man img, a fox"),
        ("a fox", ["man", "woman"], "man and woman img, a fox"),
        ("a fox", ["man", "woman", "person"], "man, woman and person img, a fox"),
        ("  ", ["man"], "man img"),
        ("", ["woman"], "woman img"),
        ("an imgur page", ["man"], "man img, an imgur page"),
        ("a girl IMG on a bench", ["man"], "a girl IMG on a bench"),
        ("img", ["man"], "img"),
        ("a fox", [], "a fox"),
    ],
)
def test_a_place_for_the_people_is_put_in_front_where_there_is_none(prompt, people, whole):
    assert with_class_word(prompt, people) == whole


def test_the_place_put_in_front_is_one_that_the_encoders_read(v2, pixels, embeddings):
    for people in (["man"], ["man", "woman"]):
        assert encode_identity(v2, with_class_word("a fox", people), "", pixels, embeddings).mask.sum() == 6
