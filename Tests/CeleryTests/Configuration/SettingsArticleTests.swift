import Foundation
import Testing

@testable import Celery

/// `Settings.md` of the documentation, which says of each setting where it is here.
@Suite struct SettingsArticleTests {
    private let sections: [String: String]

    init() throws {
        let root = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined()
        let text = try String(contentsOfFile: root + "/Sources/Celery/Celery.docc/Settings.md", encoding: .utf8)
        let parts = text.components(separatedBy: "\n## ").dropFirst().map { (String($0.prefix { $0 != "\n" }), $0) }
        sections = Dictionary(uniqueKeysWithValues: parts)
    }

    /// The settings in the first column of a section's tables, and in its paragraphs of what is not built.
    private func settings(_ title: String) throws -> [String] {
        let setting = /`([a-z0-9]+_[a-z0-9_]+|imports|include|timezone)`/
        return try #require(sections[title]).components(separatedBy: "\n\n").flatMap { paragraph -> [String] in
            let texts: [Substring]
            if paragraph.hasPrefix("|") {
                texts = paragraph.split(separator: "\n").map { row in row.dropFirst().prefix { $0 != "|" } }
            } else {
                texts = paragraph.hasPrefix("Not built: ") ? [paragraph[...]] : []
            }
            return texts.flatMap { $0.matches(of: setting).map { String($0.1) } }
        }
    }

    @Test func everySettingOfCeleryIsNamedOnce() throws {
        let named = try settings("Obeyed") + settings("So anyway") + settings("Not obeyed")
        #expect(Set(named).symmetricDifference(CelerySettingNames.all).sorted() == [])
        #expect(named.count == Set(named).count)
    }

    @Test func theTablesOfObeyedSettingsAreWhatIsRead() throws {
        let (known, others) = (
            CeleryConfiguration.keys.filter(CelerySettingNames.all.contains).sorted(),
            CeleryConfiguration.keys.filter { !CelerySettingNames.all.contains($0) }.sorted()
        )
        #expect(try settings("Obeyed") == known)
        #expect(try settings("Beyond Celery") == others)
    }

    @Test func whatIsSoAnywayIsNoReasonForAWarning() throws {
        let values: JSONObject = [
            "accept_content": ["json"], "result_accept_content": ["json", "yaml"], "broker_connection_retry": true,
            "broker_connection_retry_on_startup": true, "enable_utc": true, "event_serializer": "json",
            "result_serializer": "json", "task_serializer": "json", "imports": ["shop"], "include": [],
            "task_protocol": 2,
        ]
        #expect(try settings("So anyway").sorted() == values.map(\.key).sorted())
        #expect(try CeleryConfiguration(settings: values).disregardedSettings.isEmpty)
    }
}
