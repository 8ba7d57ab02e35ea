import CeleryProtocol
import CeleryTransport
import Foundation

/// Python Celery's own Redis backend, in a process of its own: `interop/fleet/chord_peer.py`.
final class ChordPeer {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..")
        .standardizedFileURL
    private static let python = root.appending(path: ".venv/bin/python")
    static var isThere: Bool { FileManager.default.isExecutableFile(atPath: python.path) }

    private let process = Process()
    private let orders = Pipe()
    private let answers = Pipe()
    private var rest = Data()

    init(_ url: String) throws {
        process.executableURL = Self.python
        process.arguments = [Self.root.appending(path: "interop/fleet/chord_peer.py").path, url]
        process.standardInput = orders
        process.standardOutput = answers
        try process.run()
    }

    deinit {
        do { try orders.fileHandleForWriting.close() } catch { print("the peer is left: \(error)") }
        process.waitUntilExit()
    }

    /// Gives an order; what it returns.
    @discardableResult
    func callAsFunction(_ name: String, _ order: JSONObject) throws -> JSONValue {
        var order = order
        order["do"] = .string(name)
        try orders.fileHandleForWriting.write(contentsOf: Data(order.serialized() + [UInt8(ascii: "\n")]))
        while true {
            if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(rest[rest.startIndex..<end])
                rest = Data(rest[rest.index(after: end)...])
                let answer = try JSONValue(json: line).objectValue ?? [:]
                if let error = answer["error"]?.stringValue { throw TransportError(.rejected, error) }
                return answer["answer"] ?? .null
            }
            let more = answers.fileHandleForReading.availableData
            if more.isEmpty { throw TransportError(.closed, "the peer has ended") }
            rest += more
        }
    }

    /// Has it count a part; the arguments of all bodies that were sent so far.
    func count(_ part: ChordPart, as name: String) throws -> [JSONValue] {
        let bodies = try self(
            name,
            [
                "group": .string(part.group), "id": .string(part.id), "state": .string(part.state.rawValue),
                "index": part.index.map { .integer($0) } ?? .null, "result": part.result,
            ])
        return bodies.arrayValue ?? []
    }
}
