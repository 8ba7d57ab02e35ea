package import ArgumentParser

extension AsyncParsableCommand {
    /// As ArgumentParser's `main`, but errors repeat no password, and those of a subcommand that runs show its own usage.
    @concurrent package static func runAsProgram() async {
        var command: any ParsableCommand
        do {
            command = try await asyncParseAsRoot()
        } catch {
            CommandErrors.end(Self.self, error)
        }
        do {
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            CommandErrors.end(type(of: command), error)
        }
    }
}
