public import ArgumentParser
internal import Celery
internal import CeleryProtocol
internal import CeleryTransport

/// `list`: what the broker knows.
public struct ListCommand: AsyncParsableCommand {
    /// The command's name and help.
    public static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show what the broker knows.", subcommands: [BindingsCommand.self])

    /// For the argument parser.
    public init() {}
}

/// `list bindings`: which queues get what exchanges are sent.
struct BindingsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bindings", abstract: "Show which queues are bound to which exchanges.",
        discussion: """
            On Redis these are all bindings of the database, whichever app has written them. RabbitMQ does not tell them \
            over AMQP: there, rabbitmqctl list_bindings does.
            """)

    @OptionGroup(title: "Broker, results, settings") var connection: ConnectionOptions

    @Flag(name: .shortAndLong, help: "Print one JSON list.")
    var json = false

    func run() async throws {
        let broker = try connection.makeBroker(connection.configuration())
        let bindings = try await broker.bindings(logger: Console.ofCommands)
        if json {
            let list = bindings.map { binding in
                JSONValue.object([
                    "queue": .string(binding.queue), "exchange": .string(binding.exchange),
                    "routing_key": .string(binding.routingKey),
                ])
            }
            return JSONOutput.print(.array(list))
        }
        let line = String(repeating: "-", count: 16)
        show("Queue", "Exchange", "Routing Key")
        show(line, line, line)
        for binding in bindings {
            show(
                LogText(binding.queue).description, LogText(binding.exchange).description,
                LogText(binding.routingKey).description)
        }
    }

    /// In columns as wide as Celery's.
    private func show(_ queue: String, _ exchange: String, _ key: String) {
        print(TextTable.padded(queue, 28), TextTable.padded(exchange, 28), key)
    }
}
