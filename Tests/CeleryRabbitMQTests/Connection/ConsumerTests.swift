import CeleryIO
import CeleryProtocol
import CeleryTransport
import Foundation
import Logging
import Synchronization
import TestSupport
import Testing

@testable import CeleryRabbitMQ

@Suite(.timeLimit(.minutes(1))) struct ConsumerTests {
    private typealias Frames = ServerFrames
    private let server: ScriptedServer
    private let memory = BrokerMemory()

    init() throws { server = try ScriptedServer() }

    private func connect(
        _ queue: Queue = "q",
        prefetch: Int = 10,
        isAutoAcknowledging: Bool = false,
        version: String = "3.10.8",
        over link: AMQPLink? = nil
    ) async throws -> RabbitMQConsumer {
        let configuration = ConsumerConfiguration(
            queues: [queue],
            prefetch: prefetch,
            isAutoAcknowledging: isAutoAcknowledging,
            name: "test"
        )
        let server = server
        async let opening = open(configuration) { () throws(TransportError) in
            link ?? server.link(version: version)
        }
        try await answerOpening()
        return try await opening
    }

    private func open(
        _ configuration: ConsumerConfiguration, _ connect: @escaping @Sendable () throws(TransportError) -> AMQPLink
    ) async throws -> RabbitMQConsumer {
        try await RabbitMQConsumer.open(configuration, memory: memory, logger: Logger(label: "test"), connect)
    }

    /// All that a client says to consume one queue.
    ///
    /// - Parameter isRefused: whether the last of it is not agreed to.
    private func answerOpening(isRefused: Bool = false) async throws {
        try await server.answer(.channelOpen, with: .channelOpenOK)
        try await server.answer(.basicQos, with: .basicQosOK)
        try await server.answer(.channelOpen, with: .channelOpenOK, channel: 2)
        try await server.answerDeclaration(channel: 2)
        if isRefused {
            try await server.expect(.basicConsume)
        } else {
            try await server.answer(.basicConsume, with: .basicConsumeOK)
        }
    }

    /// Tag and flag of a settlement that the client sends.
    private func settlement(_ method: MethodID) async throws -> (tag: UInt64, flag: Bool) {
        var arguments = try await server.expect(method).arguments()
        return (try arguments.integer(UInt64.self), try arguments.octet() == 1)
    }

    private func error(_ consumer: RabbitMQConsumer) async -> TransportError? {
        await #expect(throws: TransportError.self) { _ = try await consumer.receive(upTo: 1) }
    }

    @Test func messagesOfOneReadAreReceivedTogether() async throws {
        let consumer = try await connect()
        server.send(Frames.delivery(1, "a") + Frames.delivery(2, "b") + Frames.delivery(3, ""))
        let deliveries = try await consumer.receive(count: 3)
        #expect(deliveries.map(\.text) == ["a", "b", ""])
        #expect(deliveries.map(\.tag.value) == [1, 2, 3])
        #expect(deliveries.map(\.queue) == ["q", "q", "q"])
    }

    @Test func settlementsReachTheServer() async throws {
        let consumer = try await connect()
        server.send((1...5).flatMap { Frames.delivery($0) })
        let tags = try await consumer.receive(count: 5).map(\.tag)
        consumer.settle(tags[1], .requeue)
        #expect(try await settlement(.basicReject) == (2, true))
        consumer.settle(tags[2], .discard)
        #expect(try await settlement(.basicReject) == (3, false))
        consumer.settle(tags[3], .deadLetter(reason: "no such task"))
        #expect(try await settlement(.basicReject) == (4, false))
        consumer.settle(tags[4], .acknowledge)
        #expect(try await settlement(.basicAck) == (5, false))
        consumer.settle(tags[0], .acknowledge)
        #expect(try await settlement(.basicAck) == (1, false))
    }

    @Test func aFlushWaitsUntilTheServerHasHeardOfWhatWasSettled() async throws {
        let consumer = try await connect()
        server.send((1...8).flatMap { Frames.delivery($0) })
        let tags = try await consumer.receive(count: 8).map(\.tag)
        // One of many, so that it would wait for others.
        consumer.settle(tags[0], .acknowledge)
        async let flushing: Void = consumer.flush()
        #expect(try await settlement(.basicAck) == (1, false))
        try await server.answer(.basicQos, with: .basicQosOK)
        await flushing
    }

    @Test func aFlushEndsWithTheConnection() async throws {
        let consumer = try await connect()
        async let flushing: Void = consumer.flush()
        try await server.expect(.basicQos)
        server.cut()
        await flushing
        #expect(!consumer.holds(DeliveryTag(1)))
    }

    @Test func repliesAreAcknowledgedWithoutTheirReceiver() async throws {
        let consumer = try await connect(isAutoAcknowledging: true)
        server.send(Frames.delivery(1) + Frames.delivery(2))
        for delivery in try await consumer.receive(count: 2) { consumer.settle(delivery.tag, .requeue) }
        async let closing: Void = consumer.close()
        #expect(try await settlement(.basicAck) == (2, true))
        try await server.answer(.connectionClose, with: .connectionCloseOK, channel: 0)
        await closing
    }

    @Test func aQueueThatKnowsNoCommonLimitIsConsumedWithLimitsForEachConsumer() async throws {
        let servers = [server, try ScriptedServer()]
        let links = Locked(servers.map { $0.link() })
        let opening = Task {
            try await open(ConsumerConfiguration(queues: ["q"], prefetch: 7)) { () throws(TransportError) in
                links.withLock { $0.removeFirst() }
            }
        }
        try await answerOpening(isRefused: true)
        let text = "NOT_IMPLEMENTED - queue 'q' in vhost '/' does not support global qos"
        server.send(Frames.close(.connectionClose, channel: 0, code: 540, text, over: .basicConsume))
        try await servers[1].answer(.channelOpen, with: .channelOpenOK)
        var qos = try await servers[1].expect(.basicQos).arguments()
        _ = try qos.integer(UInt32.self)
        #expect(try qos.integer(UInt16.self) == 7)
        #expect(try qos.octet() == 0, "for each consumer")
        servers[1].send(Frames.method(.basicQosOK))
        try await servers[1].answer(.channelOpen, with: .channelOpenOK, channel: 2)
        try await servers[1].answerDeclaration(channel: 2)
        try await servers[1].answer(.basicConsume, with: .basicConsumeOK)
        let consumer = try await opening.value
        servers[1].send(Frames.delivery(1))
        #expect(try await consumer.receive(count: 1).count == 1)
        let isRemembered = memory.refusesGlobalLimit.load(ordering: .relaxed)
        #expect(isRemembered, "the next connection does not try again")
    }

    /// The thread looks for what was added while it was writing; nobody wakes it for that.
    @Test func whatIsToldWhileTheThreadWritesIsSent() async throws {
        let plain = server.link()
        let stream = GatedStream(plain.stream)
        let consumer = try await connect(
            over: AMQPLink(stream: stream, agreement: plain.agreement, name: plain.name))
        // So many that acknowledgements gather, and are written by the thread.
        server.send((1...8).flatMap { Frames.delivery($0) })
        let tags = try await consumer.receive(count: 8).map(\.tag)
        stream.close()
        consumer.settle(tags[0], .acknowledge)
        try await stream.waiting.next()
        consumer.settle(tags[1], .requeue)
        stream.open()
        #expect(try await settlement(.basicAck).tag == 1)
        #expect(try await settlement(.basicReject).tag == 2)
    }

    /// Others run it; and if it comes back here it is to run.
    @Test func whatIsAcknowledgedAfterTheConnectionWasLostIsOthers() async throws {
        let consumer = try await connect()
        server.send(Frames.delivery(1))
        let tag = try await consumer.receive(count: 1)[0].tag
        server.cut()
        #expect(await error(consumer)?.code == .connectionLost)
        #expect(!consumer.acknowledge(tag))
        #expect(memory.acknowledged.count == 0)
    }

    @Test func aDeletedQueueIsDeclaredAndConsumedAnew() async throws {
        let consumer = try await connect("math")
        server.send(Frames.method(.basicCancel) { $0.bytes += Frames.text("test-1") + [1] })
        try await server.answerDeclaration(channel: 2)
        try await server.answer(.basicConsume, with: .basicConsumeOK)
        server.send(Frames.delivery(1, "next", consumer: "test-1-2"))
        #expect(try await consumer.receive(count: 1).map(\.queue) == ["math"])
    }

    @Test func whatTheServerDeliversAgainIsNotHandedOut() async throws {
        let consumer = try await connect()
        server.send(Frames.delivery(1))
        _ = try await consumer.receive(upTo: 1)
        let text = "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out"
        server.send(Frames.delivery(2) + Frames.close(.channelClose, channel: 1, code: 406, text, over: nil))
        let failure = await error(consumer)
        #expect(failure?.code == .connectionLost)
        #expect(failure?.message.contains(text) == true)
    }

    @Test func whatTheServerTakesForSettledIsHandedOutBeforeTheEnd() async throws {
        let consumer = try await connect(isAutoAcknowledging: true)
        let goodbye = Frames.close(.connectionClose, channel: 0, code: 320, "CONNECTION_FORCED", over: nil)
        server.send(Frames.delivery(1, "a") + Frames.delivery(2, "b") + goodbye)
        #expect(try await consumer.receive(upTo: 1).map(\.text) == ["a"])
        try await server.expect(.connectionCloseOK, channel: 0)
        #expect(try await consumer.receive(upTo: 1).map(\.text) == ["b"])
        #expect(await error(consumer)?.code == .connectionLost)
    }

    @Test func aLinkThatFailsBetweenTwoQuestionsKeepsItsReason() async throws {
        let server = server
        let opening = Task {
            try await open(ConsumerConfiguration(queues: ["q"], prefetch: 1)) { () throws(TransportError) in
                server.link()
            }
        }
        try await server.expect(.channelOpen)
        // One write, one read: the answer's receiver goes on when the link is gone already.
        server.send(
            Frames.method(.channelOpenOK)
                + Frames.close(.connectionClose, channel: 0, code: 320, "CONNECTION_FORCED - restart", over: nil))
        let failure = await #expect(throws: TransportError.self) { try await opening.value }
        #expect(failure?.code == .unavailable)
        #expect(failure?.message.contains("CONNECTION_FORCED - restart") == true)
    }

    @Test func aQueueWhoseNodeIsAwayComesBack() async throws {
        let server = server
        let opening = Task {
            try await open(ConsumerConfiguration(queues: ["math"], prefetch: 1)) { () throws(TransportError) in
                server.link()
            }
        }
        try await server.answer(.channelOpen, with: .channelOpenOK)
        try await server.answer(.basicQos, with: .basicQosOK)
        try await server.answer(.channelOpen, with: .channelOpenOK, channel: 2)
        try await server.expect(.queueDeclare, after: .exchangeDeclare, channel: 2)
        let text = "NOT_FOUND - home node 'rabbit@b' of durable queue 'math' in vhost '/' is down or inaccessible"
        server.send(
            Frames.method(.exchangeDeclareOK, channel: 2)
                + Frames.close(.channelClose, channel: 2, code: 404, text, over: .queueDeclare))
        let failure = await #expect(throws: TransportError.self) { try await opening.value }
        #expect(failure?.isRetriable == true)
        #expect(failure?.message.contains(text) == true)
    }

    @Test func manyDeliveriesAreMadeAsOneIs() {
        #expect(Frames.deliveries(511..<513) == Frames.delivery(511) + Frames.delivery(512))
    }

    @Test func stoppingWithAFullMailboxKeepsTheConnection() async throws {
        let consumer = try await connect(prefetch: 0)
        let (server, count) = (server, UInt64(100_000))
        let (sent, sending) = AsyncStream.makeStream(of: Never.self)
        Thread.detachNewThread {
            for first in stride(from: UInt64(1), through: count, by: 1000) {
                server.send(Frames.deliveries(first..<first + 1000))
            }
            sending.finish()
        }
        // Nobody receives, so that not all of it is read before this.
        async let stopping: Void = consumer.stop()
        try await server.expect(.basicCancel)
        for await _ in sent {}
        server.send(Frames.method(.basicCancelOK))
        await stopping
        var rejected: Set<UInt64> = []
        while rejected.count < count { rejected.insert(try await settlement(.basicReject).tag) }
    }

    @Test(arguments: [Frames.delivery(2), Frames.delivery(0), Frames.delivery(.max)])
    func tagsOutOfOrderEndTheConnection(bytes: [UInt8]) async throws {
        let consumer = try await connect()
        server.send(bytes)
        #expect(await error(consumer)?.code == .connectionLost)
    }

    @Test func anUnreadableMessageIsDeliveredAsSuch() async throws {
        let consumer = try await connect()
        let broken: [UInt8] = [0x20, 0, 0, 0, 0, 3, 1, 0x61, 0x7A]
        server.send(Frames.deliver(1) + Frames.header(size: 1, properties: broken) + Frames.body([9]))
        let delivery = try #require(try await consumer.receive(upTo: 1).first)
        #expect(throws: MessageError.self) { try delivery.message.get() }
        #expect(delivery.raw == [9])
        consumer.settle(delivery.tag, .deadLetter(reason: "unreadable"))
        #expect(try await settlement(.basicReject) == (1, false))
    }

    @Test func stoppingGivesBackWhatNobodyHasReceived() async throws {
        let consumer = try await connect()
        server.send((1...3).flatMap { Frames.delivery($0) })
        let held = try await consumer.receive(count: 1)
        async let stopping: Void = consumer.stop()
        try await server.answer(.basicCancel, with: .basicCancelOK)
        await stopping
        #expect(try await settlement(.basicReject) == (2, true))
        #expect(try await settlement(.basicReject) == (3, true))
        #expect(await error(consumer)?.code == .closed)
        server.send(Frames.delivery(4))
        #expect(try await settlement(.basicReject) == (4, true))
        for delivery in held { consumer.settle(delivery.tag, .acknowledge) }
        #expect(try await settlement(.basicAck) == (1, false))
    }

    @Test func closingSendsTheLastSettlementsFirst() async throws {
        let consumer = try await connect()
        server.send((1...3).flatMap { Frames.delivery($0) })
        for delivery in try await consumer.receive(count: 3) { consumer.settle(delivery.tag, .acknowledge) }
        async let closing: Void = consumer.close()
        var last: UInt64 = 0
        while last < 3 {
            let settlement = try await settlement(.basicAck)
            last = settlement.tag
        }
        try await server.answer(.connectionClose, with: .connectionCloseOK, channel: 0)
        await closing
        #expect(await error(consumer)?.code == .closed)
    }

    @Test func thePrefetchCountIsRaisedWhereTheServerCan() async throws {
        let consumer = try await connect(prefetch: 4)
        consumer.adjustPrefetch(extra: 3)
        var arguments = try await server.expect(.basicQos).arguments()
        _ = try arguments.integer(UInt32.self)
        #expect(try arguments.integer(UInt16.self) == 7)
        #expect(try arguments.octet() == 1)
        server.send(Frames.method(.basicQosOK) + Frames.delivery(1))
        #expect(try await consumer.receive(upTo: 1).count == 1)
    }

    @Test(arguments: [("4.0.5", Queue("q")), ("3.10.8", Queue("q", kind: .quorum))])
    func messagesThatWaitDoNotFillTheWindowOfAConsumer(version: String, queue: Queue) async throws {
        let consumer = try await connect(queue, prefetch: 4, version: version)
        server.send((1...4).flatMap { Frames.delivery($0) })
        let waiting = try await consumer.receive(count: 4)
        consumer.adjustPrefetch(extra: 4)
        var qos = try await server.expect(.basicQos).arguments()
        _ = try qos.integer(UInt32.self)
        #expect(try qos.integer(UInt16.self) == 4)
        #expect(try qos.octet() == 0)
        var consume = try await server.expect(.basicConsume).arguments()
        #expect(try (consume.integer(UInt16.self), consume.shortString()) == (0, "q"))
        let tag = try consume.shortString()
        #expect(tag != "test-1")
        var cancel = try await server.expect(.basicCancel).arguments()
        #expect(try cancel.shortString() == "test-1")
        let late = Frames.delivery(5, "late")
        server.send(Frames.method(.basicQosOK) + Frames.method(.basicConsumeOK) + late)
        server.send(Frames.method(.basicCancelOK) + Frames.delivery(6, "next", consumer: tag))
        let next = try await consumer.receive(count: 2)
        #expect(next.map(\.text) == ["late", "next"])
        #expect(next.map(\.queue) == ["q", "q"])
        consumer.adjustPrefetch(extra: 0)
        for delivery in waiting { consumer.settle(delivery.tag, .acknowledge) }
        var last: UInt64 = 0
        while last < 4 { last = try await settlement(.basicAck).tag }
        async let stopping: Void = consumer.stop()
        var stop = try await server.expect(.basicCancel).arguments()
        #expect(try stop.shortString() == tag)
        server.send(Frames.method(.basicCancelOK))
        await stopping
    }

    @Test func aQueueThatTheServerKnowsNotAtAllIsNamed() async throws {
        let server = server
        let opening = Task {
            try await open(ConsumerConfiguration(queues: ["math"], prefetch: 1)) { () throws(TransportError) in
                server.link()
            }
        }
        try await server.answer(.channelOpen, with: .channelOpenOK)
        try await server.answer(.basicQos, with: .basicQosOK)
        try await server.answer(.channelOpen, with: .channelOpenOK, channel: 2)
        try await server.expect(.queueDeclare, after: .exchangeDeclare, channel: 2)
        let text = "PRECONDITION_FAILED - invalid arg"
        server.send(
            Frames.method(.exchangeDeclareOK, channel: 2)
                + Frames.close(.channelClose, channel: 2, code: 406, text, over: .queueDeclare))
        try await server.expect(.channelCloseOK, after: .queueBind, channel: 2)
        try await server.answer(.channelOpen, with: .channelOpenOK, channel: 2)
        try await server.answer(.exchangeDeclare, with: .exchangeDeclareOK, channel: 2)
        try await server.expect(.queueDeclare, channel: 2)
        server.send(Frames.close(.channelClose, channel: 2, code: 404, "NOT_FOUND", over: .queueDeclare))
        let failure = await #expect(throws: TransportError.self) { try await opening.value }
        #expect(failure?.code == .refused)
        #expect(failure?.message.contains("math") == true)
        #expect(failure?.message.contains(text + "; there is no such queue") == true)
    }

    @Test func aBrokenConnectionWakesTheReceiver() async throws {
        let consumer = try await connect()
        let receiving = Task { try await consumer.receive(upTo: 1) }
        server.cut()
        let failure = await #expect(throws: TransportError.self) { try await receiving.value }
        #expect(failure?.code == .connectionLost)
    }

    @Test func withoutALimitNoMoreIsReadThanIsReceived() async throws {
        let consumer = try await connect(prefetch: 0)
        let (server, count) = (server, UInt64(100_000))
        // More than the mailbox holds and the socket's buffers take: sending waits until somebody receives.
        Thread.detachNewThread {
            for first in stride(from: UInt64(1), through: count, by: 1000) {
                server.send(Frames.deliveries(first..<first + 1000))
            }
        }
        var last: UInt64 = 0
        while last < count {
            for delivery in try await consumer.receive(upTo: 1000) {
                try #require(delivery.tag.value == last + 1)
                last = delivery.tag.value
            }
        }
    }
}
