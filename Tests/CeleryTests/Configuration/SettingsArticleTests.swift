import Celery
import Foundation
import Testing

@testable import struct Celery.CeleryConfiguration
@testable import enum Celery.CelerySettingNames

/// `Settings.md` of the documentation, which says of each setting where it is here.
@Suite struct SettingsArticleTests {
    private let sections: [(title: String, text: String)]

    init() throws {
        let root = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined()
        let text = try String(contentsOfFile: root + "/Sources/Celery/Celery.docc/Settings.md", encoding: .utf8)
        sections = text.components(separatedBy: "\n## ").dropFirst().map { section in
            (String(section.prefix { $0 != "\n" }), section)
        }
    }

    private func text(_ title: String) throws -> String { try #require(sections.first { $0.title == title }).text }

    /// The settings in the first column of a section's tables, or in its lists.
    private func settings(_ title: String) throws -> [String] {
        try text(title).split(separator: "\n").flatMap { line in
            let parts = line.split(separator: "|", maxSplits: 1)
            guard line.first == "|" || line.first == "`" || line.hasPrefix("Not built: "), let first = parts.first else {
                return [String]()
            }
            return first.matches(of: /`([a-z0-9]+_[a-z0-9_]+|imports|include|timezone)`/).map { String($0.1) }
        }
    }

    @Test func everySettingOfCeleryIsNamedOnce() throws {
        let named = try settings("Obeyed") + settings("So anyway") + settings("Not obeyed")
        #expect(Set(named) == CelerySettingNames.all)
        #expect(named.count == Set(named).count)
    }

    @Test func theTableOfObeyedSettingsIsWhatIsRead() throws {
        #expect(try settings("Obeyed") == CeleryConfiguration.keys.sorted())
    }

    @Test func whatIsSoAnywayIsNoReasonForAWarning() throws {
        let values: JSONObject = [
            "accept_content": ["json"], "result_accept_content": ["json", "yaml"], "broker_connection_retry": true,
            "broker_connection_retry_on_startup": true, "enable_utc": true, "event_serializer": "json",
            "result_serializer": "json", "task_serializer": "json", "imports": ["shop"], "include": [], "task_protocol": 2,
        ]
        #expect(try settings("So anyway").sorted() == values.map(\.key).sorted())
        #expect(try CeleryConfiguration(settings: values).disregardedSettings.isEmpty)
    }
}
