"""The page in a real Chromium: it opens, plays, turns, answers a click, follows a cell, goes to a beat, and prints."""

import json

import numpy as np
import pytest

from cardiax.catalog import AAMI_CLASSES, DISCLAIMER
from cardiax.ecg.leads import SITE_NAMES, WALLS
from cardiax.ecg.rhythm_summary import BeatSequence, rr_intervals, summarize
from cardiax.launch.page.document import page
from cardiax.launch.page.heart_part import HeartCase, heart_part
from cardiax.launch.page.packed import packed
from cardiax.launch.page.rhythm_part import rhythm_part
from cardiax.launch.predictors.heart import Prediction
from cardiax.launch.predictors.influence import BeatInputs
from cardiax.launch.predictors.rhythm_prediction import RhythmPrediction
from cardiax.simulate.generic_leads import Explained

EVIL = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
NAMES = "NVSFQ"
WALL_OF_FIRST = next(wall for wall, sites in enumerate(WALLS.values()) if 0 in sites)


def predicted(leads, times, beats, voltage=None, **more):
    return Prediction(leads, times, voltage, (), (), np.zeros(len(beats)), beats, **more)


def heart():
    """Two cases: a wave along the sites, with truth and voltages, and one of times alone."""
    times = np.linspace(5, 79, 75)
    leads = np.outer(np.sin(np.arange(500) / 30), np.linspace(0.2, 1.5, 12))
    voltage = np.where(np.arange(500)[:, None] > times, 20.0, -85.0)
    beats = times + np.sqrt(2) * np.array([[-1.0], [1.0]])
    influence = np.zeros((len(WALLS), 500, 12))
    influence[WALL_OF_FIRST, 100:200, 0] = 1.0
    more = {"influence": influence, "explained": Explained(0.6, leads[:180] / 2), "voltage_spread": voltage * 0}
    first = predicted(leads, times, beats, voltage, **more)
    second = HeartCase("second", predicted(leads, times[::-1], times[None]))
    return heart_part(EVIL, [HeartCase(EVIL, first, times - 4, voltage - 1), second], "beats", [EVIL])


def recording():
    """Three minutes at 60 beats a minute; every 50th beat is V."""
    times = np.arange(0.5, 180, 1.0)
    labels = np.where(np.arange(180) % 50 == 49, 2, 0)
    unreadable = np.array([[100.2, 105.4]])
    rr = rr_intervals(times, unreadable)
    signal = 1.5 * np.exp(-(((np.arange(180 * 180) / 180 % 1 - 0.5) / 0.02) ** 2))
    names = np.array(AAMI_CLASSES)[labels]
    beats = BeatSequence(times=times, rr=rr, names=names, unreadable=unreadable, duration=180.0)
    return rhythm_part(
        "Holter",
        RhythmPrediction(
            **vars(beats),
            probabilities=np.eye(5, dtype=np.float32)[labels] * 0.75 + 0.05,
            flags=np.where(labels > 0, "noisy", "").astype(object),
            reasons=(EVIL,),
            summary=summarize(beats),
            strips=(),
            median_beats={"N": np.zeros((192, 2)), "V": np.ones((192, 2))},
            quartiles={"N": np.zeros((2, 192, 2)), "V": np.ones((2, 192, 2))},
            leads=("II", EVIL),
            rate=360.0,
            signal=signal.astype(np.float16),
            signal_leads=((0.0, "II"),),
            notes=(),
            warnings=(),
            examples=BeatInputs(0),
        ),
        ["Warning: " + EVIL],
    )


def run():
    """A run of four classes, of which two beats are wrong, and there are none of the last class."""
    figure = {"value": 0.9, "low": 0.8, "high": 0.95}
    cells = [[[0, 1], [2], [], []], [[], [3], [], []], [[4], [], [], []], [[], [], [], []]]
    beats = [
        {"true": row, "prediction": column, "odds": [0.5, 0.3, 0.1, 0.1], "from": {"record": 100 + index}}
        for row, some in enumerate(cells)
        for column, cell in enumerate(some)
        for index in cell
    ]
    beats.sort(key=lambda beat: beat["from"]["record"])
    signal = packed(np.sin(np.arange(187) / 9)[None], 0.01)
    shade = packed(np.r_[np.zeros(93), np.ones(94)][None], 0.01)
    classes = [{"name": name, "meaning": EVIL, "colour": "#0b5cad", "examples": 2} for name in NAMES[:4]]
    return {
        "kind": "run",
        "title": "run",
        "verdict": EVIL,
        "lines": ["data", "protocol"],
        "interval": "95%",
        "note": None,
        "why": "",
        "metrics": [{"name": "accuracy", "meaning": "share", **figure, "unit": None}],
        "curves": {"step": [1, 2, 3], "train_loss": [3, 2, 1], "validation_accuracy": [0.1, None, 0.4]},
        "colours": ["#1976c8", "#c2410c"],
        "repeat": {
            "command": "cardiax train",
            "config": {"model": EVIL},
            "versions": {},
            "devices": [],
            "code": None,
            "fingerprints": {"split": "s"},
            "seconds": 60,
        },
        "classes": [one | dict.fromkeys(("precision", "recall", "f1"), figure) for one in classes],
        "confusion": [[2, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]],
        "reliability": {"bins": [[0, 0, 0], [5, 4, 4.5]], "ece": 0.1},
        "risk": {"coverage": [0.5, 0.9, 1.0], "risk": [0.0, 0.1, 0.2]},
        "cases": {
            "beats": beats,
            "cells": cells,
            "worst": [4, 2, 3, 0, 1],
            "signals": [signal] * 5,
            "rate": 125.0,
            "shades": {
                "classes": [{"class": 1, "beats": 32, "signal": signal, "shade": shade, "text": EVIL}],
                "worst": [shade, shade, None, shade, shade],
            },
        },
        "walls": {"leads": ["I", EVIL], "walls": [EVIL], "shares": [[75.0, 25.0]], "cases": 16},
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp(f"pages of {'<b>'}")

    def write(name, parts):
        path = folder / f"{name}.html"
        path.write_bytes(page(EVIL, parts))
        return path

    return write


def no_name_became_html(tab):
    return tab.value("window.hacked === undefined && document.images.length === 0 && document.scripts.length") > 0


def test_the_heart_plays_turns_and_answers(open_tab, written):
    tab = open_tab(written("heart", [heart()]))
    assert tab.text("h1") == EVIL
    assert no_name_became_html(tab)
    over = "(e => [e.right - e.left, document.querySelector('.voltage .cursor').getBoundingClientRect().left - e.left])"
    wide, at = tab.value(f"{over}(document.querySelector('.voltage .u-over').getBoundingClientRect())")
    assert at == pytest.approx(wide * 80 / 499, abs=1)  # the plot's cursor is at 80 ms from the beginning
    assert tab.value("[...document.querySelectorAll('path.explained')].every(one => one.getAttribute('d'))")
    assert "explains 60 % of the variance of the leads" in tab.text("body")
    look = "document.querySelector('canvas.heart').toDataURL()"
    drawn = "new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))"
    tab.value(drawn)
    first = tab.value(look)
    tab.press("d")
    tab.value(drawn)
    assert tab.value(look) != first  # turned by a key
    tab.press("0")
    tab.value(drawn)
    assert tab.value(look) == first
    tab.click("canvas.heart", 0.3, 0.5, drag=80)
    tab.value(drawn)
    assert tab.value(look) != first  # and by the mouse

    tab.press("]")
    assert tab.text("dl.reading dd") == f"{SITE_NAMES[1]} (AHA segment 2, endocardium)"
    tab.press("0")
    tab.value(drawn)
    tab.click("canvas.heart", 0.35, 0.55)
    assert tab.text("dl.reading dd") not in (f"{SITE_NAMES[0]} (", f"{SITE_NAMES[1]} (AHA segment 2, endocardium)")
    site = tab.value("document.querySelector('select[aria-label=Site]').selectedIndex")
    told = tab.value("[...document.querySelectorAll('dl.reading dd')].map(one => one.textContent)")
    assert told[1].startswith(f"{5 + site:.1f} ms ± 2.0 ms")
    assert told[2] == f"{1 + site:.1f} ms, error 4.0 ms"

    assert tab.text(".time") == "80 ms"
    tab.value("(e => (e.value = 0, e.dispatchEvent(new Event('change'))))(document.querySelector('[aria-label=Site]'))")
    assert 100 <= tab.value("document.querySelectorAll('.leads rect').length") <= 104  # smoothed at its ends
    other = next(sites[0] for wall, sites in enumerate(WALLS.values()) if wall != WALL_OF_FIRST)
    tab.value(
        f"(e => (e.value = {other}, e.dispatchEvent(new Event('change'))))(document.querySelector('[aria-label=Site]'))"
    )
    assert tab.value("document.querySelectorAll('.leads rect').length") == 0  # nothing moved that wall
    tab.value("document.querySelector('input').focus()")
    tab.press("]")  # the slider takes the arrows alone
    assert tab.text("dl.reading dd").startswith(SITE_NAMES[other + 1])
    tab.press("[")
    tab.value("document.activeElement.blur()")
    tab.press("Home")
    assert tab.text(".time") == "0 ms"
    tab.press("ArrowRight")
    assert tab.text(".time") == "1 ms"
    assert tab.text("dl.reading dt:last-of-type") == "voltage at 1 ms"  # while the heart shows activation
    tab.press(" ")
    tab.wait("parseFloat(document.querySelector('.time').textContent) > 10")
    tab.press(" ")
    tab.value(drawn)  # of a busy machine a frame may be under way
    now = tab.text(".time")
    tab.value("new Promise(r => setTimeout(r, 200))")
    assert tab.text(".time") == now  # it has stopped

    tab.press("3")
    assert tab.text(".colour-bar span") == "prediction − truth (ms)"
    assert tab.value("[...document.querySelectorAll('.cell-value')].every(one => one.textContent === '4')")
    tab.press("1")
    tab.press("v")
    tab.press("Home")
    assert tab.value("document.querySelector('.cell-value').textContent") == "−85"
    tab.press("End")
    assert tab.value("document.querySelector('.cell-value').textContent") == "20"
    tab.press("j")
    tab.wait("document.querySelector('select[aria-label=Case]').value === '1'")
    tab.wait("document.querySelector('dl.reading dd + dt + dd').textContent.endsWith('ms')")
    assert tab.pdf().startswith(b"%PDF")
    assert no_name_became_html(tab)


def test_on_paper_nothing_is_stretched_or_covered(open_tab, written):
    tab = open_tab(written("heart", [heart()]), width=390)
    shape = "(box => box.width / box.height)(document.querySelector('canvas.heart').getBoundingClientRect())"
    on_screen = tab.value(shape)
    assert tab.value("document.querySelector('.on-paper').offsetHeight") == 0
    tab.call("Emulation.setEmulatedMedia", media="print")
    tab.call("Emulation.setDeviceMetricsOverride", width=700, height=900, deviceScaleFactor=1, mobile=False)
    tab.wait("innerWidth === 700")
    assert tab.value(shape) == pytest.approx(on_screen, rel=1e-3)  # a canvas cannot be drawn anew for paper
    assert tab.value("document.querySelector('.on-paper').offsetHeight") > 0  # what the buttons say on the screen
    assert tab.text(".on-paper") == f"{EVIL}. Prediction at 80 ms."
    widths = "['.leads', '.with-cursor'].map(one => document.querySelector(one).getBoundingClientRect().width)"
    leads, box = tab.value(widths)
    assert leads == box  # so the cursors, which are placed in the box, are at the time of the leads
    bottom = "Math.max(...[...document.querySelectorAll('.lead')].map(one => one.getBoundingClientRect().bottom))"
    assert tab.value(f"{bottom} < document.querySelector('.leads .scale').getBoundingClientRect().top")
    # Not all browsers draw the margin boxes of a sheet: the first and the last sheet say it by themselves.
    heights = "['.research', 'footer p', 'footer details'].map(one => document.querySelector(one).offsetHeight)"
    first, last, licences = tab.value(heights)
    assert first > 10
    assert 10 < last < 40
    assert licences == 0  # they would take pages of their own
    assert DISCLAIMER in tab.text(".research")
    assert DISCLAIMER in tab.text("footer p")


def test_a_heart_without_voltages_has_no_key_for_them_and_a_number_has_the_colour_of_the_bar(open_tab, written):
    times = np.linspace(5.7, 79.7, 75)
    only_times = heart_part("times", [HeartCase("one", predicted(np.zeros((500, 12)), times, times[None]))], "beats")
    tab = open_tab(written("times", [only_times]))
    bar = tab.value("[...document.querySelectorAll('.colour-bar rect')].map(one => one.getAttribute('fill'))")
    cells = (
        "[...document.querySelectorAll('.cell')].map(one => [one.nextSibling.textContent, one.getAttribute('fill')])"
    )
    found = tab.value(cells)
    assert len(found) == 75
    assert [fill for _, fill in found] == [bar[min(int(number) // 10, 7)] for number, _ in found]
    tab.press("?")
    assert "voltage" not in tab.text("dialog")


def test_every_abnormal_beat_is_one_key_away(open_tab, written):
    tab = open_tab(written("holter", [recording()]), width=800)
    assert tab.text(".beat-text").startswith("Beat 50 at 0:00:49.50: V, ventricular ectopic")
    assert tab.value("document.querySelector('.minutes').clientHeight") == 3 * 38  # no taller than its three minutes
    opaque = "(y => document.querySelector('.minutes canvas').getContext('2d').getImageData(60, y, 700, 1)"
    opaque += ".data.filter((_, index) => index % 4 === 3).some(Boolean))"
    tab.wait(f"{opaque}(19) && {opaque}(57)")
    assert not tab.value(f"{opaque}(0)")  # no R peak is cut off
    tab.press("n")
    tab.wait("document.querySelector('.beat-text').textContent.startsWith('Beat 100 at 0:01:39.50')")
    assert "Probabilities: N 5 %, S 5 %, V 80 %, F 5 %, Q 5 %. Doubtful: noisy." in tab.text(".beat-text")
    tab.press("p")
    tab.wait("document.querySelector('.beat-text').textContent.startsWith('Beat 50 ')")
    tab.wait("document.querySelectorAll('.strip .beat-name').length > 5")
    assert tab.value("[...document.querySelectorAll('.strip .ectopic')].length") == 1
    strip = tab.value(
        "(s => [s.viewBox.baseVal.width, s.getBoundingClientRect().width])(document.querySelector('.strip svg'))"
    )
    assert strip[1] / strip[0] == pytest.approx(96 / 25.4, rel=1e-3)  # a unit is a millimetre
    tab.press("Home")
    tab.wait("document.querySelector('.strip .scale').textContent === 'II, 0:00:00.0'")
    tab.press("ArrowDown")
    tab.wait("document.querySelector('.strip .scale').textContent === 'II, 0:01:00.0'")
    assert (
        tab.value("Math.min(...[...document.querySelectorAll('.medians line')].map(one => one.y1.baseVal.value))") >= 0
    )
    room = "['.plot', '.plot .u-over'].map(one => document.querySelector(one).getBoundingClientRect().right)"
    box, over = tab.value(room)
    assert box - over >= 28  # room for half of the last label of the axis, 24:00:00
    assert tab.text(".pane:last-of-type td:last-child") == EVIL
    assert tab.pdf().startswith(b"%PDF")
    assert no_name_became_html(tab)


def test_experiments_side_by_side_have_their_whole_names(open_tab, written):
    names = [f"{'resnet1d-' * 9}learning_rate={rate}" for rate in ("1e-3", "3e-3")]
    rows = [
        {"row": name, "value": 0.5, "low": 0.4, "high": 0.6, "seeds": [0, 1], "values": [0.4, 0.6]} for name in names
    ]
    pair = {"first": names[0], "second": names[1], "difference": -0.1, "low": -0.2, "high": -0.05, "p": 0.5}
    metric = {"name": "accuracy", "higher_is_better": True, "best": names[0], "rows": rows, "pairs": [pair]}
    one = {"task": "arrhythmia", "data": "some", "drawn": "records", "metrics": [metric], "classes": []}
    part = {"kind": "comparison", "title": "both", "paired": True, "tables": [one]}
    tab = open_tab(written("comparison", [part]), width=390)
    assert "beyond chance (p < 0.05, each compared alone) for 0 of 1 other experiment." in tab.text(
        ".verdict"
    )  # the interval lacks 0
    told = tab.value("[...document.querySelectorAll('svg.wide')].map(one => one.textContent)")
    assert all(name in told[0] for name in names)
    assert f"{names[1]} − {names[0]}" in told[1]
    inside = "(one => one.getBBox().x + one.getBBox().width <= one.ownerSVGElement.viewBox.baseVal.width)"
    assert tab.value(f"[...document.querySelectorAll('svg.wide text')].every({inside})")
    assert tab.value("document.documentElement.scrollWidth") <= 390
    tab = open_tab(written("comparison", [part]), width=1300)
    assert tab.value("[...document.querySelectorAll('.scroll')].every(one => one.scrollWidth <= one.clientWidth)")


def test_a_cell_of_the_confusion_matrix_leads_to_its_beats(open_tab, written):
    tab = open_tab(written("run", [run(), heart()]), width=390)
    assert tab.value("document.documentElement.scrollWidth") <= 390  # nothing is wider than the phone
    assert tab.text("h4") == "The ten worst beats"
    assert "record 104" in tab.text(".case + dl")
    tab.wait("document.querySelectorAll('.case rect').length === 94")  # red where it speaks for the class
    assert tab.value("document.querySelectorAll('.worst').length") == 5
    tab.wait("document.querySelectorAll('.worst rect').length === 4 * 94")
    assert tab.text(".worsts figcaption") == f"V, {EVIL}: 32 beats; log odds: {EVIL}"
    assert tab.text(".share") == "75"
    heads = "[...document.querySelectorAll('.matrix th')].filter(one => one.offsetWidth && one.textContent)"
    assert tab.value(f"{heads}.map(one => one.textContent).join('')") == "NVS" * 2  # F has no beats
    tab.click(".matrix tbody tr:nth-child(1) td:nth-child(3) button")
    assert tab.text("h4") == "N, called V"
    tab.wait("document.querySelector('.case + dl').textContent.includes('record 102')")
    tab.click(".matrix tbody tr:nth-child(1) td:nth-child(2) button")
    tab.press("ArrowRight")
    tab.wait("document.querySelector('.case + dl').textContent.includes('record 101')")
    tab.press("n")
    assert tab.text("h4") == "N, called V"
    tab.press("n")
    assert tab.text("h4") == "S, called N"
    tab.press("?")
    assert "the ten worst beats" in tab.text("dialog")
    tab.press("Escape")
    tab.press(">", shift=True)  # the next part
    tab.wait("document.documentElement.dataset.ready === '1'")
    assert tab.value("document.documentElement.scrollWidth") <= 390
    assert tab.pdf().startswith(b"%PDF")
    assert no_name_became_html(tab)
    assert json.loads(tab.text("#data"))["parts"][0]["verdict"] == EVIL
