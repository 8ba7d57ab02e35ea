import Testing

@testable import CeleryRedis

@Suite struct RedisPipelineSubjectTests {
    private static let pipeline: RedisPipeline = {
        var pipeline = RedisPipeline("AUTH", "secret")
        pipeline.append("HGETALL", "workers")
        pipeline.append("SADD", "two\r\nlines", "member")
        pipeline.append("EVALSHA", "digest", "2", "a", "b", "argument")
        return pipeline
    }()

    @Test(arguments: [
        ("WRONGTYPE Operation", 1, "WRONGTYPE Operation (HGETALL workers)"),
        ("WRONGTYPE Operation", 2, #"WRONGTYPE Operation (SADD 'two\r\nlines')"#),
        // The script names it.
        ("WRONGTYPE b is no list", 3, "WRONGTYPE b is no list"),
        ("NOPERM No permissions to access a key", 3, "NOPERM No permissions to access a key (EVALSHA a b)"),
        // Not about a key.
        ("NOPERM no permissions to run the 'auth' command", 0, "NOPERM no permissions to run the 'auth' command"),
        ("OOM command not allowed", 1, "OOM command not allowed"),
        // There is no such command.
        ("WRONGTYPE Operation", 4, "WRONGTYPE Operation"),
    ])
    func aRefusalNamesTheKeyThatItIsAbout(refusal: String, position: Int, named: String) {
        #expect(Self.pipeline.naming(refusal, ofCommand: position) == named)
    }
}
