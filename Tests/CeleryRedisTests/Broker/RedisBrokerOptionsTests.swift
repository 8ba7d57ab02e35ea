import CeleryTransport
import Testing

@testable import CeleryRedis

@Suite struct RedisBrokerOptionsTests {
    @Test func optionsStandInTheAddress() throws {
        let broker = RedisBroker(
            "redis://h/1?visibility_timeout=43200&priority_steps=0,1,5&sep=%3A",
            options: .init(visibilityTimeout: .seconds(60)))
        try broker.validate()
        #expect(
            broker.options == .init(visibilityTimeout: .seconds(43200), prioritySteps: [0, 1, 5], separator: ":"))
    }

    @Test func transportOptionsCountMoreThanTheAddress() throws {
        let broker = RedisBroker(
            "redis://h/1?visibility_timeout=43200&sep=:",
            transportOptions: ["visibility_timeout": "300", "priority_steps": "[0, 2]", "socket_timeout": "5"])
        try broker.validate()
        #expect(broker.options == .init(visibilityTimeout: .seconds(300), prioritySteps: [0, 2], separator: ":"))
    }

    @Test(arguments: RedisBroker.Options.QueueOrder.allCases)
    func theOrderOfQueuesHasCelerysNames(order: RedisBroker.Options.QueueOrder) throws {
        let broker = RedisBroker("redis://h", transportOptions: ["queue_order_strategy": order.rawValue])
        try broker.validate()
        #expect(broker.options.queueOrder == order)
    }

    @Test(
        arguments: [
            ("visibility_timeout", ["0", "-1", "nan", "inf", "1e400", "soon"]),
            ("priority_steps", ["a", "3,0", "0,0", "-1", "0,256", "[]", "0,,x"]),
            ("socket_timeout", ["0", "x"]), ("db", ["1"]), ("password", ["hunter2"]), ("master_name", ["x"]),
            ("queue_order_strategy", ["fair"]), ("fanout_prefix", ["False"]), ("nonsense", ["1"]),
            ("unacked_key", ["held"]), ("global_keyprefix", ["app:"]),
        ] as [(String, [String])])
    func aTransportOptionThatMakesNoSenseIsRefusedByName(name: String, values: [String]) {
        for value in values {
            let broker = RedisBroker("redis://h", transportOptions: [name: value])
            let error = #expect(throws: TransportError.self, "\(value)") { try broker.validate() }
            #expect(error?.message.contains(name) == true, "\(value)")
            #expect(error?.message.contains("hunter2") == false)
        }
    }

    @Test(
        arguments: [
            .init(visibilityTimeout: .zero), .init(visibilityTimeout: .seconds(Int64.max)),
            .init(lease: .seconds(-1)), .init(lease: .seconds(Int64.max)), .init(prioritySteps: []),
            .init(prioritySteps: [3, 1]),
            .init(separator: ""),
        ] as [RedisBroker.Options])
    func valuesThatMakeNoSenseAreRefused(options: RedisBroker.Options) {
        #expect(throws: TransportError.self) { try RedisBroker("redis://h", options: options).validate() }
    }
}
