"""The verdict is what the store does at delivery; scripts/truth does the same at length, and prints tables."""
import random
import shutil
import tempfile
from pathlib import Path

import pytest

import truth_front
from truth import Trial
from truth_stores import STORES
from truth_world import World

SEED = 20260
LIMITS = (50_000, 300_000)


@pytest.fixture(scope="module")
def world():
    folder, servers = Path(tempfile.mkdtemp(prefix="qg")), []
    folder.chmod(0o755)

    def wrap(server):
        servers.append(server)
        return server
    try:
        made = World(folder, seed=SEED, wrap=wrap)
        made.make("one", lambda store: 12 if store.slow else 60)
        made.make("many", lambda store: 6)
        made.make("front", lambda store: 24, states=("plain",), limits=LIMITS)
        made.start("exact", "usual", "front")
        stores = [store for store in made.stores.values() if store.transport()]
        made.postfix = truth_front.PostfixFront(made, {store.name: made.made["front", store.name] for store in stores})
        yield made
    finally:
        for server in reversed(servers):
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("name", STORES)
def test_the_verdict_is_what_the_store_does(world, name):
    store = world.stores[name]
    tally = Trial(store, world.judge("exact")).one_at_a_time(random.Random(SEED), world.made["one", name], rounds=2)
    assert tally.wrong == []
    assert tally.asked() > 20 and tally.agreed > tally.passed > 0


@pytest.mark.parametrize("name", STORES)
def test_nothing_of_sixteen_senders_bounces(world, name):
    store = world.stores[name]
    tally = Trial(store, world.judge("usual")).at_once(SEED, world.made["many", name], each=1 if store.slow else 8)
    assert tally.bounced == 0, tally.wrong
    assert tally.passed > 0


@pytest.mark.parametrize("name", ["mbox", *(name for name, kind in STORES.items() if not kind.slow)])
def test_no_bounce_behind_a_real_mta(world, name):
    store = world.stores[name]
    front = world.postfix if store.transport() else truth_front.EximFront(store.exim)
    load, bounces = truth_front.run(front, store, True, world.made["front", name], 150, SEED)
    assert bounces == 0
    assert load.taken > 20 and load.refused > 20
