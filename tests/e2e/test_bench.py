"""scripts/bench peers: what it writes from what it measured, and that a wrong answer ends it."""
import json
import subprocess
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

from enclosure import TOP, until
from quotagate import PROGRAM

TOOLS = Path(PROGRAM).parent / "bench"
MARKS = "<!-- figures: made by scripts/bench peers, do not edit -->\nold\n<!-- end of figures -->\n"
MACHINE = {"kind": "machine", "cpus": 2, "kernel": "6.1", "processor": "any", "load": 0.1, "users": 10000, "rounds": 3,
           "seconds": 2, "quick": False}


def run(contender, mode, turn, rate, cpu):
    return {"kind": "run", "contender": contender, "mode": mode, "turn": turn, "rate": rate, "cpu_us": cpu, "mib": 7.5,
            "p50_us": 10.0, "p99_us": 2000.0 if contender == "miss" else 20.0, "p999_us": 3e6}


def rows():
    yield MACHINE
    for turn, speed in enumerate((1, 2, 4)):  # the machine is of another mood in each round
        for mode in ("1", "64"):
            yield run("floor", mode, turn, 100_000 * speed, 2.0)
            yield run("hit", mode, turn, 95_000 * speed, 2.2)
            yield run("miss", mode, turn, 20_000 * speed, 12.0)
            if turn != 1:
                yield run("quota-status-best", mode, turn, 1_000 * speed, 900.0)
    yield {"kind": "cannot", "contender": "hit", "mode": "512", "why": "nobody knows"}
    for mailboxes, rss in ((1000, 10.0), (1_000_000, 170.0)):
        yield {"kind": "memory", "mailboxes": mailboxes, "rss": rss}


@pytest.fixture
def page(folder):
    """The lines of the page that is made from these rows; beside it is the plot."""
    def make(rows, text="before\n" + MARKS + "after\n"):
        raw = folder / "raw"
        raw.write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / "performance.md").write_text(text)
        done = subprocess.run([TOP / "scripts/bench", "peers", "--from", raw, "--write", folder], capture_output=True,
                              text=True)
        assert done.returncode == 0, done.stderr
        return (folder / "performance.md").read_text().splitlines()
    return make


def cells(lines, title):
    """Of each line of a table that begins so, what stands behind."""
    return [[cell.strip() for cell in line.split("|")[2:-1]] for line in lines if line.startswith(f"| {title} ")]


def test_ratios_are_to_the_floor_of_the_same_round(page):
    lines = page(rows())
    one, many = cells(lines, "quotagate, hit")
    assert one == many == ["190,000", "0.95 (0.95-0.95)", "10.0 µs", "20.0 µs", "3.00 s", "2.20 µs", "1.10 (1.10-1.10)",
                           "7.50"]
    assert cells(lines, "Dovecot quota-status, two processes")[0][1] == "0.010 (0.010-0.010)"
    assert lines[0] == "before" and lines[-1] == "after" and "old" not in lines


def test_expectations_are_met_or_missed(page):
    lines = page(rows())
    assert cells(lines, "hits: at least 0.9 of the floor's answers") == [["0.95 (0.95-0.95)", "met"]]
    assert cells(lines, "misses: at least 30 times quota-status, by whichever setting is faster") == [["20.0 (20.0-20.0)", "**missed**"]]
    assert cells(lines, "misses: more than smmapd") == [["-", "-"]]  # there is none
    memory = "memory with 1,000,000 mailboxes cached: RSS under 160 MiB"
    assert cells(lines, memory) == [["170 (170-170)", "**missed**"]]


def test_what_cannot_be_measured_says_why(page):
    lines = page([*rows(), run("floor", "512", 0, 1.0, 1.0)])
    assert cells(lines, "quotagate, hit")[-1][0] == "- [1]"
    assert "[1] nobody knows  " in lines


def test_the_plot(page, folder):
    page(rows())
    space = "{http://www.w3.org/2000/svg}"
    dots = {}
    for path in xml.parse(folder / "performance.svg").iter(f"{space}path"):
        if path.find(f"{space}title") is not None:
            title = path.find(f"{space}title").text
            dots[title.partition(", 64 kept")[0]] = float(path.get("transform").partition("(")[2].partition(",")[0])
    assert len(dots) == 6, dots
    hit, miss = dots["quotagate, hit"], dots["quotagate, miss"]
    worst = dots["Dovecot quota-status, two processes"]
    assert worst < miss < hit
    # 0.95, 0.2 and 0.01 on a logarithmic scale: by their ratios.
    assert (hit - miss) / (miss - worst) == pytest.approx(0.52, abs=0.01)


def test_a_page_without_marks_is_left_alone(page, folder):
    with pytest.raises(AssertionError, match="lacks the lines"):
        page(rows(), "mine\n")
    assert (folder / "performance.md").read_text() == "mine\n"


def load(*arguments):
    return subprocess.run([TOOLS / "load", *map(str, arguments)], capture_output=True, text=True)


def test_the_load_generator_tells_wrong_answers_from_none(folder):
    subprocess.run([TOP / "bench/maildirs", folder / "maildirs", "20"], check=True)
    at = f"unix:{folder}/socket"
    ask = ["--to", at, "--protocol", "exim-quotad", "--users", 20, "--questions", 100, "--per-question",
           "--after", "/Maildir"]
    assert load(*ask, "--before", "/").returncode == 4, "nobody listens"
    server = subprocess.Popen([TOOLS / "forking", at])
    try:
        until((folder / "socket").exists, "it listens")
        good = load(*ask, "--before", f"{folder}/maildirs/example.org/")
        assert good.returncode == 0 and " questions=100 " in good.stdout, good.stderr
        wrong = load(*ask, "--before", "/nowhere/")
        assert wrong.returncode == 3 and "odd answer: 0" in wrong.stderr
    finally:
        server.kill()
        server.wait()


def test_too_few_refusals_end_a_run():
    done = subprocess.run(["/usr/bin/python3", "-B", "-c", """if True:
        import sys
        sys.path.insert(0, "bench")
        import peers
        class Anybody:
            name, full = "anybody", 0.1
        peers.check(Anybody, {"questions": 10000, "full": 1000, "line": ""})
        peers.check(Anybody, {"questions": 10000, "full": 0, "line": "all pass"})
        """], cwd=TOP, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr == "bench: anybody answers wrongly: all pass\n"
