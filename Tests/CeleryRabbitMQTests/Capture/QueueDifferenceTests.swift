import CeleryProtocol
import Testing

@testable import CeleryRabbitMQ

@Suite struct QueueDifferenceTests {
    @Test(
        arguments: [
            (
                "inequivalent arg 'x-expires' for queue 'q' in vhost '/': received none but current is the value '600000' of type 'signedint'",
                "x-expires", 600_000
            ),
            (
                "inequivalent arg 'durable' for queue 'q' in vhost '/': received 'true' but current is 'false'",
                "durable",
                "false"
            ),
            (
                "inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received the value 'none' of type 'longstr' but current is none",
                "x-queue-type", .null
            ),
            (
                "inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received 'none' but current is 'quorum'",
                "x-queue-type", "quorum"
            ),
            (
                "inequivalent arg 'x-single-active-consumer' for queue 'it's but current is ' in vhost '/': received none but current is the value 'true' of type 'bool'",
                "x-single-active-consumer", true
            ),
            (
                "inequivalent arg 'x-dead-letter-exchange' for queue 'q' in vhost '/': received none but current is the value '' of type 'longstr'",
                "x-dead-letter-exchange", ""
            ),
        ] as [(String, String, JSONValue)])
    func whatDiffersAndHowItIsIsReadFromTheRefusal(text: String, name: String, current: JSONValue) throws {
        let difference = try #require(QueueDifference("PRECONDITION_FAILED - " + text))
        #expect(difference.name == name)
        #expect(difference.current == current)
    }

    @Test(arguments: [
        "",
        "PRECONDITION_FAILED - invalid arg 'x-queue-type' for queue 'q' in vhost '/': \"unsupported queue type 'none'\"",
        "inequivalent arg 'x-expires", "inequivalent arg 'x-expires' for queue 'q' but current is ",
        "inequivalent arg 'x' for queue 'q' but current is the value 'a' of type 'table'",
        "inequivalent arg 'x' for queue 'q' but current is the value '",
        "inequivalent arg 'x' for queue 'q' but current is the value ' of type '",
        "inequivalent arg 'x' for queue 'q' but current is the value 'no' of type 'bool'", " but current is none",
    ])
    func anyOtherTextSaysNothing(text: String) {
        #expect(QueueDifference(text) == nil)
    }
}
