import CeleryProtocol
import Foundation
import Logging
import Testing

@testable import Celery

struct StateFileTests {
    private let path = FileManager.default.temporaryDirectory.appending(path: "state-\(RandomID.make()).json").path()

    private func file(_ revoked: RevokedTasks, _ clock: LogicalClock = LogicalClock()) -> StateFile {
        StateFile(
            path: path, revoked: revoked, clock: clock,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    @Test func whatIsRememberedIsThereAgain() throws {
        let (revoked, clock) = (RevokedTasks(), LogicalClock())
        try file(revoked, clock).load()
        revoked.add(["old"], at: .now - .seconds(10_000))
        revoked.add(["gone"], at: .now - .seconds(20_000))
        revoked.add(["new"])
        revoked.add(stamps: [("customer", ["a", 7])])
        clock.adjust(500)
        #expect(file(revoked, clock).save())
        let (again, itsClock) = (RevokedTasks(), LogicalClock())
        try file(again, itsClock).load()
        #expect(again.ids == ["old", "new"] && itsClock.current > 500)
        // The age counts on.
        #expect(again.known(at: .now + .seconds(1000)).ids.map(\.id) == ["new"])
        #expect(again.known(at: .now).stamps == ["customer": ["a", 7]])
        try FileManager.default.removeItem(atPath: path)
    }

    @Test(arguments: [
        "", "{", "[]", "{}", #"{"kind": "state of a swift-celery worker", "version": 2}"#,
        #"{"kind": "state of a swift-celery worker", "version": 1}"#,
        #"{"kind": "state of a swift-celery worker", "version": 1, "clock": 1, "revoked": {"a": "x"}, "stamps": {}}"#,
        #"{"kind": "state of a swift-celery worker", "version": 1, "clock": 1, "revoked": {"a": NaN}, "stamps": {}}"#,
        #"{"kind": "state of a swift-celery worker", "version": 1, "clock": 1, "revoked": {}, "stamps": {"a": 5}}"#,
    ])
    func aFileThatIsNoneIsAnErrorAndStaysAsItIs(content: String) throws {
        try Data(content.utf8).write(to: URL(filePath: path))
        let error = #expect(throws: CeleryError.self) { try file(RevokedTasks()).load() }
        #expect(error?.code == .invalidSetting && error?.message.contains(path) == true)
        #expect(try Data(contentsOf: URL(filePath: path)) == Data(content.utf8))
        try FileManager.default.removeItem(atPath: path)
    }

    @Test func aFileThatCannotBeWrittenIsAnErrorAtOnce() {
        let file = StateFile(
            path: "/nonexistent/state.json", revoked: RevokedTasks(), clock: LogicalClock(),
            logger: Logger(label: "test"))
        #expect(throws: CeleryError.self) { try file.load() }
    }
}
