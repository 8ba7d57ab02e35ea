import CeleryIO
import CeleryProtocol
import Logging
import Testing

@testable import CeleryCommands

/// A log for machines is one JSON object a line, whatever is in it.
@Suite struct JSONLogHandlerTests {
    /// What is written of a line.
    static func written(
        metadata: Logger.Metadata = [:], _ message: String, _ own: Logger.Metadata? = nil
    ) -> String {
        let written = Locked("")
        let output = LogOutput { text in written.withLock { $0 += text } }
        var logger = Logger(label: "celery") {
            JSONLogHandler(label: $0, output: output, now: { LogTime(seconds: 0, milliseconds: 5) })
        }
        for (key, value) in metadata { logger[metadataKey: key] = value }
        logger.warning("\(message)", metadata: own)
        return written.withLock { $0 }
    }

    @Test func theKeysAreInOrder() {
        #expect(
            Self.written(metadata: ["celery.worker": "celery@host"], "lost", ["celery.task.id": "1", "error": "no"])
                == """
                {"timestamp": "1970-01-01T00:00:00.005Z", "level": "warning", "message": "lost", "logger": "celery", \
                "celery.task.id": "1", "celery.worker": "celery@host", "error": "no"}

                """)
    }

    static let hostile = [
        "two\nlines\r\n", "\u{0}\u{1b}[2J\u{7f}", #"quotes " and \ "#, "\u{2028}\u{202e}ü€😀", "\u{10ffff}\u{10d800}",
    ]

    @Test(arguments: hostile, [1, 5000]) func everyTextComesBackFromOneLine(part: String, times: Int) throws {
        let text = String(repeating: part, count: times)
        let line = Self.written(text, ["text": "\(text)", "list": ["\(text)"], "table": ["key": "\(text)"]])
        #expect(line.utf8.count { $0 == 10 } == 1 && line.hasSuffix("}\n"))
        #expect(line.utf8.allSatisfy { $0 == 10 || ($0 >= 0x20 && $0 < 0x7F) })
        let object = try #require(try JSONValue(json: Array(line.utf8)).objectValue)
        #expect(object["message"] == .string(text))
        #expect(object["text"] == .string(text))
        #expect(object["list"] == [.string(text)])
        #expect(object["table.key"] == .string(text))
    }

    @Test func numbersStayNumbersAsFarAsJSONHasThem() throws {
        let line = Self.written(
            "a",
            [
                "double": .stringConvertible(0.5), "int": .stringConvertible(-3), "flag": .stringConvertible(true),
                "nan": .stringConvertible(Double.nan), "large": .stringConvertible(UInt64.max), "text": "7",
            ])
        let object = try #require(try JSONValue(json: Array(line.utf8)).objectValue)
        #expect(object["double"] == 0.5 && object["int"] == -3 && object["flag"] == true)
        #expect(object["nan"] == "nan" && object["large"] == "18446744073709551615" && object["text"] == "7")
    }

    @Test func aKeyOfAnothersIsNotTakenForOneOfTheLine() throws {
        let line = Self.written("mine", ["message": "yours", "level": ["x": "y"], "logger": "z"])
        let object = try #require(try JSONValue(json: Array(line.utf8)).objectValue)
        #expect(object["message"] == "mine" && object["metadata.message"] == "yours")
        #expect(object["metadata.level.x"] == "y" && object["metadata.logger"] == "z")
    }
}
