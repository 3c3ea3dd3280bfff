"""The trigger token by token: what the encoders read in its place, and what is refused with a sentence."""

import gc
import json
import re
import weakref
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import CLIPTokenizer

from pipeline import trigger
from pipeline.errors import BadRecipe
from sweeps.errors import SweepError
from sweeps.recipe import has_trigger, resolve
from sweeps.words import quote

FOLDER = Path(__file__).parents[1] / "data" / "tokenizer"
VOCABULARY = json.loads((FOLDER / "vocab.json").read_text("utf-8"))
MERGES = [tuple(line.split()) for line in (FOLDER / "merges.txt").read_text("utf-8").splitlines()[1:]]
A, MAN, PHOTO, COMMA, START, END, IMG = 320, 513, 526, 267, 535, 536, 537


def new_tokenizer(pad="<|endoftext|>", vocabulary=VOCABULARY, merges=MERGES):
    return CLIPTokenizer(vocab=vocabulary, merges=merges, pad_token=pad, model_max_length=77)


TOKENIZERS = (new_tokenizer(), new_tokenizer("!"))  # the second of SDXL pads with "!", id 0

PIECES = ["img", "IMG", "imgur", "img2img", "man", "a", " ", ", ", "-", "_", "'s", "(", ":1.2)", "\n", "!", "!!", "."]
ASCII = st.lists(st.sampled_from(PIECES)).map("".join) | st.text(st.characters(min_codepoint=32, max_codepoint=126))


def expand(prompt, photos=1, tokens=2):
    return trigger.expand(TOKENIZERS, prompt, photos, tokens)


def refusal(prompt, photos=1, tokens=2):
    with pytest.raises(BadRecipe) as refused:
        expand(prompt, photos, tokens)
    return str(refused.value)


def positions(expansion):
    return expansion.class_tokens_mask.nonzero()[:, 0].tolist()


@pytest.mark.parametrize("photos", [1, 2, 5])
@pytest.mark.parametrize("tokens", [1, 2])
def test_the_class_token_is_repeated_for_each_token_of_each_photo(photos, tokens):
    expansion = expand("a photo, man img, a", photos, tokens)
    run = photos * tokens
    for ids, pad in zip(expansion.expanded_ids, (END, 0), strict=True):
        assert ids.tolist() == [START, A, PHOTO, COMMA, *[MAN] * run, COMMA, A, END, *[pad] * (77 - 7 - run)]
    assert positions(expansion) == list(range(4, 4 + run))
    assert expansion.note == ""


def test_the_input_ids_hold_the_trigger_as_each_tokenizer_pads_them():
    first, second = expand("man img").input_ids
    assert first.tolist() == [START, MAN, IMG, END, *[END] * 73]
    assert second.tolist() == [START, MAN, IMG, END, *[0] * 73]


def test_only_the_token_right_before_the_trigger_is_repeated():
    wo, woman = VOCABULARY["wo"], expand("woman img", photos=2)
    assert woman.expanded_ids[0].tolist()[:7] == [START, wo, MAN, MAN, MAN, MAN, END]
    assert positions(woman) == [2, 3, 4, 5]


def test_the_text_only_twin_is_the_prompt_without_its_trigger():
    assert expand("A photo of a MAN\n img, portrait").text_only_prompt == "a photo of a man , portrait"
    assert trigger.text_only(TOKENIZERS[0], "img man IMG") == "man"


@given(st.lists(st.sampled_from(["a", "man", "woman", "img", "(fox:1.2)", "35mm,", "don't", "é", "🦊", "a-b", "."])))
@settings(max_examples=200, deadline=None)
def test_the_twin_reads_as_the_tokens_that_stay(words):
    for tokenizer in TOKENIZERS:
        twin = trigger.text_only(tokenizer, " ".join(words))
        assert trigger.read(tokenizer, twin).ids == trigger.read_without_trigger(tokenizer, " ".join(words)).ids


@given(ASCII)
@settings(max_examples=400, deadline=None)
def test_text_and_tokens_agree_on_where_a_trigger_stands(text):
    for tokenizer in TOKENIZERS:
        found = IMG in trigger.read(trigger.triggered(tokenizer), text).ids
        assert found is has_trigger(text)


@given(ASCII)
@settings(max_examples=400, deadline=None)
def test_what_is_refused_for_its_triggers_is_refused_before_it_is_drawn_too(text):
    """Of the words alone, in the same words."""
    try:
        resolve({"prompt": text, "face_folder": "mina"})
    except SweepError as error:
        (problem,) = error.problems
        assert f"The prompt{problem.message.removeprefix(quote(text))}." == refusal(text)
        return
    if has_trigger(text):
        ids = trigger.read(trigger.triggered(TOKENIZERS[0]), text).ids
        assert ids.count(IMG) == 1 and ids[0] != IMG


@pytest.mark.parametrize("text", ["man IMG", "man (img:1.2)", "man\nimg's"])
def test_the_trigger_is_found_in_any_case_and_between_signs(text):
    assert IMG in trigger.read(trigger.triggered(TOKENIZERS[0]), text).ids


@pytest.mark.parametrize("text", ["imgur", "img2img", "my_img", "éimg"])
def test_a_longer_word_is_not_cut_at_the_trigger(text):
    for tokenizer in TOKENIZERS:
        assert trigger.read(trigger.triggered(tokenizer), text).ids == trigger.read(tokenizer, text).ids


def test_the_tokenizer_itself_never_learns_the_trigger():
    tokenizer = new_tokenizer()
    before = tokenizer("a man img", add_special_tokens=False).input_ids
    assert trigger.trigger_id(tokenizer) == len(VOCABULARY) == IMG
    assert len(tokenizer) == len(VOCABULARY)
    assert tokenizer("a man img", add_special_tokens=False).input_ids == before


def test_the_copy_is_made_once_and_goes_with_its_tokenizer():
    tokenizer = new_tokenizer()
    copy = weakref.ref(trigger.triggered(tokenizer))
    assert trigger.triggered(tokenizer) is copy()
    del tokenizer
    gc.collect()
    assert copy() is None


@pytest.mark.parametrize(
    ("prompt", "how"),
    [
        ("a man", 'The prompt holds no trigger word "img"; write it once'),
        ("an imgur man", 'The prompt holds no trigger word "img"; write it once'),
        ("", 'The prompt holds no trigger word "img"; write it once'),
        ("man img img", 'The prompt holds the trigger word "img" 2 times; write it once'),
        ("man img, man IMG, (img)", 'The prompt holds the trigger word "img" 3 times; write it once'),
        ("man img" + " a" * 90 + " img", 'The prompt holds the trigger word "img" 2 times; write it once'),
        ("img man", 'The prompt starts with the trigger word "img"; write it once'),
    ],
)
def test_there_is_exactly_one_trigger_and_never_at_the_start(prompt, how):
    assert refusal(prompt) == f'{how}, right after a class word, such as "man img".'


@pytest.mark.parametrize(
    ("prompt", "how"),
    [
        ("<|startoftext|> img man", 'follows "<|startoftext|>"'),
        ("man <|endoftext|>img", 'follows "<|endoftext|>"'),
        ("man! img", 'follows "!"'),  # a token added to the second tokenizer
    ],
)
def test_the_trigger_follows_an_ordinary_token(prompt, how):
    assert refusal(prompt) == f'The trigger word "img" {how}; write a class word right before it, such as "man img".'


def test_tokenizers_that_disagree_on_the_place_are_named():
    joined = {**VOCABULARY, "!!</w>": len(VOCABULARY)}
    tokenizers = [new_tokenizer(pad, joined, [*MERGES, ("!", "!</w>")]) for pad in ("<|endoftext|>", "!")]
    with pytest.raises(BadRecipe) as refused:
        trigger.expand(tokenizers, "a!! man img", photos=1, tokens=2)
    assert str(refused.value) == (
        'The trigger word "img" comes after 3 and 4 tokens, so the text encoders disagree on its place; '
        'leave out signs such as "!!" before it.'
    )
    assert trigger.expand(tokenizers, "man img, a!!", photos=1, tokens=2).expanded_ids[1][3].item() == COMMA


def test_the_whole_run_and_the_end_fit_or_the_sentence_says_how_many_photos_do():
    full = expand("man img", photos=37)
    assert positions(full) == list(range(1, 75))
    assert full.expanded_ids[0].tolist() == [START, *[MAN] * 74, END, END]
    assert refusal("man img", photos=38) == (
        "The prompt has room for 37 photos of the person, and there are 38 (repeats by face_id_weight counted); "
        'use fewer, or move "img" and its class word to the front.'
    )
    assert positions(expand("man img", photos=75, tokens=1)) == list(range(1, 76))
    assert "has room for 75 photos" in refusal("man img", photos=76, tokens=1)
    assert "has room for 1 photo of the person, and there are 2 " in refusal("a " * 72 + "man img", photos=2)


def test_a_trigger_too_late_for_any_photo_is_refused():
    last = expand("a " * 73 + "man img")
    assert last.expanded_ids[0].tolist() == [START, *[A] * 73, MAN, MAN, END]
    for tokens in (1, 2):
        assert refusal("a " * 74 + "man img", tokens=tokens) == (
            'The trigger word "img" comes after 75 tokens, and the text encoders read 75: no photo fits; '
            "move it and its class word nearer to the front."
        )


def test_no_photo_is_refused():
    assert refusal("man img", photos=0) == "A face needs at least one photo of the person, and there is none; add one."


def test_a_run_that_pushes_words_and_the_end_token_out_is_refused_with_the_words():
    assert refusal("man img, " + "a " * 70 + "Portrait of a PHOTO", photos=3) == (
        "The prompt is too long beside the person's photos (77 tokens, and 6 for the face; the text encoders read 75): "
        'leave out "a a Portrait of a PHOTO", or use fewer photos.'
    )
    fits = expand("man img, " + "a " * 66 + "of a", photos=3)
    assert fits.note == ""
    for ids in fits.expanded_ids:
        assert ids.tolist()[-3:] == [*expand("man img of a").expanded_ids[0].tolist()[3:5], END]


def test_words_that_no_encoder_would_read_anyway_are_left_out_and_named():
    """One photo's two tokens stand where the class word and the trigger did: nothing is pushed out."""
    expansion = expand("man img, " + "a " * 70 + "Portrait of a PHOTO", photos=1)
    assert expansion.note == ('The prompt is too long for the text encoders (77 tokens, 75 fit); not read: "a PHOTO".')
    for ids in expansion.expanded_ids:
        assert len(ids) == 77
        assert ids[-1] == END


@given(before=st.integers(0, 90), after=st.integers(0, 90), photos=st.integers(1, 40), tokens=st.integers(1, 2))
@settings(max_examples=300, deadline=None)
def test_every_prompt_is_refused_or_reads_whole_up_to_the_words_named(before, after, photos, tokens):
    prompt = "a " * before + "man img" + " photo" * after
    try:
        expansion = expand(prompt, photos, tokens)
    except BadRecipe:
        read = min(before + 2 + after, 75)
        assert read - 2 + photos * tokens > 75 or before + 1 >= 75
        return
    lost = re.search(r'not read: "(.+)"', expansion.note)
    named = len(lost[1].split()) if lost else 0
    content = [A] * before + [MAN] * photos * tokens + [PHOTO] * (after - named)
    assert expansion.expanded_ids[0].tolist() == [START, *content, *[END] * (76 - len(content))]
    assert len(content) <= 75
    assert IMG not in expansion.expanded_ids[1]
