"""The ID encoder: the published layout, one person's tokens in order at the marked places, and nothing else touched."""

import pytest
import torch
from accelerate import init_empty_weights

from pipeline.identity.encoder import V1, V2, IDEncoder, Shape

REAL = {"v1": V1, "v2": V2}
TOKENS = {"v1": 1, "v2": 2}


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


@pytest.fixture
def given():
    """Random inputs of the tiny size: pixels, prompt embeds, face embeddings."""

    def make(batch=1, photos=2, seed=0):
        random = torch.Generator().manual_seed(seed)
        return (
            torch.randn(batch, photos, 3, 28, 28, generator=random),
            torch.randn(batch, 77, 64, generator=random),
            torch.randn(batch, photos, 512, generator=random),
        )

    return make


def marked(*rows):
    mask = torch.zeros(len(rows), 77, dtype=torch.bool)
    for row, places in enumerate(rows):
        mask[row, list(places)] = True
    return mask


def test_the_real_size_has_exactly_the_published_keys_and_shapes(version, manifest):
    with init_empty_weights():
        encoder = IDEncoder(REAL[version])
    assert {key: tuple(tensor.shape) for key, tensor in encoder.state_dict().items()} == manifest(version)


def test_v2_is_v1_and_a_q_former_of_56_tensors(manifest):
    with init_empty_weights():
        assert sum(weight.numel() for weight in IDEncoder(V2).parameters()) == 543_395_840
    extra = manifest("v2").keys() - manifest("v1").keys()
    assert len(manifest("v2")) == 463
    assert len(extra) == 56
    assert all(key.startswith("qformer_perceiver.") for key in extra)


def test_a_shape_survives_being_written_down():
    assert Shape.from_json(V2.to_json()) == V2
    assert Shape.from_json(V1.to_json()) == V1


def test_only_the_marked_positions_change_and_the_caller_s_tensors_do_not(version, built, given):
    pixels, prompt, faces = given()
    mask = marked(range(3, 3 + 2 * TOKENS[version]))
    before = [tensor.clone() for tensor in (pixels, prompt, faces, mask)]
    updated = built(version)(pixels, prompt, mask, faces)
    assert torch.equal(updated[~mask], prompt[~mask])
    assert (updated[mask] != prompt[mask]).all()
    for tensor, old in zip((pixels, prompt, faces, mask), before, strict=True):
        assert torch.equal(tensor, old)


def test_tokens_go_in_photo_by_photo(version, built, given):
    """Where every word is the same, a position tells which token went in; 1e-5 for the sums of a larger batch."""
    pixels, prompt, faces = given(photos=3)
    prompt[:] = prompt[0, 0]
    encoder, tokens = built(version), TOKENS[version]
    together = encoder(pixels, prompt, marked(range(3 * tokens)), faces)[0]
    for photo in range(3):
        alone = encoder(pixels[:, [photo]], prompt, marked(range(tokens)), faces[:, [photo]])[0, :tokens]
        torch.testing.assert_close(together[photo * tokens :][:tokens], alone, atol=1e-5, rtol=0)


def test_marked_positions_need_not_lie_together(version, built, given):
    pixels, prompt, faces = given()
    prompt[:] = prompt[0, 0]
    places = [2, 9, 40, 76][: 2 * TOKENS[version]]
    scattered = built(version)(pixels, prompt, marked(places), faces)
    together = built(version)(pixels, prompt, marked(range(len(places))), faces)
    assert torch.equal(scattered[0, places], together[0, : len(places)])


def test_a_batch_of_two_equals_two_runs_to_1e_5(version, built, given):
    pixels, prompt, faces = given(batch=2)
    count = 2 * TOKENS[version]
    mask = marked(range(1, 1 + count), range(50, 50 + count))
    encoder = built(version)
    both = encoder(pixels, prompt, mask, faces)
    for row in range(2):
        alone = encoder(pixels[row, None], prompt[row, None], mask[row, None], faces[row, None])
        torch.testing.assert_close(both[row, None], alone, atol=1e-5, rtol=0)


def test_v1_reads_the_photo_behind_the_last_norm_and_v2_before_it(built, given):
    pixels, prompt, faces = given()
    for version, changes in (("v1", True), ("v2", False)):
        encoder, mask = built(version), marked(range(2 * TOKENS[version]))
        before = encoder(pixels, prompt, mask, faces)
        encoder.vision_model.post_layernorm.weight = torch.nn.Parameter(torch.linspace(0.1, 3, 32))
        assert torch.equal(encoder(pixels, prompt, mask, faces), before) is not changes


def test_v2_reads_photo_and_face_embedding_raw_and_v1_the_photo_alone(built, given):
    pixels, prompt, faces = given()
    for version, changes in (("v1", False), ("v2", True)):
        encoder, mask = built(version), marked(range(2 * TOKENS[version]))
        before = encoder(pixels, prompt, mask, faces)
        assert not torch.equal(encoder(pixels.flip(1), prompt, mask, faces), before)
        assert torch.equal(encoder(pixels, prompt, mask, 20 * faces), before) is not changes
    assert torch.equal(
        built("v1")(pixels, prompt, marked(range(2))), built("v1")(pixels, prompt, marked(range(2)), faces)
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_takes_inputs_of_either_precision_and_stays_near(version, dtype, built, given):
    """Embeds of unit size; bfloat16 keeps 8 bits of the mantissa, so that a few layers may move a value by 0.1."""
    pixels, prompt, faces = given()
    mask = marked(range(2 * TOKENS[version]))
    exact, half = built(version)(pixels, prompt, mask, faces), built(version, dtype)
    assert {weight.dtype for weight in half.parameters()} == {dtype}
    for wanted in (torch.float32, dtype):
        near = half(pixels.to(wanted), prompt.to(wanted), mask, faces)
        assert near.dtype == wanted
        assert (near.float() - exact).abs().max() < 0.2
        assert (near.float() - exact).abs().mean() < 0.01


@pytest.mark.parametrize(
    ("version", "change", "sentence"),
    [
        (
            "v2",
            {"mask": marked(range(3))},
            "Row 0 of the class token mask marks 3 positions, expected 4: 2 for each of 2 photos.",
        ),
        (
            "v1",
            {"mask": marked(())},
            "Row 0 of the class token mask marks 0 positions, expected 2: 1 for each of 2 photos.",
        ),
        (
            "v2",
            {
                "mask": marked(range(4), range(4)),
                "pixels": torch.zeros(2, 2, 3, 28, 28),
                "faces": torch.zeros(2, 2, 512),
            },
            "The class token mask [2, 77] and the prompt embeds [1, 77, 64] do not fit ID embeds of 2 rows; "
            "give each row one prompt and one mask.",
        ),
        ("v2", {"faces": None}, "PhotoMaker V2 needs a face embedding for each photo, and got none."),
        (
            "v2",
            {"faces": torch.zeros(1, 3, 512)},
            "Expected face embeddings of shape [1, 2, 512], one for each photo, got [1, 3, 512].",
        ),
        (
            "v1",
            {"pixels": torch.zeros(2, 3, 28, 28)},
            "Expected photos of shape [rows, photos, 3, S, S], got [2, 3, 28, 28].",
        ),
    ],
)
def test_numbers_that_do_not_fit_together_are_refused_with_a_sentence(version, change, sentence, built, given):
    pixels, prompt, faces = given()
    inputs = {"pixels": pixels, "faces": faces, "mask": marked(range(2 * TOKENS[version]))} | change
    with pytest.raises(ValueError) as caught:
        built(version)(inputs["pixels"], prompt, inputs["mask"], inputs["faces"])
    assert str(caught.value) == sentence


def test_a_row_too_many_is_not_made_up_for_by_a_row_too_few(built, given):
    pixels, prompt, faces = given(batch=2)
    with pytest.raises(ValueError, match="Row 0 of the class token mask marks 5 positions, expected 4"):
        built("v2")(pixels, prompt, marked(range(5), range(3)), faces)
