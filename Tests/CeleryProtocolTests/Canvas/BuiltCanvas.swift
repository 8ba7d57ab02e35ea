import CeleryProtocol

/// The canvases of `canvas_cases.py`, built with our own functions.
enum BuiltCanvas {

    static func named(_ name: String) throws -> CanvasNode? {
        switch name {
        case "task": return add(1, 2)
        case "task-kwargs": return echo(1, kwargs: ["b": 2])
        case "task-immutable": return add(1, 2).immutable
        case "task-called-with-arguments": return add(2)
        case "task-called-with-keywords": return echo(1, kwargs: ["b": 2])
        case "task-immutable-called-with-arguments": return add(1, 2).immutable
        case "task-id": return add(1, 2).set(["task_id": "my-id"])
        case "task-options":
            return add(1, 2).set([
                "countdown": 10, "expires": 60, "priority": 3, "queue": "slow", "shadow": "other", "time_limit": 5,
                "soft_time_limit": 4.5, "retries": 2, "ignore_result": true, "headers": ["a": 1],
            ])
        case "task-options-of-the-call": return add(1, 2).set(["priority": 3, "queue": "slow"])
        case "task-eta": return add(1, 2).set(["eta": "2030-01-02T03:04:05+00:00", "expires": "2030-01-03T00:00:00"])
        case "task-link": return try add(1, 2).linked(mul(3))
        case "task-links": return try add(1, 2).linked(mul(3), mul(4, 5).immutable)
        case "task-link-twice-the-same": return try add(1, 2).linked(mul(3), mul(3))
        case "task-link-group": return try add(1, 2).linked(group(mul(3), mul(4)))
        case "task-link-groups-and-tasks":
            return try add(1, 2).linked(group(mul(3), mul(4)), mul(5), group(mul(6)), mul(7))
        case "task-link-chain": return try add(1, 2).linked((mul(3) ||| mul(4)))
        case "task-link-chord": return try add(1, 2).linked(chord([mul(3), mul(4, 5).immutable], tsum()))
        case "task-link-of-link": return try add(1, 2).linked(mul(3).linked(mul(4)))
        case "task-link-with-options":
            return try add(1, 2).linked(mul(3).set(["queue": "slow", "countdown": 2, "task_id": "cb"]))
        case "task-link-error": return try add(1, 2).failing(err())
        case "task-link-errors": return try add(1, 2).linked(mul(3)).failing(err(), err("x").immutable)
        case "task-stamped": return try add(1, 2).stamped(["k": "v", "n": 1])
        case "task-stamped-twice": return try add(1, 2).stamped(["k": "v", "n": 1]).stamped(["k": "w", "m": [1]])
        case "task-stamps-appended":
            return try add(1, 2).stamped(["k": "v", "n": [1]]).stamped(["k": "w", "n": [2]], appends: true)
        case "task-stamped-with-links": return try add(1, 2).linked(mul(3)).failing(err()).stamped(["k": "v"])
        case "task-visited": return try add(1, 2).visited()
        case "task-visited-with-links":
            return try add(1, 2).linked(mul(3), mul(4)).failing(err(), err("x")).visited(["k": "v"])
        case "task-visited-twice": return try add(1, 2).visited(["k": "v"]).visited(appends: true)
        case "task-stamps-last": return try add(1, 2).stamped(["k": "v"])
        case "task-in-chord-options":
            return try add(1, 2).set(["chord": tsum().json, "group_id": "g", "group_index": 3])
        case "task-chain-option": return try add(1, 2).set(["chain": [mul(4).json, mul(3).json]])
        case "map": return try CanvasNode.map(add(), over: [1, 2, 3])
        case "map-in-chain": return try add(1, 2) ||| CanvasNode.map(mul(), over: [1, 2])
        case "starmap": return try CanvasNode.starmap(add(), over: [[1, 2], [3, 4]])
        case "starmap-options":
            return try CanvasNode.starmap(add(), over: [[1, 2]]).set(["queue": "slow", "priority": 2])
        case "starmap-in-group":
            return try group(CanvasNode.starmap(add(), over: [[1, 2]]), CanvasNode.map(add(), over: [3]))
        case "chunks": return try CanvasNode.chunks(add(), over: [[1, 2], [3, 4], [5, 6]], of: 2)
        case "chunks-in-chain": return try add(1, 2) ||| CanvasNode.chunks(mul(), over: [[1, 2], [3, 4]], of: 1)
        case "map-chord": return try chord([CanvasNode.map(add(), over: [1, 2]), mul(3, 4)], tsum())
        case "chain-of-two": return try add(1, 2) ||| mul(3)
        case "chain-of-three": return try add(1, 2) ||| mul(3) ||| mul(4)
        case "chain-constructor": return try chain(add(1, 2), mul(3), mul(4))
        case "chain-of-one": return CanvasNode(.chain([add(1, 2)]))
        case "chain-list-of-one": return try chain(add(1, 2))
        case "chain-immutables": return try add(1, 2) ||| add(3, 4).immutable ||| mul(5)
        case "chain-called-with-arguments": return try add(2) ||| mul(3)
        case "chain-called-with-keywords": return try echo(2) ||| mul(3)
        case "chain-of-chains": return try chain((add(1, 2) ||| mul(3)), (mul(4) ||| mul(5)))
        case "chain-then-chain": return try add(1, 2) ||| mul(3) ||| (mul(4) ||| mul(5))
        case "task-then-chain": return try add(1, 2) ||| (mul(3) ||| mul(4))
        case "chain-options": return try (add(1, 2) ||| mul(3)).set(["countdown": 5, "queue": "slow"])
        case "chain-id": return try (add(1, 2) ||| mul(3)).set(["task_id": "last-id"])
        case "chain-link": return try (add(1, 2) ||| mul(3)).linked(mul(4))
        case "chain-link-error": return try (add(1, 2) ||| mul(3) ||| mul(4)).failing(err())
        case "chain-links-then-task": return try (add(1, 2) ||| mul(3)).linked(mul(9)).failing(err()) ||| mul(4)
        case "chain-of-linked-tasks": return try add(1, 2).linked(mul(8)) ||| mul(3).failing(err())
        case "chain-step-options":
            return try add(1, 2) ||| mul(3).set(["queue": "slow", "countdown": 7, "priority": 1]) ||| mul(4)
        case "chain-visited": return try (add(1, 2) ||| mul(3)).visited(["k": "v"])
        case "chain-visited-with-links":
            return try (add(1, 2) ||| mul(3)).linked(mul(4)).failing(err()).visited(appends: true)
        case "chain-stamped": return try (add(1, 2) ||| mul(3)).stamped(["k": "v"])
        case "chain-in-chain-with-options":
            return try chain(add(1, 2), (mul(3) ||| mul(4)).set(["queue": "slow"]), mul(5))
        case "chain-priority-inherited":
            return try add(1, 2).set(["priority": 4]) ||| mul(3) ||| mul(4).set(["priority": 1])
        case "chain-group-priority-inherited":
            return try add(1, 2).set(["priority": 4]).linked(mul(9)) ||| group(mul(3), mul(4)) ||| tsum()
        case "group": return group(add(1, 2), mul(3, 4))
        case "group-list": return group(add(1, 2), mul(3, 4))
        case "group-of-one": return group(add(1, 2))
        case "group-empty": return group()
        case "group-called-with-arguments": return try group(add(2), mul(3, 4).immutable, (add(5) ||| mul(6)))
        case "group-in-group": return group(add(1, 1), group(add(2, 2), add(3, 3)), add(4, 4))
        case "group-deep": return group(group(group(add(1, 1), add(2, 2)), add(3, 3)), add(4, 4))
        case "group-of-chains": return try group((add(1, 2) ||| mul(3)), (add(4, 5) ||| mul(6)))
        case "group-of-empty-chain": return try group(add(1, 2), chain())
        case "group-with-chain-that-ends-in-group": return try group((add(1, 2) ||| group(mul(3), mul(4))))
        case "group-of-chains-that-end-in-groups":
            return try group((add(1, 2) ||| group(mul(3), mul(4))), (add(5, 6) ||| group(mul(7), mul(8))))
        case "group-of-chords": return group(chord([add(1, 1), add(2, 2)], tsum()), mul(3, 4))
        case "group-options": return group(add(1, 2), mul(3, 4)).set(["countdown": 5, "queue": "slow"])
        case "group-id": return group(add(1, 2), mul(3, 4)).set(["task_id": "my-group"])
        case "group-call-options": return group(add(1, 2), mul(3, 4).set(["priority": 1]))
        case "group-link": return try group(add(1, 2), mul(3, 4)).linked(mul(5))
        case "group-link-error": return try group(add(1, 2), group(mul(3, 4)), (add(5, 6) ||| mul(7))).failing(err())
        case "group-visited": return try group(add(1, 2), (add(3, 4) ||| mul(5))).visited()
        case "group-stamped": return try group(add(1, 2), (add(3, 4) ||| mul(5))).stamped(["k": "v"])
        case "group-member-options":
            return group(add(1, 2).set(["queue": "slow"]), mul(3, 4).set(["task_id": "mine", "countdown": 1]))
        case "group-immutable": return group(add(1, 2), mul(3, 4)).settingImmutable
        case "task-then-group": return try add(1, 2) ||| group(mul(3), mul(4))
        case "task-then-group-of-one": return try add(1, 2) ||| group(mul(3))
        case "task-then-empty-group": return try add(1, 2) ||| group()
        case "task-then-group-of-chain": return try add(1, 2) ||| group((mul(3) ||| mul(4)))
        case "chain-then-group": return try add(1, 2) ||| mul(3) ||| group(mul(4), mul(5))
        case "chain-then-empty-group": return try add(1, 2) ||| mul(3) ||| group() ||| mul(4)
        case "chain-then-group-of-one": return try add(1, 2) ||| mul(3) ||| group(mul(4)) ||| mul(5)
        case "group-then-task": return try group(add(1, 2), mul(3, 4)) ||| tsum()
        case "group-of-one-then-task": return try group(add(1, 2)) ||| tsum()
        case "group-then-empty-group": return try group(add(1, 2), mul(3, 4)) ||| group()
        case "group-then-group": return try group(add(1, 2), mul(3, 4)) ||| group(tsum(), echo())
        case "group-then-chain": return try group(add(1, 2), mul(3, 4)) ||| (tsum() ||| mul(5))
        case "group-with-options-then-task": return try group(add(1, 2), mul(3, 4)).set(["queue": "slow"]) ||| tsum()
        case "task-group-task": return try add(1, 2) ||| group(mul(3), mul(4)) ||| tsum()
        case "task-group-task-task": return try add(1, 2) ||| group(mul(3), mul(4)) ||| tsum() ||| mul(5)
        case "task-group-task-group-task":
            return try add(1, 2) ||| group(mul(3), mul(4)) ||| tsum() ||| group(mul(5), mul(6)) ||| tsum()
        case "task-group-group-task":
            return try add(1, 2) ||| group(mul(3), mul(4)) ||| group(tsum(), echo()) ||| echo()
        case "chain-constructor-with-groups":
            return try chain(add(1, 2), group(mul(3), mul(4)), tsum(), group(mul(5), mul(6)), tsum(), mul(7))
        case "chain-that-begins-with-group": return try chain(group(add(1, 2), mul(3, 4)), tsum(), mul(5))
        case "chain-that-begins-with-groups":
            return try chain(group(add(1, 2), mul(3, 4)), group(tsum(), echo()), echo())
        case "chain-with-empty-groups": return try chain(group(), add(1, 2), group(), mul(3), group())
        case "chain-of-empty-group": return CanvasNode(.chain([group()]))
        case "chain-with-nested-groups": return try add(1, 2) ||| group(mul(3), group(mul(4), mul(5))) ||| tsum()
        case "chain-with-group-of-chains":
            return try add(1, 2) ||| group((mul(3) ||| mul(4)), mul(5)) ||| tsum() ||| mul(6)
        case "chain-linked-then-group-then-task":
            return try (add(1, 2) ||| mul(8)).linked(mul(9)) ||| group(mul(3), mul(4)) ||| tsum()
        case "chain-link-error-with-chord":
            return try (add(1, 2) ||| group(mul(3), mul(4)) ||| tsum() ||| mul(5)).failing(err())
        case "chain-link-with-chord": return try (add(1, 2) ||| group(mul(3), mul(4)) ||| tsum()).linked(mul(9))
        case "chain-link-with-group": return try (add(1, 2) ||| group(mul(3), mul(4))).linked(mul(9))
        case "chain-link-error-with-group": return try (add(1, 2) ||| group(mul(3), mul(4))).failing(err())
        case "chord": return chord([add(1, 1), add(2, 2)], tsum())
        case "chord-of-group": return chord([add(1, 1), add(2, 2)], tsum())
        case "chord-of-one": return chord([add(1, 1)], tsum())
        case "chord-empty": return chord([], tsum())
        case "chord-empty-in-chain": return try add(1, 2) ||| chord([], tsum())
        case "chord-immutable-body": return chord([add(1, 1), add(2, 2)], add(3, 4).immutable)
        case "chord-called-with-arguments":
            return try chord([add(1), add(2, 2).immutable, (add(3) ||| mul(4))], tsum())
        case "chord-called-with-keywords": return chord([echo(1), echo(2).immutable], tsum())
        case "chord-options": return chord([add(1, 1), add(2, 2)], tsum()).set(["queue": "slow", "priority": 3])
        case "chord-countdown": return chord([add(1, 1), add(2, 2)], tsum())
        case "chord-countdown-of-its-own": return chord([add(1, 1), add(2, 2)], tsum()).set(["countdown": 5])
        case "chord-id": return chord([add(1, 1), add(2, 2)], tsum()).set(["task_id": "my-id"])
        case "chord-body-id":
            return chord([add(1, 1), add(2, 2)], tsum().set(["task_id": "body-id", "queue": "slow"]))
        case "chord-call-options": return chord([add(1, 1), add(2, 2)], tsum())
        case "chord-call-link": return chord([add(1, 1), add(2, 2)], tsum())
        case "chord-call-link-group-body":
            return try chord([add(1, 1), add(2, 2)], group(tsum(), echo().failing(err(1).immutable)))
        case "chord-link": return try chord([add(1, 1), add(2, 2)], tsum()).linked(mul(3))
        case "chord-link-error": return try chord([add(1, 1), add(2, 2)], tsum()).failing(err())
        case "chord-link-error-on-header":
            return try chord([add(1, 1), add(2, 2)], tsum()).failing(err(), linksHeaders: true)
        case "chord-link-error-nested":
            return try chord([chord([add(1, 1), add(2, 2)], tsum()), add(3, 3)], tsum()).failing(err())
        case "chord-visited": return try chord([add(1, 1), add(2, 2)], tsum()).visited(["k": "v"])
        case "chord-visited-with-a-chain":
            return try chord([add(1, 1), (add(2, 2) ||| mul(3))], (tsum() ||| mul(2))).visited()
        case "chord-visited-in-a-chain":
            return try (add(1, 1) ||| group(add(2), add(3)) ||| tsum().linked(echo()).failing(err())).visited()
        case "chord-stamped": return try chord([add(1, 1), add(2, 2)], tsum()).stamped(["k": "v"])
        case "chord-chain-body": return try chord([add(1, 1), add(2, 2)], (tsum() ||| mul(3)))
        case "chord-chain-body-with-options":
            return try chord([add(1, 1), add(2, 2)], (tsum() ||| mul(3)).set(["queue": "slow", "countdown": 3]))
        case "chord-group-body": return chord([add(1, 1), add(2, 2)], group(tsum(), echo()))
        case "chord-chord-body": return chord([add(1, 1), add(2, 2)], chord([echo(1), echo(2)], tsum()))
        case "chord-body-chain-with-group":
            return try chord([add(1, 1), add(2, 2)], (tsum() ||| group(mul(3), mul(4))))
        case "chord-body-group-then-task": return try chord([add(1, 1), add(2, 2)], (group(tsum(), echo()) ||| echo()))
        case "chord-of-chains": return try chord([(add(1, 1) ||| mul(2)), add(2, 2)], tsum())
        case "chord-of-chains-of-three":
            return try chord([(add(1, 1) ||| mul(2) ||| mul(3)), (add(2, 2) ||| mul(4))], (tsum() ||| mul(5)))
        case "chord-of-groups": return chord([group(add(1, 1), add(2, 2)), add(3, 3)], tsum())
        case "chord-of-chain-that-ends-in-group":
            return try chord([(add(1, 1) ||| group(mul(2), mul(3))), add(2, 2)], echo())
        case "chord-of-chain-that-ends-in-group-with-chord":
            return try chord([add(1, 1) ||| group(mul(2), chord([mul(3)], tsum())), add(2, 2)], echo())
        case "chord-of-chain-with-chord":
            return try chord([(add(1, 1) ||| group(mul(2), mul(3)) ||| tsum()), add(2, 2)], tsum())
        case "chord-of-chords": return chord([chord([add(1, 1), add(2, 2)], tsum()), add(3, 3)], tsum())
        case "chord-of-chords-with-group-bodies":
            return chord([chord([add(1, 1), add(2, 2)], group(tsum(), echo())), add(3, 3)], echo())
        case "chord-of-chords-of-chords":
            return chord([chord([chord([add(1, 1)], tsum()), add(2, 2)], tsum()), add(3, 3)], tsum())
        case "chord-then-task": return try chord([add(1, 1), add(2, 2)], tsum()) ||| mul(3)
        case "chord-then-chain": return try chord([add(1, 1), add(2, 2)], tsum()) ||| (mul(3) ||| mul(4))
        case "chord-then-group": return try chord([add(1, 1), add(2, 2)], tsum()) ||| group(mul(3), mul(4))
        case "chord-then-group-of-one": return try chord([add(1, 1), add(2, 2)], tsum()) ||| group(mul(3))
        case "chord-then-group-then-task":
            return try chord([add(1, 1), add(2, 2)], tsum()) ||| group(mul(3), mul(4)) ||| tsum()
        case "chord-then-chord": return try chord([add(1, 1), add(2, 2)], tsum()) ||| chord([mul(3), mul(4)], tsum())
        case "task-then-chord": return try add(1, 2) ||| chord([mul(3), mul(4)], tsum())
        case "task-then-chord-then-task": return try add(1, 2) ||| chord([mul(3), mul(4)], tsum()) ||| mul(5)
        case "chain-of-chords":
            return try chain(
                chord([add(1, 1)], tsum()), chord([mul(2), mul(3)], tsum()), chord([mul(4), mul(5)], tsum()))
        case "group-of-chain-with-chord": return try group((add(1, 1) ||| group(mul(2), mul(3)) ||| tsum()), add(4, 4))
        case "chord-of-group-of-chains-then-chain":
            return try group((add(1, 1) ||| mul(2)), group(add(3, 3), add(4, 4))) ||| tsum() ||| mul(5)
                ||| group(mul(6), mul(7))
        case "chord-in-chain-with-links":
            return try add(1, 1).linked(mul(8)) ||| chord([mul(2), mul(3)], tsum()).linked(mul(9))
                ||| mul(4).failing(err())
        case "chord-members-with-options":
            return try chord(
                [add(1, 1).set(["queue": "slow"]), add(2, 2).linked(mul(9)), add(3, 3).failing(err())], tsum())
        case "deep":
            return try chain(
                add(1, 1),
                group(
                    chain(mul(2), group(mul(3), (mul(4) ||| mul(5))), tsum()),
                    chord([mul(6), group(mul(7), mul(8))], (tsum() ||| mul(9)))), echo(), group(mul(10), mul(11)))
        case "replace-with-task": return add(1, 2)
        case "replace-with-task-in-chain": return try add(1, 2) ||| mul(3) ||| mul(4)
        case "replace-with-chain": return try add(1, 2).failing(err()).linked(mul(9)) ||| mul(3)
        case "replace-with-group": return try add(1, 2) ||| mul(3)
        case "replace-with-chord": return try add(1, 2) ||| mul(3)
        case "replace-with-chain-that-ends-in-group": return add(1, 2)
        case "replace-in-chord": return chord([add(1, 1), add(2, 2)], tsum())
        case "replace-in-chord-with-chain": return chord([add(1, 1), add(2, 2)], tsum())
        case "replace-in-chord-with-group": return chord([add(1, 1), add(2, 2)], tsum())
        case "replace-in-chord-with-chord": return try chord([add(1, 1), (add(2, 2) ||| echo())], tsum())
        case "replace-body": return try chord([add(1, 1), add(2, 2)], (tsum() ||| mul(3)))
        case "extend-chord": return chord([add(1, 1), add(2, 2)], tsum())
        case "chain-of-ten": return try .chain([add(1, 1)] + (0..<9).map { add(.integer($0)) })
        case "chunks-group": return try group(starmap([1, 2], [3, 4]), starmap([5, 6]))
        case "chunks-group-then-task": return try chord([starmap([1, 2], [3, 4]), starmap([5, 6])], tsum())
        default: return nil
        }
    }

    private static func starmap(_ items: JSONValue...) throws -> CanvasNode { try .starmap(add(), over: items) }
}
