"""A recipe is complete, and its keys are made of exactly what decides each stage."""

from dataclasses import replace

import pytest

from sweeps.errors import SweepError
from sweeps.parameters import CATALOGUE, Value
from sweeps.recipe import Recipe, has_trigger, resolve, without_trigger

PLAIN = resolve({"prompt": "a hat", "negative_prompt": "blurry", "seed": 7})
PERSON = replace(PLAIN, face_folder="mina")
NAMED = replace(PERSON, prompt="a woman img with a hat")
IN_BASE = replace(NAMED, start_merge_step=5)
BROUGHT = replace(PERSON, photo="5" * 64)

OTHER: dict[str, Value] = {
    "prompt": "a coat", "negative_prompt": "red", "seed": 8, "width": 512, "height": 512, "steps": 21,
    "guidance_scale": 5.0, "sampler": "dpmpp_2m", "schedule": "karras", "face_folder": "theo", "weight": 1.2,
    "face_id_weight": 4, "start_merge_step": 6, "detail_steps": 21, "detail_guidance": 5.0, "detail_size": 512,
    "denoise": 0.6, "crop_factor": 2.0, "production_mode": True,
}  # fmt: skip
BASE = {"prompt", "negative_prompt", "seed", "width", "height", "steps", "guidance_scale", "sampler", "schedule"}
IDENTITY = {"face_folder", "weight", "face_id_weight"}
DETAIL = {"detail_steps", "detail_guidance", "detail_size", "denoise", "crop_factor"}


def deciding(recipe: Recipe, key: str) -> set[str]:
    """The fields that change a key of a recipe when they change."""
    own = getattr(recipe, key)()
    return {name for name, value in OTHER.items() if getattr(replace(recipe, **{name: value}), key)() != own}


@pytest.mark.parametrize(
    ("recipe", "key", "fields"),
    [
        (PLAIN, "encode_key", {"prompt", "negative_prompt"}),
        (replace(PLAIN, guidance_scale=1.0), "encode_key", {"prompt", "negative_prompt"}),  # the face pass reads it
        (replace(PLAIN, guidance_scale=1.0, detail=False), "encode_key", {"prompt", "guidance_scale"}),
        (PLAIN, "base_key", BASE | {"face_folder"}),  # without a trigger the person's class word is put in front
        (PERSON, "base_key", BASE | {"face_folder", "start_merge_step"}),  # set lower, it lets identity into the base
        (NAMED, "base_key", BASE | {"start_merge_step"}),
        (IN_BASE, "base_key", BASE | IDENTITY | {"start_merge_step"}),
        (IN_BASE, "prefix_key", BASE),
        (BROUGHT, "base_key", set()),
        (replace(NAMED, guidance_scale=1.0), "base_key", (BASE - {"negative_prompt"}) | {"start_merge_step"}),
        (NAMED, "faces_key", BASE | {"start_merge_step"}),
        (PLAIN, "detail_key", BASE | DETAIL | {"face_folder"}),
        (PERSON, "detail_key", BASE | DETAIL | IDENTITY | {"start_merge_step"}),
        (replace(IN_BASE, guidance_scale=1.0), "detail_key", BASE | DETAIL | IDENTITY | {"start_merge_step"}),
        (replace(IN_BASE, guidance_scale=1.0, detail_guidance=1.0), "detail_key",
         (BASE | DETAIL | IDENTITY | {"start_merge_step"}) - {"negative_prompt"}),
        (BROUGHT, "detail_key", {"prompt", "negative_prompt", "seed", "sampler", "schedule"} | DETAIL | IDENTITY),
    ],
)  # fmt: skip
def test_a_key_is_made_of_exactly_what_decides_its_stage(recipe: Recipe, key: str, fields: set[str]) -> None:
    assert deciding(recipe, key) == fields


@pytest.mark.parametrize(("step", "enters"), [(0, True), (18, True), (19, False), (20, False), (150, False)])
def test_identity_enters_the_base_only_after_a_step_that_is_not_the_last(step: int, enters: bool) -> None:
    recipe = replace(NAMED, steps=20, start_merge_step=step)
    assert recipe.identity_in_base is enters
    assert recipe.text_steps == (step + 1 if enters else 20)
    assert (recipe.base_key() != replace(recipe, face_folder="").base_key()) is enters


def test_without_detail_the_base_picture_is_the_picture() -> None:
    recipe = replace(PLAIN, detail=False)
    assert recipe.faces_key() is None
    assert recipe.detail_key() is None
    assert recipe.key() == recipe.base_key() == PLAIN.base_key()
    assert PLAIN.key() == PLAIN.detail_key()


def test_stages_never_share_a_key() -> None:
    keys = {PERSON.encode_key(), PERSON.base_key(), PERSON.faces_key(), PERSON.detail_key()}
    assert len(keys) == 4


def test_keys_stay_the_same_from_one_run_to_the_next() -> None:
    """Caches on disk and pictures already drawn are found by these; changing them must be meant."""
    assert PLAIN.base_key() == "6fb467779be0f520a6b309109825bcf1"
    assert PERSON.detail_key() == "16bdb2015913eebc0f61311233c1cfdd"


def test_a_recipe_survives_json() -> None:
    assert tuple(IN_BASE.as_dict()) == tuple(CATALOGUE)
    assert Recipe.from_dict(IN_BASE.as_dict()) == IN_BASE


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"steps": "20"}, 'steps: expected a whole number from 1 to 150, got "20" '
                          "(text, because of its quotes: write 20 without them)"),
        ({"stepz": 20}, "stepz: no such parameter; did you mean steps?"),
        ({"seed": None}, "seed: expected a whole number from 0 to 4294967295, got nothing"),
        ({"sampler": "ddim"}, 'schedule: expected uniform for sampler ddim, got "ays"'),
    ],
)  # fmt: skip
def test_a_damaged_recipe_is_refused(change: dict[str, Value], sentence: str) -> None:
    with pytest.raises(SweepError) as caught:
        Recipe.from_dict({**PLAIN.as_dict(), **change})
    assert str(caught.value) == sentence


def test_a_recipe_with_a_field_missing_is_refused() -> None:
    fields = PLAIN.as_dict()
    del fields["steps"]
    with pytest.raises(SweepError, match=r"^steps: expected a whole number from 1 to 150, got nothing$"):
        Recipe.from_dict(fields)


def test_settings_stand_over_a_family_over_the_catalogue() -> None:
    recipe = resolve({"steps": 5}, defaults={"steps": 8, "width": 128, "detail": False}, seed=3)
    assert (recipe.steps, recipe.width, recipe.height, recipe.detail, recipe.seed) == (5, 128, 1024, False, 3)


def test_a_seed_is_drawn_when_nobody_names_one() -> None:
    assert resolve({"seed": 9}, seed=3).seed == 9
    assert len({resolve({}).seed for _ in range(8)}) > 1


def test_production_mode_keeps_prompt_seed_and_face_alone() -> None:
    own: dict[str, Value] = {"prompt": "mine", "seed": 1, "face_folder": "mina", "steps": 99, "weight": 2.0,
                             "negative_prompt": "x", "production_mode": True}  # fmt: skip
    production: dict[str, Value] = {"steps": 30, "prompt": "theirs", "sampler": "dpmpp_2m"}
    recipe = resolve(own, defaults={"detail": False, "steps": 4}, production=production)
    assert (recipe.prompt, recipe.seed, recipe.face_folder) == ("mine", 1, "mina")
    assert (recipe.steps, recipe.sampler, recipe.weight, recipe.negative_prompt) == (30, "dpmpp_2m", 1.0, "")
    assert recipe.detail is False
    assert recipe.production_mode


@pytest.mark.parametrize(("sampler", "schedule"), [("ddim", "uniform"), ("unipc", "karras"), ("euler", "ays")])
def test_a_schedule_that_nobody_chose_follows_the_sampler(sampler: str, schedule: str) -> None:
    assert resolve({"sampler": sampler}).schedule == schedule


def test_a_chosen_pair_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(SweepError, match=r'^schedule: expected karras or uniform for sampler unipc, got "ays"$'):
        resolve({"sampler": "unipc", "schedule": "ays"})


def test_all_wrong_settings_are_told_at_once() -> None:
    with pytest.raises(SweepError) as caught:
        resolve({"steps": 0, "weight": "much", "hat": 1})
    assert [problem.path for problem in caught.value.problems] == ["steps", "weight", "hat"]


@pytest.mark.parametrize(
    ("steps", "denoise", "run"), [(20, 0.35, 7), (20, 0.5, 10), (100, 0.29, 28), (10, 0.7, 7), (20, 0.57, 11)]
)
def test_the_face_pass_counts_its_steps_as_diffusers_does(steps: int, denoise: float, run: int) -> None:
    assert replace(PLAIN, detail_steps=steps, denoise=denoise).detail_run == run


def test_several_people_and_photos_let_nobody_into_the_base() -> None:
    assert replace(IN_BASE, face_folder="mina, theo").people == ("mina", "theo")
    assert not replace(IN_BASE, face_folder="mina, theo").identity_in_base
    assert not replace(IN_BASE, photo="5" * 64).identity_in_base


def test_two_strengths_that_come_to_the_same_steps_are_one_face_pass() -> None:
    one, same, more = (replace(PERSON, detail_steps=20, denoise=denoise).detail_key() for denoise in (0.5, 0.52, 0.55))
    assert one == same != more


@pytest.mark.parametrize(
    ("prompt", "plain"),
    [
        ("a photo of a man img, portrait", "a photo of a man  , portrait"),
        ("woman IMG", "woman  "),
        ("img", " "),
        ("imgur and jimg", None),
        ("an img_1", None),
        ("man img img", "man    "),
    ],
)
def test_the_trigger_is_a_word_of_its_own_in_any_case(prompt: str, plain: str | None) -> None:
    assert has_trigger(prompt) is (plain is not None)
    assert without_trigger(prompt) == (prompt if plain is None else plain)


def test_a_recipe_on_a_photo_survives_json_and_draws_no_base() -> None:
    assert Recipe.from_dict(BROUGHT.as_dict()) == BROUGHT
    assert BROUGHT.base_evaluations == 0
    with pytest.raises(SweepError, match=r'^photo: expected a picture\'s SHA-256, got "\.\./secret"$'):
        Recipe.from_dict({**PLAIN.as_dict(), "photo": "../secret"})


def test_another_photo_is_another_picture() -> None:
    other = replace(BROUGHT, photo="6" * 64)
    for key in ("prefix_key", "base_key", "faces_key", "detail_key"):
        assert getattr(other, key)() != getattr(BROUGHT, key)()


def test_what_the_text_encoders_read_alike_without_a_trigger_is_one_base() -> None:
    """The trigger is a space to them: with it and with a space in its place, nobody's picture is the same."""
    marked, plain = (replace(PLAIN, prompt=prompt) for prompt in ("a man img", "a man  "))
    assert marked.base_key() == plain.base_key()
    assert marked.detail_key() == plain.detail_key()
    assert replace(NAMED, prompt="a man img").detail_key() != replace(NAMED, prompt="a man  ").detail_key()


@pytest.mark.parametrize(
    ("settings", "drawn"),
    [({}, False), ({"face_folder": "mina"}, True), ({"face_folder": "mina", "detail": False}, False)],
)
def test_a_person_who_is_named_is_drawn_unless_detail_was_turned_off(settings: dict[str, Value], drawn: bool) -> None:
    assert resolve(settings, defaults={"detail": False}).detail is drawn


ONCE = '; write it once, right after a class word, such as "man img"'


@pytest.mark.parametrize(
    ("prompt", "fault"),
    [
        ("man img, a woman img", 'holds the trigger word "img" 2 times'),
        ("(IMG:1.2) img img", 'holds the trigger word "img" 3 times'),
        (" img of a man", 'starts with the trigger word "img"'),
        ("a man img, an imgur", None),
        ("a man", None),
    ],
)
def test_a_prompt_that_cannot_be_drawn_for_its_triggers_is_refused_where_a_person_is_drawn(
    prompt: str, fault: str | None
) -> None:
    people: list[dict[str, Value]] = [
        {},
        {"face_folder": "a, b"},
        {"production_mode": True},
        {"detail": False, "start_merge_step": 5},
    ]
    for person in people:
        values: dict[str, Value] = {"prompt": prompt, "face_folder": "mina", **person}
        if fault is None:
            assert resolve(values).prompt == prompt
            continue
        with pytest.raises(SweepError) as refused:
            resolve(values, production={"detail": True})
        assert str(refused.value) == f'prompt: "{prompt}" {fault}{ONCE}'


def test_triggers_are_let_be_where_nobody_is_drawn_and_in_what_was_asked_before() -> None:
    values: dict[str, Value] = {"prompt": "man img, a woman img"}
    assert resolve({**values, "detail": True}).face_folder == ""
    assert not resolve({**values, "face_folder": "mina", "detail": False}).identity_in_base
    asked = replace(NAMED, prompt="man img, a woman img")
    assert Recipe.from_dict(asked.as_dict()) == asked
