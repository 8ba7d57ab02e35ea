import CeleryProtocol
import CeleryTesting
import Testing

/// Every captured result is read as Python read it and written again as it was.
@Suite struct ResultFixtureTests {
    static let topics = ["results", "rpc-results-redis", "rpc-results-amqp"]

    @Test(arguments: topics)
    func everyResultIsReadAndWrittenAgain(topic: String) throws {
        let cases = try FixtureFiles.results(topic)
        #expect(cases.count > 5)
        for (name, raw, expected) in cases {
            let result = try TaskResult(encoded: raw)
            #expect(result.state.rawValue == expected["status"]?.stringValue, "\(name)")
            if let id = expected["task_id"]?.stringValue { #expect(result.id == id, "\(name)") }
            let written = String(decoding: result.encoded(), as: UTF8.self)
            var original = try #require(try JSONValue(json: raw).objectValue)
            if original["date_done"] == nil {
                // Celery before 5.5 leaves it out of what it sends over rpc://; readers take that for null.
                original["date_done"] = .null
                #expect(try JSONValue(json: written) == .object(original), "\(name)")
            } else {
                #expect(written == String(decoding: raw, as: UTF8.self), "\(name)")
            }
            #expect((result.failure != nil) == result.state.isException, "\(name)")
        }
    }
}
