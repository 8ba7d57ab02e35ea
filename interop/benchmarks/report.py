"""The tables at the end of the bench."""
COLUMNS = {
    "solo": "solo", "prefork": "prefork -c 2", "threads": "threads -c 8", "swift": "celery-swift",
    "c8": "C loop, 8", "c": "C loop"}
SENDERS = {
    "python": "Celery", "python confirmed": "Celery, confirmed", "swift": "celery-swift", "c": "C loop",
    "most": "C loop, all at once"}
TITLES = {"redis": "Redis", "rabbitmq": "RabbitMQ"}

WORKER_ROWS = [
    ("drain, no results, tasks/s", "drain", 50, "{:,.0f}"),
    ("drain, Redis results, tasks/s", "drain+results", 50, "{:,.0f}"),
    ("CPU s per 10,000, no results", "drain cpu", 50, "{:.3f}"),
    ("CPU s per 10,000, Redis results", "drain+results cpu", 50, "{:.3f}"),
    ("Swift client to done, p50 ms", "starts by swift", 50, "{:.2f}"),
    ("Swift client to done, p99 ms", "starts by swift", 99, "{:.2f}"),
    ("Python client to done, p50 ms", "starts by python", 50, "{:.2f}"),
    ("Python client to done, p99 ms", "starts by python", 99, "{:.2f}"),
    ("round trip, Swift client, p50 ms", "busy trips by swift", 50, "{:.2f}"),
    ("round trip, Swift client, p99 ms", "busy trips by swift", 99, "{:.2f}"),
    ("round trip, Python client, p50 ms", "busy trips by python", 50, "{:.2f}"),
    ("round trip, Python client, p99 ms", "busy trips by python", 99, "{:.2f}"),
    ("round trip, C caller, p50 ms", "busy trips by c", 50, "{:.2f}"),
    ("round trip, C caller, p99 ms", "busy trips by c", 99, "{:.2f}"),
    ("round trip when idle, Swift client, p50 ms", "idle trips by swift", 50, "{:.2f}"),
    ("round trip when idle, Swift client, p99 ms", "idle trips by swift", 99, "{:.2f}"),
    ("round trip when idle, Python client, p50 ms", "idle trips by python", 50, "{:.2f}"),
    ("round trip when idle, Python client, p99 ms", "idle trips by python", 99, "{:.2f}"),
    ("round trip when idle, C caller, p50 ms", "idle trips by c", 50, "{:.2f}"),
    ("round trip when idle, C caller, p99 ms", "idle trips by c", 99, "{:.2f}"),
    ("memory, 1,000 waiting, PSS MB", "memory pss", 50, "{:.1f}"),
    ("memory, 1,000 waiting, RSS MB", "memory rss", 50, "{:.1f}"),
    ("memory, highest RSS so far, MB", "memory peak", 50, "{:.1f}"),
    ("start to first task, s", "first task", 50, "{:.3f}"),
]
SENDER_ROWS = [
    ("publish, 1 caller, messages/s", "publish 1", 50, "{:,.0f}"),
    ("publish, 64 callers, messages/s", "publish 64", 50, "{:,.0f}"),
    ("CPU s per 10,000, 1 caller", "publish 1 cpu", 50, "{:.3f}"),
    ("CPU s per 10,000, 64 callers", "publish 64 cpu", 50, "{:.3f}"),
]

# What is compared: measurement, column it is measured against, measurement and column of ours, those of the C loop,
# factors, whether more is better.
TARGETS = [
    ("drain with Redis results", ("drain+results", "prefork"), ("drain+results", "swift"), ("drain+results", "c"),
     {"redis": 20, "rabbitmq": 8}, True),
    ("drain without results, of the C loop", ("drain", "c"), ("drain", "swift"), None,
     {"redis": 0.5, "rabbitmq": 0.5}, True),
    ("publish by 64 callers", ("publish 64", "python"), ("publish 64", "swift"), ("publish 64", "most"),
     {"redis": 20, "rabbitmq": 20}, True),
    ("round trip p50, own client", ("busy trips by python", "prefork"), ("busy trips by swift", "swift"),
     ("busy trips by c", "c"),
     {"redis": 5, "rabbitmq": 5}, False),
    ("memory (PSS), 1,000 waiting", ("memory pss", "prefork"), ("memory pss", "swift"), None,
     {"redis": 5, "rabbitmq": 5}, False),
]
# Ratios that have no target but tell where the limits are.
COMPARISONS = [
    ("drain without results", ("drain", "prefork"), ("drain", "swift"), True),
    ("drain with Redis results, of the C loop", ("drain+results", "c"), ("drain+results", "swift"), True),
    ("publish by 64 callers, of the C loop", ("publish 64", "c"), ("publish 64", "swift"), True),
    ("publish by 64 callers, both confirmed", ("publish 64", "python confirmed"), ("publish 64", "swift"), True),
    ("publish by 1 caller", ("publish 1", "python"), ("publish 1", "swift"), True),
    ("CPU per task with results", ("drain+results cpu", "prefork"), ("drain+results cpu", "swift"), False),
    ("to done p50, Swift client", ("starts by swift", "prefork"), ("starts by swift", "swift"), False),
    ("round trip p50, Swift client", ("busy trips by swift", "prefork"), ("busy trips by swift", "swift"), False),
    ("round trip p50, of the C loop", ("busy trips by c", "c"), ("busy trips by swift", "swift"), False),
    ("round trip when idle p50, own client", ("idle trips by python", "prefork"), ("idle trips by swift", "swift"),
     False),
    ("round trip when idle p50, of the C loop", ("idle trips by c", "c"), ("idle trips by swift", "swift"), False),
    ("start to first task", ("first task", "prefork"), ("first task", "swift"), False),
]


def number(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def print_rows(lines, texts=frozenset({0})):
    """Prints lines of as many cells each; the columns in `texts` begin on the left."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    print()
    for line in lines:
        print("  ".join(
            cell.ljust(width) if i in texts else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths))).rstrip())


def table(title, columns, rows, figures, broker):
    cells = []
    for label, name, percent, form in rows:
        values = [figures(broker, name, column, percent) for column in columns]
        if any(value is not None for value in values):
            cells.append([label, *("-" if value is None else form.format(value) for value in values)])
    if not cells:
        return
    used = [0, *(i for i in range(1, len(columns) + 1) if any(row[i] != "-" for row in cells))]
    print_rows([[line[i] for i in used] for line in [[title, *columns.values()], *cells]])


def tables(broker, figures):
    table(f"{TITLES[broker]}: workers", COLUMNS, WORKER_ROWS, figures, broker)
    table(f"{TITLES[broker]}: clients", SENDERS, SENDER_ROWS, figures, broker)


def ratio(broker, figures, theirs, ours, is_rate):
    theirs, ours = figures(broker, *theirs), figures(broker, *ours)
    if not theirs or not ours:
        return None
    return (theirs, ours, ours / theirs if is_rate else theirs / ours)


def verdict(reached, limit, factor):
    """`limit` is what the C loop reaches: where that is less than the target, the broker is what it takes."""
    if reached:
        return "pass"
    return "no: the broker's limit" if limit and limit[2] < factor else "FAIL"


def targets(brokers, figures):
    """Prints what is compared; returns how many targets were missed that the C loop reaches."""
    lines = []
    for name, theirs, ours, loop, factors, is_rate in TARGETS:
        for broker in brokers:
            if found := ratio(broker, figures, theirs, ours, is_rate):
                limit = ratio(broker, figures, theirs, loop, is_rate) if loop else None
                lines.append([
                    name, TITLES[broker], number(found[0]), number(found[1]), f"{found[2]:.2f}",
                    f"{limit[2]:.2f}" if limit else "", f"{factors[broker]:g}",
                    verdict(found[2] >= factors[broker], limit, factors[broker])])
    missed = sum(line[-1] == "FAIL" for line in lines)
    for name, theirs, ours, is_rate in COMPARISONS:
        for broker in brokers:
            if found := ratio(broker, figures, theirs, ours, is_rate):
                lines.append([
                    name, TITLES[broker], number(found[0]), number(found[1]), f"{found[2]:.2f}", "", "", ""])
    if lines:
        lines.insert(0, [
            "times better than prefork -c 2, or as said", "", "theirs", "ours", "ratio", "C loop's", "target", ""])
        print_rows(lines, texts={0, 1, 7})
    return missed
