import Testing

@testable import CeleryCommands

@Test func namesOfQueuesAreThoseBetweenCommas() {
    #expect(QueueNames(argument: "a, b,a")?.names == ["a", "b"])
}

@Test(arguments: ["", ",", "a\u{1b}[2J", String(repeating: "x", count: 256)])
func namesThatNoQueueCanHaveAreRefused(text: String) {
    #expect(QueueNames(argument: text) == nil)
}
