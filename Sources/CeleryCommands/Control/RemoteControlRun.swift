internal import ArgumentParser
internal import Celery
internal import CeleryProtocol

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Asks workers and prints what they answer, as `celery` does.
struct RemoteControlRun {
    /// The status of a command to which nobody replies, as Celery's.
    private static let unavailable = ExitCode(EX_UNAVAILABLE)

    let connection: ConnectionOptions
    let options: RemoteControlOptions
    /// Whether what each node says is shown beside its name.
    var showsReplies = true

    /// - Throws: an exit code when nobody replies; `TransportError`.
    func callAsFunction(_ method: String, _ arguments: JSONObject) async throws {
        let client = try connection.makeClient(logger: Console.ofCommands)
        let style = TerminalStyle(noColor: false, isTerminal: TerminalStyle.isTerminal(STDOUT_FILENO))
        var replies: JSONObject = [:]
        let outcome = await Result {
            try await client.control.ask(
                method, arguments: arguments, audience: options.audience, timeout: options.timeout
            ) { reply in
                replies[reply.node] = reply.value
                if !options.json { print(lines(reply, style)) }
            }
        }
        await client.close()
        try outcome.get()
        guard !replies.isEmpty else {
            LogOutput.standardError.write("Error: No nodes replied within time constraint\n")
            throw Self.unavailable
        }
        if options.json {
            JSONOutput.print(.object(replies))
        } else {
            print("\n\(Counted.text(replies.count, "node")) online.")
        }
    }

    private func lines(_ reply: ControlReply, _ style: TerminalStyle) -> String {
        let object = reply.value.objectValue
        let isError = object?.count == 1 && object?["error"] != nil
        let status = isError ? style("ERROR", .red) : style("OK", .green)
        let head = "\(style("->", .blue))  \(style("\(LogText.name(reply.node)):", .cyan)) \(status)"
        guard showsReplies else { return head }
        let body = object?.count == 1 ? object?["ok"] ?? object?["error"] ?? reply.value : reply.value
        return ([head] + PrettyReply.lines(body).map { "    " + $0 }).joined(separator: "\n")
    }
}
