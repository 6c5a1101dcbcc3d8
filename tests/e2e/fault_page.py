"""A part of a document that a script writes, between two comments that name it."""


def put(path, name, text):
    begin, end = f"<!-- {name}: written by a script -->\n", f"<!-- {name}: end -->"
    page = path.read_text()
    head, found, rest = page.partition(begin)
    _, also, tail = rest.partition(end)
    if not found or not also:
        raise ValueError(f"{path} has no place for {name}")
    path.write_text(head + begin + text + end + tail)
