import Foundation
import Testing

/// The table of rights in `Deploying.md` of the documentation.
@Suite struct RightsArticleTests {
    private let rows: [Substring: Set<String>]

    init() throws {
        let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
        let text = try String(contentsOfFile: root + "/Sources/Celery/Celery.docc/Deploying.md", encoding: .utf8)
        var rows: [Substring: Set<String>] = [:]
        let row = /(?m)^\| (send|work|store results|join chords|wait for results|ask workers) \| .*?`(.*)` \|$/
        for line in text.matches(of: row) {
            let rights = String(line.2).replacing("\\|", with: "|").replacing("<06><16>", with: "\u{6}\u{16}")
            rows[line.1] = Set(rights.split(separator: " ").map { String($0.replacing("Q", with: "q")) })
        }
        self.rows = rows
    }

    @Test func theyAreThoseWithWhichTheLiveTestsWork() {
        typealias Rights = LiveTests.Rights
        let (sender, results) = (Set(Rights.sender), Set(Rights.results))
        let connection = Set(Rights.connection)
        #expect(rows["send"] == sender.subtracting(connection))
        #expect(rows["work"] == Set(Rights.worker).subtracting(sender))
        #expect(rows["ask workers"] == Set(Rights.asker).subtracting(sender))
        #expect(rows["store results"] == results.subtracting(connection))
        #expect(rows["join chords"] == Set(Rights.chords).subtracting(results))
        #expect(rows["wait for results"] == Set(Rights.caller).subtracting(results).subtracting(["+select"]))
    }
}
