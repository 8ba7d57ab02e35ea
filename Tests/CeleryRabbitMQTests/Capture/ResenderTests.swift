import CeleryIO
import CeleryProtocol
import CeleryTransport
import Testing

@testable import CeleryRabbitMQ

@Suite(.timeLimit(.minutes(1))) struct ResenderTests {
    private func message(_ body: String, properties: JSONObject = [:]) -> ResentMessage {
        let fields: JSONObject = [
            "queue": "orders", "properties": .object(properties), "headers": [:], "body": .string(body),
        ]
        return ResentMessage(fields: fields, message: .failure(MessageError(.undecodable, "")), queue: "orders")
    }

    /// What is reported of messages to a server that a script plays, after it has been asked for confirms.
    private func report(
        of messages: [ResentMessage], _ script: (ScriptedServer, SessionServer) async throws -> Void
    ) async throws -> ResendReport {
        let report = Locked(ResendReport())
        let session = try SessionServer()
        try await session.run { session in
            let resender = try Resender(session)
            resender.resend(messages)
            report.withLock { $0 = resender.report }
        } _: { server in
            try await server.answer(.confirmSelect, with: .confirmSelectOK)
            try await script(server, session)
        }
        return report.withLock { $0 }
    }

    @Test func aMessageThatNoQueueTakesIsNamed() async throws {
        let report = try await report(of: ["a", "b", "b", "c"].map { message($0) }) { server, _ in
            for _ in 0..<4 {
                var publish = try await server.expect(.basicPublish).arguments()
                _ = try publish.integer(UInt16.self)
                let (exchange, key) = (try publish.shortString(), try publish.shortString())
                #expect(exchange == "" && key == "orders")
                #expect(try publish.octet() == 1, "it is mandatory")
            }
            for body in ["b", "b"] { server.send(ServerFrames.returned(key: "orders", body)) }
            server.send(ServerFrames.confirm(4, multiple: true))
        }
        #expect(report.sent == 2 && report.end == nil && report.unknown.isEmpty)
        #expect(report.failures.keys.sorted() == [1, 2])
        #expect(report.failures[1]?.message == "there is no queue orders any more: NO_ROUTE")
    }

    @Test func aMessageThatIsNotTakenIsNamed() async throws {
        let report = try await report(of: ["a", "b"].map { message($0) }) { server, _ in
            try await server.expect(.basicPublish, after: .basicPublish)
            server.send(ServerFrames.confirm(2, isPositive: false) + ServerFrames.confirm(1))
        }
        #expect(report.sent == 1 && report.failures.keys.sorted() == [1])
    }

    @Test func anEndMidwaySaysWhatWasSentAndOfWhichNothingIsKnown() async throws {
        let report = try await report(of: (0..<5).map { message("\($0)") }) { server, _ in
            for _ in 0..<5 { try await server.expect(.basicPublish) }
            server.send(ServerFrames.confirm(2, multiple: true))
            server.cut()
        }
        #expect(report.sent == 2 && report.tried == 5 && report.unknown == [2, 3, 4])
        #expect((report.end as? TransportError)?.code == .connectionLost)
    }

    @Test func whoMayNotSendHasSentNothing() async throws {
        let report = try await report(of: ["a", "b"].map { message($0) }) { server, _ in
            try await server.expect(.basicPublish, after: .basicPublish)
            server.send(ServerFrames.close(.channelClose, channel: 1, code: 403, "ACCESS_REFUSED", over: .basicPublish))
            try await server.expect(.channelCloseOK)
            try await server.answer(.channelOpen, with: .channelOpenOK)
        }
        #expect(report.sent == 0 && report.failures.count == 2 && report.unknown.isEmpty && report.end != nil)
    }

    @Test func aRefusalOfOneOfManyLeavesNothingUnsaid() async throws {
        let report = try await report(of: ["a", "b", "c"].map { message($0) }) { server, _ in
            try await server.expect(.basicPublish)
            server.send(ServerFrames.confirm(1))
            try await server.expect(.basicPublish, after: .basicPublish)
            server.send(ServerFrames.close(.channelClose, channel: 1, code: 406, "no", over: .basicPublish))
            try await server.expect(.channelCloseOK)
            try await server.answer(.channelOpen, with: .channelOpenOK)
        }
        #expect(report.sent == 1 && report.failures.isEmpty && report.unknown == [1, 2])
        #expect((report.end as? TransportError)?.message == "RabbitMQ refuses a message: no")
    }

    @Test func whatAServerMayRefuseGoesAloneSoThatItIsKnown() async throws {
        let messages = [
            message("a"), message("b", properties: ["user_id": "somebody"]),
            message("c", properties: ["expiration": "soon"]), message("d"),
        ]
        let report = try await report(of: messages) { server, _ in
            try await server.expect(.basicPublish)
            server.send(ServerFrames.confirm(1))
            for text in ["user_id property set to 'somebody'", "invalid expiration 'soon'"] {
                try await server.refuse(.basicPublish, text)
                try await server.answer(.confirmSelect, with: .confirmSelectOK)
            }
            try await server.expect(.basicPublish)
            server.send(ServerFrames.confirm(1))
        }
        #expect(report.sent == 2 && report.end == nil)
        #expect(report.failures.keys.sorted() == [1, 2])
        #expect(report.failures[1]?.message == "RabbitMQ refuses it: user_id property set to 'somebody'")
    }

    @Test func whatIsOnItsWayWhenTheUserEndsItIsKnown() async throws {
        let report = try await report(of: (0..<150).map { message("\($0)") }) { server, session in
            for _ in 0..<100 { try await server.expect(.basicPublish) }
            session.cancel()
            server.send(ServerFrames.confirm(60, multiple: true))
            server.send(ServerFrames.confirm(100, multiple: true))
        }
        #expect(report.sent == 100 && report.tried == 100 && report.unknown.isEmpty)
        #expect(report.end is CancellationError)
    }
}
