"""What has become of a canvas, as far as it is determined: the calls that its tasks noted, the results, how they hang together.

Ids are random, so each is told by what it stands for: a task by the labels of what ran under its id, a group by its members,
anything else by its place in a tree of results.
"""
import collections
import json
import re

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
META = "celery-task-meta-"
# By which Swift workers know copies of a chord's body; what kombu adds to what a connection held that was lost.
UNTOLD_HEADERS = ["swift_chord_body", "redelivered"]


class Outcome:
    """What is found of one run. `value` can be compared with another run's of the same canvas."""

    def __init__(self, answer, notes, read):
        """`read` gives what is stored of some tasks, by their ids."""
        self.answer, self.notes = answer, notes
        # Metadata by task, names by task or group, tasks by group.
        self.metas, self.names, self.members = {}, {}, {}
        self.name_what_ran()
        self.gather(read)
        self.name_chunks()
        self.name_groups()
        self.find_classes()
        self.value = {
            "error": answer.get("error"),
            "tree": self.tree(answer.get("tree")),
            "calls": sorted((self.call(note) for note in notes), key=lambda call: json.dumps(call, sort_keys=True)),
            "results": self.results(),
            "repeated": self.repeated(),
        }

    # Names.

    def name_what_ran(self):
        labels = {}
        for note in self.notes:
            if "id" in note:
                labels.setdefault(note["id"], set()).add(note["label"])
                self.add_member(note["group"], note["id"])
        self.names = {task: "task " + "=".join(sorted(map(str, found))) for task, found in labels.items()}

    def add_member(self, group, task):
        if group:
            self.members.setdefault(group, set()).add(task)

    def name_chunks(self):
        """Chunks as a whole note no call: their result is the tree of their parts, which do."""
        for task, meta in self.metas.items():
            match meta and meta["result"]:
                case [[str(), _], [_, *_] as parts] if all(isinstance(part, list) for part in parts):
                    names = {self.names.get(part[0][0], "").partition(":")[0] for part in parts}
                    is_named = self.name(task).startswith("task ")
                    if not is_named and len(names) == 1 and (name := names.pop()).startswith("task "):
                        self.names[task] = name.replace("task", "chunks")

    def name_groups(self):
        for group, members in self.members.items():
            # Which of those without a name are known depends on which of them ended last.
            self.names[group] = f"group ({', '.join(sorted(self.names[member] for member in members if member in self.names))})"

    def name(self, identifier):
        return identifier and self.names.get(identifier, "nobody")

    def gather(self, read):
        """Reads what is stored of all tasks that are known, and of those that they name."""
        unread = {note[key]: None for note in self.notes if "id" in note for key in ("id", "parent", "root") if note[key]}
        self.walk(self.answer.get("tree"), "the result", unread)
        while unread:
            found = read(list(unread))
            unread = {}
            for task, meta in found.items():
                self.metas[task] = meta
                if not meta:
                    continue
                if self.has_run(task):
                    self.add_member(meta.get("group_id"), task)
                if meta.get("parent_id"):
                    unread[meta["parent_id"]] = None
                for number, child in enumerate(meta["children"] or [] if self.has_run(task) else []):
                    self.walk(child, f"child {number} of {self.name(task)}", unread)
            unread = {task: None for task in unread if task not in self.metas}

    def has_run(self, task):
        """Whether the task has run itself. Others have failed because of what was to come before them."""
        return self.name(task).startswith("task") or self.metas[task]["status"] == "SUCCESS"

    def walk(self, tree, place, found):
        """Notes the ids of a tree, and names those that have no name yet by their place."""
        if not tree:
            return
        (identifier, parent), members = tree
        self.names.setdefault(identifier, place)
        if members is None:
            found.setdefault(identifier)
        for number, member in enumerate(members or []):
            if member[1] is None:
                self.add_member(identifier, member[0][0])
            self.walk(member, f"member {number} of {place}", found)
        self.walk(parent, f"parent of {place}", found)

    # A chord's body has root and parent of whichever task of the header ended last, and so has what follows it.

    def find_classes(self):
        self.roots = {}
        noted = {note["id"]: note["root"] for note in self.notes if "id" in note}

        def root(task):
            # What does not note its calls, such as a map, has the root of the task before it.
            while task not in noted and (parent := (self.metas.get(task) or {}).get("parent_id")):
                task = parent
            return noted.get(task, task)
        for members in self.members.values():
            first, *others = map(root, members)
            for other in others:
                if self.root(other) != self.root(first):
                    self.roots[self.root(other)] = self.root(first)

    def root(self, identifier):
        while self.roots.get(identifier, identifier) != identifier:
            identifier = self.roots[identifier]
        return identifier

    def root_name(self, identifier):
        root = self.root(identifier)
        return " or ".join(sorted({self.name(root)} | {self.name(each) for each in self.roots if self.root(each) == root}))

    def parent_name(self, identifier):
        for group, members in self.members.items():
            if identifier in members:
                return f"one of {self.name(group)}"
        return self.name(identifier)

    # Values.

    def tree(self, tree):
        if not tree:
            return None
        (identifier, parent), members = tree
        return [[self.name(identifier), self.tree(parent)], members and [self.tree(each) for each in members]]

    def text(self, value):
        """The value with names for ids."""
        if isinstance(value, str):
            return UUID.sub(lambda found: self.name(found[0]), value)
        if isinstance(value, list):
            return [self.text(each) for each in value]
        if isinstance(value, dict):
            return {key: self.text(each) for key, each in value.items()}
        return value

    def call(self, note):
        call = self.text({key: value for key, value in note.items() if key not in ("id", "root", "parent", "group")})
        for name in UNTOLD_HEADERS:
            call.get("headers", {}).pop(name, None)
        if "id" in note:
            call |= {"task": self.name(note["id"]), "root": self.root_name(note["root"]),
                     "parent": self.parent_name(note["parent"]), "group": self.name(note["group"])}
        return call

    def repeated(self):
        """The names of tasks that ran more than once at the same try, under one id."""
        tries = collections.Counter((note["id"], note["label"], note["retries"]) for note in self.notes if "id" in note)
        return sorted({self.name(task) for (task, _, _), count in tries.items() if count > 1})

    def results(self):
        """What is stored of each task that has a name; several have the same name where an errback was told more than once."""
        found = {}
        for task, meta in self.metas.items():
            if meta and task in self.names:
                found.setdefault(self.names[task], []).append(self.meta(meta))
        return {
            name: metas[0] if len(metas) == 1 else sorted(metas, key=lambda meta: json.dumps(meta, sort_keys=True))
            for name, metas in found.items()}

    def meta(self, meta):
        return {
            "status": meta["status"], "result": self.text(meta["result"]),
            "traceback": meta["traceback"] is not None,
            # Python gives what never ran the children of whichever task of the header ended last.
            "children": self.has_run(meta["task_id"]) and [self.tree(child) for child in meta["children"] or []],
            "is done": meta["date_done"] is not None, "parent": self.parent_name(meta.get("parent_id")),
            "group": self.name(meta.get("group_id")), "fields": sorted(meta),
        }


def reader(client):
    """Reads what is stored of tasks, from a client of redis-py."""
    def read(tasks):
        return {task: text and json.loads(text)
                for task, text in zip(tasks, client.mget([META + task for task in tasks]))} if tasks else {}
    return read


def differences(expected, actual, place=""):
    """Where the two values differ: (place, expected, actual)."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in sorted(expected.keys() | actual.keys()):
            yield from differences(expected.get(key, "nothing"), actual.get(key, "nothing"), f"{place}/{key}")
    elif place.count("/") == 2 and isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        # Of tasks that have the same name.
        for number, (left, right) in enumerate(zip(expected, actual)):
            yield from differences(left, right, f"{place}/{number}")
    elif place == "/calls" and expected != actual:
        left, right = [json.dumps(each, sort_keys=True) for each in expected], [json.dumps(each, sort_keys=True) for each in actual]
        for each in list(left):
            if each in right:
                left.remove(each)
                right.remove(each)
        for each in left:
            yield place, json.loads(each), "nothing"
        for each in right:
            yield place, "nothing", json.loads(each)
    elif expected != actual:
        yield place, expected, actual
