package import ArgumentParser
internal import CeleryProtocol

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Ends the program as ArgumentParser does, but repeats no password: it shows arguments that it does not understand, and
/// an address may be one of them.
package enum CommandErrors {
    /// Prints what `command` says to an error, or its help, and ends the process.
    ///
    /// - Parameter root: the command whose subcommand it is, or itself.
    package static func end(
        _ command: any ParsableCommand.Type, _ error: any Error, of root: any ParsableCommand.Type
    ) -> Never {
        let code = command.exitCode(for: error)
        let variables = ["CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"].compactMap { Environment[$0] }
        let text = hideAddresses(
            in: message(of: command, error, of: root), given: CommandLine.arguments.dropFirst() + variables)
        // A server's words, or a result's, may hold what a terminal obeys.
        if !text.isEmpty {
            let output = code.isSuccess ? LogOutput.standardOutput : .standardError
            output.write(LogText.lines(text) + "\n")
        }
        exit(code.rawValue)
    }

    /// What the parser says to an error, with the usage by the subcommand's whole name.
    static func message(
        of command: any ParsableCommand.Type, _ error: any Error, of root: any ParsableCommand.Type
    ) -> String {
        guard let error = error as? ValidationError, command != root else { return command.fullMessage(for: error) }
        let name = "\(root._commandName) \(command._commandName)"
        return
            "Error: \(error.message)\nUsage: \(root.usageString(for: command))\n  See '\(name) --help' for more information."
    }

    /// Says something beside a command's output.
    static func note(_ text: String) { LogOutput.standardError.write(LogText.lines(text) + "\n") }

    /// - Parameter arguments: what the user has given, and what may be repeated.
    static func hideAddresses(in text: String, given arguments: [String]) -> String {
        var text = text
        let parts = arguments.flatMap { argument in
            // The value of an option is repeated without the option's name.
            guard argument.hasPrefix("-"), let mark = argument.firstIndex(of: "=") else { return [argument] }
            return [argument, String(argument[mark...].dropFirst())]
        }
        for part in parts.sorted(by: { $0.count > $1.count }) {
            let shown = hide(part)
            if shown != part { text = text.replacing(part, with: shown) }
        }
        return text
    }

    /// What stands behind `://` if it can hold a password, before an @ or among the options; all of `user:password@host`.
    private static func hide(_ argument: String) -> String {
        if let mark = argument.firstRange(of: "://") {
            let rest = argument[mark.upperBound...]
            return rest.contains { "@?#".contains($0) } ? argument[..<mark.upperBound] + "**" : argument
        }
        guard let at = argument.lastIndex(of: "@"), argument[..<at].contains(":") else { return argument }
        return "**"
    }
}
