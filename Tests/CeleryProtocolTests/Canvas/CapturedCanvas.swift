import CeleryProtocol
import Foundation
import Testing

/// A canvas, and what Python makes of it; see `Fixtures/README.md`.
struct CapturedCanvas: Sendable, CustomStringConvertible {
    /// One message that a worker runs, and what it sends then.
    struct Turn: Sendable {
        /// The id of the message.
        let runs: String
        let steps: JSONValue
        /// The result tuples of what it sent; `nil` where that is not known.
        let children: JSONValue?
        /// The results that the chord's body gets when this was the last part of it, and what is sent with them.
        let joined: JSONObject?
        let replacedBy: JSONValue?
        /// Whether Python does not replace the task with that.
        let isRefused: Bool
        let extendedBy: JSONValue?
        /// The number of the turn, which is the task's result.
        let number: Int
    }

    let version: String
    let name: String
    let signature: JSONValue
    let frozen: JSONObject?
    /// The arguments and options of the call.
    let args: [JSONValue]
    let kwargs: JSONObject
    let options: JSONObject
    let config: JSONObject
    /// What a client sends.
    let steps: JSONValue?
    let result: JSONValue
    let flow: [Turn]
    /// What Python says instead.
    let error: String?

    var description: String { "\(name) of \(version)" }

    /// The context of the sender.
    func context(
        rootID: String? = nil, parentID: String? = nil, priority: Int? = nil
    ) -> CanvasContext {
        CanvasContext(
            rootID: rootID, parentID: parentID, replyTo: "the-senders-queue",
            priority: config["task_inherit_parent_priority"] == true ? priority : nil,
            linksErrorsToHeaders: config["task_allow_error_cb_on_chord_header"] == true)
    }

    /// Those of the newest Celery.
    static let newest: [CapturedCanvas] = load("5.7.0")
    /// Those of it that a client sends.
    static let sent = newest.filter { $0.error == nil }

    /// What older Celerys send, and what workers of the newest one make of that.
    static let older: [CapturedCanvas] = ["5.4.0", "5.2.7"].flatMap { load($0) }

    /// What Python's `|` makes of steps: signatures and results only.
    static let composed: [CapturedCanvas] = load("5.7.0", "composed")

    static func named(_ name: String) throws -> CapturedCanvas {
        try #require(newest.first { $0.name == name })
    }

    /// The cases of errbacks by name: what the message of the failed task holds, and what the worker sends.
    static let errbacks: [String: (errbacks: [JSONValue], steps: JSONValue)] = {
        var found: [String: (errbacks: [JSONValue], steps: JSONValue)] = [:]
        for entry in entries("5.7.0") {
            guard let name = entry["name"]?.stringValue, let errbacks = entry["errbacks"]?.arrayValue else { continue }
            found[name] = (errbacks, entry["steps"] ?? .null)
        }
        return found
    }()

    private static func load(_ version: String, _ file: String = "celery") -> [CapturedCanvas] {
        entries(version, file).compactMap { CapturedCanvas(entry: $0, version: version) }
    }

    init?(entry: JSONObject, version: String) {
        guard let name = entry["name"]?.stringValue, let signature = entry["signature"] else { return nil }
        self.version = version
        self.name = name
        self.signature = signature
        frozen = entry["frozen"]?.objectValue
        let call = entry["call"]?.objectValue
        args = call?["args"]?.arrayValue ?? []
        kwargs = call?["kwargs"]?.objectValue ?? [:]
        options = call?["options"]?.objectValue ?? [:]
        config = entry["config"]?.objectValue ?? [:]
        steps = entry["steps"]
        result = entry["result"] ?? .null
        flow = (entry["flow"]?.arrayValue ?? []).enumerated().compactMap(Self.turn)
        error = entry["error"]?.stringValue
    }

    private static func turn(_ number: Int, _ value: JSONValue) -> Turn? {
        guard let entry = value.objectValue, let runs = entry["runs"]?.stringValue else { return nil }
        return Turn(
            runs: runs, steps: entry["steps"] ?? [], children: entry["children"], joined: entry["joined"]?.objectValue,
            replacedBy: entry["replaced_by"], isRefused: entry["refused"] != nil, extendedBy: entry["extended_by"],
            number: number)
    }

    private static func entries(_ version: String, _ file: String = "celery") -> [JSONObject] {
        let root = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined()
        do {
            let data = try Data(contentsOf: URL(filePath: root + "/Fixtures/canvas/\(file)-\(version).json"))
            let file = try JSONValue(json: [UInt8](data)).objectValue
            return (file?["cases"]?.arrayValue ?? []).compactMap(\.objectValue)
        } catch {
            Issue.record("the canvases of Celery \(version) cannot be read: \(error)")
            return []
        }
    }
}
