package import ArgumentParser

extension AsyncParsableCommand {
    /// As ArgumentParser's `main`, but command lines of `celery` are understood, errors repeat no password, and those of a
    /// subcommand that runs show its own usage.
    @concurrent package static func runAsProgram() async {
        let subcommands = configuration.subcommands
        // A program that is a worker itself is called as `celery worker` is, whatever else it can do.
        let line = CeleryCommandLine(
            Array(CommandLine.arguments.dropFirst()),
            hasSubcommands: !subcommands.isEmpty && !(Self.self is any WorkerCommandLine.Type))
        if let refusal = line.refusal {
            let command = subcommands.first { $0._commandName == line.subcommand } ?? Self.self
            CommandErrors.end(command, ValidationError(refusal), of: Self.self)
        }
        var command: any ParsableCommand
        do {
            command = try await asyncParseAsRoot(line.arguments)
        } catch {
            CommandErrors.end(Self.self, error, of: Self.self)
        }
        do {
            if var worker = command as? any WorkerCommandLine {
                worker.unused = line.unused
                command = worker
            }
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            CommandErrors.end(type(of: command), error, of: Self.self)
        }
    }
}
