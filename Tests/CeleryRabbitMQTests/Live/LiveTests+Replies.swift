import CeleryIO
import CeleryProtocol
import CeleryRabbitMQ
import CeleryTransport
import Foundation
import Testing

extension LiveTests {
    @Suite struct Replies {
        private let replyTo = UUID().uuidString

        private func store(_ broker: RabbitMQBroker) throws -> any ResultStore {
            try RPCResultBackend().makeResultStore(
                context: ResultStoreContext(broker: broker, replyTo: replyTo, logger: LiveServer.logger))
        }

        private func reply(_ id: String) -> StoredResult {
            StoredResult(
                TaskResult(id: id, state: .success, result: 1), route: ReplyRoute(replyTo: replyTo, correlationID: id))
        }

        @Test func repliesOutliveTheConnectionTheyAreReceivedOver() async throws {
            let address = try ServerURL(LiveServer.url)
            let proxy = try Proxy(to: address.host, port: address.port ?? 5672)
            let receiver = try store(.rabbitMQ("amqp://guest:guest@127.0.0.1:\(proxy.port)//"))
            let sender = try store(LiveServer.broker)
            try await receiver.prepare()
            let ids = (0..<300).map { "task-\($0)" }
            for (number, id) in ids.enumerated() {
                receiver.addInterest(in: id, isSent: true)
                // Some are on their way, some come while there is no connection, some later.
                if number.isMultiple(of: 75) { proxy.cut() }
                #expect(await sender.store(contentsOf: [reply(id)]).isEmpty)
            }
            for id in ids {
                var last: TaskState?
                for try await result in try await receiver.updates(of: id) { last = result.state }
                #expect(last == .success)
            }
            await receiver.close()
            await sender.close()
        }

        @Test func aClientThatEndsTakesItsQueueAway() async throws {
            let receiver = try store(LiveServer.broker)
            try await receiver.prepare()
            await receiver.close()
            // With other arguments it could not be declared if it were still there.
            let other = Queue(replyTo, exchange: "", isAutoDelete: true, expires: .seconds(60))
            let consumer = try await LiveServer.consumer(other)
            await consumer.close()
        }
    }
}
