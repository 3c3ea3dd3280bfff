"""People are known by their photos: once each, with a face in every photo where PhotoMaker needs one."""

import numpy as np
import pytest
import torch

from pipeline import pixels
from pipeline.brief import brief
from pipeline.errors import BadRecipe, NoFaceFound
from pipeline.faces import Face, Faces
from pipeline.people import People
from pipeline.photo import open_photo
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


def test_a_person_whom_nothing_lets_in_is_said(engine, recipe, photos):
    drawn = engine.draw(recipe(prompt="a man img", face_folder="mina"), photos=photos).result(60)
    assert drawn.notes == (
        "Nothing in this picture looks like mina: detail is off, and start_merge_step 150 lets nobody into the base "
        "picture.",
    )
