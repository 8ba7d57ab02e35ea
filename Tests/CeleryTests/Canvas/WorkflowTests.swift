import Celery
import CeleryTesting
import Testing

/// Workflows that are built in Swift and run in memory, from the client's call to the last result.
struct WorkflowTests {
    private enum Tasks {
        static let add = TaskDefinition(
            "tasks.add", Parameter("x", as: Int.self), Parameter("y", as: Int.self), returning: Int.self)
        static let sum = TaskDefinition("tasks.sum", Parameter("numbers", as: [Int].self), returning: Int.self)
        static let text = TaskDefinition("tasks.text", Parameter("x", as: Int.self), returning: String.self)
        static let fail = TaskDefinition("tasks.fail", Parameter("x", as: Int.self), returning: Int.self)
        static let addAll = TaskDefinition("tasks.addAll", Parameter("numbers", as: [Int].self), returning: Int.self)
        static let grow = TaskDefinition("tasks.grow", Parameter("x", as: Int.self), returning: Int.self)
        static let start = TaskDefinition("tasks.start", returning: Int.self)
    }

    private static var handlers: [TaskHandler] {
        [
            TaskHandler(Tasks.add) { _, x, y in x + y },
            TaskHandler(Tasks.sum) { _, numbers in numbers.reduce(0, +) },
            TaskHandler(Tasks.text) { _, x in "\(x)" },
            TaskHandler(Tasks.fail) { _, x in throw TaskFailure(type: "ValueError", message: "no \(x)") },
            TaskHandler(Tasks.addAll) { context, numbers in
                try context.replace(with: group(numbers.map { Tasks.add($0, 1) }).then(Tasks.sum.partial()))
            },
            TaskHandler(Tasks.grow) { context, x in
                try await context.addToChord(Tasks.add(x, 100))
                return x
            },
            TaskHandler(Tasks.start) { context in
                try await context.enqueue(Tasks.add(1, 1).then(Tasks.add.partial(1))).value()
            },
        ]
    }

    private static func value<Output>(_ signature: Signature<Output>) async throws -> Output {
        try await withTestCelery {
            handlers
        } _: { client in
            try await client.enqueue(signature).value(timeout: .seconds(30))
        }
    }

    private static func values<Element>(_ group: GroupSignature<Element>) async throws -> [Element] {
        try await withTestCelery {
            handlers
        } _: { client in
            try await client.enqueue(group).values(timeout: .seconds(30))
        }
    }

    @Test func aChainHasTheResultOfItsLastTask() async throws {
        #expect(try await Self.value(Tasks.add(1, 2).then(Tasks.add.partial(3)).then(Tasks.text.partial())) == "6")
    }

    /// As a call does: to wait for it would last for ever.
    @Test func aResultThatIsStoredNowhereIsNotWaitedFor() async throws {
        let unheard = Tasks.add.partial(3).options(SendOptions(ignoreResult: true))
        let error = await #expect(throws: CeleryError.self) { try await Self.value(Tasks.add(1, 2).then(unheard)) }
        #expect(error?.code == .noResultBackend)
        let members = await #expect(throws: CeleryError.self) {
            try await Self.values(group(Tasks.add(1, 2), Tasks.add(3, 4).options(SendOptions(ignoreResult: true))))
        }
        #expect(members?.code == .noResultBackend)
    }

    /// As in Celery the options with which a chain is sent are those of its first step; of a group they are each task's.
    @Test func aWorkflowThatIsSentWithAnIgnoredResultIgnoresWhatPythonDoes() async throws {
        try await withTestCelery {
            Self.handlers
        } _: { client in
            let options = SendOptions(ignoreResult: true)
            let chain = try await client.enqueue(Tasks.add(1, 2).then(Tasks.add.partial(3)), options: options)
            #expect(try await chain.value(timeout: .seconds(30)) == 6)
            let call = Tasks.add(1, 2).options(SendOptions(priority: 1))
            let only = try await client.enqueue(call, options: options)
            let members = try await client.enqueue(group(call, Tasks.add(3, 4)), options: options)
            let chord = try await client.enqueue(group(call, call).then(Tasks.sum.partial()), options: options)
            let wanted = try await client.enqueue(
                call.options(SendOptions(ignoreResult: true)), options: SendOptions(ignoreResult: false))
            #expect(try await wanted.value(timeout: .seconds(30)) == 3)
            for handle in [only, chord] + members.tasks {
                let error = await #expect(throws: CeleryError.self) { try await handle.value(timeout: .seconds(30)) }
                #expect(error?.code == .noResultBackend)
            }
        }
    }

    @Test func aChordHasTheResultOfItsBody() async throws {
        let total = group((1...10).map { Tasks.add($0, $0) }).then(Tasks.sum.partial())
        #expect(try await Self.value(total) == 110)
    }

    @Test func groupsAndTasksFollowEachOther() async throws {
        let flow = Tasks.add(1, 1).then(group(Tasks.add.partial(10), Tasks.add.partial(20))).then(Tasks.sum.partial())
            .then(group(Tasks.add.partial(1))).then(Tasks.sum.partial()).then(Tasks.text.partial())
        #expect(try await Self.value(flow) == "35")
    }

    @Test func anEmptyHeaderHasAnEmptyListOfResults() async throws {
        #expect(try await Self.value(group([Signature<Int>]()).then(Tasks.sum.partial())) == 0)
    }

    @Test func aMapHasAListOfResults() async throws {
        #expect(try await Self.value(Tasks.text.map([1, 2, 3])) == ["1", "2", "3"])
        #expect(try await Self.value(Tasks.add.starmap([(1, 2), (3, 4)]).then(Tasks.sum.partial())) == 10)
        #expect(try await Self.value(Tasks.sum([1, 2, 3, 4])) == 10)
    }

    @Test func aGroupHasAListOfResults() async throws {
        let flow = Tasks.add(1, 1).then(group(Tasks.add.partial(10), Tasks.add.partial(20)))
        #expect(try await Self.values(flow) == [12, 22])
        #expect(try await Self.values(Tasks.add(1, 1).then(group(Tasks.text.partial()))) == ["2"])
        let chains = (1...3).map { Tasks.add($0, 1).then(Tasks.text.partial()) }
        #expect(try await Self.values(group(chains)) == ["2", "3", "4"])
    }

    @Test func aFailureEndsWhatFollows() async throws {
        await #expect {
            try await Self.value(Tasks.add(1, 2).then(Tasks.fail.partial()).then(Tasks.text.partial()))
        } throws: {
            ($0 as? TaskFailure)?.type == "ValueError"
        }
        await #expect {
            try await Self.value(group(Tasks.add(1, 2), Tasks.fail(7)).then(Tasks.sum.partial()))
        } throws: {
            ($0 as? TaskFailure)?.type == "ChordError" && "\($0)".contains("ValueError('no 7')")
        }
    }

    @Test func aTaskIsReplacedByAWorkflow() async throws {
        #expect(try await Self.value(Tasks.addAll([1, 2, 3]).then(Tasks.text.partial())) == "9")
    }

    @Test func aTaskAddsToItsChord() async throws {
        #expect(try await Self.value(group(Tasks.grow(1), Tasks.grow(2)).then(Tasks.sum.partial())) == 206)
    }

    @Test func aTaskWaitsForAWorkflowOfItsOwn() async throws {
        #expect(try await Self.value(Tasks.start()) == 3)
    }
}
