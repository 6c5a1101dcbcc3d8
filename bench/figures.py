"""What scripts/bench measures with, and how it prints: one run of the load generator, medians with their spread."""
import statistics
import subprocess


ENDS_SILENT = 4  # exit status of bench/load


class Silent(SystemExit):
    """The server takes no connection, hangs up, or gives no answer in time."""


def cost_of(server, before, questions):
    """Microseconds of user time, and of user and system time, for each question since `before`."""
    user, system = (now - then for now, then in zip(server.cpu(), before))
    return user * 1e6 / questions, (user + system) * 1e6 / questions


def ask(tools, server, *more, to=None, behind=None, name=None):
    """One run of the load generator; its figures, and CPU microseconds per answer of the server.

    `to` is where it listens, unless that is where it says that it is up. `behind`: a server that it asks itself.
    """
    name, to = name or server.name, to or server.at
    before, before_behind = server.cpu(), behind and behind.cpu()
    command = [f"{tools}/load", "--to", to, *map(str, more)]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        log = server.log.read_text(errors="replace")[-2000:]
        raise (Silent if run.returncode == ENDS_SILENT else SystemExit)(f"bench: {name}: {run.stderr}{log}")
    figures = dict(pair.split("=", 1) for pair in run.stdout.split())
    for key, value in figures.items():
        try:
            figures[key] = float(value)
        except ValueError:
            pass
    figures["user_us"], figures["cpu_us"] = cost_of(server, before, figures["questions"])
    figures["behind_us"] = cost_of(behind, before_behind, figures["questions"])[1] if behind else 0.0
    figures["line"] = (f"server={name} server_user_us={figures['user_us']:.3f} server_cpu_us={figures['cpu_us']:.3f} "
                       f"behind_cpu_us={figures['behind_us']:.3f} {run.stdout.strip()}")
    return figures


def spread(values, form):
    return f"{statistics.median(values):{form}} ({min(values):{form}}-{max(values):{form}})"


def expect(text, found, good):
    print(f"  {'met    ' if good else 'NOT MET'}  {text}: {found}")
