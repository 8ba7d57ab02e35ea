import Celery
import CeleryProtocol

/// Makes canvases of the descriptions that `canvases/building.py` explains.
struct CanvasReader {
    /// Where the tasks note their calls.
    let run: String

    func canvas(_ description: JSONValue?) throws -> CanvasNode {
        guard let fields = description?.objectValue, let kind = fields["kind"]?.stringValue else {
            throw DescriptionError(description: "a description is no object with a kind")
        }
        var node = try base(kind, fields)
        node.options.update(fields["options"]?.objectValue ?? [:])
        if fields["immutable"] == true { node.setImmutable(true) }
        for callback in try canvases(fields["link"]) { try node.link(callback) }
        for errback in try canvases(fields["link_error"]) { try node.linkError(errback) }
        if let stamps = fields["stamps"]?.objectValue { try node.stamp(stamps) }
        return node
    }

    private func base(_ kind: String, _ fields: JSONObject) throws -> CanvasNode {
        switch kind {
        case "task":
            var kwargs = fields["kwargs"]?.objectValue ?? [:]
            kwargs["note"] = [.string(run), fields["label"] ?? .null]
            return CanvasNode(
                task: fields["name"]?.stringValue ?? "", args: fields["args"]?.arrayValue ?? [], kwargs: kwargs)
        case "chain": return try .chain(try canvases(fields["parts"]))
        case "group": return .group(try canvases(fields["parts"]))
        case "chord": return .chord(try canvases(fields["parts"]), try canvas(fields["body"]))
        case "map": return try .map(CanvasNode(task: "canvas.item"), over: items(fields))
        case "starmap": return try .starmap(CanvasNode(task: "canvas.spread"), over: items(fields))
        case "chunks":
            return try .chunks(
                CanvasNode(task: "canvas.spread"), over: items(fields), of: fields["size"]?.integerValue ?? 0)
        default: throw DescriptionError(description: "there is no kind \(kind)")
        }
    }

    private func canvases(_ descriptions: JSONValue?) throws -> [CanvasNode] {
        try (descriptions?.arrayValue ?? []).map { try canvas($0) }
    }

    private func items(_ fields: JSONObject) -> [JSONValue] {
        let label = fields["label"]?.integerValue ?? 0
        return (fields["items"]?.arrayValue ?? []).map {
            [.string(run), .string("\(label):\($0.integerValue ?? 0)"), $0]
        }
    }
}
