import CeleryProtocol
import Foundation
import Testing

private let isAsked = ProcessInfo.processInfo.environment["SWIFT_CELERY_SPEED"] != nil

/// Measures, for people to read: `SWIFT_CELERY_SPEED=1 swift test -c release --filter JSONSpeed`.
@Suite("JSONSpeed", .serialized, .enabled(if: isAsked, "set SWIFT_CELERY_SPEED to measure"))
struct JSONSpeedTests {
    @Test("An envelope is read at least five times as fast as by JSONDecoder")
    func envelope() throws {
        let bytes = Array(Self.envelope.utf8)
        let data = Data(bytes)
        let value = try JSONValue(json: bytes)
        let decoder = JSONDecoder()
        let foundation = try measure("JSONDecoder", 20_000) { _ = try decoder.decode(Envelope.self, from: data) }
        let own = try measure("JSONValue(json:)", 200_000) { _ = try JSONValue(json: bytes) }
        _ = measure("serialized()", 200_000) { _ = value.serialized() }
        #expect(foundation > own * 5)
    }

    @Test("Arguments are decoded and encoded in well under a microsecond")
    func arguments() throws {
        let decoder = JSONValueDecoder()
        let encoder = JSONValueEncoder()
        let value: JSONValue = ["count": 1, "name": "x", "parts": [1, 2.5]]
        let integer = try measure("decode Int", 500_000) { _ = try decoder.decode(Int.self, from: 5) }
        _ = try measure("decode String", 500_000) { _ = try decoder.decode(String.self, from: "abc") }
        _ = try measure("decode [Int] of 10", 50_000) {
            _ = try decoder.decode([Int].self, from: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
        }
        _ = try measure("decode a struct", 50_000) { _ = try decoder.decode(Part.self, from: value) }
        _ = try measure("encode Int", 500_000) { _ = try encoder.encode(5) }
        let part = Part(count: 1, name: "x", parts: [1, 2.5], note: nil)
        _ = try measure("encode a struct", 50_000) { _ = try encoder.encode(part) }
        _ = measure("argsrepr", 50_000) { _ = PythonRepr.saferepr(arguments: [2, 3]) }
        #expect(integer < .nanoseconds(500))
    }

    private func measure(_ name: String, _ count: Int, _ body: () throws -> Void) rethrows -> Duration {
        for _ in 0..<count / 10 { try body() }
        let each = try ContinuousClock().measure { for _ in 0..<count { try body() } } / count
        print("\(name): \(each.formatted(.units(allowed: [.microseconds, .nanoseconds])))")
        return each
    }

    private struct Part: Codable {
        var count: Int
        var name: String
        var parts: [Double]
        var note: String?
    }

    private struct Envelope: Decodable {
        struct Headers: Decodable {
            let lang, task, id: String
            let shadow, eta, expires, group: String?
            let retries: Int
            let timelimit: [Double?]
            let root_id: String
            let parent_id: String?
            let argsrepr, kwargsrepr, origin: String
            let ignore_result: Bool
            let stamps: [String: String]
        }
        struct Properties: Decodable {
            let correlation_id, reply_to: String
            let delivery_mode: Int
            let delivery_info: [String: String]
            let priority: Int
            let body_encoding, delivery_tag: String
        }
        let body: String
        let headers: Headers
        let properties: Properties
    }

    /// As Celery 5.7 sends `add.delay(2, 3)` through Redis.
    static let envelope = #"""
        {"body": "W1syLCAzXSwge30sIHsiY2FsbGJhY2tzIjogbnVsbCwgImVycmJhY2tzIjogbnVsbCwgImNoYWluIjogbnVsbCwgImNob3JkIjo\#
        gbnVsbH1d", "content-encoding": "utf-8", "content-type": "application/json", "headers": {"lang": "py", \#
        "task": "tasks.add", "id": "1a90f5b0-3294-402a-bfe8-94b6241593a6", "shadow": null, "eta": null, \#
        "expires": null, "group": null, "group_index": null, "retries": 0, "timelimit": [null, null], \#
        "root_id": "1a90f5b0-3294-402a-bfe8-94b6241593a6", "parent_id": null, "argsrepr": "(2, 3)", \#
        "kwargsrepr": "{}", "origin": "gen25488@host", "ignore_result": false, "replaced_task_nesting": 0, \#
        "stamped_headers": null, "stamps": {}}, "properties": {"correlation_id": \#
        "1a90f5b0-3294-402a-bfe8-94b6241593a6", "reply_to": "d5f17060-63a6-3fcd-8345-0be3038aaa3d", \#
        "delivery_mode": 2, "delivery_info": {"exchange": "", "routing_key": "celery"}, "priority": 0, \#
        "body_encoding": "base64", "delivery_tag": "354f0beb-fc31-44b8-ae7e-3d4a84f2cae5"}}
        """#
}
