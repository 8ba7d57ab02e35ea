import CeleryIO
import CeleryTransport
import Logging
import TestSupport
import Testing

@testable import CeleryRedis

@Suite struct ForeignStepsTests {
    private final class Lines: Sendable {
        private let kept = Locked<[String]>([])

        var all: [String] { kept.withLock { $0 } }

        func add(_ line: String) { kept.withLock { $0.append(line) } }
    }

    /// Passes on the lines that it gets.
    private struct LineLog: LogHandler {
        let lines: Lines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let metadata = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            lines.add("\(event.level) \(event.message) " + metadata.joined(separator: " "))
        }
    }

    private static func bulk(_ text: String) -> String { "$\(text.utf8.count)\r\n\(text)\r\n" }

    /// A server with these lists, each of two entries, and `more` keys that are none of our business.
    private static func server(_ lists: [String], isEndless: Bool = false, refusal: String? = nil) throws
        -> ScriptedRedis
    {
        try ScriptedRedis { command in
            switch command[0] {
            case "SCAN":
                if let refusal { return .bytes("-\(refusal)\r\n") }
                // In two batches, or without an end.
                let isFirst = command[1] == "0"
                let keys = isFirst || isEndless ? [] : lists
                return .bytes(
                    "*2\r\n" + bulk(isFirst || isEndless ? "17" : "0") + "*\(keys.count)\r\n" + keys.map(bulk).joined())
            case "LLEN": return .bytes(lists.contains(command[1]) ? ":2\r\n" : ":0\r\n")
            default: return .bytes("+OK\r\n")
            }
        }
    }

    private static func lines(
        _ server: ScriptedRedis, _ queues: [String] = ["swift"], _ keys: KombuKeys = KombuKeys()
    ) async throws -> [String] {
        let lines = Lines()
        let logger = Logger(label: "test") { _ in LineLog(lines: lines) }
        let connection = try await RedisConnection.open(server.address, name: "test", logger: logger)
        await ForeignSteps(queues, keys).warn(connection, logger)
        await connection.close()
        return lines.all
    }

    @Test(arguments: [
        ("swift:1", "swift:1", "priority_steps=0,1,3,6,9 sep=:"),
        ("swift\u{6}\u{16}1", "swift\\x06\\x161", "priority_steps=0,1,3,6,9"),
        ("swift::255", "swift::255", "priority_steps=0,3,6,9,255 sep=::"),
    ])
    func aListWithAnotherStepIsNamedWithItsLengthAndTheOption(list: String, shown: String, option: String) async throws
    {
        let server = try Self.server([list, "swift", "swift\u{6}\u{16}3", "swift2"])
        let lines = try await Self.lines(server)
        #expect(lines.count == 1)
        let line = try #require(lines.first)
        #expect(line.hasPrefix("warning a list that is not served"))
        for part in [shown, "celery.queue=swift", "length=2", option] { #expect(line.contains(part), "\(line)") }
        #expect(line.utf8.allSatisfy { $0 >= 0x20 })
    }

    /// Redis may have more keys than can be looked through, or not let them be seen.
    @Test(
        arguments: ["swift:1", "swift\u{6}\u{16}1"],
        [nil, "NOPERM this user has no permissions to run the 'scan' command"])
    func likelyListsAreFoundAmongAnyNumberOfKeys(list: String, refusal: String?) async throws {
        let server = try Self.server([list], isEndless: true, refusal: refusal)
        let lines = try await Self.lines(server)
        // And the log says that not all were seen.
        #expect(lines.count { $0.hasPrefix("info looked ") } == 1, "\(lines)")
        #expect(lines.count { $0.hasPrefix("warning a list that is not served") } == 1, "\(lines)")
    }

    @Test func whatIsServedIsNotNamed() async throws {
        let lists = ["swift", "swift:1", "swift:5", "other", "other:1"]
        let keys = KombuKeys(prioritySteps: [0, 1, 5], separator: ":")
        #expect(try await Self.lines(try Self.server(lists), ["swift", "other", "swift:9"], keys).isEmpty)
    }

    @Test(arguments: [
        "swift2", "swift-images-1", "swift.dead-letter", "swift:01", "swift:256", "swift:", "swift:x", "swiftly:1",
        "other:1", "swift\u{6}\u{16}9", "swift", "swift:99999999999999999999",
    ])
    func whatLooksLikeSomethingElseIsNot(key: String) {
        #expect(ForeignSteps(["swift"], KombuKeys()).list(key) == nil)
    }

    @Test func manyOfThemAreNotAllNamed() async throws {
        let lines = try await Self.lines(try Self.server((100..<115).map { "swift:\($0)" }))
        #expect(lines.count == 11)
        #expect(lines.last?.hasSuffix("lists=5") == true)
    }
}
