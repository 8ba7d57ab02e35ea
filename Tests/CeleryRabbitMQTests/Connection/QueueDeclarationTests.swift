import CeleryProtocol
import CeleryTransport
import Testing

@testable import CeleryRabbitMQ

@Suite struct QueueDeclarationTests {
    private func fault(_ code: UInt16, _ method: MethodID?, _ text: String = "no") -> ServerFault {
        ServerFault(code: code, text: text, method: method)
    }

    private func written(_ declaration: QueueDeclaration) throws -> [MethodID] {
        var writer = WireWriter()
        return try declaration.write(to: &writer, channel: 2)
    }

    @Test(
        arguments: [
            (403, .exchangeDeclare, [.queueDeclareOK, .queueBindOK]),
            (406, .exchangeDeclare, [.queueDeclareOK, .queueBindOK]),
            (403, .queueDeclare, [.exchangeDeclareOK, .queueDeclareOK, .queueBindOK]),
            (405, .queueDeclare, [.exchangeDeclareOK, .queueBindOK]),
            (406, .queueDeclare, [.exchangeDeclareOK, .queueDeclareOK, .queueBindOK]),
            (403, .queueBind, [.exchangeDeclareOK, .queueDeclareOK]),
            (404, .queueBind, [.exchangeDeclareOK, .queueDeclareOK]),
            (405, .queueBind, [.exchangeDeclareOK, .queueDeclareOK]),
            (406, .queueBind, [.exchangeDeclareOK, .queueDeclareOK]),
        ] as [(UInt16, MethodID, [MethodID])])
    func whatIsRefusedIsTakenAsItIsAndTheRestDeclared(code: UInt16, method: MethodID, rest: [MethodID]) throws {
        var declaration = QueueDeclaration("q")
        #expect(declaration.difference == nil)
        #expect(declaration.refused(fault(code, method, "it differs")) == nil)
        #expect(try written(declaration) == rest)
        #expect(declaration.difference?.description == "it differs")
    }

    @Test func aQueueThatIsThereOtherwiseIsOnlyAskedFor() throws {
        var declaration = QueueDeclaration(Queue("q", exchange: "", maxPriority: 5))
        _ = declaration.refused(fault(406, .queueDeclare))
        var writer = WireWriter()
        _ = try declaration.write(to: &writer, channel: 2)
        #expect(writer.bytes[15] == 0b00011, "passive")
    }

    @Test func aUserWithoutAnyRightsToDeclareIsContentWithWhatIsThere() throws {
        var declaration = QueueDeclaration("q")
        #expect(declaration.refused(fault(403, .exchangeDeclare, "no exchange")) == nil)
        #expect(declaration.refused(fault(403, .queueDeclare, "no queue")) == nil)
        #expect(declaration.refused(fault(403, .queueBind, "no binding")) == nil)
        #expect(try written(declaration) == [.queueDeclareOK])
        #expect(declaration.difference?.description == "no exchange; no queue; no binding")
    }

    /// Such as a quorum queue with priorities, on a server that knows none.
    @Test(arguments: [403, 406] as [UInt16])
    func whatCannotBeDeclaredAndIsNotThereIsRefusedWithTheFirstReason(code: UInt16) {
        var declaration = QueueDeclaration("q")
        #expect(declaration.refused(fault(code, .queueDeclare, "invalid arg")) == nil)
        let reason = declaration.refused(fault(404, .queueDeclare, "NOT_FOUND"))
        #expect(reason == fault(code, .queueDeclare, "invalid arg; there is no such queue"))
    }

    @Test func aQueueWhoseNodeIsAwayIsNotTakenForMissing() {
        let away = fault(404, .queueDeclare, "home node 'b' of durable queue 'q' is down or inaccessible")
        var declaration = QueueDeclaration("q")
        #expect(declaration.refused(away) == away)
        _ = declaration.refused(fault(406, .queueDeclare))
        #expect(declaration.refused(away) == away)
    }

    @Test(
        arguments: [
            (541, .queueDeclare), (540, .queueDeclare), (404, .queueDeclare), (404, .exchangeDeclare),
            (405, .exchangeDeclare), (320, nil), (406, nil), (406, .basicConsume),
        ] as [(UInt16, MethodID?)])
    func otherRefusalsStand(code: UInt16, method: MethodID?) {
        var declaration = QueueDeclaration("q")
        #expect(declaration.refused(fault(code, method)) == fault(code, method))
    }

    /// Whatever a server says, it is asked so often at most.
    @Test func noPartIsRefusedForEver() {
        var declaration = QueueDeclaration("q")
        var count = 0
        while declaration.refused(fault(406, .queueDeclare)) == nil, count < 100 { count += 1 }
        #expect(count == 1)
    }
}
