"""People are known by their photos: once each, with a face in every photo where PhotoMaker needs one."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline import pixels
from pipeline.brief import brief
from pipeline.errors import BadPhoto, BadRecipe, NoFaceFound
from pipeline.faces import Face, Faces
from pipeline.people import People
from pipeline.photo import open_photo
from pipeline.stages import base
from tests.pipeline.face_pack import MAGENTA, open_faces


def painted(colour, at=(40, 40, 90, 100), size=(128, 128)):
    """A photo with a patch of one colour, in which the test's detector sees a face."""
    image = np.full((*size, 3), 90, np.uint8)
    image[at[1] : at[3], at[0] : at[2]] = colour
    return image


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    return open_faces(tmp_path_factory.mktemp("marked"), sex="M")


def test_a_person_has_an_embedding_for_each_photo_and_the_word_of_their_sex(marked, modules_v2):
    photos = [pixels.encode_png(painted(MAGENTA, (x, 40, x + 50, 100))) for x in (10, 30, 60)]
    person = People(marked, modules_v2.photomaker).identify("theo", photos)
    assert (person.name, person.class_word) == ("theo", "man")
    assert person.pixels.shape == (3, 3, 28, 28)
    expected = [marked.largest(np.asarray(open_photo(photo, "")), "").embedding for photo in photos]
    assert torch.equal(person.embeddings, torch.from_numpy(np.stack(expected)))


def test_a_photo_without_a_face_is_named_and_never_left_out(marked, modules_v2):
    photos = [pixels.encode_png(painted(colour)) for colour in (MAGENTA, (10, 10, 10), MAGENTA)]
    with pytest.raises(NoFaceFound, match=r"^No face was found in photo 2 of theo: "):
        People(marked, modules_v2.photomaker).identify("theo", photos)


def test_a_person_is_analysed_once_and_again_when_the_photos_change(modules):
    asked = []

    class Counting:
        identifies, name = False, "counting"

        def find(self, image):
            asked.append(image.shape)
            return (Face((0.0, 0.0, 9.0, 9.0), 0.9, sex="F"),)

    people = People(Faces(Counting(), limit_bytes=0), modules.photomaker)
    one, two = (pixels.encode_png(painted(MAGENTA, (x, 40, x + 40, 90))) for x in (10, 50))
    first, again, more = (people.identify("mina", photos) for photos in ([one], [one], [one, two]))
    assert first is again
    assert first.digest != more.digest
    assert len(asked) == 3
    assert more.class_word == "woman"


def test_where_no_sex_is_known_the_class_word_is_person(modules):
    class Nobody:
        identifies, name = False, "nobody"

        def find(self, image):
            return ()

    person = People(Faces(Nobody()), modules.photomaker).identify("mina", [pixels.encode_png(painted(MAGENTA))])
    assert (person.class_word, person.embeddings) == ("person", None)


def test_v2_without_embeddings_and_no_photomaker_at_all_are_a_sentence_each(modules_v2, photos):
    class Boxes:
        identifies, name = False, "The box finder"

        def find(self, image):
            return ()

    with pytest.raises(BadRecipe, match=r"^photomaker-v2\.safetensors needs face embeddings, and The box finder only"):
        People(Faces(Boxes()), modules_v2.photomaker).identify("mina", photos["mina"])
    with pytest.raises(
        BadRecipe, match=r"^There are no PhotoMaker weights here: put photomaker-v2\.bin into MODEL_DIR"
    ):
        People(Faces(Boxes()), None).identify("mina", photos["mina"])


def test_a_person_without_photos_is_a_sentence(engine, recipe):
    with pytest.raises(BadRecipe, match=r"^There are no photos of mina: add some with /faces add\.$"):
        engine.draw(recipe(face_folder="mina")).result(60)


def test_a_prompt_without_a_trigger_gets_the_class_word_and_keeps_the_recipe_as_asked(modules, photos, recipe, engine):
    person = engine.people.identify("mina", photos["mina"])
    asked = recipe(prompt="in the rain", face_folder="mina")
    wanted = brief(asked, [person])
    assert (wanted.recipe.prompt, wanted.asked) == ("person img, in the rain", asked)
    assert brief(recipe(prompt="a fox"), []).recipe.prompt == "a fox"
    assert pixels.read_recipe(engine.draw(asked, photos=photos).result(60).png) == asked


def test_other_photos_of_the_same_name_are_another_picture_only_where_the_person_enters(
    modules, photos, recipe, engine
):
    mina, theo = (engine.people.identify("mina", photos[name]) for name in ("mina", "theo"))
    outside = recipe(prompt="a man img", face_folder="mina")
    inside = recipe(prompt="a man img", face_folder="mina", start_merge_step=1)
    detailed = recipe(prompt="a man img", face_folder="mina", detail=True)
    keys = [[brief(each, [person]).key for person in (mina, theo)] for each in (outside, inside, detailed)]
    assert [one == other for one, other in keys] == [True, False, False]
    assert brief(detailed, [mina]).base_key == brief(detailed, [theo]).base_key


class Several:
    """An analyser that sees the same faces in every photo, the largest not first."""

    name = "several"

    def __init__(self, *sexes, identifies=False):
        self.sexes, self.identifies = sexes, identifies

    def find(self, image):
        return tuple(
            Face((10.0 * i, 0.0, 10.0 * i + 2 + i, 9.0), 0.9, sex=sex, embedding=np.full(512, i, np.float32))
            for i, sex in enumerate(self.sexes)
        )


def test_of_several_faces_in_a_photo_the_largest_is_the_person(modules, modules_v2):
    photo = [pixels.encode_png(painted(MAGENTA))]
    known = People(Faces(Several("F", "M", identifies=True)), modules_v2.photomaker).identify("theo", photo)
    assert (known.class_word, known.embeddings.unique().tolist()) == ("man", [1.0])
    assert People(Faces(Several("F", "M")), modules.photomaker).identify("theo", photo).class_word == "man"


def test_a_face_whose_sex_is_not_known_has_no_say_in_the_class_word(modules):
    class Mostly(Several):
        def find(self, image):
            return (Face((0.0, 0.0, 9.0, 9.0), 0.9, sex="F" if image.mean() > 95 else None),)

    photos = [pixels.encode_png(painted(MAGENTA, at)) for at in ((0, 0, 9, 9), (0, 0, 8, 9), (0, 0, 99, 99))]
    assert People(Faces(Mostly()), modules.photomaker).identify("mina", photos).class_word == "woman"


def test_the_same_photos_under_another_name_keep_their_own_name(modules, photos):
    people = People(Faces(Several("F")), modules.photomaker)
    mina, theo = (people.identify(name, photos["mina"]) for name in ("mina", "theo"))
    assert (mina.name, theo.name, mina.digest == theo.digest) == ("mina", "theo", True)


def test_a_photo_of_a_person_that_cannot_be_opened_is_named(modules, photos):
    with pytest.raises(BadPhoto, match=r"^Photo 2 of mina is no picture that can be read here"):
        People(Faces(Several("F")), modules.photomaker).identify("mina", [photos["mina"][0], b"<svg/>"])


def test_two_people_who_change_places_are_another_picture(modules, photos, recipe, engine):
    mina, theo = (engine.people.identify("mina", photos[name]) for name in ("mina", "theo"))
    pair = recipe(prompt="two people img", face_folder="mina, theo", detail=True)
    assert brief(pair, [mina, theo]).key != brief(pair, [theo, mina]).key


def test_a_person_who_enters_the_base_or_a_face_is_not_said_to_be_missing(modules, recipe):
    inside = recipe(prompt="a man img", face_folder="mina", start_merge_step=1)
    detailed = recipe(prompt="a man img", face_folder="mina", detail=True)
    assert base.notes(inside, modules.card) == base.notes(detailed, modules.card) == ()


def test_first_steps_are_shared_by_those_whom_the_same_word_names_and_by_nobody_else(modules, photos, recipe, engine):
    mina = engine.people.identify("mina", photos["mina"])
    woman, man = (replace(mina, class_word=word) for word in ("woman", "man"))
    asked = recipe(prompt="in the rain", face_folder="mina", start_merge_step=1)
    one, other, third = brief(asked, [woman]), brief(replace(asked, face_folder="theo"), [woman]), brief(asked, [man])
    assert one.prefix_key == other.prefix_key != third.prefix_key


def test_prompts_that_come_to_one_base_prompt_are_still_other_face_passes(modules, photos, recipe, engine):
    """Without a trigger the other faces are drawn by the text alone, which then has no class word."""
    person = engine.people.identify("mina", photos["mina"])
    settings = {"face_folder": "mina", "detail": True}
    asked = [recipe(prompt=prompt, **settings) for prompt in ("in the snow", f"{person.class_word} img, in the snow")]
    one, other = (brief(each, [person]) for each in asked)
    assert one.recipe == other.recipe
    assert one.base_key == other.base_key
    assert one.prompt_for(None) != other.prompt_for(None)
    assert one.key != other.key
