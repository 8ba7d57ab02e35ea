import ArgumentParser
import Celery
import Testing

@testable import CeleryCommands

@Suite struct WorkerArgumentsTests {
    @Test func withoutOptionsTheLimitsAreTheLibrarys() throws {
        let options = try WorkerArguments.parse([]).configuration(over: .init()).worker
        #expect(options.concurrency == CeleryWorker.Options().concurrency)
        #expect(options.etaLimit == 10_000)
        #expect(options.maximumBodySize == 67_108_864)
        #expect(options.maximumBodyMemory == 83_886_080)
        #expect(!options.acksLate)
    }

    @Test(arguments: [
        ["--eta-limit=-1"], ["--eta-limit", "many"], ["--max-body-size", "0"], ["--max-body-size=-5"],
        ["--max-body-size", "64M"], ["--max-body-size", "99999999999999999999"], ["-c", "0"],
        ["--max-body-memory", "0"], ["--eta-limit", "--acks-late"],
        ["--prefetch-multiplier=-1"], ["-O", "fast"], ["-Q", ","],
        ["--queue-type", "quorum"], ["-Q", "a?type=quorum&type=classic"],
    ])
    func whatMakesNoSenseIsRefused(arguments: [String]) {
        #expect(throws: (any Error).self) { try WorkerArguments.parse(arguments) }
    }

    static let ranges = [
        ("-c", "1 to 100000"), ("--concurrency", "1 to 100000"), ("--prefetch-multiplier", "0 to 65535"),
        ("--eta-limit", "0 to \(Int.max)"), ("--max-body-size", "1 to \(Int.max)"),
        ("--max-body-memory", "1 to \(Int.max)"), ("--visibility-timeout", "greater than 0 and not above 4294967295"),
    ]

    @Test(arguments: ranges, ["-1", "-0.5", "-inf", "nan", "1e99", "many", "", "-x"])
    func aNumberOutOfRangeIsRefusedWithTheOptionsNameAndTheRange(option: (String, String), number: String) throws {
        let (name, range) = option
        let error = try #require(#expect(throws: (any Error).self) { try WorkerArguments.parse([name, number]) })
        let text = WorkerArguments.message(for: error)
        #expect(text.contains(name) && text.contains(range), "\(text)")
    }

    @Test func aQueueThatIsNotKnownIsRefusedIfNoneIsMade() throws {
        var configuration = CeleryConfiguration()
        configuration.routing.queues = ["mine"]
        configuration.routing.createsMissingQueues = false
        let arguments = try WorkerArguments.parse(["-Q", "mine,typo"])
        #expect(throws: ValidationError.self) { try arguments.queues.consumedQueues(configuration) }
        #expect(try WorkerArguments.parse(["-Q", "mine"]).queues.consumedQueues(configuration) == ["mine"])
    }

    @Test func namesThatAreExcludedInVainAreFound() throws {
        var configuration = CeleryConfiguration()
        #expect(try WorkerArguments.parse([]).queues.strangeExclusions(configuration) == [])
        configuration.routing.queues = ["fast", "slow"]
        #expect(try WorkerArguments.parse(["-X", "slow, slwo"]).queues.strangeExclusions(configuration) == ["slwo"])
        let arguments = try WorkerArguments.parse(["-Q", "a,b?type=quorum", "-X", "b,fast,c"])
        #expect(arguments.queues.strangeExclusions(configuration) == ["c"])
    }

    @Test func queuesAreDeclaredAsTheCommandLineSays() throws {
        var configuration = CeleryConfiguration()
        configuration.routing.queues = [Queue("known", maxPriority: 5)]
        let arguments = try WorkerArguments.parse([
            "-Q", "known,new,celery,a?type=classic&max-priority=10&x-message-ttl=1000&x-dead-letter-exchange=dead",
            "--queue-type", "quorum",
        ])
        configuration = try arguments.configuration(over: configuration)
        #expect(
            try arguments.queues.consumedQueues(configuration) == [
                Queue("known", maxPriority: 5), Queue("new", kind: .quorum),
                Queue("celery", kind: .quorum),
                Queue(
                    "a", maxPriority: 10,
                    arguments: ["x-message-ttl": 1000, "x-dead-letter-exchange": "dead"]),
            ])
    }

    @Test func aBroadcastQueueIsFoundByItsName() throws {
        var configuration = CeleryConfiguration()
        configuration.routing.queues = [.broadcast("news"), "own"]
        func consumed(_ arguments: String...) throws -> [Queue] {
            try WorkerArguments.parse(arguments).queues.consumedQueues(configuration) { _ in nil }
        }
        #expect(try consumed("-Q", "news") == [configuration.routing.queues[0]])
        #expect(try consumed("-X", "news") == ["own"])
        let queue = try #require(try consumed("-Q", "more?broadcast=true").first)
        #expect(queue == .broadcast("more", queue: queue.name))
        #expect(try consumed("-Q", "more?broadcast=true").first?.name != queue.name)
    }

    @Test(arguments: [
        "a?broadcast=no",
        "a?type=stream", "a?max-priority=0", "a?max-priority=x", "a?bogus=1", "a?type", "?type=quorum",
        "a?exchange-type=x",
    ])
    func aQueueThatMakesNoSenseIsRefused(text: String) {
        #expect(throws: (any Error).self) { try WorkerArguments.parse(["-Q", text]) }
    }

    @Test func someOfTheQueuesAreLeftOut() throws {
        var configuration = CeleryConfiguration()
        configuration.routing.queues = ["a", "b", "c"]
        func consumed(_ arguments: [String], _ variables: [String: String] = [:]) throws -> [String] {
            try WorkerArguments.parse(arguments).queues.consumedQueues(configuration) { variables[$0] }.map(\.name)
        }
        #expect(try consumed(["-X", "b, none"]) == ["a", "c"])
        #expect(try consumed(["-Q", " a, c,a", "--exclude-queues", "c"]) == ["a"])
        #expect(throws: ValidationError.self) { try consumed(["-X", "a,b,c"]) }
        let variables = ["CELERY_WORKER_QUEUES": "x,y", "CELERY_WORKER_EXCLUDE_QUEUES": "y"]
        #expect(try consumed([], variables) == ["x"])
        #expect(try consumed(["-Q", "y", "-X", "x"], variables) == ["y"])
        #expect(try consumed([], ["CELERY_WORKER_QUEUES": ""]) == ["a", "b", "c"])
    }

    @Test func aQueueThatIsNamedTwiceInTwoShapesIsRefused() {
        #expect(throws: (any Error).self) { try WorkerArguments.parse(["-Q", "a,a?type=quorum"]) }
    }

    // MARK: Help

    @Test func theHelpIsInGroupsAndHidesWhatOnlyPythonsWorkersObey() {
        let help = WorkerSubcommand<NoTasks>.helpMessage(columns: 120)
        for title in ["BROKER, RESULTS, SETTINGS:", "QUEUES:", "RUNNING TASKS:", "LIMITS:"] {
            #expect(help.contains("\n\(title)\n"), "\(title)")
        }
        #expect(help.contains("CELERY_WORKER_CONCURRENCY") && !help.contains("--without-gossip"))
    }

    @Test func aProgramSaysItsVersionAndThePackages() throws {
        let error = try #require(#expect(throws: (any Error).self) { try WorkerProgram<NoTasks>.parse(["--version"]) })
        #expect(WorkerProgram<NoTasks>.fullMessage(for: error) == "7.1, swift-celery \(celeryVersion)")
    }
}
