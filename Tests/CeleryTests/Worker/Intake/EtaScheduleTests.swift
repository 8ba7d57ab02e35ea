import CeleryTransport
import Foundation
import Logging
import TestSupport
import Testing

@testable import Celery

@Suite(.timeLimit(.minutes(1))) struct EtaScheduleTests {
    private let schedule = EtaSchedule()

    private func session() async throws -> ConsumerSession {
        let configuration = ConsumerConfiguration(queues: ["celery"], prefetch: 1)
        let consumer = try await MemoryBroker().makeConsumer(configuration, logger: Bench.logger)
        return ConsumerSession(consumer, prefetch: 1, concurrency: 1) { _, _ in }
    }

    private func add(_ number: UInt64, of session: ConsumerSession, eta: TimeInterval) {
        let message = HeldMessage(session: session, tag: DeliveryTag(number))
        schedule.add(
            WaitingTask(message: message, isAside: false, packed: nil), until: Date(timeIntervalSinceNow: eta))
    }

    /// The tags of what is handed over until there are so many.
    private func due(_ count: Int) async throws -> [UInt64] {
        let due = Notes<UInt64>()
        let running = Task { [schedule] in
            await schedule.run { tasks in for task in tasks { due.add(task.message.tag.value) } }
        }
        let tags = try await due.next(count)
        schedule.close()
        await running.value
        return tags
    }

    @Test func tasksAreHandedOverInTheOrderOfTheirEtas() async throws {
        let session = try await session()
        for (number, eta) in [(1, -1), (2, -3), (3, 0.2), (4, -2), (5, -3600)] as [(UInt64, TimeInterval)] {
            add(number, of: session, eta: eta)
        }
        #expect(try await due(5) == [5, 2, 4, 1, 3])
    }

    @Test func whatCameOverALostConnectionIsDropped() async throws {
        let (lost, next) = (try await session(), try await session())
        for number: UInt64 in 1...4 { add(number, of: number.isMultiple(of: 2) ? next : lost, eta: -Double(number)) }
        #expect(schedule.take { $0.message.session === lost }.count == 2)
        #expect(try await due(2) == [4, 2])
    }
}
