import CeleryProtocol
import CeleryRabbitMQ
import CeleryTransport
import Testing

extension LiveTests {
    @Suite struct RoundTrips {
        @Test func aMessageArrivesAsItWasSent() async throws {
            let queue = LiveServer.queue()
            let producer = try await LiveServer.producer()
            var message = Message(
                headers: [
                    "task": "tasks.add", "eta": nil, "retries": 0, "timelimit": [nil, 20.5], "ignore_result": false,
                    "big": 1_099_511_627_776, "stamps": ["a": ["b": "ü"]],
                ],
                properties: MessageProperties(
                    correlationID: "id-1",
                    replyTo: "me",
                    deliveryMode: 2,
                    priority: 0,
                    expiration: .milliseconds(60000)
                ),
                body: Array("[[2, 3], {}, {}]".utf8)
            )
            try await producer.publish(message, to: Destination(queue: queue))
            let consumer = try await LiveServer.consumer(queue)
            let delivery = try #require(try await consumer.receive(upTo: 10).first)
            message.properties.exchange = ""
            message.properties.routingKey = queue.name
            #expect(delivery.message == .success(message))
            #expect(delivery.raw == message.body)
            #expect(delivery.queue == queue.name)
            consumer.settle(delivery.tag, .acknowledge)
            await consumer.close()
            await producer.close()
        }

        /// Whatever headers the writer lets through, RabbitMQ takes, and gives back as they were.
        @Test func whatIsNotRefusedArrives() async throws {
            let queue = LiveServer.queue()
            let producer = try await LiveServer.producer()
            var nested: JSONValue = nil
            for number in 0..<98 { nested = number % 2 == 0 ? [nested] : ["a": nested] }
            let headers: JSONObject = [
                "": "", String(repeating: "k", count: 255): 1, "min": .integer(.min), "max": .integer(.max),
                "small": .double(.leastNonzeroMagnitude), "large": 1.7976931348623157e308, "minus": -0.0, "zero": "\0",
                "nested": nested,
                "x-death": "text", "x-delay": "text", "CC": [1, nil], "x-stream-offset": "text",
            ]
            for refused: JSONValue in [.double(.nan), .double(.infinity), .bigInteger("18446744073709551615")] {
                let error = await #expect(throws: TransportError.self) {
                    try await producer.publish(
                        Message(headers: ["a": refused], body: []), to: Destination(queue: queue))
                }
                #expect(error?.code == .rejected)
            }
            try await producer.publish(Message(headers: headers, body: []), to: Destination(queue: queue))
            let consumer = try await LiveServer.consumer(queue)
            #expect(try await consumer.receive(upTo: 1).map { try $0.message.get().headers } == [headers])
            await consumer.close()
            await producer.close()
        }

        @Test(arguments: [0, 1, 131_064, 131_065, 1_000_000])
        func bodiesOfEverySizeArrive(size: Int) async throws {
            let queue = LiveServer.queue()
            let producer = try await LiveServer.producer()
            let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            try await producer.publish(Message(body: body), to: Destination(queue: queue))
            let consumer = try await LiveServer.consumer(queue)
            #expect(try await consumer.receive(upTo: 1).map(\.raw) == [body])
            await consumer.close()
            await producer.close()
        }

        @Test func manyCallersShareAConnection() async throws {
            let queue = LiveServer.queue()
            let producer = try await LiveServer.producer()
            try await withThrowingTaskGroup { group in
                for number in 0..<1000 {
                    group.addTask { try await producer.publish(Message("\(number)"), to: Destination(queue: queue)) }
                }
                try await group.waitForAll()
            }
            let consumer = try await LiveServer.consumer(queue, prefetch: 50)
            var seen: Set<String> = []
            while seen.count < 1000 {
                for delivery in try await consumer.receive(upTo: 20) {
                    seen.insert(delivery.text)
                    consumer.settle(delivery.tag, .acknowledge)
                }
            }
            await consumer.close()
            await producer.close()
            let empty = try await LiveServer.consumer(queue)
            let probe = try await LiveServer.producer()
            try await probe.publish(Message("last"), to: Destination(queue: queue))
            #expect(try await empty.receive(upTo: 10).map(\.text) == ["last"])
            await empty.close()
            await probe.close()
        }

        @Test func moreThanTheSocketTakesIsSentInTime() async throws {
            let queue = LiveServer.queue()
            let producer = try await LiveServer.producer()
            let body = [UInt8](repeating: 7, count: 1_000_000)
            try await withThrowingTaskGroup { group in
                for _ in 0..<30 {
                    group.addTask { try await producer.publish(Message(body: body), to: Destination(queue: queue)) }
                }
                try await group.waitForAll()
            }
            let consumer = try await LiveServer.consumer(queue, prefetch: 5)
            for _ in 0..<30 {
                for delivery in try await consumer.receive(upTo: 1) {
                    #expect(delivery.raw == body)
                    consumer.settle(delivery.tag, .acknowledge)
                }
            }
            await consumer.close()
            await producer.close()
        }
    }
}
