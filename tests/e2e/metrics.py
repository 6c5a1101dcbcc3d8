"""Prometheus' text format 0.0.4, read strictly: what a scraper might forgive fails here."""
import re
import socket

from policy import connect, read_all

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
SAMPLE = re.compile(rf"({NAME})(?:{{(.*)}})? (-?[0-9.]+(?:e[+-]?[0-9]+)?|[+-]Inf|NaN)")
ESCAPES = {'\\"': '"', "\\\\": "\\", "\\n": "\n"}


def labels_of(text):
    labels, at = [], 0
    while at < len(text):
        found = LABEL.match(text, at)
        assert found, f"labels {text!r}"
        labels.append((found[1], re.sub(r'\\["\\n]', lambda escape: ESCAPES[escape[0]], found[2])))
        at = found.end()
    assert len(dict(labels)) == len(labels), f"a label twice: {text!r}"
    return labels


def belongs(sample, family, kind):
    return sample == family or (kind == "histogram" and
                                sample in {f"{family}_{end}" for end in ("bucket", "sum", "count")})


def check_histograms(metrics):
    rows = {}
    for (name, labels), value in metrics.items():
        if name.endswith("_bucket"):
            rows.setdefault((name, labels[:-1]), []).append((labels[-1], value))
    for (name, labels), steps in rows.items():
        bounds = [float(bound) for (key, bound), _ in steps if key == "le"]
        values = [value for _, value in steps]
        assert bounds == sorted(bounds) and bounds[-1] == float("inf"), name
        assert values == sorted(values), name
        base = name.removesuffix("_bucket")
        assert metrics[f"{base}_count", labels] == values[-1]
        assert (f"{base}_sum", labels) in metrics


def parse(text):
    """{(name, ((label, value)...)): number}."""
    lines = text.split("\n")
    assert lines[-2:] == ["# EOF", ""], lines[-2:]
    metrics, seen, family, kind = {}, set(), None, None
    lines = iter(lines[:-2])
    for line in lines:
        if line.startswith("#"):
            family = re.fullmatch(rf"# HELP ({NAME}) \S.*", line)[1]
            assert family not in seen, f"{family} comes twice"
            seen.add(family)
            kind = re.fullmatch(rf"# TYPE {family} (counter|gauge|histogram)", next(lines))[1]
            assert (kind == "counter") == family.endswith("_total"), family
            continue
        found = SAMPLE.fullmatch(line)
        assert found, line
        assert belongs(found[1], family, kind), f"{found[1]} stands in the family {family}"
        key = found[1], tuple(labels_of(found[2] or ""))
        assert key not in metrics, f"{key} comes twice"
        metrics[key] = float(found[3])
        assert kind == "gauge" or metrics[key] >= 0
    check_histograms(metrics)
    return metrics


class Metrics:
    """metrics("quotagate_verdicts_total", action="pass"): the sum of the samples that have these labels, null: none."""

    def __init__(self, text):
        self.text, self.all = text, parse(text)

    def __call__(self, name, **labels):
        found = [value for (sample, of), value in self.all.items()
                 if sample == name and labels.items() <= dict(of).items()]
        return sum(found) if found else None

    def labels(self, name, label):
        return {dict(of).get(label) for (sample, of) in self.all if sample == name}


def by_control(path):
    with connect(f"unix:{path}") as control:
        control.sendall(b"metrics\n")
        control.shutdown(socket.SHUT_WR)
        return Metrics(read_all(control).decode())
