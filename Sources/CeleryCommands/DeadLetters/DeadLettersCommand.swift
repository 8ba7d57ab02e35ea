public import ArgumentParser
internal import Celery
internal import CeleryProtocol

/// `dead-letters`: messages that could not be run.
public struct DeadLettersCommand: AsyncParsableCommand {
    /// The command's name and help.
    public static let configuration = CommandConfiguration(
        commandName: "dead-letters", abstract: "Look at messages that could not be run, send them again, delete them.",
        discussion: """
            On Redis these are the lists with .dead-letter behind a queue's name, to which Swift workers move what no worker \
            can run. On RabbitMQ they are the messages of a queue to which a dead-letter exchange leads, and -Q names it.
            """,
        subcommands: [
            DeadLetterListCommand.self, DeadLetterShowCommand.self, DeadLetterRequeueCommand.self,
            DeadLetterDropCommand.self,
        ])

    /// For the argument parser.
    public init() {}
}

/// `dead-letters list`.
struct DeadLetterListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show each dead letter in a line, and how many there are; none is taken.",
        discussion: "What is true of capture on RabbitMQ is true here: the messages are delivered and put back.")

    @OptionGroup(title: "Broker, results, settings") var connection: ConnectionOptions
    @OptionGroup(title: "Dead letters") var options: DeadLetterOptions

    @Flag(help: "Show only how many there are of each task.")
    var counts = false

    func run() async throws {
        let found = try await options.letters(connection.makeBroker(connection.configuration()))
        if options.json {
            var byQueue: JSONObject = [:]
            for (queue, letters) in found {
                byQueue[queue] =
                    counts ? Self.counts(letters).json : .array(letters.map(\.summary))
            }
            return JSONOutput.print(.object(byQueue))
        }
        for (queue, letters) in found {
            print("\(LogText.name(queue)): \(Counted.text(letters.count, "message"))")
            if counts {
                for (task, count) in Self.counts(letters) { print("  \(count)  \(LogText.name(task))") }
            } else {
                for letter in letters { print("  \(letter.line)") }
            }
        }
        if found.isEmpty { print("There are no dead letters.") }
    }

    /// How many there are of each task, the most first.
    static func counts(_ letters: [DeadLetter]) -> [(task: String, count: Int)] {
        var counts: [String: Int] = [:]
        for letter in letters { counts[letter.task ?? "unreadable", default: 0] += 1 }
        return counts.map { ($0.key, $0.value) }.sorted { ($1.1, $0.0) < ($0.1, $1.0) }
    }
}

extension [(task: String, count: Int)] {
    fileprivate var json: JSONValue {
        var object: JSONObject = [:]
        for (task, count) in self { object[task] = .integer(count) }
        return .object(object)
    }
}

/// `dead-letters show`.
struct DeadLetterShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show all that dead letters hold; none is taken.",
        discussion: "With --json in the form of capture's files, for each queue a list.")

    @OptionGroup(title: "Broker, results, settings") var connection: ConnectionOptions
    @OptionGroup(title: "Dead letters") var options: DeadLetterOptions

    func run() async throws {
        let found = try await options.letters(connection.makeBroker(connection.configuration()))
        if options.json {
            var byQueue: JSONObject = [:]
            for (queue, letters) in found { byQueue[queue] = .array(letters.map { .object($0.fields) }) }
            JSONOutput.print(.object(byQueue))
        } else {
            for (queue, letters) in found {
                for letter in letters {
                    print("\(LogText.name(queue)): \(letter.line)")
                    for line in letter.details { print("    \(line)") }
                }
            }
        }
        if found.allSatisfy(\.letters.isEmpty) { throw DeadLetterChange.nothingFound }
    }
}
