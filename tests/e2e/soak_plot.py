"""A run of scripts/soak as a picture: panels one above the other, each with its lines over the minutes. Plain SVG."""
from html import escape

WIDTH, PANEL, LEFT, RIGHT, GAP = 860, 130, 60, 190, 38
COLOURS = ("#2a6f97", "#c1121f", "#588157", "#7b2cbf")


def ticks(most):
    """0 and up to four round numbers below `most`."""
    step = 1
    while most / step > 4:
        step *= 2.5 if str(step).startswith("2") else 2
    return [number * step for number in range(int(most / step) + 1)]


def line(xs, ys, across, up):
    return " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in zip(xs, ys))


def panel(title, minutes, series, top, last):
    """`series` is {name: numbers}."""
    most = max([1, *(value for values in series.values() for value in values)]) * 1.1

    def across(x):
        return LEFT + (WIDTH - LEFT - RIGHT) * x / last

    def up(y):
        return top + PANEL * (1 - y / most)
    out = [f'<text x="{LEFT}" y="{top - 8}" font-weight="bold">{escape(title)}</text>']
    for number in ticks(most):
        out.append(f'<path d="M{LEFT} {up(number):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
                   f'<text x="{LEFT - 6}" y="{up(number) + 4:.1f}" text-anchor="end">{number:g}</text>')
    for number in ticks(last):
        out.append(f'<text x="{across(number):.1f}" y="{top + PANEL + 14}" text-anchor="middle">{number:g}</text>')
    for index, (name, values) in enumerate(series.items()):
        colour = COLOURS[index % len(COLOURS)]
        out.append(f'<polyline points="{line(minutes, values, across, up)}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
                   f'<text x="{WIDTH - RIGHT + 8}" y="{top + 14 + 16 * index}" fill="{colour}">{escape(name)}</text>')
    return out


def picture(minutes, panels):
    """`panels` is {title: {name: numbers}}, all by the same minutes."""
    last = max(minutes[-1], 1)
    height = len(panels) * (PANEL + GAP) + 30
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="11">',
           f'<rect width="{WIDTH}" height="{height}" fill="white"/>']
    for index, (title, series) in enumerate(panels.items()):
        out += panel(title, minutes, series, 24 + index * (PANEL + GAP), last)
    out.append(f'<text x="{(WIDTH - RIGHT + LEFT) / 2}" y="{height - 8}" text-anchor="middle">minutes</text></svg>')
    return "\n".join(out) + "\n"
