import CeleryProtocol
import CeleryTransport
import Testing

/// The store in memory joins chords as that on Redis does.
@Suite struct MemoryChordTests {
    @Test(arguments: ChordChecks.all.map(\.0)) func itJoinsChords(_ name: String) async throws {
        let context = ResultStoreContext(broker: MemoryBroker(), replyTo: "me", logger: LiveRedis.logger)
        let store = try MemoryResultBackend().makeResultStore(context: context)
        #expect(store.joinsChords)
        try await ChordChecks.run(name, in: store)
    }
}
