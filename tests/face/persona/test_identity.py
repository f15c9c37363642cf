"""Identities: saved, loaded, edited, cast."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save_file

from imagineid_sdk.errors import IdentityFileError, OptionError
from imagineid_sdk.face.mesh.head import ParametricHead
from imagineid_sdk.face.persona.identity import Identity
from imagineid_sdk.face.persona.phenotype import age_in_years, age_parameter
from imagineid_sdk.face.persona.population import Overrides, PopulationPrior, VoiceAttributes
from imagineid_sdk.face.persona.sources import known_person
from imagineid_sdk.face.persona.vocabulary import COLORS, HAIR_SHAPE, WORDS
from imagineid_sdk.hub.loading import load_component


def unit(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=64).astype(np.float32)
    return vector / np.linalg.norm(vector)


WOMAN = VoiceAttributes(gender=0.97, age=35, age_spread=8, voice=unit(0))
MAN = replace(WOMAN, gender=0.04, voice=unit(1))


@pytest.fixture(scope="module")
def model(shipped_weights):
    head = load_component(shipped_weights, "head", ParametricHead)
    return head, load_component(shipped_weights, "population", PopulationPrior)


@pytest.fixture(scope="module")
def cast(model):
    head, people = model
    return lambda heard=WOMAN, seed=0, **wishes: people.sample(head, heard, Overrides(**wishes), seed)


def test_a_saved_identity_comes_back_whole(cast, tmp_path):
    person = replace(cast(), reference=np.random.default_rng(0).normal(size=(16, 16, 16)).astype(np.float16))
    loaded = Identity.load(person.save(tmp_path / "anna.safetensors"))
    assert loaded.words() == person.words()
    assert loaded.seed == person.seed and loaded.ancestry == person.ancestry
    assert np.array_equal(loaded.code, person.code) and np.array_equal(loaded.reference, person.reference)
    assert np.array_equal(loaded.traits, person.traits) and loaded.hair_shape == person.hair_shape


def test_a_file_that_is_no_identity_says_so(tmp_path):
    (tmp_path / "not.safetensors").write_text("hello")
    with pytest.raises(IdentityFileError, match="not an identity file"):
        Identity.load(tmp_path / "not.safetensors")
    other = {"identity": '{"unsaid": []}'}
    save_file({"code": np.zeros(96, np.float32)}, tmp_path / "other.safetensors", metadata=other)
    with pytest.raises(IdentityFileError, match="of this version"):
        Identity.load(tmp_path / "other.safetensors")
    with pytest.raises(IdentityFileError, match="No identity file"):
        Identity.load(tmp_path / "missing.safetensors")


def test_the_voice_decides_the_sex_and_the_seed_the_person(cast):
    women = [cast(WOMAN, seed) for seed in range(20)]
    assert all(person.words()["gender"] == "female" for person in women)
    assert all(cast(MAN, seed).words()["gender"] == "male" for seed in range(20))
    assert len({(p.hair, p.skin_rgb, p.eye_color) for p in women}) > 12
    assert all(person.beard == "none" for person in women)


def test_the_same_seed_casts_the_same_person_for_nearly_the_same_voice(cast):
    near = WOMAN.voice + 0.05 * unit(9)
    again = cast(replace(WOMAN, voice=near / np.linalg.norm(near), age=36.0), 5)
    assert again.hair == cast(WOMAN, 5).hair
    assert np.linalg.norm(again.code - cast(WOMAN, 5).code) < 0.2 * np.linalg.norm(cast(WOMAN, 5).code)


def test_another_voice_of_the_same_sex_is_another_person(cast):
    own, other = cast(WOMAN, 5), cast(replace(WOMAN, voice=unit(2)), 5)
    alike = own.traits @ other.traits / np.linalg.norm(own.traits) / np.linalg.norm(other.traits)
    assert alike < 0.5
    # Ancestry and the colour of skin are never taken from a voice.
    assert own.ancestry == other.ancestry and own.skin_rgb == other.skin_rgb


def test_hair_and_beard_follow_the_voice_without_jumps(cast):
    voices = [np.cos(angle) * unit(0)[:16] + np.sin(angle) * unit(3)[:16] for angle in np.linspace(0, np.pi, 80)]
    for seed in range(6):
        men = [cast(replace(MAN, voice=voice / np.linalg.norm(voice)), seed) for voice in voices]
        hair, beard = np.array([man.hair_rgb for man in men]), np.array([man.beard_growth for man in men])
        assert np.abs(np.diff(hair, axis=0)).max() < 0.12 and np.abs(np.diff(beard)).max() < 0.4
        assert np.abs(np.diff([man.hair_shape for man in men], axis=0)).max() < 0.4
    strangers = [cast(replace(MAN, voice=unit(k)), 1) for k in range(40)]
    assert {man.beard for man in strangers} == {"none", "stubble", "beard"}, "men of one seed don't wear one beard"
    assert np.ptp([sum(man.hair_rgb) for man in strangers]) > 0.1
    assert np.ptp([man.hair_shape for man in strangers], axis=0).min() > 1, "nor do they wear it alike"
    assert len({man.hair for man in strangers}) == 1, "a cut has no half, and would jump"


def test_what_lies_between_words_is_said_by_shares_of_both(cast):
    man = cast(MAN, 5)
    assert all(sum(shares.values()) == pytest.approx(1) for shares in man.attribute_weights().values())
    bearded = replace(man, beard="stubble", beard_growth=0.75)
    assert bearded.attribute_weights()["beard"] == {"none": 0.25, "stubble": 0.75}
    young = [replace(man, age=age).attribute_weights()["age"]["young"] for age in (27, 36)]
    assert young[0] == 1 and 0 < young[1] < 1
    assert cast(MAN, 5, hair_color="red").attribute_weights()["hair_color"]["red"] > 0.85
    for slot, word in man.words().items():
        assert man.attribute_weights()[slot][word] >= 0.4, "the word is the one with the largest share"


def test_of_a_shaved_head_only_the_hairline_is_told(cast):
    long, shaved = (cast(WOMAN, 5, hair=cut) for cut in ("long straight", "buzz cut"))
    assert long.hair_shape == shaved.hair_shape and max(np.abs(long.to_vector()[-4:-1])) > 0.1
    assert not shaved.to_vector()[-4:-1].any() and shaved.to_vector()[-1] == long.to_vector()[-1]
    assert shaved.words()["hair_length"] == cast(MAN, 9, hair="buzz cut").words()["hair_length"]


def test_a_beard_that_was_wished_for_stays_when_other_things_are_edited(model):
    head, people = model
    bearded = people.edit(head, people.sample(head, WOMAN, Overrides(), 5), Overrides(beard="beard"))
    assert people.edit(head, bearded, Overrides(age=60)).beard == "beard"
    man = people.edit(head, people.sample(head, MAN, Overrides(), 5), Overrides(beard="beard"))
    assert people.edit(head, man, Overrides(gender="female")).beard == "none"
    assert people.edit(head, man, Overrides(age=12)).beard == "none"


def test_traits_of_another_model_are_refused(model):
    head, people = model
    person = replace(people.sample(head, WOMAN, Overrides(), 5), traits=np.ones(3, np.float32))
    with pytest.raises(IdentityFileError, match="3 traits"):
        known_person(person, people, head, Overrides(), "")


def test_a_wished_beard_is_whole(cast):
    wished = cast(MAN, 5, beard="stubble")
    assert wished.beard_growth is None and wished.to_vector()[15] == 0
    assert all(cast(MAN, seed, age=12).beard == "none" for seed in range(20))


def test_a_voice_heard_older_is_the_same_person(cast):
    for seed in range(12):
        young, older = (cast(replace(MAN, age=age), seed) for age in (34.0, 48.0))
        for look in ("hair", "eye_color", "beard", "clothes", "skin_rgb", "ancestry"):
            assert getattr(young, look) == getattr(older, look)
        assert np.abs(np.array(young.hair_rgb) - older.hair_rgb).max() < 0.25


def test_hair_turns_grey_with_age_and_children_look_like_children(cast):
    brightness = [np.mean([sum(cast(MAN, seed, age=age).hair_rgb) for seed in range(20)]) for age in (30, 62, 80)]
    assert brightness[0] < brightness[1] < brightness[2]
    grey = [cast(MAN, seed, age=80).hair_color in ("grey", "white", "ash") for seed in range(20)]
    assert np.mean(grey) > 0.6
    children = [cast(MAN, seed, age=10) for seed in range(40)]
    assert all(child.beard == "none" and child.hair != "bald" for child in children)


def test_a_child_is_the_grown_up_when_young(cast):
    for seed in range(12):
        child, grown = (cast(WOMAN, seed, age=age) for age in (12, 30))
        for look in ("hair", "hair_rgb", "eye_color", "skin_rgb", "ancestry", "gender"):
            assert getattr(child, look) == getattr(grown, look)


def test_no_seed_makes_a_child_of_a_grown_up_voice(cast):
    young = replace(WOMAN, age=19, age_spread=18)
    assert min(cast(young, seed).age for seed in range(40)) >= 17


def test_editing_one_attribute_leaves_the_others(cast):
    plain, edited = cast(seed=3), cast(seed=3, hair="long straight", eye_color="green")
    assert (edited.hair, edited.eye_color) == ("long straight", "green")
    assert np.array_equal(plain.code, edited.code)
    assert plain.clothes == edited.clothes and plain.skin_rgb == edited.skin_rgb


def test_colours_are_words_or_red_green_blue(cast):
    dyed = cast(seed=3, hair_color="#8040c0", clothes_color=(10, 200, 30), skin=(90, 60, 50))
    assert dyed.hair_rgb == (128 / 255, 64 / 255, 192 / 255) and dyed.hair_color in WORDS["hair_color"]
    assert dyed.words()["clothes_color"] == "green" and dyed.words()["skin"] == "very dark"
    assert cast(seed=3, hair_color="red").hair_color == "red"  # a hair colour, not the colour of a fire engine
    assert cast(seed=3, hair_color="pink").hair_rgb == COLORS["pink"]
    for wish in ({"hair_color": "#12"}, {"skin": "mauve"}, {"clothes_color": (300, 0, 0)}):
        with pytest.raises(OptionError, match="#rrggbb"):
            cast(**wish)


def test_glasses_are_worn_on_request_only(cast):
    assert all(cast(WOMAN, seed).glasses == "none" for seed in range(60))
    assert cast(seed=2, glasses="round").glasses == "round"


@pytest.mark.parametrize("slot", [slot for slot in WORDS if slot not in (*HAIR_SHAPE, "age")])
def test_every_word_that_is_listed_can_be_wished_for(cast, slot):
    for word in WORDS[slot]:
        for gender in ("female", "male"):
            person = cast(**{"gender": gender, slot: word})
            assert person.words()[slot] == word or (slot == "beard" and gender == "female")


def test_a_known_person_stays_who_they_are(cast, shipped_weights):
    head = load_component(shipped_weights, "head", ParametricHead)
    people = load_component(shipped_weights, "population", PopulationPrior)
    bearded = replace(cast(gender="female", beard="beard"), reference=np.ones((16, 16, 16), np.float16))
    assert people.edit(head, bearded, Overrides()) is bearded
    assert people.edit(head, bearded, Overrides(light=bearded.light, hair=bearded.hair, beard="beard")) is bearded
    assert people.edit(head, bearded, Overrides(skin="dark")).beard == "beard"
    man = cast(MAN, gender="male", beard="beard", age=40)
    assert people.edit(head, man, Overrides(gender="female")).beard == "none"
    assert people.edit(head, man, Overrides(age=12)).beard == "none"


def test_wishes_override_what_was_heard(cast):
    person = cast(seed=1, gender="male", age=70)
    assert person.words()["gender"] == "male" and person.words()["age"] == "old"
    with pytest.raises(OptionError, match="Choose one of"):
        cast(hair="mohawk")
    with pytest.raises(OptionError, match="10 to 90"):
        cast(age=3)


def test_ages_survive_the_trip_through_their_parameter():
    assert [round(age_in_years(age_parameter(years))) for years in (12, 25, 60, 88)] == [12, 25, 60, 88]
    assert age_parameter(30) < 0.8 < 0.86 < age_parameter(45), "skins of middle age come in from 0.8 on"


# --- files and values that no person can have -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"code": np.full(96, np.nan, np.float32)}, "code holds"),
        ({"reference": np.full((16, 16, 16), np.inf, np.float16)}, "reference holds"),
        ({"traits": np.zeros(106, np.float32)}, "traits are 0"),
        ({"gender": 3.0}, "gender"),
        ({"age": float("nan")}, "age"),
        ({"hair": "seaweed"}, "hair"),
        ({"skin_rgb": (2.0, 0.0, 0.0)}, "skin_rgb"),
    ],
)
def test_impossible_values_are_refused_when_they_are_read(cast, tmp_path, change, words):
    with pytest.raises(IdentityFileError, match=words):
        Identity.load(replace(cast(), **change).save(tmp_path / "odd.safetensors"))


def test_a_file_may_be_read_by_those_who_may_read_any_new_file(cast, tmp_path):
    (tmp_path / "plain").touch()
    path = cast().save(tmp_path / "anna.safetensors")
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert {entry.name for entry in tmp_path.iterdir()} == {"plain", "anna.safetensors"}


def test_a_person_can_be_compared_hashed_and_printed(cast):
    anna, other = cast(seed=1), cast(seed=1)
    assert anna == anna and anna != other and len({anna, other}) == 2
    assert len(repr(anna)) < 700 and "array" not in repr(anna)


def test_sex_and_age_of_a_known_person_can_be_edited(cast, shipped_weights):
    head = load_component(shipped_weights, "head", ParametricHead)
    people = load_component(shipped_weights, "population", PopulationPrior)
    anna = cast(seed=3)
    older = people.edit(head, anna, Overrides(age=75))
    assert older.words()["age"] == "old" and older.hair == anna.hair and not np.array_equal(older.code, anna.code)
    man = people.edit(head, anna, Overrides(gender="male"))
    assert man.words()["gender"] == "male" and man.clothes == anna.clothes
    assert people.edit(head, anna, Overrides()) is anna
    assert people.edit(head, anna, Overrides(age=anna.age, gender="female")) is anna
