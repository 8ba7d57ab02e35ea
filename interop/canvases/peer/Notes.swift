import Celery
import CeleryProtocol
import InteropRedis

/// What tasks note of their calls, for `canvases/outcome.py`.
struct Notes: Sendable {
    let redis: BlockingRedis

    /// Notes something in the list and under the label that a task was given.
    func add(_ place: JSONValue?, _ more: JSONObject) throws {
        guard let place = place?.arrayValue, place.count == 2, let key = place[0].stringValue else {
            throw TaskFailure(type: "TypeError", message: "missing keyword-only argument: 'note'")
        }
        var entry: JSONObject = ["label": place[1]]
        entry.update(more)
        try redis.run("RPUSH", Array(key.utf8), entry.serialized())
    }

    func add(_ place: JSONValue?, of request: TaskRequest, args: [JSONValue], more: JSONObject = [:]) throws {
        let stamped = (request.stampedHeaders.arrayValue ?? []).compactMap(\.stringValue).sorted()
        var entry = more
        entry.update([
            "id": .string(request.id), "args": .array(args), "retries": .integer(request.retries),
            "root": text(request.rootID), "parent": text(request.parentID), "group": text(request.group),
            "index": request.groupIndex.map(JSONValue.integer) ?? .null,
            "nesting": .integer(request.replacedTaskNesting), "stamps": .object(request.stamps),
            "stamped": .array(stamped.map(JSONValue.string)), "shadow": text(request.shadow),
            "replies": .bool(request.replyTo != nil),
            "limits": [request.writtenTimeLimit, request.writtenSoftTimeLimit],
            "priority": .integer(request.priority ?? 0),
            "headers": .object(request.headers),
        ])
        try add(place, entry)
    }

    private func text(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }
}
