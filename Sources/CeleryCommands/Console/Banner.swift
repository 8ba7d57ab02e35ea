internal import Celery
internal import CeleryProtocol
internal import CeleryTransport

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// What a worker program shows when it starts, as Celery's does.
struct Banner {
    /// The worker's name.
    let name: String
    /// The broker's address, without its password.
    let broker: String
    /// The result backend's, likewise; `nil` for none.
    let backend: String?
    let concurrency: Int
    let queues: [Queue]
    /// The names of the tasks; `nil` where they are not shown.
    let tasks: [String]?
    var system = Self.system
    var time = LogTime.now

    /// The text, with an empty line before and after it.
    func text(_ style: TerminalStyle) -> String {
        var lines = [
            "", style(Self.shown(name), .bold) + " " + style("swift-celery \(celeryVersion)", .green), "",
            "\(system) \(time.local.prefix { $0 != "," })", "", style("[config]", .cyan),
            ".> transport:   \(Self.shown(broker))", ".> results:     \(Self.shown(backend ?? "disabled"))",
            ".> concurrency: \(concurrency) (async)", "", style("[queues]", .cyan),
        ]
        for queue in queues {
            let name = Self.shown(queue.name)
            let padding = String(repeating: " ", count: max(0, 16 - name.count))
            let exchange = "\(Self.shown(queue.exchange))(\(queue.exchangeType.rawValue))"
            lines.append(".> \(name)\(padding) exchange=\(exchange) key=\(Self.shown(queue.routingKey))")
        }
        if let tasks {
            lines += ["", style("[tasks]", .cyan)]
            lines += tasks.isEmpty ? ["  none"] : tasks.sorted().map { "  . \(Self.shown($0))" }
        }
        return lines.joined(separator: "\n") + "\n\n"
    }

    private static func shown(_ text: String) -> String { LogText(text).description }

    /// The operating system, its version and the kind of machine.
    private static var system: String {
        var names = utsname()
        guard uname(&names) == 0 else { return "an unknown system" }
        return [text(of: names.sysname), text(of: names.release), text(of: names.machine)].joined(separator: "-")
    }

    /// A field of C's, which ends with a zero.
    private static func text<Field>(of field: Field) -> String {
        withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
