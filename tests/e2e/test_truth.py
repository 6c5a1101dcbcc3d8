"""The verdict is what the store does at delivery; scripts/truth does the same at length, and prints tables."""
import random
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import truth_front
from truth import Trial
from truth_stores import STORES
from truth_world import World

SEED = 20260
LIMITS = (50_000, 300_000)
SURE = {what: [name for name, kind in STORES.items() if what in kind.sure] for what in ("one", "safe", "many")}
# Of the four ways in which Exim counts, one sends by itself.
FRONTS = [name for name in SURE["many"] if name not in ("sizefile", "scanned", "exclusive")]


@pytest.fixture(scope="module")
def world():
    folder, servers = Path(tempfile.mkdtemp(prefix="qg")), []
    folder.chmod(0o755)

    def wrap(server):
        servers.append(server)
        return server
    try:
        made = World(folder, seed=SEED, wrap=wrap)
        made.make("one", lambda store: 10 if store.slow else 60)
        made.make("many", lambda store: 3 if store.slow else 6, crowd=True)
        made.make("front", lambda store: 12 if store.slow else 24, crowd=True, plain=True, limits=LIMITS)
        made.start("exact", "front", "usual-alone", "front-alone")
        made.postfix = truth_front.PostfixFront(made, {
            store.name: made.made["front", store.name] for store in made.stores.values() if store.transport()})
        yield made
    finally:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda server: server.stop(), reversed(servers)))
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def verdicts(world):
    """One sender before each store, and all stores at the same time."""
    def trial(name):
        return Trial(world.stores[name], world.judge("exact")).one_at_a_time(
            random.Random(SEED), world.made["one", name], rounds=2)
    names = SURE["one"] + SURE["safe"]
    with ThreadPoolExecutor(len(names)) as pool:
        return dict(zip(names, pool.map(trial, names)))


@pytest.mark.parametrize("name", SURE["one"])
def test_the_verdict_is_what_the_store_does(verdicts, name):
    assert verdicts[name].wrong == []
    assert verdicts[name].agreed > verdicts[name].passed > 0


@pytest.mark.parametrize("name", SURE["safe"])
def test_nothing_of_one_sender_bounces(verdicts, name):
    assert verdicts[name].bounced == 0, verdicts[name].wrong
    assert verdicts[name].agreed > verdicts[name].passed > 0


@pytest.mark.parametrize("name", SURE["many"])
def test_nothing_of_sixteen_senders_bounces(world, name):
    store = world.stores[name]
    judge = world.judge("usual-alone") if store.alone else world.judge("front")
    tally = Trial(store, judge).at_once(SEED, world.made["many", name], each=4 if store.alone else 1 if store.slow else 8)
    assert tally.bounced == 0, tally.wrong
    assert tally.passed > 0


@pytest.mark.parametrize("name", FRONTS)
def test_no_bounce_behind_a_real_mta(world, name):
    store = world.stores[name]
    front = world.postfix if store.transport() else truth_front.EximFront(store.exim)
    load, bounces = truth_front.run(front, store, True, world.made["front", name], 150, SEED)
    assert bounces == 0
    assert load.taken > 0 and load.refused > 0
