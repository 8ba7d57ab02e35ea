import Celery
import Testing

@testable import CeleryCommands

/// A worker says at its start what Celery's says.
@Suite struct BannerTests {
    static func banner(tasks: [String]?) -> Banner {
        Banner(
            name: "celery@host", broker: "redis://:**@host:6379/0", backend: nil, concurrency: 8,
            queues: [
                "images", Queue("a-queue-with-a-long-name", exchange: "x", exchangeType: .topic, routingKey: "a.#\n"),
            ],
            tasks: tasks, system: "Linux", time: LogTime(seconds: 0, milliseconds: 0))
    }

    @Test func itNamesQueuesAndTasks() {
        let plain = TerminalStyle(noColor: true, isTerminal: true)
        var lines = Self.banner(tasks: ["b.two", "a.one"]).text(plain).split(
            separator: "\n", omittingEmptySubsequences: false
        ).map(String.init)
        #expect(lines[3].hasPrefix("Linux 19"))
        lines[3] = "Linux"
        #expect(
            lines.joined(separator: "\n") == #"""

                celery@host swift-celery \#(celeryVersion)

                Linux

                [config]
                .> transport:   redis://:**@host:6379/0
                .> results:     disabled
                .> concurrency: 8 (async)

                [queues]
                .> images           exchange=images(direct) key=images
                .> a-queue-with-a-long-name exchange=x(topic) key='a.#\n'

                [tasks]
                  . a.one
                  . b.two


                """#)
        #expect(!Self.banner(tasks: nil).text(plain).contains("[tasks]"))
    }

    @Test func coloursAreAllThatATerminalAdds() {
        let colored = TerminalStyle(noColor: false, isTerminal: true) { $0 == "TERM" ? "xterm" : nil }
        let plain = TerminalStyle(noColor: true, isTerminal: true)
        let text = Self.banner(tasks: ["a"]).text(colored)
        #expect(text != Self.banner(tasks: ["a"]).text(plain))
        #expect(text.replacing(/\u{1b}\[\d+m/, with: "") == Self.banner(tasks: ["a"]).text(plain))
    }
}
