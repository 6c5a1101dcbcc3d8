"""What is set up wrongly between two machines has a defined answer and a line in the log; and frontends get along with the
CGI that backends had before."""
import pytest

from farm import ANEW, LIMIT, TIMED, address
from script import Cgi, used

ERRORS = {"defer": 451, "pass": 250}
HOMELESS, NOWHERE = "homeless@one.example", "nowhere@one.example"
CGI = 'type = remote  server = "http://%{host}{PLACE}?u=%u"'


def frontend(gates, error, **more):
    return gates.frontend("fe1", rules=f"{TIMED}  error = {error}", **more)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("whom, note", [(HOMELESS, "names no host"), (NOWHERE, r"nowhere\.test")])
def test_a_host_that_is_not_there(farm, gates, whom, note, error):
    gate = frontend(gates, error)
    assert farm.ask("fe1", whom, size=1000).code == ERRORS[error]
    gate.says(note)


@pytest.mark.parametrize("error", ERRORS)
def test_another_key(farm, gates, error):
    farm.fill(address(0), LIMIT)
    backend = gates.backend("be1")
    gate = frontend(gates, error, key="another key, which the backend does not know")
    assert farm.ask("fe1", address(0), size=1000).code == ERRORS[error]
    gate.says(r"be1\.test")
    backend.says(f"event=bad-request listener=facts client={farm.network['fe1'].address} reason=.*key")


@pytest.mark.parametrize("error", ERRORS)
def test_a_frontend_that_is_not_allowed(farm, gates, error):
    farm.fill(address(0), LIMIT)
    backend = gates.backend("be1", allow=f"{farm.network['fe2'].address}/32")
    gate = frontend(gates, error)
    assert farm.ask("fe1", address(0), size=1000).code == ERRORS[error]
    gate.says(r"be1\.test")
    backend.says(f"event=refused-client listener=facts client={farm.network['fe1'].address}")


def test_the_cgi_of_before(farm, gates, started):
    farm.fill(address(0), LIMIT)
    farm.fill(address(1), LIMIT // 2)
    cgi = Cgi(farm.network["be1"], lambda whom: (used(farm.home(whom) / "Maildir"), LIMIT))
    started.append(cgi)
    frontend(gates, "defer", far=CGI.replace("{PLACE}", "/cgi-bin/quota.cgi"), key=None, more=ANEW)
    assert [farm.ask("fe1", address(number), size=1000).code for number in range(2)] == [452, 250]
    assert cgi.asked() > 0
    cgi.stop()
    assert [farm.ask("fe1", address(number), size=1000).code for number in range(3)] == [452, 250, 451]


def test_our_own_cgi(farm, gates):
    farm.fill(address(0), LIMIT)
    farm.fill(address(1), LIMIT // 2)
    gates.backend("be1")
    frontend(gates, "defer", far=CGI.replace("{PLACE}", ":7360/cgi-bin/quota.cgi"), key=None, more=ANEW)
    assert [farm.ask("fe1", address(number), size=1000).code for number in range(2)] == [452, 250]
