"""Each trap of YAML and of the format is answered by a sentence that says where, what stood there and what to do."""

import time

import pytest

from sweeps.errors import SweepError
from sweeps.expand import expand
from sweeps.parse import parse, parse_values
from tests.sweeps.samples import ALIAS_BOMB, EVERY_BOMB

NUMBER_OR_RANGE = 'a whole number from 1 to 150, or a range such as "4-7 (+1.5)", "1-10 [4]" or "1, 2, .., 10"'
SAMPLERS = "euler, dpmpp_2m, dpmpp_2m_sde, unipc, euler_a or ddim"
A_SWITCH = "YAML reads on, off, yes and no as true and false"

SENTENCES = {
    # values
    "parameters: {guidance_scale: {values: [4, 7, high]}}": (
        'parameters.guidance_scale.values[2]: expected a number from 1 to 30, got "high"'
    ),
    "parameters: {guidance_scale: {values: [1e-3, 4]}}": (
        'parameters.guidance_scale.values[0]: expected a number from 1 to 30, got "1e-3" '
        "(YAML reads 1e-3 as text: write it as 0.001)"
    ),
    "parameters: {sampler: {values: [euler, on]}}": (
        f'parameters.sampler.values[1]: expected {SAMPLERS}, got true ({A_SWITCH}: put the word in "quotes")'
    ),
    "base: {steps: on}": f"base.steps: expected a whole number from 1 to 150, got true ({A_SWITCH})",
    "base: {prompt: no}": f'base.prompt: expected text, got false ({A_SWITCH}: put the word in "quotes")',
    "base: {sampler: eular}": f'base.sampler: expected {SAMPLERS}, got "eular"; did you mean euler?',
    "parameters: {sampler: {red, green}}": (
        "parameters.sampler: {red, green} is a mapping in YAML; a list is written [red, green]"
    ),
    "base: {prompt: {red, green}}": (
        "base.prompt: expected text, got a mapping ({red, green}) "
        '(braces make a mapping in YAML: put the whole text in "quotes")'
    ),
    "base:\n  prompt: {red|green} hat": (
        'line 2, column 23: cannot be read as YAML: did not find expected key; a text with braces needs "quotes"'
    ),
    "parameters: {steps: {values: [range(0,5)]}}": (
        'parameters.steps.values[0]: expected a whole number from 1 to 150, got "range(0" '
        '(functions are not read here: a range is written "0-4", with a step "0-10 (+2)")\n'
        'parameters.steps.values[1]: expected a whole number from 1 to 150, got "5)" '
        '(functions are not read here: a range is written "0-4", with a step "0-10 (+2)")'
    ),
    "parameters: {steps: {values: range(0,5)}}": (
        'parameters.steps.values: functions are not read here, got "range(0"; a range is written "0-4"'
    ),
    "base: {steps: 2024-01-01}": (
        "base.steps: expected a whole number from 1 to 150, got 2024-01-01 (YAML reads it as a date: use quotes)"
    ),
    "base: {prompt: 2024-01-01}": ("base.prompt: expected text, got 2024-01-01 (YAML reads it as a date: use quotes)"),
    "base: {steps: 010}": (
        "base.steps: expected a whole number from 1 to 150, got 010 "
        "(YAML reads a leading zero as an octal number: leave it out, or use quotes)"
    ),
    "base: {steps: 1:30}": (
        "base.steps: expected a whole number from 1 to 150, got 1:30 "
        "(YAML reads colons between digits as base 60: use quotes)"
    ),
    "base: {guidance_scale: .nan}": "base.guidance_scale: expected a number from 1 to 30, got nan",
    "base: {guidance_scale: -.inf}": "base.guidance_scale: expected a number from 1 to 30, got -inf",
    "base: {steps: 1.0e+400}": "base.steps: expected a whole number from 1 to 150, got inf",
    f"base: {{steps: {'9' * 300}}}": (
        "base.steps: expected a whole number from 1 to 150, got a number of more than 60 digits"
    ),
    "base: {steps: null}": "base.steps: expected a whole number from 1 to 150, got nothing",
    "base: {prompt: 5}": 'base.prompt: expected text, got 5 (put it in quotes: "5")',
    "base: {width: 1001}": (
        "base.width: expected a multiple of 8 from 64 to 2048, got 1001; the nearest are 1000 and 1008"
    ),
    f"base: {{prompt: {'x' * 1501}}}": ("base.prompt: expected text of at most 1,500 characters, got 1,501 characters"),
    'base: {guidance_scale: "7,5"}': (
        'base.guidance_scale: expected a number from 1 to 30, got "7,5" (decimals are written with a point: 7.5)'
    ),
    "base: {face_folder: ../../etc}": (
        'base.face_folder: expected a person\'s name, or several with commas ("mina, theo"), got "../../etc"'
    ),
    "base: {steps: [10, 20]}": "base.steps: expected one value, got a list of 2; a list belongs under parameters",
    "base: {steps: 1-4}": (
        'base.steps: expected a whole number from 1 to 150, got "1-4" '
        '(a range is an axis: steps: "1-4" under parameters)'
    ),
    # names and keys
    "parameters: {guidance: 4}": "parameters.guidance: no such parameter; did you mean guidance_scale?",
    "paramters: {steps: 4}": "paramters: no such key; did you mean parameters?",
    "steps: 4": "steps: belongs under base (one value for all cells) or under parameters (an axis)",
    "parameters: {steps: {vales: [1]}}": "parameters.steps.vales: no such key; did you mean values?",
    "base: {steps: 1, steps: 2}": "base.steps: stands twice, in lines 1 and 1; keep one of them",
    "parameters: {steps: 4}\nzip: [{steps: [1, 2]}]": (
        "zip[0].steps: stands at parameters.steps already; keep one of them"
    ),
    "seed: 4\nparameters: {seed: [1, 2]}": "seed: stands at parameters.seed already; keep one of them",
    "base: {[a]: 2}": "base: expected a plain name before the colon, got a list of 1",
    "? {a: b}\n: 3": "line 1: expected a plain name before the colon, got a mapping ({a})",
    "base: {<<: {steps: 3}}": "base: merge keys (<<) are not allowed; write the values out",
    "version: 2": "version: expected 1, got 2",
    "seed: per_cel": (
        'seed: expected shared, per_cell, a whole number or a list of them, got "per_cel"; did you mean per_cell?'
    ),
    # shapes
    "": 'the file is empty; a sweep needs parameters, such as guidance_scale: "4-8"',
    "# nothing yet": 'the file is empty; a sweep needs parameters, such as guidance_scale: "4-8"',
    "- a": "expected a mapping of names to values, got a list of 1",
    "hello": 'expected a mapping of names to values, got "hello"',
    "base:": "base: expected a mapping (steps: 20), got nothing",
    "parameters: {steps: []}": "parameters.steps: expected at least one value, got an empty list",
    "zip: [{sampler: [euler, ddim], schedule: [ays]}]": (
        "zip[0]: expected lists of one length, but sampler has 2, schedule has 1"
    ),
    "a: b\n---\nc: d": "line 2: expected one document, got a second one after ---",
    # YAML itself
    "base:\n\tsteps: 4": (
        "line 2, column 1: cannot be read as YAML: found character that cannot start any token; "
        "tabs cannot indent, use spaces"
    ),
    "base:\n  prompt: a: b": (
        "line 2, column 12: cannot be read as YAML: mapping values are not allowed in this context; "
        'a text with a colon in it needs "quotes"'
    ),
    'name: "open': ("line 1, column 12: cannot be read as YAML: found unexpected end of stream; a quote is not closed"),
    "base: &b {steps: 4}\nparameters: *b": (
        "base: anchors and aliases are not allowed, got &b\nparameters: anchors and aliases are not allowed, got *b"
    ),
    "name: !!python/object:os.system x": "name: tags are not allowed, got !!python/object:os.system",
    "name: !mine x": "name: tags are not allowed, got !mine",
    b"name: \xe9": "line 1: expected text in UTF-8, got bytes that are not; save it as UTF-8",
    b"\xff\xfen\x00": "expected text in UTF-8, got UTF-16; save the file as UTF-8",
    "name: a\x07b": "line 1: expected plain text, got the control character U+0007",
    "\ud800": "expected plain text, got letters that cannot be written as UTF-8",
    "a" * 65_537: "expected a file of at most 64 KB, got a larger one",
    # how much
    "parameters: {seed: {min: 0, max: 1000000000}}": (
        "the sweep has more than a billion cells (more than a billion seed), more than the 1,000 allowed"
    ),
    "parameters: {guidance_scale: '1-30 (+0.0001)'}": (
        "the sweep has 290,001 cells (290,001 guidance_scale), more than the 1,000 allowed"
    ),
    "parameters: {guidance_scale: '1-1e9 (+0.0001)'}": (
        'parameters.guidance_scale: expected a number from 1 to 30, got 1000000000 in "1-1e9 (+0.0001)"'
    ),
    "repeats: 1000\nparameters: {steps: 1-4}": (
        "the sweep has 4,000 cells (4 steps × 1000 repeats), more than the 1,000 allowed"
    ),
    "repeats: 1000000": "repeats: expected a whole number from 1 to 1000, got 1000000",
    f"base: {{prompt: '{'{a|b}' * 20}'}}": (
        "the sweep has 1,048,576 cells (1,048,576 prompt), more than the 1,000 allowed"
    ),
    "method: random": "run_cap: expected how many cells to draw, got nothing: method random needs it",
    "method: random\nrun_cap: 5000": "run_cap: expected at most 1,000, got 5,000",
    "method: bayes": 'method: expected grid or random, got "bayes"',
    "parameters: {weight: {min: 0.1, max: 1.5}}": (
        "parameters.weight: a grid cannot take every value of uniform: "
        "add q (the step), list values, or use method: random"
    ),
    "parameters: {weight: {values: [0.5, 1], probabilities: [0.5, 0.5]}}": (
        "parameters.weight.probabilities: a grid takes every value; probabilities need method: random"
    ),
    "method: random\nrun_cap: 2\nparameters: {weight: {values: [0.5, 1], probabilities: [0.5, 0.9]}}": (
        "parameters.weight.probabilities: expected numbers that add up to 1, got 1.4"
    ),
    "exclude: [{steps: 20}]": "exclude: leaves no cell to draw; exclude fewer",
    # ranges
    "parameters: {steps: 1-10 (-3)}": 'parameters.steps: "1-10 (-3)" goes up, so its step must be (+3)',
    "parameters: {steps: 1-4 (+0.5)}": (
        'parameters.steps: expected a whole number from 1 to 150, got 1.5 in "1-4 (+0.5)"'
    ),
    "parameters: {steps: '5, 10, .., 23'}": (
        'parameters.steps: "5, 10, .., 23" does not meet its end: from 5 in steps of 5 to 23'
    ),
    "parameters: {steps: '1-3 [5]'}": 'parameters.steps: "1-3 [5]" asks for 5 values, but only 3 lie there',
    "parameters: {steps: 10 20}": f'parameters.steps: expected {NUMBER_OR_RANGE}, got "10 20"',
    # prompts
    "base: {prompt: 'a __hat__'}": (
        'base.prompt: wildcards are not allowed, got "__hat__"; list the words as {red|green}'
    ),
    "base: {prompt: 'a ${hat}'}": 'base.prompt: variables are not allowed, got "${hat}"',
    f"base: {{prompt: '{'{' * 9}a|b{'}' * 9}'}}": ('base.prompt: braces are nested more than 8 deep, got "{a|b}"'),
    "base: {prompt: '{3$$a|b}'}": 'base.prompt: 3 of 2 alternatives cannot be picked, got "{3$$a|b}"',
    # what does not go together
    "base: {sampler: ddim, schedule: ays}": 'base.schedule: expected uniform for sampler ddim, got "ays"',
    "parameters: {sampler: [euler, unipc], schedule: [ays, karras]}": (
        'parameters.schedule: expected karras or uniform for sampler unipc, got "ays"; '
        "exclude that pair, or let zip move the two together"
    ),
    "base: {detail_steps: 1}": "base.detail_steps: 0.5 of 1 detail_steps leaves no step to draw; raise one of them",
    "parameters: {face_folder: {glob: 'team-*'}}": (
        'parameters.face_folder.glob: expected a pattern that fits a person\'s name, got "team-*"; nobody is known here'
    ),
    "parameters: {steps: 1-4}\nrows: stps": ('rows: expected an axis of this sweep, got "stps"; did you mean steps?'),
}


@pytest.mark.parametrize("text", SENTENCES, ids=lambda text: repr(text)[:60])
def test_a_trap_is_answered_with_this_sentence(text: str | bytes) -> None:
    with pytest.raises(SweepError) as caught:
        expand(parse(text))
    assert str(caught.value) == SENTENCES[text]


def test_all_errors_of_a_file_come_together() -> None:
    with pytest.raises(SweepError) as caught:
        parse("version: 3\nbase: {stepz: 1, weight: 3}\nparameters: {denoise: [a, 0.5, 7]}\nzip: 4\nrows: width\n")
    assert [problem.path for problem in caught.value.problems] == [
        "version",
        "base.stepz",
        "base.weight",
        "parameters.denoise[0]",
        "parameters.denoise[2]",
        "zip",
    ]


def test_a_flood_of_errors_is_counted_not_listed() -> None:
    with pytest.raises(SweepError) as caught:
        parse(f"parameters: {{steps: [{', '.join(['x'] * 900)}]}}")
    assert len(caught.value.problems) == 900
    assert str(caught.value).splitlines()[40:] == ["… and 860 more"]


@pytest.mark.parametrize("bomb", EVERY_BOMB, ids=["aliases", "depth", "mappings", "flat"])
def test_a_bomb_ends_before_anything_is_built(bomb: str, report_line) -> None:
    before = time.thread_time()
    with pytest.raises(SweepError) as caught:
        parse(bomb)
    report_line(f"a bomb of {len(bomb):,} bytes was refused after {(time.thread_time() - before) * 1000:.1f} ms")
    said = str(caught.value)
    assert (
        "anchors and aliases are not allowed" in said or "at most 16 levels" in said or "at most 5,000 values" in said
    )


def test_every_alias_of_a_bomb_is_refused_where_it_stands() -> None:
    with pytest.raises(SweepError) as caught:
        parse(ALIAS_BOMB)
    assert str(caught.value.problems[1]) == "b: anchors and aliases are not allowed, got &b"
    assert str(caught.value.problems[2]) == "b[0]: anchors and aliases are not allowed, got *a"


@pytest.mark.parametrize(
    "text", ["\ufeffbase: {steps: 5}", "base: {steps: 5}\r\nname: x\r\n", "base: {steps: 5}\n...\n"]
)
def test_what_editors_add_to_a_file_does_no_harm(text: str) -> None:
    assert parse(text.encode()).base == {"steps": 5}


def test_as_many_bytes_values_and_levels_as_allowed_are_read() -> None:
    parse(("base: {steps: 5} #" + "x" * 65_536)[:65_536])
    labels = ", ".join(["x"] * 2_400)
    assert parse(f"parameters: {{seed: {{values: [{', '.join(map(str, range(2400)))}], labels: [{labels}]}}}}").axes
    with pytest.raises(SweepError, match="no such key"):
        parse("deep: " + "[" * 14 + "1" + "]" * 14)


def test_a_production_recipe_is_read_with_the_same_care() -> None:
    assert parse_values("steps: 30\nsampler: dpmpp_2m\n") == {"steps": 30, "sampler": "dpmpp_2m"}
    for text, sentence in {
        "": "the file is empty; it needs values, such as guidance_scale: 8",
        "steps: [30]\nstepz: 3": "steps: expected a whole number from 1 to 150, got a list of 1\n"
        "stepz: no such parameter; did you mean steps?",
        "steps: &a 30": "steps: anchors and aliases are not allowed, got &a",
    }.items():
        with pytest.raises(SweepError) as caught:
            parse_values(text)
        assert str(caught.value) == sentence


def test_five_thousand_values_and_names_are_read_and_one_more_is_not() -> None:
    def seeds(count: int) -> str:  # two mappings, two names and the list are five of them
        return f"parameters: {{seed: [{', '.join(map(str, range(count - 5)))}]}}"

    assert parse(seeds(5000)).axes
    with pytest.raises(SweepError, match="at most 5,000 values and names"):
        parse(seeds(5001))
