import Testing

@testable import CeleryRedis

@Suite struct RedisPipelineTests {
    func text(_ pipeline: RedisPipeline) -> String { String(decoding: pipeline.bytes, as: UTF8.self) }

    @Test func aCommandIsAnArrayOfStrings() {
        let pipeline = RedisPipeline("GET", "key")
        #expect(text(pipeline) == "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n")
        #expect(pipeline.count == 1)
    }

    @Test func lengthsAreCountedInBytes() {
        #expect(text(RedisPipeline("é€", "")) == "*2\r\n$5\r\né€\r\n$0\r\n\r\n")
        let long = String(repeating: "x", count: 12345)
        #expect(text(RedisPipeline(long)) == "*1\r\n$12345\r\n\(long)\r\n")
    }

    @Test func bytesAreWrittenAsTheyAre() {
        var pipeline = RedisPipeline()
        pipeline.begin(2)
        pipeline.add("SET")
        pipeline.add([0, 13, 10, 255] as [UInt8])
        #expect(pipeline.bytes == Array("*2\r\n$3\r\nSET\r\n$4\r\n".utf8) + [0, 13, 10, 255, 13, 10])
    }

    @Test func commandsAreCounted() {
        var pipeline = RedisPipeline("MULTI")
        pipeline.append("PING")
        pipeline.append(RedisPipeline("EXEC"))
        #expect(pipeline.count == 3)
        #expect(text(pipeline) == "*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nEXEC\r\n")
        #expect(RedisPipeline().count == 0)
        #expect(RedisPipeline().bytes.isEmpty)
    }
}
