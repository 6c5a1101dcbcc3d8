"""The plot of docs/performance.md: a line for each contender, and on it a dot for each way in which it was asked, on a
logarithmic scale. Plain SVG without a script or a font of its own; its colours follow the reader's choice of light or
dark, and the dots differ in shape, too."""
import math
from html import escape

WIDTH, LEFT, RIGHT, TOP, ROW, BOTTOM = 860, 270, 24, 64, 26, 44

# Light, dark.
COLOURS = [("#0072b2", "#56b4e9"), ("#d55e00", "#ff9d5c"), ("#008060", "#3fd0a4"), ("#a3417d", "#e08fc0"),
           ("#666600", "#d8cf3c")]

STYLE = """\
text { font: 13px sans-serif; fill: #222 }
.small { font-size: 12px; fill: #555 }
.grid { stroke: #ccc }
.one { stroke: #555 }
.span { stroke: #999; stroke-width: 2 }
"""
DARK = """\
text { fill: #ddd }
.small { fill: #aaa }
.grid { stroke: #444 }
.one { stroke: #aaa }
.span { stroke: #777 }
"""


def shape(kind, x, y, hint=""):
    """The dot of the kind-th way."""
    paths = ["M-5,0a5,5 0 1,0 10,0a5,5 0 1,0 -10,0z", "M-4.5,-4.5h9v9h-9z", "M0,-6l6,6l-6,6l-6,-6z",
             "M0,-5.5l5.5,10h-11z", "M0,5.5l5.5,-10h-11z"]
    title = f"<title>{escape(hint)}</title>" if hint else ""
    return f'<path class="k{kind}" transform="translate({x:.1f},{y:.1f})" d="{paths[kind]}">{title}</path>'


def scale(dots):
    """The decades to draw, 1 among them, and the function from a figure to its x."""
    values = [value for _, row in dots for value in row.values() if value > 0] + [1.0]
    low, high = math.floor(math.log10(min(values)) - 0.05), math.log10(max(values)) + 0.05
    room = WIDTH - LEFT - RIGHT - 12
    return range(low, math.floor(high) + 1), lambda value: LEFT + 6 + (math.log10(value) - low) / (high - low) * room


def legend(ways):
    x = 16
    yield f'<text class="small" x="{x}" y="26">connections:</text>'
    x += 100
    for kind, title in enumerate(ways.values()):
        yield shape(kind, x, 22)
        yield f'<text x="{x + 12}" y="26">{escape(title)}</text>'
        x += 46 + 7 * len(title)


def grid(decades, x_of, bottom):
    for power in decades:
        x = x_of(10 ** power)
        label = f"{10 ** power:g}" if power >= -3 else f"{10 ** power:.{-power}f}"
        kind = "one" if power == 0 else "grid"
        yield f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 14}" y2="{bottom}"/>'
        yield f'<text class="small" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{label}</text>'
    yield f'<text class="small" x="{x_of(10 ** decades[0]):.1f}" y="{bottom + 34}">answers a second, as a share of ' \
          'the floor\'s in the same round; logarithmic</text>'


def lines(dots, ways, x_of):
    for i, (title, row) in enumerate(dots):
        y = TOP + i * ROW
        xs = [x_of(value) for value in row.values() if value > 0]
        yield f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{escape(title)}</text>'
        if xs:
            yield f'<line class="span" x1="{min(xs):.1f}" x2="{max(xs):.1f}" y1="{y}" y2="{y}"/>'
        for kind, way in enumerate(ways):
            if row.get(way, 0) > 0:
                yield shape(kind, x_of(row[way]), y, f"{title}, {ways[way]}: {row[way]:.3g}")


def draw(dots, ways):
    """SVG of [(title, {way: share})], ways being {way: title}: five at most."""
    decades, x_of = scale(dots)
    bottom = TOP + (len(dots) - 1) * ROW + 14
    light, dark = ("".join(f".k{i} {{ fill: {pair[tone]} }}\n" for i, pair in enumerate(COLOURS)) for tone in (0, 1))
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + BOTTOM}" width="{WIDTH}" '
        f'height="{bottom + BOTTOM}" role="img">',
        "<title>Answers a second as a share of the floor's</title>",
        f"<style>\n{STYLE}{light}@media (prefers-color-scheme: dark) {{\n{DARK}{dark}}}\n</style>",
        *legend(ways), *grid(decades, x_of, bottom), *lines(dots, ways, x_of), "</svg>", ""])
