import ArgumentParser
import Celery
import Testing

@testable import CeleryCommands

@Suite struct WorkerArgumentsTests {
    @Test func optionsReachTheWorker() throws {
        let options = try WorkerArguments.parse([
            "-c", "3", "--prefetch-multiplier", "7", "-n", "images@%h", "--acks-late", "--track-started",
            "--no-acks-on-failure", "--ignore-result",
            "--eta-limit", "20", "--max-body-size", "1000",
            "--max-body-memory", "2000",
        ]).configuration(over: .init()).worker
        #expect(options.concurrency == 3)
        #expect(options.prefetchMultiplier == 7)
        #expect(options.name == "images@%h")
        #expect(options.acksLate)
        #expect(options.trackStarted)
        #expect(!options.acksOnFailure && options.ignoreResult)
        #expect(options.etaLimit == 20)
        #expect(options.maximumBodySize == 1000)
        #expect(options.maximumBodyMemory == 2000)
    }

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

    @Test func queuesAreDeclaredAsTheCommandLineSays() throws {
        var configuration = CeleryConfiguration()
        configuration.routing.queues = [Queue("known", maxPriority: 5)]
        let arguments = try WorkerArguments.parse([
            "-Q", "known,new,a?type=classic&max-priority=10&x-message-ttl=1000&x-dead-letter-exchange=dead",
            "--queue-type", "quorum",
        ])
        configuration = try arguments.configuration(over: configuration)
        #expect(
            try arguments.consumedQueues(configuration) == [
                Queue("known", maxPriority: 5), Queue("new", kind: .quorum),
                Queue(
                    "a", maxPriority: 10,
                    arguments: ["x-message-ttl": 1000, "x-dead-letter-exchange": "dead"]),
            ])
    }

    @Test(arguments: [
        "a?type=stream", "a?max-priority=0", "a?max-priority=x", "a?bogus=1", "a?type", "?type=quorum",
        "a?exchange-type=x",
    ])
    func aQueueThatMakesNoSenseIsRefused(text: String) {
        #expect(throws: (any Error).self) { try WorkerArguments.parse(["-Q", text]) }
    }
}
