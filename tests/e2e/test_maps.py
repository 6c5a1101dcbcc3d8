"""socketmap and check_quota over real sockets, and asked by real MTAs as their manuals have it."""
import random
import re
import socket

import pytest

from enclosure import free_port, mbox, until
from policy import connect, one_shot, read_all
from smtp import ask, send

FULL, OK, NOBODY = "full@example.org", "ok@example.org", "absent@example.org"


@pytest.fixture
def stores(mail):
    mbox(mail / "full", 205_000)
    mbox(mail / "ok", 0)
    return (f'store boxes {{ type = mbox  path = "{mail}/%n"  limit = 200k  user = vmail }}\n'
            "domain example.org { store = boxes }\n")


def listen(name, protocol, more="", address=None):
    return f'listen {name} {{ protocol = {protocol}  address = "{address or f"inet:127.0.0.1:{free_port()}"}"  {more} }}\n'


@pytest.fixture
def maps(quotagate, stores):
    return quotagate(listen("map", "socketmap") + listen("smm", "socketmap", "style = smmapd") + stores)


ACCESS, SMMAPD = range(2)


def netstring(text):
    return f"{len(text)}:{text},".encode()


def replies(octets):
    """The payloads of netstrings one behind the other."""
    found = []
    while octets:
        length, _, rest = octets.partition(b":")
        found.append(rest[:int(length)].decode())
        assert rest[int(length):int(length) + 1] == b","
        octets = rest[int(length) + 1:]
    return found


def raw(address, octets, source=None):
    """What comes back for these octets; b"" when the connection is closed without an answer."""
    host, _, port = address.partition(":")[2].rpartition(":")
    try:
        with socket.create_connection((host, int(port)), 15, source and (source, 0)) as connection:
            connection.sendall(octets)
            connection.shutdown(socket.SHUT_WR)
            return read_all(connection)
    except OSError as error:
        assert not isinstance(error, TimeoutError)
        return b""


def asked(maps, number, *keys):
    return replies(raw(maps.addresses()[number], b"".join(netstring(f"quota {key}") for key in keys)))


def test_access_finds_refusals(maps):
    refusal = f"OK 452 4.2.2 Quota exceeded for {FULL}, try again later"
    assert asked(maps, ACCESS, FULL, OK, NOBODY, "x@elsewhere.example", FULL) == [
        refusal, "NOTFOUND ", "NOTFOUND ", "NOTFOUND ", refusal]


def test_smmapd_finds_mailboxes_with_room(maps):
    none = "NOTFOUND Mailbox does not exist"
    assert asked(maps, SMMAPD, FULL, OK, "Ok", NOBODY, "x@elsewhere.example", "full") == [
        "TEMP Over quota", f"OK {OK}", "OK Ok", none, none, "TEMP Over quota"]


def test_a_kept_connection_and_slow_octets(maps):
    with connect(maps.addresses()[ACCESS]) as connection:
        for _ in range(3):
            for octet in netstring(f"quota {OK}"):
                connection.sendall(bytes([octet]))
            assert connection.recv(1000) == b"9:NOTFOUND ,"


def test_requests_without_a_key_are_answered_and_the_next_one_too(maps):
    got = raw(maps.addresses()[ACCESS], netstring("quota") + netstring("quota ") + netstring("") + netstring(f"q {OK}"))
    assert replies(got) == ["PERM Bad protocol (missing key)"] * 3 + ["NOTFOUND "]


@pytest.mark.parametrize("octets", [
    b"021:quota ok@example.org,", b"00:,", b"10001:" + b"q " + b"a" * 9999 + b",", b"99999999999999999999:", b":,", b"-1:a,",
    b"19:quota ok@example.org;", b"abc,", b"GET / HTTP/1.0\r\n\r\n", b"\0" * 100, random.Random(1).randbytes(5000),
], ids=["leading zero", "two zeros", "past the limit", "huge", "no length", "negative", "no comma", "letters", "HTTP", "NUL",
        "binary rubbish"])
@pytest.mark.parametrize("number", [ACCESS, SMMAPD])
def test_what_is_no_netstring_closes_the_connection_without_an_answer(maps, number, octets):
    assert raw(maps.addresses()[number], octets) == b""
    maps.says(r"event=bad-request listener=\w+ client=127.0.0.1 .*netstring")
    assert asked(maps, ACCESS, OK) == ["NOTFOUND "]


def test_the_longest_key_is_answered(maps):
    assert asked(maps, ACCESS, "a" * 9994) == ["NOTFOUND "]
    assert asked(maps, SMMAPD, "a" * 9994) == ["NOTFOUND Mailbox does not exist"]


def test_rubbish_fills_no_log_and_no_memory(maps):
    for _ in range(300):
        assert raw(maps.addresses()[ACCESS], b"rubbish") == b""
    assert maps.said().count("event=bad-request") == 1


def test_the_limit_of_what_is_logged_is_for_each_client(maps):
    for source in ("127.0.0.1", "127.0.0.2", "127.0.0.1", "127.0.0.3", "127.0.0.2"):
        raw(maps.addresses()[ACCESS], b"rubbish", source)
    assert re.findall(r"bad-request listener=map client=(\S+)", maps.said()) == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]


# ---- allow ----

def test_only_those_who_are_allowed_are_served(quotagate, stores):
    gate = quotagate(listen("map", "socketmap", 'allow = {"127.0.0.1", "192.0.2.0/24"}') + stores)
    address = gate.addresses()[0]
    for _ in range(3):
        assert raw(address, netstring(f"q {FULL}"), "127.0.0.2") == b""
    assert replies(raw(address, netstring(f"q {OK}"), "127.0.0.1")) == ["NOTFOUND "]
    raw(address, b"", "127.0.0.3")
    refused = re.findall(r"event=refused-client listener=map client=(\S+)", gate.said())
    assert refused == ["127.0.0.2", "127.0.0.3"]


def test_allow_is_read_again_with_the_configuration(quotagate, stores):
    address = f"inet:127.0.0.1:{free_port()}"
    gate = quotagate(listen("map", "socketmap", address=address) + stores)
    assert replies(raw(address, netstring(f"q {OK}"), "127.0.0.2")) == ["NOTFOUND "]
    gate.reload(listen("map", "socketmap", "allow = 127.0.0.1", address) + stores)
    gate.says("event=reloaded")
    assert raw(address, netstring(f"q {OK}"), "127.0.0.2") == b""


@pytest.mark.parametrize("section,word", [
    ('listen a { protocol = policy  address = "unix:/run/x.sock"  allow = "10.0.0.0/8" }', "unix socket"),
    ('listen a { protocol = policy  address = "inet:127.0.0.1:7"  allow = "10.0.0.1/8" }', "prefix"),
    ('listen a { protocol = policy  address = "inet:127.0.0.1:7"  allow = "mail.example.org" }', "network"),
    ('listen a { protocol = policy  address = "udp:127.0.0.1:7" }', "UDP"),
    ('listen a { protocol = socketmap  address = "udp:127.0.0.1:7" }', "UDP"),
    ('listen a { protocol = socketmap  address = "inet:127.0.0.1:7"  style = loud }', "style"),
    ('listen a { protocol = check_quota  address = "inet:127.0.0.1:7"  form = none }', "form"),
    ('listen a { protocol = check_quota  address = "udp:127.0.0.1:7"  words { pass = "" } }', "answer"),
])
def test_mistakes_are_told_with_their_line(idle_quotagate, section, word):
    gate = idle_quotagate(f"\n\n{section}\n")
    done = gate.command("config")
    assert done.returncode == 2
    assert f"{gate.configuration}:3: " in done.stderr and word in done.stderr, done.stderr


# ---- check_quota ----

def test_lines(quotagate, stores):
    gate = quotagate(listen("line", "check_quota") + stores)
    address = gate.addresses()[0]
    with connect(address) as connection:
        for line, answer in ((f"CHECK_QUOTA {FULL}", "QUOTA_FULL\n"), (f"check_quota {OK} a@example.net\r", "QUOTA_OK\n"),
                             ("SHOW_QUOTA full", f"using={205_000} limit=204800 available=-200\n"), ("PING", "pong!\n")):
            connection.sendall(f"{line}\n".encode())
            assert connection.recv(1000).decode() == answer
    assert one_shot(address, f"CHECK_QUOTA {FULL}") == "QUOTA_FULL"
    assert one_shot(address, f"CHECK_QUOTA {FULL}\nCHECK_QUOTA {OK}\nQUIT\n") == "QUOTA_FULL\nQUOTA_OK\nBye!\n"
    assert one_shot(address, "CHECK_QUOTA") == "ERROR\n"
    assert raw(address, b"a" * 100_000) == b""
    assert one_shot(address, f"CHECK_QUOTA {OK}\n") == "QUOTA_OK\n"


# As each of these daemons has it in its own documentation; the place of the socket apart.
FORMS = {
    "address": ("CHECK_QUOTA $local_part@$domain $sender_address", "{15s}{}{0}", "1"),
    "local-domain": ("CHECK_QUOTA $local_part $domain", "", "1"),
    "colon": (r"${lookup{$local_part}lsearch{/etc/exim4/limits}}", r"{2s}{\n}{socket-error}", "bad"),
    "line": ("CHECK_QUOTA $local_part@$domain $sender_address", "{15s}{}{0}", "1"),
}


@pytest.mark.parametrize("form", FORMS)
def test_exim_asks_as_it_asked_the_former_daemon(quotagate, exim, mail, folder, stores, form):
    words = 'words { pass = "0"  full = "1" }' if form == "line" else ""
    place = f"inet:127.0.0.1:{free_port()}"
    quotagate(listen("line", "check_quota", f"form = {form}  {words}", place) + stores)
    request, rest, bad = FORMS[form]
    limits = folder / "limits"
    limits.write_text("".join(f"{name}: {name}:example.org:{limit}\n" for name, limit in (("full", 0), ("ok", 1), ("joe", 1))))
    acl = f"""
  defer condition = ${{if eq{{{bad}}}{{${{readsocket{{{place}}}{{{request}}}{rest}}}}}{{yes}}{{no}}}}
        message = 452 4.2.2 The mailbox is full
""".replace("/etc/exim4/limits", str(limits))
    mta = exim(mail, acl=acl)
    assert str(ask(mta.port, FULL)).startswith("452 4.2.2 The mailbox is full")
    assert send(mta.port, OK)[OK].code == 250
    mta.settle()
    assert mta.bounces() == []
    if form == "colon":  # the limit is the MTA's: 1 MiB, where the store names 200 KiB
        mbox(mail / "joe", 1_000_000)
        assert ask(mta.port, "joe@example.org").code == 250
        mbox(mail / "joe", 1_100_000)
        until(lambda: ask(mta.port, "joe@example.org").code == 452, "it is seen when ttl_high is over")


# ---- what setup prints ----

def test_postfix_asks_as_setup_says(idle_quotagate, postfix, mail, stores):
    gate = idle_quotagate(listen("map", "socketmap") + listen("smm", "socketmap", "style = smmapd") + stores)
    lines = gate.command("setup", "postfix").stdout
    gate.start()
    check = re.search(r"^ +(check_recipient_access \S+)$", lines, re.M)[1]
    mta = postfix(f"permit_mynetworks, reject_unauth_destination, {check}", mail=mail)
    reply = send(mta.port, FULL, OK, octets=2000)
    assert str(reply[FULL]).startswith("452 4.2.2 "), reply
    assert "Quota exceeded" in str(reply[FULL]) and reply[OK].code == 250
    mta.settle()
    assert mta.bounces() == []
    tried = [line.lstrip("# ").replace("joe@example.org", "ADDRESS") for line in lines.split("\n") if "postmap -q" in line]
    answers = [[mta.run(*one.replace("ADDRESS", address).split(), check=False).strip() for address in (FULL, OK)]
               for one in tried]
    assert answers == [[f"452 4.2.2 Quota exceeded for {FULL}, try again later", ""], ["", OK]]


def test_exim_asks_as_setup_says(idle_quotagate, exim, mail, folder, stores):
    gate = idle_quotagate(listen("line", "check_quota", "mode = 0666", f"unix:{folder}/line.sock") + stores)
    lines = gate.command("setup", "exim").stdout
    gate.start()
    mta = exim(mail, acl=lines)
    reply = send(mta.port, FULL, OK, octets=2000)
    assert str(reply[FULL]).startswith("452 4.2.2 ") and reply[OK].code == 250, reply
    by_hand = re.search(r"exim -be '(.*)'", lines)[1]
    assert mta.run("exim4", "-be", by_hand.replace("joe@", "full@")).strip() == "QUOTA_FULL"
    mta.settle()
    assert mta.bounces() == []
