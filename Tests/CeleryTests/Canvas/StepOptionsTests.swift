import CeleryProtocol
import CeleryTransport
import TestSupport
import Testing

@testable import Celery

/// Options of the steps of workflows that were made elsewhere, and may hold anything.
@Suite(.timeLimit(.minutes(1))) struct StepOptionsTests {
    typealias T = CanvasTasks

    private static let senseless: [JSONObject] = [
        ["queue": 5], ["queue": true], ["queue": ["a"]], ["queue": ["durable": true]], ["exchange": 7],
        ["exchange": ["name": "x"]], ["routing_key": 3], ["priority": "high"], ["priority": "5"], ["priority": 2.5],
        ["priority": true], ["delivery_mode": "x"], ["delivery_mode": 1.5], ["compression": 5], ["serializer": 5],
        ["retry_policy": 5], ["retry_policy": ["max_retries": "3"]], ["countdown": "x"], ["eta": 5], ["expires": "x"],
    ]

    /// In Python most of them raise where the task is sent, some only on one of the brokers.
    @Test(arguments: senseless) func anOptionOfTheNextStepThatMakesNoSenseFailsTheTaskAndAllThatFollows(
        options: JSONObject
    ) async throws {
        try await withCanvasBench { bench async throws in
            var next = T.add(1, id: "next")
            for (key, value) in options { next.options[key] = value }
            let canvas = try T.add(1, id: "first").then(next).then(T.add(1, id: "last"))
            try await bench.send(canvas)
            for id in ["first", "next", "last"] {
                let failure = try await bench.failure(of: id)
                let key = try #require(options.map(\.key).first)
                #expect(failure?.contains("invalid \(key)") == true, "\(failure ?? "")")
                #expect(failure?.contains("among the options of the task 'add'") == true, "\(failure ?? "")")
            }
        }
    }

    @Test func nothingIsSentOfAWorkflowWhoseFirstStepHasSuchOptions() async throws {
        try await withCanvasBench { bench async throws in
            var second = T.add(1, id: "b")
            second.options["queue"] = 5
            let error = await #expect(throws: MessageError.self) {
                try await bench.send(.group([T.add(1, id: "a"), second]))
            }
            #expect(error?.reason == "invalid queue value 5 among the options of the task 'add'")
            #expect(try bench.envelopes().isEmpty)
        }
    }

    @Test(arguments: [("transient", 1), ("persistent", 2), (1, 1)] as [(JSONValue, Int)])
    func aDeliveryModeMayHaveKombusName(mode: JSONValue, expected: Int) async throws {
        try await withCanvasBench { bench async throws in
            var task = T.add(1)
            task.options.update(["delivery_mode": mode, "queue": ["name": "elsewhere"]])
            try await bench.send(task)
            #expect(try bench.envelopes(in: "elsewhere").map(\.properties.deliveryMode) == [expected])
        }
    }
}
