import CeleryIO
import CeleryProtocol
import CeleryTransport
import Logging
import TestSupport
import Testing

@testable import CeleryRedis

/// What is sent to wait for results, on a server that announces a result together with each subscription.
@Suite struct ResultSubscriptionsTests {
    private static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    private let commands = Notes<[String]>()
    private let questions = Notes<String>()
    /// Tasks that end when the next subscription is made.
    private let ending = Ending()
    private let server: ScriptedRedis
    private let subscriptions: ResultSubscriptions

    private final class Ending: Sendable {
        let ids = Locked<[String]>([])
    }

    init() throws {
        server = try ScriptedRedis { [commands, ending] command in
            guard command[0].hasSuffix("SUBSCRIBE") else { return .bytes("+OK\r\n") }
            let ids = command.dropFirst().map { String($0.dropFirst("celery-task-meta-".count)) }
            commands.add([command[0]] + ids)
            var answer = ""
            for id in ids {
                answer += "*3\r\n" + Self.bulk("subscribe") + Self.bulk("celery-task-meta-\(id)") + ":1\r\n"
            }
            for id in ending.ids.withLock({ $0 }) + ids.prefix(1) {
                let result = TaskResult(id: id, state: .success, result: .string(id))
                answer += "*3\r\n" + Self.bulk("message") + Self.bulk("celery-task-meta-\(id)")
                answer += Self.bulk(String(decoding: result.encoded(), as: UTF8.self))
            }
            return .bytes(answer)
        }
        subscriptions = ResultSubscriptions(
            try server.address, logger: Self.logger,
            asking: { [questions] id, answer in
                questions.add(id)
                answer(nil)
            },
            askingMany: { [questions] ids, answer in
                for id in ids {
                    questions.add(id)
                    answer(id, nil)
                }
            })
    }

    private static func bulk(_ text: String) -> String { "$\(text.utf8.count)\r\n\(text)\r\n" }

    /// Waits for the end of a task; what it has returned.
    private func end(of id: String, _ age: ResultWatcher.Age = .early) async throws -> String? {
        let updates = Notes<ResultWatcher.Update>()
        let watcher = ResultWatcher(updates.add)
        defer { watcher.end() }
        try await subscriptions.watch(id, watcher, age)
        return try await updates.next().get().result.stringValue
    }

    @Test func whatComesNextIsSubscribedToTogetherWithATask() async throws {
        #expect(try await end(of: "a") == "a")
        let spare = try await commands.next()
        #expect(spare.prefix(2) == ["SUBSCRIBE", "a"])
        #expect(spare.count == 3)
        #expect(subscriptions.takeID() == spare.last)
        #expect(subscriptions.takeID() == nil)
        await subscriptions.close()
    }

    /// Without a subscription or a question of its own, also when it is announced before somebody waits for it.
    @Test func aTaskWhoseChannelIsSubscribedToIsHeardOf() async throws {
        _ = try await end(of: "a")
        let id = try #require(subscriptions.takeID())
        ending.ids.withLock { $0 = [id] }
        _ = try await end(of: "b")
        ending.ids.withLock { $0 = [] }
        #expect(try await end(of: id) == id)
        _ = try await end(of: "c")
        await subscriptions.close()
        #expect(try await commands.next(3).map { $0[1] } == ["a", "b", "c"])
        questions.add("none")
        var asked: [String] = []
        while asked.last != "none" { asked.append(try await questions.next()) }
        #expect(!asked.contains(id))
    }

    @Test func ofATaskThatMayJustHaveEndedItIsAskedAtOnce() async throws {
        _ = try await end(of: "a", .recent)
        #expect(try await questions.next() == "a")
        await subscriptions.close()
    }

    @Test func afterALossATaskIsSubscribedToAnew() async throws {
        _ = try await end(of: "a")
        let id = try #require(subscriptions.takeID())
        server.cut()
        var isNoticed = false
        while !isNoticed {
            do {
                _ = try await end(of: "b")
                isNoticed = true
            } catch is TransportError {}
        }
        #expect(try await end(of: id) == id)
        while try await commands.next()[1] != id {}
        await subscriptions.close()
    }
}
