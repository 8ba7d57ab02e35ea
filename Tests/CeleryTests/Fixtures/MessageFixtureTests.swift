import Celery
import CeleryProtocol
import CeleryTesting
import Foundation
import Testing

@testable import celery_swift

/// Every captured message is read as Python read it, survives being written again, and runs.
@Suite struct MessageFixtureTests {
    static let topics = ["redis-messages", "amqp-messages"]

    @Test(arguments: topics)
    func everyMessageIsReadAsPythonReadsIt(topic: String) async throws {
        let fixtures = try FixtureFiles.all(topic)
        #expect(fixtures.count > 100)
        for fixture in fixtures {
            let expected = try #require(fixture.details["expect"]?.objectValue, "\(fixture.name)")
            let message = try fixture.message.get()
            guard Self.isReadable(fixture) else {
                #expect(throws: MessageError.self, "\(topic) \(fixture.name)") { try TaskPayload(message) }
                continue
            }
            let request = try TaskRequest(message)
            let payload = try TaskPayload(message)
            #expect(request.task == expected["task"]?.stringValue, "\(fixture.name)")
            #expect(request.id == expected["id"]?.stringValue, "\(fixture.name)")
            #expect(Self.text(.array(payload.args)) == expected["args"]?.stringValue, "\(fixture.name)")
            #expect(Self.text(.object(payload.kwargs)) == expected["kwargs"]?.stringValue, "\(fixture.name)")
            // Protocol 1 has the times in its body.
            let metadata = try expected["metadata"]?.stringValue.map { try JSONValue(json: $0).objectValue ?? [:] }
            #expect(try request.eta == Self.time("eta", metadata ?? message.headers), "\(fixture.name)")
            #expect(try request.expires == Self.time("expires", metadata ?? message.headers), "\(fixture.name)")
        }
    }

    @Test func everyEnvelopeIsWrittenAgainWithTheSameValues() throws {
        for topic in ["redis-messages", "rpc-results-redis"] {
            for fixture in try FixtureFiles.all(topic) {
                let message = try fixture.message.get()
                let written = try JSONValue(json: KombuEnvelope.encode(message))
                #expect(written == (try JSONValue(json: fixture.raw)), "\(fixture.name)")
            }
        }
    }

    @Test(arguments: topics)
    func everyBodyIsWrittenAgainByteForByte(topic: String) throws {
        for fixture in try FixtureFiles.all(topic) where Self.isReadable(fixture) {
            let message = try fixture.message.get()
            guard message.headers["compression"] == nil, message.headers["task"] != nil else { continue }
            let payload = try TaskPayload(message)
            #expect(payload.encoded() == message.body, "\(fixture.name): \(Self.text(.array(payload.args)))")
        }
    }

    @Test(arguments: topics)
    func everyHeaderOfCurrentCeleryIsWrittenAsCeleryWritesIt(topic: String) throws {
        for fixture in try FixtureFiles.all(topic) where Self.isReadable(fixture) {
            let message = try fixture.message.get()
            guard message.headers["stamps"] != nil, message.headers["replaced_task_nesting"] != nil else { continue }
            var headers = try TaskRequest(message).messageHeaders()
            headers["lang"] = "py"
            headers["compression"] = message.headers["compression"]
            // Times are compared as times: Celery passes on a caller's own text.
            for key in ["eta", "expires"] {
                guard let text = message.headers[key]?.stringValue else { continue }
                let written = try #require(headers[key]?.stringValue)
                #expect(try PythonDateTime(isoparse: written).date() == PythonDateTime(isoparse: text).date())
                headers[key] = message.headers[key]
            }
            var original = message.headers
            if case .string("") = original["shadow"] { original["shadow"] = .null }
            // For people only: over AMQP a text that is no UTF-8 comes as bytes, and is left out.
            for key in ["argsrepr", "kwargsrepr"] where original[key]?.objectValue != nil { original[key] = .null }
            #expect(headers == original, "\(fixture.name)")
        }
    }

    @Test(arguments: topics)
    func everyMessageRuns(topic: String) async throws {
        let replay = try Replay { StockWorker().handlers }
        for fixture in try FixtureFiles.all(topic) {
            let outcome = await replay.run(fixture)
            let expected = try #require(fixture.details["expect"]?.objectValue)
            guard Self.isReadable(fixture) else {
                guard case .refused = outcome else {
                    Issue.record("\(fixture.name) should be refused and is \(outcome)")
                    continue
                }
                continue
            }
            guard let run = expected["run"]?.objectValue else { continue }
            if let result = run["result"]?.stringValue {
                guard case .success(let value) = outcome else {
                    Issue.record("\(fixture.name) should succeed and is \(outcome)")
                    continue
                }
                // As text, because NaN is not equal to itself.
                #expect(Self.text(value) == result, "\(fixture.name)")
            } else if let type = run["exc_type"]?.stringValue {
                guard case .failure(let failure) = outcome else {
                    Issue.record("\(fixture.name) should fail and is \(outcome)")
                    continue
                }
                #expect(failure.type == type, "\(fixture.name)")
            }
        }
    }

    /// Whether Python accepts the message, and its compression is one of ours.
    private static func isReadable(_ fixture: Fixture) -> Bool {
        guard fixture.details["expect"]?.objectValue?["accepted"]?.boolValue == true,
            case .success(let message) = fixture.message
        else { return false }
        return [nil, "application/x-gzip"].contains(message.headers["compression"]?.stringValue)
    }

    /// A time as Celery reads it: without a zone it is in UTC.
    private static func time(_ key: String, _ metadata: JSONObject) throws -> Date? {
        try metadata[key]?.stringValue.map { try PythonDateTime(isoparse: $0).date() }
    }

    private static func text(_ value: JSONValue) -> String {
        String(decoding: value.serialized(), as: UTF8.self)
    }
}
