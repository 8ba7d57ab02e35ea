"""How far a fault of Python's reaches: which tasks of a canvas can be told from those of another run because of it, and which
differences are about these alone."""
import re

# What separates the names of tasks in the name of a group, and of roots.
SEPARATORS = re.compile(r"\(|\)|, | or ")


def parts(description):
    """All descriptions in one."""
    yield description
    for _, inner in inside(description):
        yield from parts(inner)


def inside(description):
    """What stands in a description: (what it is to it, the description)."""
    for key in ("parts", "link", "link_error"):
        for each in description.get(key, []):
            yield key, each
    if "body" in description:
        yield "body", description["body"]
    if canvas := description.get("kwargs", {}).get("canvas"):
        yield description["name"].removeprefix("canvas."), canvas


def labels(*descriptions):
    """The labels of all tasks in the descriptions, as text."""
    return {str(each["label"]) for description in descriptions for each in parts(description) if "label" in each}


def links(description):
    """The labels of what is linked to it."""
    return labels(*description.get("link", []), *description.get("link_error", []))


def following(canvas, part):
    """The labels of all that gets to know what becomes of a part of the canvas: what is linked to it or comes after it."""
    found = links(part)
    for description, role, inner in path(canvas, part):
        if role == "parts" and description["kind"] == "chain":
            position = next(index for index, each in enumerate(description["parts"]) if each is inner)
            found |= labels(*description["parts"][position + 1:])
        elif role == "parts" and description["kind"] == "chord":
            found |= labels(description["body"])
        elif role in ("link", "link_error", "send"):
            # Nobody waits for these.
            break
        found |= links(description)
    return found


def path(canvas, part):
    """From the part up to the canvas: (description, what the inner one is to it, the inner one)."""
    for role, inner in inside(canvas):
        if inner is part:
            return [(canvas, role, inner)]
        if way := path(inner, part):
            return [*way, (canvas, role, inner)]
    return []


class Reach:
    """The labels of some tasks, and which differences are about them."""

    def __init__(self, touched, ended=(), has_lists=True):
        """Of those in `ended` only the results may be different, not the calls. Lists among stamps count if `has_lists`."""
        self.touched = set(touched)
        self.ended = self.touched | set(ended)
        self.has_lists = has_lists

    @classmethod
    def union(cls, reaches, has_lists):
        return cls(set().union(*(each.touched for each in reaches)), set().union(*(each.ended for each in reaches)), has_lists)

    def covers(self, case, difference):
        place, expected, actual = difference
        if not self.ended:
            return False
        if place == "/calls":
            return self.covers_call(case, difference)
        if place == "/tree":
            return self.is_same_tree(expected, actual)
        if place == "/repeated":
            return self.others(expected) == self.others(actual)
        if not place.startswith("/results/"):
            return False
        name, *field = place.split("/")[2:]
        if field and field[0].isdigit():
            # One of several tasks that have the same name.
            field = field[1:]
        if is_position(name):
            return self.knows_position(case, name)
        if self.has(name, self.ended):
            return True
        if "nothing" in (expected, actual) and not field:
            other = case.actual if actual == "nothing" else case.expected
            return name in map(self.known, other["results"])
        if field in (["parent"], ["group"]):
            return self.is_same_name(expected, actual)
        return field == ["children"] and self.is_same_children(expected, actual)

    def covers_call(self, case, difference):
        _, expected, actual = difference
        call = expected if actual == "nothing" else actual
        if label(call["label"]) in self.touched:
            return True
        if "failed" in call and self.has(call["failed"], self.touched):
            return True
        counts = [sum(self.is_same_call(call, other) for other in side["calls"]) for side in (case.expected, case.actual)]
        return counts[0] == counts[1]

    def is_same_call(self, call, other):
        """Whether they differ at most in the tasks with which they share an id or are in a group, or from which they come."""
        def rest(call):
            stamps = {key: value for key, value in call.get("stamps", {}).items() if self.has_lists or not isinstance(value, list)}
            return {key: value for key, value in call.items() if key not in ("task", "parent", "group", "root")} | {"stamps": stamps}
        return (rest(call) == rest(other) and self.is_same_name(call.get("task"), other.get("task"))
                and self.is_same_name(call.get("group"), other.get("group"))
                # What such a task has sent has it for its parent, which is named by a group where it notes nothing itself.
                and (label(call["label"]) in self.ended or self.is_same_name(call.get("parent"), other.get("parent")))
                and self.is_same_root(call.get("root"), other.get("root")))

    def knows_position(self, case, place):
        """Whether a task that has no name, as it never ran, may be one of these that belongs there."""
        found = self.ended & standing(case.canvas, place)
        # Chunks that have failed as a whole have no name, though their parts may have run.
        wholes = {str(each["label"]) for each in parts(case.canvas) if each["kind"] == "chunks"}
        return any(found - ({label(call["label"]) for call in outcome["calls"]} - wholes)
                   for outcome in (case.expected, case.actual))

    # Names.

    def has(self, name, found):
        ran = (name or "").removeprefix("task ").removeprefix("chunks ").split("=")
        return bool(found.intersection(map(label, ran)))

    def is_open(self, name):
        """Whether the name tells nothing, or tells of one of these."""
        return not name or is_position(name) or name.startswith(("task ", "chunks ")) and self.has(name, self.touched)

    def others(self, names):
        return sorted(name for name in names if name.startswith("task ") and not self.is_open(name))

    def is_same_name(self, left, right):
        if left == right:
            return True
        names = [SEPARATORS.split(name or "") for name in (left, right)]
        return (self.others(names[0]) == self.others(names[1])
                or self.others(map(self.known, names[0])) == self.others(map(self.known, names[1])))

    def known(self, name):
        """The name of a task without those of these that ran under its id."""
        prefix, _, ran = name.partition("task ")
        rest = [each for each in ran.split("=") if label(each) not in self.touched]
        return name if prefix or not rest else "task " + "=".join(rest)

    def is_same_root(self, left, right):
        """Roots are the same as far as the tasks of a header know each other's: fewer do where one of these never ran, and none
        where only such a one has another."""
        names = [SEPARATORS.split(name or "") for name in (left, right)]
        known = [set(map(self.known, each)) for each in names]
        few, many = sorted(({name for name in each if name.startswith(("task ", "chunks ")) and not self.is_open(name)}
                            for each in known), key=len)
        return few == many or few <= many and (bool(few) or any(map(is_position, names[0] + names[1])))

    # Trees.

    def is_same_children(self, left, right):
        left, right = ([tree for tree in trees or [] if not self.is_open_tree(tree)] for trees in (left, right))
        return len(left) == len(right) and all(map(self.is_same_tree, left, right))

    def is_open_tree(self, tree):
        (name, _), members = tree
        return all(map(self.is_open_tree, members)) if members else self.is_open(name)

    def is_same_tree(self, left, right):
        if not left or not right:
            return left == right
        (name, parent), members = left
        (other, other_parent), others = right
        return ((self.is_open(name) or self.is_open(other) or self.is_same_name(name, other))
                and self.is_same_tree(parent, other_parent) and (members is None) == (others is None)
                and len(members or []) == len(others or []) and all(map(self.is_same_tree, members or [], others or [])))


def is_position(name):
    """Whether it is no name but a place in a tree of results."""
    return name in ("the result", "nobody") or name.startswith(("member ", "parent ", "child "))


def standing(canvas, place):
    """The labels of all that may stand at a place in a tree of results: of what a task has sent that is what comes after it, of
    the whole canvas's result the last ones, and before these any."""
    _, is_sent, senders = place.partition(" of task ")
    if is_sent:
        known = {label(each) for each in senders.split("=")}
        found = [each for each in parts(canvas) if str(each.get("label")) in known]
        return labels(*found).union(*(following(canvas, each) for each in found))
    return ends(canvas) if set(place.split()).isdisjoint({"nobody", "parent", "child"}) else labels(canvas)


def ends(description):
    """The labels of those whose results are the one of the canvas."""
    if description["kind"] == "chord":
        return ends(description["body"])
    if description["kind"] == "group":
        return set().union(*map(ends, description["parts"]))
    if description["kind"] == "chain":
        return next((found for found in map(ends, reversed(description["parts"])) if found), set())
    found = {str(description["label"])}
    return found | ends(description["kwargs"]["canvas"]) if description.get("name") == "canvas.replace" else found


def label(text):
    """That of a map for one of its items."""
    return str(text).split(":")[0]
