import Testing

@testable import CeleryRedis

@Suite struct HeldCountTests {
    @Test(arguments: [
        (#"[{"body": "W10="}, "", "swift"]"#, "", "swift"),
        (#"…, "x": "y"}}, "shop", "shop.\u00fc\"q,"]"#, "shop", "shop.ü\"q,"),
        (#"[{},"a","b"]"#, "a", "b"),
    ])
    func anEntryEndsWithWhereItComesFrom(end: String, exchange: String, key: String) throws {
        let source = try #require(HeldCount.Source(entryEnd: Array(end.utf8)))
        #expect((source.exchange, source.routingKey) == (exchange, key))
    }

    @Test(arguments: ["", "[]", "nonsense, \"", #"[{}, null, "x"]"#, #", "a", "b", "c""#])
    func otherFormsSayNothing(end: String) {
        #expect(HeldCount.Source(entryEnd: Array(end.utf8)) == nil)
    }
}
