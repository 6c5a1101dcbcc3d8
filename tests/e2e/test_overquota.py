"""The main job: a full mailbox is refused while the sender is connected, the others get their mail, and nobody bounces."""

import pytest

from enclosure import until
from installation import ALL
from smtp import ask, send


def fill(site, name="full"):
    """The MTA delivers a message that takes nearly all of the 200 KiB."""
    replies = send(site.port, f"{name}@example.org", octets=190_000)
    assert replies[f"{name}@example.org"].code == 250
    site.mta.settle()
    assert site.holds(name) > 180_000
    if site.way == "exim-quotad":
        # Asked for figures only, quotagate knows of nothing that was let in; what it saw before lives a second.
        until(lambda: ask(site.port, f"{name}@example.org", size=40_000).code == 452, "the message is seen")


def assert_quiet(site):
    site.mta.settle()
    assert site.mta.bounces() == []


@pytest.mark.parametrize("way,store", ALL)
def test_full_mailbox_is_refused_at_rcpt_and_the_others_get_theirs(installation, way, store):
    site = installation(way, store)
    fill(site)
    replies = send(site.port, "ok@example.org", "full@example.org", "other@example.org", octets=40_000)
    assert str(replies["full@example.org"]).startswith("452 4.2.2 "), replies
    assert replies["ok@example.org"].code == 250
    assert replies["other@example.org"].code == 250
    assert_quiet(site)
    assert site.holds("ok") > 35_000
    assert site.holds("other") > 35_000
    assert site.holds("full") < 220_000


@pytest.mark.parametrize("way,store", ALL)
def test_room_made_is_seen_within_seconds(installation, way, store):
    site = installation(way, store)
    fill(site)
    assert ask(site.port, "full@example.org", size=40_000).code == 452
    site.empty("full")
    until(lambda: ask(site.port, "full@example.org", size=40_000).code == 250, "room is seen")
    replies = send(site.port, "full@example.org", octets=40_000)
    assert replies["full@example.org"].code == 250
    assert_quiet(site)
    assert site.holds("full") > 35_000
